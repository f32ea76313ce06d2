"""Threads that share the writes to paths: as many as find the interpreter's lock free.

That lock is given up at each system call. Where each write has a thread, another one takes it there, and the first has
to be woken up for its next line: where system calls are short, that costs more than the write. So it is one thread that
makes the calls one after the other, and tells the loop of several at once. It becomes more where the system's share of
the time is large, as on a disk, and where a call is held up, as by a slow file system.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any, Final, TypeVar

from anyio.lowlevel import checkpoint_if_cancelled

from streamdcm import system
from streamdcm.aio.threads import PATIENCE, Call

T = TypeVar("T")

_LONG: Final = 0.005
"""The seconds after which a call holds up others, which get threads of their own then."""
_WATCHED: Final = 0.5
"""The seconds for which one goes on to look whether calls are held up when none is left."""
_MEASURED: Final = 0.1
"""The seconds after which one looks what the time was spent on."""
_MOST_UNTOLD: Final = 16
"""After so many calls the loop is told of them even if there is more to do."""


class SharedThreads:
    """Makes calls for tasks, begun in their order; has what a `Caller` has."""

    runs = True

    def __init__(self) -> None:
        self._calls: SimpleQueue[Call[Any]] = SimpleQueue()
        self._made: SimpleQueue[Call[Any]] = SimpleQueue()
        self._lock = Lock()
        self._works = self._watches = False
        self._wanted = self._done = 0
        self._helpers = self._most_helpers = 0

    async def run(self, function: Callable[..., T], *arguments: Any, stop: Callable[[], object] | None = None) -> T:
        """Call a function on a thread and return what it returns; see `Worker.run`."""
        await checkpoint_if_cancelled()
        call = Call(partial(function, *arguments))
        with self._lock:
            if not self._works:
                _start(self._work)
                self._works = True
            elif not self._watches and self._wanted != self._done:
                _start(self._watch)
                self._watches = True
            self._wanted += 1
            self._calls.put(call)
        return await call.outcome(stop)

    def _work(self) -> None:
        """Make calls, on the thread that is kept."""
        while True:
            try:
                self._make(self._calls.get(timeout=PATIENCE))
            except Empty:
                with self._lock:
                    if self._calls.empty():
                        self._works = False
                        return

    def _help(self) -> None:
        """Make calls on a further thread, while they take long or it is one of those that there should be."""
        is_one_too_many = False
        with suppress(Empty):
            while not is_one_too_many:
                call = self._calls.get(timeout=_WATCHED)
                begun = monotonic()
                self._make(call)
                del call  # and what it holds
                is_one_too_many = self._helpers > self._most_helpers and monotonic() - begun < _LONG
        with self._lock:
            self._helpers -= 1

    def _watch(self) -> None:
        """Have others make the calls that wait while one takes long; find out how many threads there should be."""
        self._start_helpers(self._most_helpers - self._helpers)  # as many as there should be the last time
        last_seen, measured, spent = monotonic(), monotonic(), os.times()
        while True:
            before = self._done
            sleep(_LONG)
            now = monotonic()
            if self._wanted != self._done:
                last_seen = now
                if self._done == before:
                    self._tell()
                    self._start_helpers(self._calls.qsize())
                elif now - measured > _MEASURED:
                    self._most_helpers = helpers_for(spent, os.times())
                    self._start_helpers(self._most_helpers - self._helpers)
                    measured, spent = now, os.times()
            elif now - last_seen > _WATCHED:
                with self._lock:
                    if self._wanted == self._done:
                        self._watches = False
                        return

    def _start_helpers(self, count: int) -> None:
        for _ in range(count):
            with suppress(RuntimeError), self._lock:  # no more threads: the calls have to wait
                _start(self._help)
                self._helpers += 1

    def _make(self, call: Call[Any]) -> None:
        call.make()
        self._made.put(call)
        del call
        with self._lock:
            self._done += 1
            is_last = self._calls.empty()  # what comes later sees that nothing is underway, and starts no watch
        if is_last or self._made.qsize() >= _MOST_UNTOLD:
            self._tell()

    def _tell(self) -> None:
        """Tell each loop that waits of the calls that were made."""
        made: dict[Callable[[Callable[[], object]], object], list[Call[Any]]] = {}
        with suppress(Empty):
            while True:
                call = self._made.get_nowait()
                made.setdefault(call.tell_loop, []).append(call)
        for tell_loop, calls in made.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                tell_loop(partial(_finish, calls))


def helpers_for(before: os.times_result, after: os.times_result) -> int:
    """Return how many threads beside one find the interpreter's lock free, by the times of the process.

    Parameters
    ----------
    before, after : os.times_result
        At the beginning and the end of what is measured. One thread has the lock for the user's part of the time;
        while the system works, others may.
    """
    user, system_ = after.user - before.user, after.system - before.system
    return min(system.processors() - 1, round(system_ / user)) if user > 0 else 0


def _finish(calls: list[Call[Any]]) -> None:
    for call in calls:
        call.finished.set()


def _start(function: Callable[[], None]) -> None:
    Thread(target=function, name="streamdcm-shared", daemon=True).start()


shared_threads = SharedThreads()
"""Those of the process."""
system.after_fork(shared_threads.__init__)  # type: ignore[misc]
