"""Asynchronous clients of object storages: their requests are made on the event loop that they belong to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import from_thread
from anyio.from_thread import BlockingPortal
from anyio.lowlevel import EventLoopToken

from streamdcm.cleanup import afterwards
from streamdcm.sinks.storage.requests import Outcome, Request, Requests

T = TypeVar("T")


class Tasks:
    """Makes requests on an event loop, for an upload that is in the hands of a thread: the twin of `Threads`.

    What is made while the upload goes on is a task in a group of its own, which lives as long as the upload and no
    block of the caller's. A cancellation of the write ends these tasks.

    Parameters
    ----------
    token : EventLoopToken
        The event loop.
    """

    awaits = True

    def __init__(self, token: EventLoopToken) -> None:
        self._token = token
        self._portal: Future[BlockingPortal] = Future()
        self._host: Future[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def sleep(self, seconds: float) -> None:
        """Wait, as a request."""
        await anyio.sleep(seconds)

    def perform(self, requests: Requests[T]) -> T:
        """Make requests, one after the other, and return what they return."""
        try:
            first = next(requests)
        except StopIteration as stop:
            result: T = stop.value
            return result
        return from_thread.run(_performed, requests, first, token=self._token)

    def start(self, requests: Requests[T], outcome: Outcome[T]) -> None:
        """Have requests made in a task; what comes before the first of them is done here."""
        try:
            first = next(requests)
        except StopIteration as stop:
            outcome(stop.value, None)
        except Exception as error:
            outcome(None, error)
        else:
            self._opened().start_task_soon(_tell, requests, first, outcome)

    def stop(self) -> None:
        """Cancel the requests that are being made, and wait until that is done."""
        if self._host is not None and self._thread is not None:
            with afterwards(self._host.result, self._thread.shutdown):
                self._portal.result().call(partial(self._portal.result().stop, cancel_remaining=True))

    def _opened(self) -> BlockingPortal:
        if self._host is None:
            self._thread = ThreadPoolExecutor(1, "streamdcm-upload")
            self._host = self._thread.submit(partial(from_thread.run, self._serve, token=self._token))
            pending: list[Future[Any]] = [self._portal, self._host]
            wait(pending, return_when=FIRST_COMPLETED)
            if self._host.done():
                self._host.result()
        return self._portal.result()

    async def _serve(self) -> None:
        async with BlockingPortal() as portal:
            self._portal.set_result(portal)
            await portal.sleep_until_stopped()


async def _performed(requests: Requests[T], request: Request) -> T:
    """Make requests, one after the other, and return what they return."""
    step: Callable[[], Request]
    while True:
        try:
            step = partial(requests.send, await request())
        except Exception as error:
            step = partial(requests.throw, error)
        try:
            request = step()
        except StopIteration as stop:
            result: T = stop.value
            return result


async def _tell(requests: Requests[T], first: Request, outcome: Outcome[T]) -> None:
    try:
        result = await _performed(requests, first)
    except Exception as error:
        outcome(None, error)
    except BaseException as error:
        outcome(None, error)
        raise
    else:
        outcome(result, None)
