"""The asynchronous driver: the steps of the synchronous one, taken on a thread or in batches for the event loop."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from functools import partial
from os import PathLike
from typing import Any, TypeVar

from anyio import to_thread

from streamdcm.aio.answers import AsyncSources, Outside, answered_by
from streamdcm.aio.batches import Batch, Prepare
from streamdcm.aio.delivery import AsyncDelivery
from streamdcm.aio.on_loop import BatchMaker, OnLoop
from streamdcm.aio.on_thread import OnThread
from streamdcm.aio.prefetch import Prefetch, close_async
from streamdcm.aio.threads import Caller, Here, to_the_end, worker_thread
from streamdcm.engine.progress import Progress
from streamdcm.engine.release import Write
from streamdcm.engine.result import WriteResult
from streamdcm.options import Options
from streamdcm.write.driver import DONE, close_frames

T = TypeVar("T")


async def write(
    prepare: Prepare[T],
    delivery: AsyncDelivery,
    options: Options,
    *,
    is_short: Callable[[], bool] = lambda: False,
    waits: bool = False,
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

    Returns
    -------
    WriteResult
        What was written.
    object
        What the encoder returned.
    """
    worker = delivery.worker
    try:
        output = await delivery.resolve(options)
        if output is None:
            async with nullcontext() if waits else _turn(delivery.target, options):
                return await _write_on_thread(OnThread(worker, prepare, delivery.on_thread, options), options)
        short = is_short()
        session = OnLoop(Here() if short else worker, prepare, output, options)
        return await _write_on_loop(session, ahead=not short)
    finally:
        await close_given(options.frames, worker)


async def chunks(
    prepare: Prepare[Any], options: Options, *, is_short: Callable[[], bool] = lambda: False
) -> AsyncGenerator[bytes, None]:
    """Run an encoder and give what it encodes, in order.

    There is neither a task group nor a cancel scope around a yield: whoever iterates may leave at any.
    """
    async with (
        making_batches(prepare, options, is_short=is_short) as maker,
        aclosing(maker.batches()) as batches,
        aclosing(chunks_of(batches, Progress(options.progress, maker.total))) as encoded,
    ):
        async for chunk in encoded:
            yield chunk


@asynccontextmanager
async def making_batches(
    prepare: Prepare[T], options: Options, *, is_short: Callable[[], bool] = lambda: False
) -> AsyncIterator[BatchMaker[T]]:
    """Make the encoder for what cannot be patched; at the end of the block, close everything that it was given."""
    async with worker_thread() as worker:
        maker = BatchMaker(Here() if is_short() else worker, prepare, options, release="in_order", takes_views=False)
        try:
            await maker.start()
            yield maker
        finally:
            try:
                await maker.close()
            finally:
                await close_given(options.frames, worker)


async def chunks_of(batches: AsyncIterator[Batch], progress: Progress) -> AsyncGenerator[bytes, None]:
    """Give the chunks that batches consist of, and tell of those that were used."""
    async for batch in batches:
        progress.count_frames(batch.frames)
        for operation in batch.operations:
            assert isinstance(operation, Write)
            for chunk in operation.buffers:
                yield bytes(chunk)
                progress.add(len(chunk))
    progress.tell()


def _turn(target: Any, options: Options) -> AbstractAsyncContextManager[object]:
    """Wait for one's turn where that comes surely: a path takes what it is given, and threads only slow each other."""
    takes_all = isinstance(target, (str, bytes, PathLike)) and options.frames is None
    return to_thread.current_default_thread_limiter() if takes_all else nullcontext()


async def _write_on_thread(session: OnThread[T], options: Options) -> tuple[WriteResult, T | None]:
    sources = AsyncSources(options.chunk_size, session.count_frames, ahead=True)
    try:
        need = await session.begin()
        while need is not DONE:
            need = await answered_by(sources, need, session)
    finally:
        error = sys.exception()
        try:
            await sources.close()
        finally:
            await session.abandon(error)
    return session.result()


async def _write_on_loop(session: OnLoop[T], *, ahead: bool) -> tuple[WriteResult, T | None]:
    try:
        await session.open()
        batches = session.maker.batches()
        async with Prefetch(batches) if ahead else aclosing(batches) as made:
            async for batch in made:
                await session.perform(batch)
    finally:
        await session.abandon(sys.exception())
    return session.result()


async def close_given(frames: Any, caller: Caller) -> None:
    """Close frames as they were given, whether or not one was asked for, where they were used."""
    if isinstance(frames, AsyncIterator):
        await close_async(frames)
    elif isinstance(frames, Iterator):
        await to_the_end(caller, partial(close_frames, frames))


async def open_session(
    prepare: Prepare[T], delivery: AsyncDelivery, options: Options, outside: Outside
) -> OnThread[T] | OnLoop[T]:
    """Find out what kind of target it is, for a write that waits for its caller."""
    output = await delivery.resolve(options)
    if output is None:
        return OnThread(delivery.worker, prepare, delivery.on_thread, options, outside)
    return OnLoop(delivery.worker, prepare, output, options, outside)
