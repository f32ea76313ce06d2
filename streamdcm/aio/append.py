"""More frames behind those of a file, on an event loop: the twin of `append`."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

from streamdcm.aio.array_frames import with_coded_arrays_async
from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import close_given, write
from streamdcm.cleanup import on_error_async
from streamdcm.engine.result import WriteResult
from streamdcm.files.append import append, append_options, frames_in, with_frames_given
from streamdcm.files.present_frames import PresentFrames
from streamdcm.instructions import Encoder
from streamdcm.options import AppendOptions, Options
from streamdcm.options.twins import twin_of
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.capabilities import Capabilities
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Path


@twin_of(append)
async def append_async(path: Path, frames: Any, /, **kwargs: Unpack[AppendOptions]) -> WriteResult:
    """Write more frames behind those of a file, as `append` does, on asyncio or trio.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file; it is read and written on a thread.
    frames : iterable or async iterable of array or bytes-like
        The new frames; pairs of a frame and a Dataset where the file has functional groups of frames. Arrays are
        encoded where the file is compressed.
    """
    async with delivered(path) as delivery:
        options = append_options(path, frames, dict(kwargs), "append_async")
        async with on_error_async(partial(close_given, frames, delivery.worker)):
            present = await delivery.worker.run(frames_in, path, options)
            _, options = await with_coded_arrays_async(present.dataset, options)
        result, written = await write(partial(_prepare, present, options), delivery, options)
    return with_frames(result, written)


def _prepare(present: PresentFrames, options: Options, _: Capabilities) -> tuple[Encoder[PixelsWritten], None]:
    return with_frames_given(present, options).encode(), None
