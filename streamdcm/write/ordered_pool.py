"""What several threads make of pieces, in the order of the pieces, a bounded number at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, Self, TypeVar

from streamdcm.cleanup import nothing, on_error, take_all
from streamdcm.write.answers import close_pieces

P = TypeVar("P")
R = TypeVar("R")

_AHEAD = 2


class OrderedWork(Generic[P, R]):
    """What a function makes of pieces that are put in one by one, and taken out in the same order.

    With one worker there is no thread: a piece is worked on when it is taken out.

    Parameters
    ----------
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
        work: Callable[[P, int], R],
        workers: int,
        *,
        stop: Callable[[], object] = nothing,
        close: Callable[[], object] = nothing,
    ) -> None:
        self._work = work
        self._most = 1 if workers == 1 else workers + _AHEAD
        self._threads = ThreadPoolExecutor(workers, "streamdcm-codec") if workers > 1 else None
        self._underway: deque[Callable[[], R]] = deque()
        self._count = 0
        self._stop = stop
        self._close = close
        self.is_closed = False
        """Whether nothing can be put in any more."""

    @property
    def is_full(self) -> bool:
        """Whether something has to be taken out before anything else is put in."""
        return len(self._underway) >= self._most

    def __len__(self) -> int:
        return len(self._underway)

    def put(self, piece: P) -> None:
        """Put a piece in."""
        self._count += 1
        number, work = self._count, self._work
        if self._threads is None:
            self._underway.append(lambda: work(piece, number))
        else:
            future: Future[R] = self._threads.submit(work, piece, number)
            self._underway.append(future.result)

    def take(self) -> R:
        """Take out what became of the first piece that is in, waiting for it."""
        return self._underway.popleft()()

    def close(self) -> None:
        """Wait for the calls that are running; what is not started is not started any more."""
        if self.is_closed:
            return
        self.is_closed = True
        take_all(self._stop, self._stop_threads, self._underway.clear, self._close)

    def _stop_threads(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)


class OrderedPool(Iterator[R], Generic[P, R]):
    """What becomes of each piece of an iterator, in order.

    At most as many pieces are underway, taken from the iterator and not given out, as the work has places for. Closing
    it closes the work and then the iterator.

    Parameters
    ----------
    pieces : iterator
        Used by the thread that uses the pool. An exception of it comes out in its turn, after all that came before.
    work : OrderedWork
        What makes something of a piece.
    """

    def __init__(self, pieces: Iterator[P], work: OrderedWork[P, R]) -> None:
        self._pieces = pieces
        self._work = work
        self._ended: BaseException | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R:
        if self._work.is_closed:
            raise StopIteration
        with on_error(self.close):
            return self._next()

    def close(self) -> None:
        """End it: wait for what is running, and close the iterator of pieces."""
        if self._work.is_closed:
            return
        take_all(self._work.close, partial(close_pieces, self._pieces))

    def _next(self) -> R:
        work = self._work
        while self._ended is None and not work.is_full:
            try:
                piece = next(self._pieces)
            except (StopIteration, Exception) as end:
                self._ended = end
                break
            work.put(piece)
            del piece
        if len(work):
            return work.take()
        assert self._ended is not None
        raise self._ended
