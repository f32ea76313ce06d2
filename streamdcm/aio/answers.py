"""Answers to needs that only the event loop can give: the twin of `streamdcm.write.driver.Sources`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from copy import deepcopy
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, Self, TypeAlias, TypeVar

from streamdcm.aio.prefetch import Prefetch, close_async
from streamdcm.aio.threads import worker_thread
from streamdcm.cleanup import afterwards_async
from streamdcm.instructions import END, Answer, Chunk, Need
from streamdcm.pixels.arrays import kept_frame
from streamdcm.pixels.given_frames import apart, each_frame, number_given
from streamdcm.sources import CopySource, FrameSource, StreamSource
from streamdcm.write.answers import close_frames
from streamdcm.write.stream_reading import StreamReading, is_end

Step = TypeVar("Step", covariant=True)

Outside: TypeAlias = Callable[[Any], bool]
"""Tells of a source whether its needs are answered on the loop."""


class AsyncSources:
    """Answers needs on the event loop: keeps, for each source, how far it has been read.

    Parameters
    ----------
    chunk_size : int
        The most bytes to ask a reader for.
    count_frames : callable
        Called with the number of frames that were taken.
    ahead : bool
        Whether to ask for a frame while the one before is being written. Then `close` has to be called by the task
        that has called `next_piece`, without a yield in between.
    """

    def __init__(self, chunk_size: int, count_frames: Callable[[int], object], *, ahead: bool = False) -> None:
        self._chunk_size = chunk_size
        self._count_frames = count_frames
        self._ahead = ahead
        self._open: dict[Any, AsyncIterator[Any]] = {}
        self._tasks = AsyncExitStack()

    async def next_piece(self, source: Any) -> Answer:
        """Return the next piece of a source, or `END`."""
        pieces = self._open.get(source)
        if pieces is None:
            pieces = self._open[source] = await self._pieces_of(source)
        piece: Answer = await anext(pieces, END)
        if piece is END:
            await close_async(self._open.pop(source))
        elif source.__class__ is FrameSource:
            self._count_frames(1)
            piece = await awaited(piece)
        return piece

    async def close(self) -> None:
        """Close what was opened and is not exhausted."""
        pieces, self._open = self._open.values(), {}
        async with afterwards_async(*(partial(close_async, each) for each in pieces)):
            await self._tasks.aclose()

    async def _pieces_of(self, source: Any) -> AsyncIterator[Any]:
        if isinstance(source, FrameSource):
            frames: AsyncIterator[Any] = aiter(source.frames)  # type: ignore[arg-type]
            return await self._tasks.enter_async_context(Prefetch(_kept(frames))) if self._ahead else frames
        if isinstance(source, CopySource):
            return _stream_pieces(source.copy.source, self._chunk_size, source.copy.length)
        return _stream_pieces(source, self._chunk_size, None)


class Resumable(Protocol[Step]):
    """What goes on when a need has been answered."""

    async def advance(self, answer: Answer = None) -> Step:
        """Answer the last need and go on."""

    async def fail(self, error: Exception) -> Step:
        """Tell the encoder that there is no answer to the last need, and go on."""


async def answered_by(sources: AsyncSources, need: Need, session: Resumable[Step]) -> Step:
    """Answer a need and go on."""
    try:
        piece = await sources.next_piece(need.source)
    except Exception as error:
        return await session.fail(error)
    return await session.advance(piece)


async def _kept(frames: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """Give frames that stay what they are when the next one is asked for."""
    async with afterwards_async(partial(close_async, frames)), worker_thread() as worker:
        async for given in frames:
            frame = await awaited(given)
            yield frame if frame.__class__ is bytes else await worker.run(_kept_frame, frame)


def _kept_frame(given: Any) -> Any:
    """Return a frame, and what it came with, that stay what they are when the next one is asked for."""
    frame, item = apart(given)
    kept = kept_frame(frame)
    return kept if item is None else (kept, deepcopy(item))


async def awaited(frame: Any) -> Any:
    """Return a frame, which an asynchronous iterable may give before it is there."""
    return await frame if frame.__class__ is not bytes and isawaitable(frame) else frame


async def _stream_pieces(source: StreamSource, chunk_size: int, length: int | None) -> AsyncGenerator[Chunk, None]:
    reading = StreamReading(source, chunk_size, length)
    pieces = _read_pieces(reading) if source.stream.reads else aiter(reading.stream)
    async with afterwards_async(partial(close_async, pieces)):
        async for piece in pieces:
            if view := reading.taken(piece):
                yield view
        reading.finish()


async def _read_pieces(reading: StreamReading) -> AsyncIterator[Any]:
    while (size := reading.size) and not is_end(piece := await reading.stream.read(size)):
        yield piece


class FramesOnLoop:
    """A synchronous iterable as an asynchronous one, for frames that may be asked for on no other thread."""

    def __init__(self, frames: Any) -> None:
        self._frames = frames
        self._iterator: Iterator[Any] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._iterator is None:
            self._iterator = each_frame(self._frames)
        try:
            return next(self._iterator)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        """Close the iterator."""
        close_frames(self._frames if self._iterator is None else self._iterator)


class SizedFramesOnLoop(FramesOnLoop):
    """The same, of what tells how many frames there are."""

    def __len__(self) -> int:
        return number_given(self._frames) or 0
