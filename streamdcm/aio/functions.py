"""The asynchronous functions that write."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from pydicom.dataset import Dataset

from streamdcm.aio.answers import FramesOnLoop, Outside, SizedFramesOnLoop
from streamdcm.aio.array_frames import may_be_encoded, with_coded_arrays_async
from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import chunks, chunks_of, collecting, write
from streamdcm.aio.prefetch import Prefetch
from streamdcm.aio.session import Prepare
from streamdcm.aio.short import is_short
from streamdcm.aio.threads import worker_thread
from streamdcm.cleanup import afterwards_async, on_error
from streamdcm.engine.progress import Progress
from streamdcm.engine.result import WriteResult
from streamdcm.instructions import Encoder
from streamdcm.options import (
    AsyncChunkOptions,
    AsyncTargetOptions,
    EncodeOptions,
    EncoderTargetOptions,
    Options,
    StreamOptions,
    check_options,
)
from streamdcm.options.twins import twin_of
from streamdcm.pixels.given_frames import gives_frames, number_given
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.execution import Plan
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery
from streamdcm.write.answers import close_frames
from streamdcm.write.array_frames import with_coded_frames
from streamdcm.write.coded_frames import CodedFrames, encoded
from streamdcm.write.divided import Dividing
from streamdcm.write.encoders import chunk_capabilities, encoder_for
from streamdcm.write.functions import dcmwrite, encoded_size, encoder_chunks, iter_chunks, open_chunks, write_encoder
from streamdcm.write.instance import Resolve, with_frames
from streamdcm.write.sizes import expected_size


@twin_of(dcmwrite)
async def dcmwrite_async(filename: Any, dataset: Dataset, /, **kwargs: Unpack[AsyncTargetOptions]) -> WriteResult:
    """Write a dataset to a target of any kind, as `dcmwrite` does, on asyncio or trio.

    What takes time is done on a thread of its own: reading files, encoding, asking a synchronous iterable for frames.
    While one chunk is being sent, the next is made. The dataset must not be changed meanwhile.

    Parameters
    ----------
    filename : path, stream, file-like or object with write()
        Where to write. Whatever `dcmwrite` takes, which is written to on a thread; an anyio ``ByteSendStream`` or
        ``ObjectSendStream``, an `asyncio.StreamWriter`, a trio ``SendStream``; or an object whose ``write()``, and
        ``seek()`` and ``tell()`` if it has them, are awaited. Objects stay open. With ``split=`` a path, or a function
        that takes the number of an instance, from 1, and returns a target of these kinds; it is called on a thread.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(streamdcm.dcmwrite_async("out.dcm", ds, frames=camera())).bytes_written > 3 * 32_768
    True
    """
    async with delivered(filename) as delivery:
        options = async_options(dict(kwargs), "dcmwrite_async")
        dataset, options = await with_coded_arrays_async(dataset, options)
        result, table = await write(
            partial(encoder_for, filename, dataset, options),
            delivery,
            options,
            is_short=partial(is_short, dataset, options),
            divide=None if options.split is None else partial(_dividing, dataset, options),
        )
    return with_frames(result, table)


@twin_of(write_encoder)
async def write_encoder_async(
    encoder: Encoder[Any], target: Any, /, **kwargs: Unpack[EncoderTargetOptions]
) -> WriteResult:
    """Run an encoder into a target of any kind, as `write_encoder` does, on asyncio or trio.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions; it runs on a thread.
    target : path, stream, file-like or object with write()
        Where to write; see `dcmwrite_async`.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(streamdcm.write_encoder_async(streamdcm.encoder(ds), "out.dcm")).location
    'out.dcm'
    """
    async with delivered(target) as delivery:
        options = check_options(dict(kwargs), "write_encoder_async")
        result, _ = await write(lambda _: (encoder, None), delivery, options)
    return result


@twin_of(iter_chunks)
def iter_chunks_async(dataset: Dataset, /, **kwargs: Unpack[AsyncChunkOptions]) -> AsyncGenerator[bytes, None]:
    """Encode a dataset as chunks of bytes, in order, for the bodies of asynchronous web servers and clients.

    Arguments and dataset are checked at once. Each chunk is made, on a thread unless it is short, when it is asked for;
    `open_chunks_async` is a step ahead. The dataset must not be changed meanwhile.

    Returns
    -------
    async generator of bytes
        Chunks of at most `chunk_size` bytes. It may be left before its end, and should be closed then. Asynchronous
        frames are closed with it; if the call itself raises, they are still the caller's.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     return sum([len(chunk) async for chunk in streamdcm.iter_chunks_async(ds)])
    >>> asyncio.run(main()) == streamdcm.encoded_size(ds)
    True
    """
    options = async_options(dict(kwargs), "iter_chunks_async")
    with on_error(partial(close_frames, options.frames)):
        if options.frames is None or isinstance(options.frames, (list, tuple)):  # which may be looked at here
            dataset, options = with_coded_frames(dataset, options)
        plan = plan_file(dataset, options, chunk_capabilities(options))
    if may_be_encoded(dataset, options):
        return _coded_chunks(dataset, options)
    is_asked_later = not (options.frames is None or isinstance(options.frames, (list, tuple, CodedFrames)))
    prepare = _chunked(dataset, options) if is_asked_later else _prepared(plan, options)
    return chunks(prepare, options, is_short=partial(is_short, dataset, options))


@twin_of(encoder_chunks)
def encoder_chunks_async(encoder: Encoder[Any], /, **kwargs: Unpack[StreamOptions]) -> AsyncGenerator[bytes, None]:
    """Run an encoder, such as a stage of `streamdcm.stages`, and give what it encodes as chunks of bytes.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions; it runs on a thread.

    Returns
    -------
    async generator of bytes
        Chunks of at most `chunk_size` bytes.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     return b"".join([bytes(chunk) async for chunk in streamdcm.encoder_chunks_async(streamdcm.encoder(ds))])
    >>> asyncio.run(main())[128:132]
    b'DICM'
    """
    options = check_options(dict(kwargs), "encoder_chunks_async")
    return chunks(lambda _: (encoder, None), options)


@twin_of(open_chunks)
@asynccontextmanager
async def open_chunks_async(
    dataset: Dataset, /, **kwargs: Unpack[AsyncChunkOptions]
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Encode a dataset as chunks of bytes, each of which is made, on a thread, while the one before is used.

    Yields
    ------
    async iterator of bytes
        Chunks of at most `chunk_size` bytes. At the end of the block everything is closed.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with streamdcm.open_chunks_async(ds, frames=camera()) as chunks:
    ...         return sum([len(chunk) async for chunk in chunks])
    >>> asyncio.run(main()) > 3 * 32_768
    True
    """
    options = async_options(dict(kwargs), "open_chunks_async")
    dataset, options = await with_coded_arrays_async(dataset, options)
    async with collecting(_chunked(dataset, options), options) as (made, session), Prefetch(made) as batches:
        encoded = chunks_of(batches, Progress(options.progress, session.total))
        async with afterwards_async(encoded.aclose):
            yield encoded


@twin_of(encoded_size)
async def encoded_size_async(dataset: Dataset, /, **kwargs: Unpack[EncodeOptions]) -> int:
    """Return the exact number of bytes that the dataset takes, as `encoded_size` does, without holding up the loop.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(streamdcm.encoded_size_async(ds)) == streamdcm.encoded_size(ds)
    True
    """
    count = partial(encoded_size, dataset, **kwargs)
    if is_short(dataset, check_options(dict(kwargs), "encoded_size_async")):
        return count()
    async with worker_thread() as worker:
        return await worker.run(count)


async def _coded_chunks(dataset: Dataset, options: Options) -> AsyncGenerator[bytes, None]:
    """Give the chunks of a dataset whose first frame is asked for with the first of them."""
    dataset, options = await with_coded_arrays_async(dataset, options)
    made = chunks(_chunked(dataset, options), options)
    async with afterwards_async(made.aclose):
        async for chunk in made:
            yield chunk


def _dividing(
    dataset: Dataset, options: Options, delivery: Delivery, progress: Progress, outside: Outside, resolve: Resolve
) -> Dividing:
    dataset, options = with_coded_frames(dataset, options)
    return Dividing(dataset, options, delivery, progress, outside, resolve)


def _prepared(plan: Plan, options: Options) -> Prepare[PixelsWritten | None]:
    return lambda _: (encoded(plan), expected_size(plan, options, None))


def _chunked(dataset: Dataset, options: Options) -> Prepare[PixelsWritten | None]:
    return lambda _: encoder_for(None, dataset, options, chunk_capabilities(options))


def async_options(given: dict[str, Any], function: str) -> Options:
    """Check the options of an asynchronous function that takes frames."""
    options = check_options(given, function)
    frames = options.frames
    if not options.frames_on_loop or isinstance(frames, (AsyncIterable, list, tuple)) or not gives_frames(frames):
        return options
    on_loop = FramesOnLoop(frames) if number_given(frames) is None else SizedFramesOnLoop(frames)
    return replace(options, frames=on_loop)
