"""Frames that are pushed, on an event loop: the twin of `streamdcm.write.writer`."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset

from streamdcm.aio.answers import AsyncSources, Outside, answered_by
from streamdcm.aio.delivery import AsyncDelivery
from streamdcm.aio.performing import Performing
from streamdcm.aio.threads import return_worker, take_worker, to_the_end
from streamdcm.cleanup import afterwards, afterwards_async, noted, take_all
from streamdcm.engine.progress import Progress
from streamdcm.engine.result import WriteResult
from streamdcm.errors import ReentryError
from streamdcm.files.append import Appending
from streamdcm.files.writer import given_dataset, opened_appending
from streamdcm.instructions import END, Chunk, Encoder
from streamdcm.options import Options
from streamdcm.options.twins import twin_of
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import Delivery
from streamdcm.sources import Frame, is_async, is_pushed
from streamdcm.write.divided import Dividing
from streamdcm.write.driver import DONE, Next
from streamdcm.write.instance import Resolve, with_frames
from streamdcm.write.pushed_arrays import PushedArrays
from streamdcm.write.pushed_plan import PushedPlan
from streamdcm.write.sizes import expected_size
from streamdcm.write.writer import FrameWriter, PushedWrite, piece_of_stream, with_groups


class AsyncFrameWriter(PushedWrite):
    """Writes frames as they are given; made by `open_writer_async`, for use in an ``async with`` block.

    Leaving the block completes the file. Leaving it by an exception or a cancellation, or an error while writing,
    leaves what was there before.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with streamdcm.open_writer_async("cine.dcm", ds) as writer:
    ...         await writer.write_frame(bytes(ds.PixelData))
    ...     return isinstance(writer, streamdcm.AsyncFrameWriter)
    >>> asyncio.run(main())
    True
    """

    def __init__(self, target: Any, dataset: Dataset | None, options: Options) -> None:
        super().__init__()
        self._target = target
        self._dataset = dataset
        self._options = options
        self._running = False
        self._delivery: AsyncDelivery
        self._arrays: PushedArrays
        self._appending: Appending | None = None
        self._writing: Performing[PixelsWritten | None]

    async def __aenter__(self) -> Self:
        self._require_new()
        self._is_new = False
        self._delivery = AsyncDelivery(self._target, take_worker())
        try:
            if self._options.append:
                open_appending = partial(opened_appending, self._target, self._dataset, self._options)
                self._appending = await self._delivery.worker.run(open_appending)
            dataset = given_dataset(self._dataset) if self._appending is None else self._appending.plan.dataset
            self._arrays = PushedArrays(dataset, self._options)
            divide = None if self._options.split is None else self._divide
            output = await self._delivery.resolve(self._options) if divide is None else None
            self._writing = Performing(
                self._delivery.worker, self._prepare, self._delivery, output, self._options, _is_outside, divide
            )
        except BaseException as error:
            await self._leave(error)
            raise
        self._sources = AsyncSources(self._options.chunk_size, self._writing.session.count_frames)
        self._is_open = True
        async with self._call():
            await self._answer(await self._writing.begin())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
        else:
            await self._give_up(error)

    def __del__(self) -> None:
        if self.__dict__.get("_is_open"):
            warnings.warn("an AsyncFrameWriter was dropped while it was open; its file is given up", ResourceWarning, 2)
            self._delivery.worker.dismiss(self._drop)
            if not self._writing.session.needs_loop:  # which may be waiting for this very method
                self._delivery.worker.join()
        elif self.__dict__.get("_is_new"):
            Delivery(self._target).give_up()

    @twin_of(FrameWriter.write_frame)
    async def write_frame(self, frame: Frame, *, groups: Dataset | None = None) -> None:
        """Write the next frame; its memory may be used again when this returns."""
        self._require_frames()
        given = frame if groups is None else with_groups(frame, groups)
        async with self._call():
            self._writing.session.count_frames()
            self._frames += 1
            for ready in await self._ready(given):
                await self._advance(ready)

    @twin_of(FrameWriter.write)
    async def write(self, data: Chunk) -> None:
        """Write the next piece of the bit stream of a video; its memory may be used again when this returns."""
        self._require_video()
        piece = piece_of_stream(data)
        async with self._call():
            await self._advance(piece)

    async def close(self) -> WriteResult:
        """Complete the file; closing it again does nothing."""
        if self.result is not None:
            return self.result
        self._require_open()
        async with self._call():
            for frame in await self._ready(END):
                await self._advance(frame)
            self._set_ratio(self._arrays)
            await self._advance(END)
        written, table = self._writing.result()
        self.result = with_frames(written, table)
        self._is_open = False
        return_worker(self._delivery.worker)
        self._warn_if_stale()
        return self.result

    async def abort(self) -> None:
        """Give up: leave what was there before. Does nothing after `close`."""
        with self._only_call():
            await self._give_up(None)

    async def _give_up(self, error: BaseException | None) -> None:
        if not self._is_open:
            return
        self._is_open = False
        async with afterwards_async(partial(self._writing.session.abandon, error), partial(self._leave, error)):
            with noted(error, "the sources could not be closed"):
                async with afterwards_async(self._sources.close):
                    await to_the_end(self._delivery.worker, self._arrays.close)

    async def _leave(self, error: BaseException | None) -> None:
        with afterwards(partial(return_worker, self._delivery.worker)):
            await self._delivery.give_up(error)

    def _drop(self) -> None:
        take_all(self._arrays.close, self._writing.session.drop)

    def _prepare(self, capabilities: Capabilities) -> tuple[Encoder[PixelsWritten | None], int | None]:
        if self._appending is not None:
            self._taker = self._appending
            return self._appending.encode(), None
        dataset = given_dataset(self._dataset)
        self._taker = planned = PushedPlan(dataset, self._options, capabilities, self._arrays)
        return planned.encode(), expected_size(planned.plan, self._options, self._target)

    def _divide(self, delivery: Delivery, progress: Progress, outside: Outside, resolve: Resolve) -> Dividing:
        dataset = given_dataset(self._dataset)
        writing = Dividing(dataset, self._options, delivery, progress, outside, resolve, self._arrays)
        self._taker = writing.instances
        return writing

    async def _ready(self, frame: Any) -> Iterable[Any]:
        """Return the frames that are to be written when another has come, or `END`."""
        if self._arrays.is_decided and not self._arrays.are_encoded:
            return () if frame is END else (frame,)
        return await self._delivery.worker.run(self._arrays.ready, frame)

    async def _advance(self, piece: Any) -> None:
        await self._answer(await self._writing.advance(piece))

    async def _answer(self, need: Next) -> None:
        """Answer what the loop is asked for, up to the need for what the caller brings."""
        while need is not DONE and is_async(need.source):
            need = await answered_by(self._sources, need, self._writing)

    @asynccontextmanager
    async def _call(self) -> AsyncIterator[None]:
        """Keep other calls out, and give up if this one fails."""
        with self._only_call():
            self._running = True
        try:
            yield
        except BaseException as error:
            await self._give_up(error)
            raise
        finally:
            self._running = False

    def _only_call(self) -> AbstractContextManager[object]:
        if self._running:
            raise ReentryError("another call on this writer is running; it takes one after the other")
        return nullcontext()


def _is_outside(source: Any) -> bool:
    return is_pushed(source) or is_async(source)
