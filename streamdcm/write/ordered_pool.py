"""An ordered pool: what several threads make of pieces, in the order of the pieces, a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

from streamdcm.errors import refuse_running_generator

P = TypeVar("P")
R = TypeVar("R")

_AHEAD = 2


class OrderedPool(Iterator[R], Generic[P, R]):
    """What a function makes of each piece of an iterator, in order.

    At most `workers` + 2 pieces are underway: taken from the iterator, and not given out. With one worker there is no
    thread. Closing it waits for the calls that are running; what is not started is not started any more.

    Parameters
    ----------
    pieces : iterator
        Used by the thread that uses the pool. An exception of it comes out in its turn, after all that came before.
    work : callable
        Makes something of a piece; called with the piece and its number from 1.
    workers : int
        The number of threads.
    stop : callable, optional
        Called when it is closed, before it waits: lets calls that are running end soon.
    close : callable, optional
        Called when it is closed and no call is running.
    """

    def __init__(
        self,
        pieces: Iterator[P],
        work: Callable[[P, int], R],
        workers: int,
        *,
        stop: Callable[[], object] | None = None,
        close: Callable[[], object] | None = None,
    ) -> None:
        self._pieces = pieces
        self._work = work
        self._most = workers + _AHEAD
        self._threads = ThreadPoolExecutor(workers, "streamdcm-codec") if workers > 1 else None
        self._underway: deque[Future[R]] = deque()
        self._count = 0
        self._ended: BaseException | None = None
        self._stop = stop
        self._close = close
        self._is_closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        if self._is_closed:
            raise StopIteration
        try:
            return self._next_alone() if self._threads is None else self._next_of(self._threads)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it: close the iterator of pieces, and wait for what is running."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._stop is not None:
                self._stop()
            if self._threads is not None:
                self._threads.shutdown(wait=True, cancel_futures=True)
            self._underway.clear()
        finally:
            try:
                if self._close is not None:
                    self._close()
            finally:
                self._close_pieces()

    def _next_alone(self) -> R:
        piece = next(self._pieces)
        self._count += 1
        return self._work(piece, self._count)

    def _next_of(self, threads: ThreadPoolExecutor) -> R:
        while self._ended is None and len(self._underway) < self._most:
            try:
                piece = next(self._pieces)
            except (StopIteration, Exception) as end:
                self._ended = end
                break
            self._count += 1
            self._underway.append(threads.submit(self._work, piece, self._count))
            del piece
        if self._underway:
            return self._underway.popleft().result()
        assert self._ended is not None
        raise self._ended

    def _close_pieces(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is None:
            return
        try:
            close()
        except ValueError as error:
            refuse_running_generator(error)
            raise
