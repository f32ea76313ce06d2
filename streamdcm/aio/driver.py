"""The asynchronous driver: the steps of the synchronous one on a thread, and the loop performs what they collect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from os import PathLike
from typing import Any, TypeVar

from anyio import to_thread
from anyio.lowlevel import checkpoint

from streamdcm.aio.answers import AsyncSources, answered_by
from streamdcm.aio.collector import Batch, Collector
from streamdcm.aio.delivery import AsyncDelivery
from streamdcm.aio.performing import Performing
from streamdcm.aio.prefetch import Prefetch, close_async
from streamdcm.aio.session import Divide, Prepare, Session
from streamdcm.aio.shared_threads import shared_threads
from streamdcm.aio.threads import Caller, Here, to_the_end, worker_thread
from streamdcm.cleanup import afterwards_async
from streamdcm.engine.progress import Progress
from streamdcm.engine.release import Write
from streamdcm.engine.result import WriteResult
from streamdcm.options import Options
from streamdcm.sinks import Delivery
from streamdcm.write.answers import close_frames
from streamdcm.write.driver import DONE

T = TypeVar("T")


async def write(
    prepare: Prepare[T],
    delivery: AsyncDelivery,
    options: Options,
    *,
    is_short: Callable[[], bool] = lambda: False,
    waits: bool = False,
    divide: Divide | None = None,
) -> tuple[WriteResult, T | None]:
    """Run an encoder into a target of any kind, and commit it or leave everything as it was.

    Parameters
    ----------
    prepare : callable
        Makes the encoder; called on a thread, unless `is_short()`.
    delivery : AsyncDelivery
        The target.
    options : Options
        `chunk_size`, `hold_limit`, `seekable` and `progress` count, and `frames` are closed in the end.
    is_short : callable
        Tells whether encoding takes no longer than going to a thread and back.
    waits : bool
        Whether the encoder waits for a source that others send.
    divide : callable, optional
        Makes a write to several targets.

    Returns
    -------
    WriteResult
        What was written.
    object
        What the encoder returned.
    """
    worker = delivery.worker
    async with afterwards_async(partial(close_given, options.frames, worker)):
        output = await delivery.resolve(options) if divide is None else None
        if output is None:
            async with _turn(delivery.target, options, waits=waits) as is_soon:
                caller = shared_threads if is_soon and divide is None else worker
                writing = Performing(caller, prepare, delivery, None, options, divide=divide)
                return await _write_step_by_step(writing, options)
        if is_short():
            return await _write_step_by_step(Performing(Here(), prepare, delivery, output, options), options)
        return await _write_ahead(Performing(worker, prepare, delivery, output, options))


async def chunks(
    prepare: Prepare[Any], options: Options, *, is_short: Callable[[], bool] = lambda: False
) -> AsyncGenerator[bytes, None]:
    """Run an encoder and give what it encodes, in order.

    There is neither a task group nor a cancel scope around a yield: whoever iterates may leave at any.
    """
    async with collecting(prepare, options, is_short=is_short) as (batches, session), afterwards_async(batches.aclose):
        encoded = chunks_of(batches, Progress(options.progress, session.total))
        async with afterwards_async(encoded.aclose):
            async for chunk in encoded:
                yield chunk


@asynccontextmanager
async def collecting(
    prepare: Prepare[T], options: Options, *, is_short: Callable[[], bool] = lambda: False
) -> AsyncIterator[tuple[AsyncGenerator[Batch, None], Session[T]]]:
    """Begin a session that gives what is encoded to nobody but the loop; close all that it was given in the end."""
    async with worker_thread() as worker:
        collector = Collector(options.chunk_size)
        caller = Here() if is_short() else worker
        session = Session(caller, prepare, Delivery(collector), options, collector=collector)
        async with afterwards_async(session.close, partial(close_given, options.frames, worker)):
            yield session.batches(await session.begin()), session  # which keeps no batch when it is used


async def chunks_of(batches: AsyncIterator[Batch], progress: Progress) -> AsyncGenerator[bytes, None]:
    """Give the chunks that batches consist of, and tell of those that were used."""
    async for batch in batches:
        if new := batch.frames - (progress.frames or 0):
            progress.count_frames(new)
        for operation in batch.operations:
            assert isinstance(operation, Write)
            for chunk in operation.buffers:
                yield bytes(chunk)
                progress.add(len(chunk))
    progress.tell()


@asynccontextmanager
async def _turn(target: Any, options: Options, *, waits: bool) -> AsyncIterator[bool]:
    """Wait for one's turn where that comes surely, and tell whether: a path takes what it is given.

    In any case the loop goes round once, so that it passes on a cancellation that is due already.
    """
    if isinstance(target, (str, bytes, PathLike)) and options.frames is None and not waits:
        async with to_thread.current_default_thread_limiter():
            yield True
    else:
        await checkpoint()
        yield False


async def _write_step_by_step(writing: Performing[T], options: Options) -> tuple[WriteResult, T | None]:
    sources = AsyncSources(options.chunk_size, writing.session.count_frames, ahead=True)
    try:
        async with afterwards_async(sources.close):
            need = await writing.begin()
            while need is not DONE:
                need = await answered_by(sources, need, writing)
    except BaseException as error:
        await writing.session.abandon(error)
        raise
    return writing.result()


async def _write_ahead(writing: Performing[T]) -> tuple[WriteResult, T | None]:
    """Write one batch while the next is made."""
    try:
        first = await writing.first()
        if first.then is DONE:
            await writing.perform(first)
        else:
            made = writing.session.batches(first)
            del first  # a batch is kept no longer than until it is written
            async with Prefetch(made) as batches:
                async for batch in batches:
                    await writing.perform(batch)
    except BaseException as error:
        await writing.session.abandon(error)
        raise
    return writing.result()


async def close_given(frames: Any, caller: Caller) -> None:
    """Close frames as they were given, whether or not one was asked for, where they were used."""
    if isinstance(frames, AsyncIterator):
        await close_async(frames)
    elif isinstance(frames, Iterator):
        await to_the_end(caller, partial(close_frames, frames))
