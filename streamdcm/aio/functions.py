"""The asynchronous functions that write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from pydicom.dataset import Dataset

from streamdcm.aio.answers import OnLoop, SizedOnLoop
from streamdcm.aio.driver import write
from streamdcm.aio.short import is_short
from streamdcm.instructions import Encoder
from streamdcm.options import AsyncTargetOptions, Options, check_options
from streamdcm.result import WriteResult
from streamdcm.sync import encoder_for, resolve_target, with_table


async def dcmwrite_async(target: Any, dataset: Dataset, /, **kwargs: Unpack[AsyncTargetOptions]) -> WriteResult:
    """Write a dataset to a target of any kind, as `dcmwrite` does, on asyncio or trio.

    What takes time is done on a thread of its own: reading files, encoding, asking a synchronous iterable for frames.
    While one chunk is being sent, the next is made.

    Parameters
    ----------
    target : path, stream, file-like or object with write()
        Where to write. Whatever `dcmwrite` takes, which is written to on a thread; an anyio ``ByteSendStream`` or
        ``ObjectSendStream``, an `asyncio.StreamWriter`, a trio ``SendStream``; or an object whose ``write()``, and
        ``seek()`` and ``tell()`` if it has them, are awaited. Objects stay open.
    dataset : Dataset
        The dataset, which is only read, and must not be changed meanwhile.
    **kwargs
        See `AsyncTargetOptions`.

    Returns
    -------
    WriteResult
        What was written where.

    Raises
    ------
    PlanError, EncodeError, TargetTypeError, OSError
        As `dcmwrite` does.
    """
    options = async_options(dict(kwargs), "dcmwrite_async")
    result, table = await write(
        lambda patchable: encoder_for(target, dataset, options, patchable=patchable),
        partial(resolve_target, target, options),
        target,
        options,
        is_short=partial(is_short, dataset, options),
    )
    return with_table(result, table)


async def write_encoder_async(
    encoder: Encoder[Any], target: Any, /, **kwargs: Unpack[AsyncTargetOptions]
) -> WriteResult:
    """Run an encoder into a target of any kind, as `write_encoder` does, on asyncio or trio.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions; it runs on a thread.
    target : path, stream, file-like or object with write()
        Where to write; see `dcmwrite_async`.
    **kwargs
        See `AsyncTargetOptions`; those about the encoding of datasets have no effect.

    Returns
    -------
    WriteResult
        What was written where.
    """
    options = async_options(dict(kwargs), "write_encoder_async")
    result, _ = await write(lambda _: (encoder, None), partial(resolve_target, target, options), target, options)
    return result


def async_options(given: dict[str, Any], function: str) -> Options:
    """Check the options of an asynchronous function."""
    on_loop = given.pop("frames_on_loop", False)
    options = check_options(given, function)
    frames = options.frames
    if not on_loop or not isinstance(frames, Iterable) or isinstance(frames, (list, tuple)):
        return options
    return replace(options, frames=SizedOnLoop(frames) if hasattr(frames, "__len__") else OnLoop(frames))
