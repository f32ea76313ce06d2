"""The driver that waits itself: one thread for each sender."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

from streamdcm.cleanup import afterwards, take_all
from streamdcm.network.instances import Intake
from streamdcm.network.items import Body
from streamdcm.network.operations import Call, Close, Job, Open, Operation, Post, Pull, SourceFailed, Steps, Take, Wait

# Not DefaultSelector, which would open a descriptor for each wait
_Selector: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)


class StoppedError(BaseException):
    """Another worker has failed, or was interrupted; never seen outside."""


class Stop:
    """Has threads end that wait for something."""

    def __init__(self) -> None:
        self.reads, self._writes = socket.socketpair()
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], object]] = []
        self.is_set = False

    def set(self) -> None:
        """Have all of them end."""
        with self._lock:
            self.is_set = True
            self._writes.send(b"\0")
            for interrupt in self._interrupts:
                interrupt()

    def also(self, interrupt: Callable[[], object]) -> None:
        """Have a function called, too, when they have to end: at once if that is so already."""
        with self._lock:
            self._interrupts.append(interrupt)
            if self.is_set:
                interrupt()

    def no_longer(self, interrupt: Callable[[], object]) -> None:
        """Forget what `also` was given."""
        with self._lock:
            self._interrupts.remove(interrupt)

    def close(self) -> None:
        """Let go of everything, when all have ended."""
        take_all(self.reads.close, self._writes.close)


class Blocking:
    """Performs what one sender asks for.

    Parameters
    ----------
    take : callable
        Gives the next instance.
    stop : Stop
        Has it end early.
    """

    def __init__(self, take: Callable[[], Job | None], stop: Stop) -> None:
        self._take = take
        self._stop = stop
        self._body: Body | None = None
        self._jobs: set[Job] = set()
        self._actions: Final[dict[type, Callable[[Any], Any]]] = {
            Wait: self._wait,
            Call: lambda call: call.function(),
            Take: self._next_job,
            Open: self._open,
            Pull: self._pull,
            Close: self._close,
            Post: lambda post: post.send(stop),
        }

    def run(self, steps: Steps[None]) -> None:
        """Perform everything, to the end."""
        step: Callable[[Any], Operation] = steps.send
        argument: Any = None
        with afterwards(steps.close, self._close_all):
            while True:
                try:
                    operation = step(argument)
                except StopIteration:
                    return
                if self._stop.is_set:
                    raise StoppedError
                try:
                    step, argument = steps.send, self._actions[operation.__class__](operation)
                except Exception as error:
                    step, argument = steps.throw, error

    def _close_all(self) -> None:
        take_all(*(partial(self._close, Close(job)) for job in (None, *self._jobs)))

    def _next_job(self, _: Take) -> Job | None:
        job = self._take()
        if job is not None:
            self._jobs.add(job)
        return job

    def _wait(self, wait: Wait) -> bool:
        with _Selector() as selector:
            selector.register(self._stop.reads, selectors.EVENT_READ)
            if wait.socket is not None:
                selector.register(wait.socket, selectors.EVENT_READ if wait.reads else selectors.EVENT_WRITE)
            ready = [key.fileobj for key, _ in selector.select(max(0.0, wait.seconds))]
        if self._stop.reads in ready:
            raise StoppedError
        return bool(ready)

    def _open(self, open_: Open) -> None:
        self._close(Close())
        assert open_.job.item is not None
        try:
            self._body = open_.job.item.open(open_.transfer_syntax, open_.framing)
        except Exception as error:
            raise SourceFailed(error) from error

    def _pull(self, _: Pull) -> bytes | None:
        assert self._body is not None
        try:
            return self._body.next_chunk()
        except Exception as error:
            raise SourceFailed(error) from error

    def _close(self, close: Close) -> None:
        body, self._body, item = self._body, None, None
        if close.job is not None:
            self._jobs.discard(close.job)
            item, close.job.item = close.job.item, None
        take_all(*(thing.close for thing in (body, item) if thing is not None))


def send_blocking(senders: list[Callable[[], Steps[None]]], intake: Intake) -> None:
    """Run senders, one on this thread or several on threads of their own, until there are no more instances.

    The first error ends all of them, and is raised when they have ended.
    """
    lock = threading.Lock()

    def take() -> Job | None:
        with lock:
            return intake.take()

    stop = Stop()
    with afterwards(stop.close):
        if len(senders) == 1:
            Blocking(take, stop).run(senders[0]())
        else:
            _run_threads([partial(_run, sender, Blocking(take, stop)) for sender in senders], stop)


def _run(sender: Callable[[], Steps[None]], driver: Blocking) -> None:
    driver.run(sender())


def _run_threads(runs: list[Callable[[], None]], stop: Stop) -> None:
    errors: list[BaseException] = []
    ended: SimpleQueue[None] = SimpleQueue()

    def run(function: Callable[[], None]) -> None:
        try:
            function()
        except StoppedError:
            pass
        except BaseException as error:  # raised below, whatever it is
            errors.append(error)
            stop.set()
        finally:
            ended.put(None)

    threads = [
        threading.Thread(target=copy_context().run, args=(run, function), name="streamdcm-send", daemon=True)
        for function in runs
    ]
    try:
        for thread in threads:
            thread.start()
        for _ in threads:
            ended.get()  # an interrupt in join() would leave a thread among those that run
    except BaseException:
        stop.set()
        raise
    finally:
        for thread in threads:
            with suppress(RuntimeError):  # it was not started
                thread.join()
    if errors:
        raise errors[0]
