"""Answers to the needs of an encoder: the pieces of each source, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from streamdcm.cleanup import afterwards, take_all
from streamdcm.engine.progress import Progress
from streamdcm.engine.spool import Keep, Spool
from streamdcm.errors.translation import refuse_running_generator
from streamdcm.instructions import END, Answer, Copy, Encoder, Instruction, Need
from streamdcm.sinks import SpoolFile
from streamdcm.sources import BufferSource, CopySource, FrameSource
from streamdcm.write.reading import pieces_of

T = TypeVar("T")


class Sources:
    """Answers needs: keeps, for each source, how far it has been read, and what is held back in temporary files.

    Parameters
    ----------
    chunk_size : int
        The most bytes to read at a time.
    progress : Progress
        Is told of frames that were taken, and asked for objections when something is held back in a file.
    """

    def __init__(self, chunk_size: int, progress: Progress) -> None:
        self._chunk_size = chunk_size
        self._progress = progress
        self._open: dict[Any, Iterator[Answer]] = {}
        self._spools: dict[Spool, SpoolFile] = {}

    def next_piece(self, source: Any) -> Answer:
        """Return the next piece of a source, or `END`."""
        pieces = self._open.get(source)
        if pieces is None:
            pieces = self._open[source] = self._pieces_of(source)
        piece = next(pieces, END)
        if piece is END:
            close_pieces(self._open.pop(source))
        elif source.__class__ is FrameSource:
            self._progress.count_frames(1)
        return piece

    def keep(self, keep: Keep) -> None:
        """Write what is held back to its temporary file."""
        file = self._spools.get(keep.spool)
        if file is None:
            file = self._spools[keep.spool] = SpoolFile(keep.spool.directory)
        file.write(keep.offset, keep.buffers)
        self._progress.add(0)

    def located(self, copy: Copy) -> Copy:
        """Return a range as one of the file that it is in, if it is held back in a temporary one."""
        if not isinstance(copy.source, Spool):
            return copy
        return replace(copy, source=BufferSource(self._spools[copy.source].file, "what was held back"))

    def forget_spools(self) -> None:
        """Close the temporary files, when nothing is held back any more."""
        if self._spools:
            files, self._spools = self._spools.values(), {}
            take_all(*(file.close for file in files))

    def close(self) -> None:
        """Close what was opened and is not exhausted, frames included."""
        pieces, self._open = self._open.values(), {}
        take_all(self.forget_spools, *(partial(close_pieces, each) for each in pieces))

    def _pieces_of(self, source: Any) -> Iterator[Any]:
        if isinstance(source, Keep):
            self.keep(source)
            return iter(())
        if isinstance(source, CopySource):
            source = CopySource(self.located(source.copy))
        return pieces_of(source, self._chunk_size)


def answered(run: Encoder[T], sources: Sources) -> Generator[Any, None, T]:
    """Give what an encoder yields, its needs answered."""
    step: Callable[[Any], Instruction] = run.send
    argument: Any = None
    take = sources.next_piece
    with afterwards(run.close):
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


def close_frames(frames: Any) -> None:
    """Close an iterator of frames, whether or not a frame was asked for."""
    if frames is not None and isinstance(frames, Iterator):
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
