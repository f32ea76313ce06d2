"""Arrays from asynchronous iterables as frames of a compressed transfer syntax: they are encoded as they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any, Final

from anyio import CancelScope
from pydicom.dataset import Dataset

from streamdcm.aio.answers import awaited
from streamdcm.aio.prefetch import close_async
from streamdcm.aio.threads import to_the_end, worker_thread
from streamdcm.cleanup import afterwards_async, on_error_async
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import StreamdcmError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import END
from streamdcm.options import Options
from streamdcm.pixels.given_frames import number_given
from streamdcm.write.array_coding import coded_syntax
from streamdcm.write.coded_frames import CompressionRatio
from streamdcm.write.pushed_arrays import PushedArrays

_LABEL: Final = element_name(PIXEL_DATA)


def may_be_encoded(dataset: Dataset, options: Options) -> bool:
    """Whether frames come from the loop, and are encoded if they are arrays."""
    return isinstance(options.frames, AsyncIterable) and coded_syntax(dataset, options) is not None


async def with_coded_arrays_async(dataset: Dataset, options: Options) -> tuple[Dataset, Options]:
    """Return what is written in the place of a dataset and arrays that are to be encoded; all else as it is.

    The first frame is asked for here: what it is decides what the header says. What the options give then is closed
    by whoever uses it.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    options : Options
        What the caller asked for.
    """
    frames = options.frames
    if not may_be_encoded(dataset, options) or not isinstance(frames, AsyncIterable):
        return dataset, options
    arrays, pieces = PushedArrays(dataset, options), aiter(frames)
    async with on_error_async(partial(close_async, pieces)), worker_thread() as worker:
        first = await _first(pieces)
        async with on_error_async(partial(to_the_end, worker, arrays.close)):
            ready = [] if first is END else await worker.run(arrays.ready, first)
            if arrays.are_encoded:
                dataset, options = arrays.header(dataset, options)
                options = replace(options, codec_workers=None, codec_options={})
    count = number_given(frames)
    given = CodedOnLoop(arrays, ready, pieces) if count is None else SizedCodedOnLoop(arrays, ready, pieces, count)
    return dataset, replace(options, frames=given)


class CodedOnLoop(AsyncIterator[Any]):
    """Frames of an asynchronous iterable, encoded if they are arrays.

    Parameters
    ----------
    arrays : PushedArrays
        What encodes them, which has the first frame.
    ready : list
        The frames that it gave for that.
    pieces : async iterator
        Gives the other frames; closed by this.
    """

    def __init__(self, arrays: PushedArrays, ready: list[Any], pieces: AsyncIterator[Any]) -> None:
        self.ratio: CompressionRatio | None = arrays.ratio
        """What the compression comes to."""
        self._arrays = arrays
        self._pieces = pieces
        self._frames = self._coded(ready) if arrays.are_encoded else self._as_they_are(ready)

    async def __anext__(self) -> Any:
        return await anext(self._frames)

    async def aclose(self) -> None:
        """Close what gives the frames, and wait for what is being encoded."""
        async with afterwards_async(self._end_coding, partial(close_async, self._pieces)):
            await close_async(self._frames)

    async def _end_coding(self) -> None:
        with CancelScope(shield=True):
            async with worker_thread() as worker:
                await worker.run(self._arrays.close)

    async def _coded(self, ready: list[Any]) -> AsyncGenerator[Any, None]:
        async with worker_thread() as worker:
            while True:
                for coded in ready:
                    yield coded
                frame = await awaited(await anext(self._pieces, END))
                if frame is END:
                    break
                ready = await worker.run(self._arrays.ready, frame)
            for coded in await worker.run(self._arrays.ready, END):
                yield coded
        if self.ratio is not None:
            self.ratio.tell()

    async def _as_they_are(self, ready: list[Any]) -> AsyncGenerator[Any, None]:
        for frame in ready:
            yield frame
        async for frame in self._pieces:
            yield frame


class SizedCodedOnLoop(CodedOnLoop):
    """The same, where the number of frames is known."""

    def __init__(self, arrays: PushedArrays, ready: list[Any], pieces: AsyncIterator[Any], count: int) -> None:
        super().__init__(arrays, ready, pieces)
        self._count = count

    def __len__(self) -> int:
        return self._count


async def _first(pieces: AsyncIterator[Any]) -> Any:
    try:
        return await awaited(await anext(pieces, END))
    except Exception as error:
        if not isinstance(error, StreamdcmError):
            error.add_note(f"when frame 1 of {_LABEL} was asked for")
        raise
