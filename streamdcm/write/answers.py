"""Answers to the needs of an encoder: the pieces of each source, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from streamdcm.errors import refuse_running_generator
from streamdcm.instructions import END, Answer, Encoder, Instruction, Need
from streamdcm.sources import FrameSource
from streamdcm.write.reading import pieces_of

T = TypeVar("T")


class Sources:
    """Answers needs: keeps, for each source, how far it has been read.

    Parameters
    ----------
    chunk_size : int
        The most bytes to read at a time.
    count_frames : callable
        Called with the number of frames that were taken.
    """

    def __init__(self, chunk_size: int, count_frames: Callable[[int], object]) -> None:
        self._chunk_size = chunk_size
        self._count_frames = count_frames
        self._open: dict[Any, Iterator[Answer]] = {}

    def next_piece(self, source: Any) -> Answer:
        """Return the next piece of a source, or `END`."""
        pieces = self._open.get(source)
        if pieces is None:
            pieces = self._open[source] = pieces_of(source, self._chunk_size)
        piece = next(pieces, END)
        if piece is END:
            close_pieces(self._open.pop(source))
        elif source.__class__ is FrameSource:
            self._count_frames(1)
        return piece

    def close(self) -> None:
        """Close what was opened and is not exhausted, frames included."""
        while self._open:
            _, pieces = self._open.popitem()
            close_pieces(pieces)


def answered(run: Encoder[T], sources: Sources) -> Generator[Any, None, T]:
    """Give what an encoder yields, its needs answered."""
    step: Callable[[Any], Instruction] = run.send
    argument: Any = None
    take = sources.next_piece
    try:
        while True:
            try:
                thing = step(argument)
            except StopIteration as stop:
                result: T = stop.value
                return result
            step, argument = run.send, None
            if not isinstance(thing, Need):
                yield thing
                continue
            try:
                argument = take(thing.source)
            except Exception as error:
                step, argument = run.throw, error
    finally:
        run.close()


def close_frames(frames: Any) -> None:
    """Close an iterator of frames, whether or not a frame was asked for."""
    if isinstance(frames, Iterator):
        close_pieces(frames)


def close_pieces(pieces: Any) -> None:
    """Close an iterator, if it can be closed.

    Raises
    ------
    ReentryError
        If it is running.
    """
    close = getattr(pieces, "close", None)
    if close is None:
        return
    try:
        close()
    except ValueError as error:
        refuse_running_generator(error)
        raise
