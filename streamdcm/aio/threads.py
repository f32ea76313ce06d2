"""Threads that work for tasks: one belongs to a write for as long as that lasts, and is kept for the next one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, Protocol, TypeVar

from anyio import CancelScope, Event, get_cancelled_exc_class
from anyio.lowlevel import checkpoint_if_cancelled, current_token

from streamdcm import system
from streamdcm.cleanup import afterwards

T = TypeVar("T")

PATIENCE: Final = 10.0
"""The seconds that a thread waits for work before it ends."""


class Caller(Protocol):
    """Where functions run that must not hold up the event loop."""

    runs: bool
    """Whether it has called functions, or can have: else there is nothing to be cleaned up there."""

    async def run(self, function: Callable[..., T], *arguments: Any, stop: Callable[[], object] | None = None) -> T:
        """Call a function and return what it returns; `stop` is called if the task is cancelled meanwhile."""


class Here:
    """Calls functions in the task itself: for what takes no longer than a thread would take to get to it."""

    runs = True

    async def run(self, function: Callable[..., T], *arguments: Any, stop: Callable[[], object] | None = None) -> T:
        """Call a function and return what it returns: no cancellation comes meanwhile."""
        return function(*arguments)


class Worker:
    """A thread of one's own. A call that has begun is always waited for; a cancellation is passed on after that."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self.runs = False

    async def run(self, function: Callable[..., T], *arguments: Any, stop: Callable[[], object] | None = None) -> T:
        """Call a function on the thread and return what it returns.

        Parameters
        ----------
        function : callable
            The function.
        *arguments
            What it is given.
        stop : callable, optional
            Called if the task is cancelled meanwhile: tells the function to end early.

        Raises
        ------
        RuntimeError
            If the system has no more threads.
        """
        await checkpoint_if_cancelled()
        if not self.runs:
            self._thread = Thread(target=self._work, name="streamdcm", daemon=True)
            self._thread.start()
            self.runs = True
        call = Call(partial(function, *arguments))
        self._calls.put(call)
        return await call.outcome(stop)

    def dismiss(self, function: Callable[[], object]) -> None:
        """Have a last function called on the thread, which ends then; the worker is not given back.

        For what is dropped, where nobody is left to await anything.
        """
        self._calls.put(function)
        self._calls.put(None)

    def join(self) -> None:
        """Wait until the thread has ended."""
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            try:
                call = self._calls.get(timeout=PATIENCE)
            except Empty:
                with suppress(ValueError):  # at work just now, or all the time
                    _idle.remove(self)
                    return
                continue
            if call is None:
                return
            call()
            del call  # and what it holds


class Call(Generic[T]):
    """A call that one thread wants and another makes.

    Parameters
    ----------
    function : callable
        What is called.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self.finished = Event()
        self.tell_loop = _teller()
        """Has the loop that waits call a function."""
        self._function: Callable[[], T] | None = function
        self._context = copy_context()
        self._value: T | None = None
        self._error: BaseException | None = None

    def __call__(self) -> None:
        """Make the call, and tell the loop."""
        self.make()
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self.tell_loop(self.finished.set)

    def make(self) -> None:
        """Make the call."""
        assert self._function is not None
        try:
            self._value = self._context.run(self._function)
        except BaseException as error:
            self._error = error
        self._function = None  # so that, when the loop goes on, this thread holds nothing of it

    async def outcome(self, stop: Callable[[], object] | None) -> T:
        """Wait until the call was made, and return what it returned; see `Worker.run`."""
        try:
            await self.finished.wait()
        except BaseException:
            if stop is not None:
                stop()
            await _wait_out(self.finished)
            raise
        return self._result()

    def _result(self) -> T:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # which refers to this very frame
        return self._value  # type: ignore[return-value]


def _teller() -> Callable[[Callable[[], object]], object]:
    """Return the function by which a thread has the running loop call something, without waiting for that."""
    loop: Any = current_token().native_token
    teller: Callable[[Callable[[], object]], object] = getattr(loop, "run_sync_soon", None) or loop.call_soon_threadsafe
    return teller


_idle: list[Worker] = []
system.after_fork(_idle.clear)


def take_worker() -> Worker:
    """Return a thread that works for nobody else until it is given back."""
    try:
        return _idle.pop()
    except IndexError:
        return Worker()


def return_worker(worker: Worker) -> None:
    """Let others have a thread."""
    _idle.append(worker)


@asynccontextmanager
async def worker_thread() -> AsyncIterator[Worker]:
    """Give a thread to work for the block."""
    worker = take_worker()
    with afterwards(partial(return_worker, worker)):
        yield worker


async def to_the_end(caller: Caller, function: Callable[[], object]) -> None:
    """Call a function that cleans up, even if the task is cancelled; here where there is no thread to be cleaned up."""
    if not caller.runs:
        function()
        return
    with CancelScope(shield=True):
        await caller.run(function)


async def _wait_out(event: Event) -> None:
    """Wait for an event, however often the task is cancelled; asyncio's own cancellation knows no shield."""
    with CancelScope(shield=True):
        while not event.is_set():
            with suppress(get_cancelled_exc_class()):
                await event.wait()
