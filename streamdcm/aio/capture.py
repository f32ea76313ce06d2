"""A recording that survives, on an event loop: all of it is done on one thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from pydicom.dataset import Dataset

from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import write
from streamdcm.aio.threads import return_worker, take_worker, to_the_end
from streamdcm.aio.writer import AsyncFrameWriter
from streamdcm.cleanup import afterwards
from streamdcm.engine.result import WriteResult
from streamdcm.errors import NotOpenError
from streamdcm.files.recover import opened_capture, recover
from streamdcm.files.writer import given_dataset, open_writer, opened_for_capture
from streamdcm.instructions import Chunk, Encoder
from streamdcm.options import CaptureOptions, Options, RecoverOptions, check_options
from streamdcm.options.twins import twin_of
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sources import Frame
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Path
from streamdcm.write.writer import FrameWriter, pushed_options

T = TypeVar("T")


class AsyncCapture(AsyncFrameWriter):
    """A writer of a file that can be recovered; see `FrameWriter`."""

    _writer: FrameWriter | None = None

    async def __aenter__(self) -> Self:
        self._require_new()
        self._is_new = False
        self._worker = take_worker()
        try:
            dataset = given_dataset(self._dataset)
            self._writer = await self._worker.run(opened_for_capture, self._target, dataset, self._options)
            await self._worker.run(self._writer.__enter__)
        except BaseException:
            return_worker(self._worker)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        writer = self._opened()
        with afterwards(partial(return_worker, self._worker)):
            await to_the_end(self._worker, partial(writer.__exit__, kind, error, trace))
        self.result = writer.result

    def __del__(self) -> None:
        """Leave it to the writer on the thread, which warns of it."""

    @twin_of(FrameWriter.write_frame)
    async def write_frame(self, frame: Frame, *, groups: Dataset | None = None) -> None:
        """Write the next frame; its memory may be used again when this returns."""
        await self._on_thread(partial(self._opened().write_frame, frame, groups=groups))

    @twin_of(FrameWriter.write)
    async def write(self, data: Chunk) -> None:
        """Write the next piece of the bit stream of a video; its memory may be used again when this returns."""
        await self._on_thread(partial(self._opened().write, data))

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of an element that a field was reserved for with ``late=``."""
        self._opened().set(name, value)

    async def close(self) -> WriteResult:
        """Complete the file; closing it again does nothing."""
        self.result = await self._on_thread(self._opened().close)
        return self.result

    async def abort(self) -> None:
        """Give up: leave what was there before, and the capture. Does nothing after `close`."""
        await to_the_end(self._worker, self._opened().abort)

    async def _on_thread(self, call: Callable[[], T]) -> T:
        return await self._worker.run(call)

    def _opened(self) -> FrameWriter:
        if self._writer is None:
            raise NotOpenError("the writer is not open: use it in an 'async with' block")
        return self._writer


@twin_of(open_writer)
def open_writer_async(
    target: Any, dataset: Dataset | None = None, /, **kwargs: Unpack[CaptureOptions]
) -> AsyncFrameWriter:
    """Open a writer that frames are given to one by one, on asyncio or trio.

    Parameters
    ----------
    target : path, stream, file-like or object with write()
        Where to write; see `dcmwrite_async`.

    Returns
    -------
    AsyncFrameWriter
        For use in an ``async with`` block, at the beginning of which target and dataset are checked.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with streamdcm.open_writer_async("cine.dcm", ds) as writer:
    ...         for frame in camera():
    ...             await writer.write_frame(frame)
    ...     return writer.result.bytes_written > 3 * 32_768
    >>> asyncio.run(main())
    True
    """
    options = pushed_options(dict(kwargs), "open_writer_async")
    return (AsyncCapture if options.recover else AsyncFrameWriter)(target, dataset, options)


@twin_of(recover)
async def recover_async(capture: Path, target: Any, /, **kwargs: Unpack[RecoverOptions]) -> WriteResult:
    """Complete what was captured before the process or the machine died, as `recover` does, on asyncio or trio.

    Parameters
    ----------
    target : path, stream, file-like or object with write()
        Where to write; see `dcmwrite_async`.
    """
    async with delivered(target) as delivery:
        options = check_options(dict(kwargs), "recover_async")
        result, written = await write(partial(_prepare, capture, target, options), delivery, options)
    return with_frames(result, written)


def _prepare(capture: Path, target: Any, options: Options, _: Capabilities) -> tuple[Encoder[PixelsWritten], None]:
    return opened_capture(capture, target, options).encode(), None
