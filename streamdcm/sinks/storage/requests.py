"""Requests to a service: generators say which, and performers make them, in threads or on an event loop.

So what an upload asks for, what it makes of the answers, and what its errors mean is written once for both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar

from streamdcm.engine.storage_settings import StorageSettings

T = TypeVar("T")

Request: TypeAlias = Callable[[], Any]
"""Makes a request with the library of a service. What it returns is the answer, or is awaited for it."""

Requests: TypeAlias = Generator[Request, Any, T]
"""Yields requests, is sent their answers, or thrown their exceptions, and returns what comes of it."""

Outcome: TypeAlias = Callable[[T | None, BaseException | None], object]
"""Is called with what requests return, or with what they raise."""


class Performer(Protocol):
    """Who makes the requests of an upload. All methods are called by one thread, which may wait."""

    awaits: bool
    """Whether the answers are awaited."""

    def sleep(self, seconds: float) -> Any:
        """Wait, as a request."""

    def perform(self, requests: Requests[T]) -> T:
        """Make requests, one after the other, and return what they return."""

    def start(self, requests: Requests[T], outcome: Outcome[T]) -> None:
        """Have requests made while the caller goes on; `outcome` is called from anywhere."""

    def stop(self) -> None:
        """End what was started and has no outcome yet, or wait for that; nothing is started afterwards."""


class Threads:
    """Makes requests here, or in threads.

    Parameters
    ----------
    workers : int
        How many threads there may be.
    """

    awaits = False

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None

    def sleep(self, seconds: float) -> None:
        """Wait, as a request."""
        time.sleep(seconds)

    def perform(self, requests: Requests[T]) -> T:
        """Make requests, one after the other, and return what they return."""
        return performed(requests)

    def start(self, requests: Requests[T], outcome: Outcome[T]) -> None:
        """Have requests made in a thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers, "streamdcm-upload")
        self._pool.submit(_tell, requests, outcome)

    def stop(self) -> None:
        """Wait for the requests that are being made."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def close_own(client: Any, storage: StorageSettings) -> None:
    """Close a client that was made for these settings; one of the caller's stays open."""
    if storage.client is None:
        client.close()


def performed(requests: Requests[T]) -> T:
    """Make requests, one after the other, and return what they return."""
    step: Callable[[], Request] = partial(next, requests)
    while True:
        try:
            request = step()
        except StopIteration as stop:
            result: T = stop.value
            return result
        try:
            step = partial(requests.send, request())
        except Exception as error:
            step = partial(requests.throw, error)


def _tell(requests: Requests[T], outcome: Outcome[T]) -> None:
    try:
        result = performed(requests)
    except BaseException as error:
        outcome(None, error)
    else:
        outcome(result, None)
