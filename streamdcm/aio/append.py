"""More frames behind those of a file, on an event loop: the twin of `append`."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import write
from streamdcm.engine.result import WriteResult
from streamdcm.files.append import Appending, append, append_options
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
        The new frames; pairs of a frame and a Dataset where the file has functional groups of frames.
    """
    async with delivered(path) as delivery:
        options = replace(append_options(path, dict(kwargs), "append_async"), frames=frames)
        result, written = await write(partial(_prepare, path, options), delivery, options)
    return with_frames(result, written)


def _prepare(path: Path, options: Options, _: Capabilities) -> tuple[Encoder[PixelsWritten], None]:
    return Appending(path, options).encode(), None
