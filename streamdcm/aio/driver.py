"""The asynchronous driver: the steps of the synchronous one, taken on a thread or in batches for the event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from functools import partial
from os import PathLike
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from anyio import from_thread, to_thread
from anyio.lowlevel import current_token

from streamdcm.aio.answers import AsyncSources
from streamdcm.aio.batches import Batch, Batches, steps_on_loop
from streamdcm.aio.prefetch import Prefetch, close_async
from streamdcm.aio.threads import Caller, Here, Worker, hired, to_the_end
from streamdcm.driver import DONE, Next, Writing, aborted_on_error, close_frames, policy_for
from streamdcm.errors import TargetTypeError
from streamdcm.instructions import Answer, Encoder, Need
from streamdcm.options import Options
from streamdcm.progress import Progress, ProgressEvent
from streamdcm.release import Patch, Write
from streamdcm.result import Checksum, WriteResult
from streamdcm.sinks import AsyncOutput, Output, PartsOutput, resolve_async
from streamdcm.sources import is_async

T = TypeVar("T")
Step = TypeVar("Step", covariant=True)

Outside: TypeAlias = Callable[[Any], bool]
"""Tells of a source whether its needs are answered on the loop."""

Resolve: TypeAlias = Callable[[], Output | PartsOutput]
"""Finds out how to write to a target that is not asynchronous."""

Prepare: TypeAlias = Callable[[bool], tuple[Encoder[T], int | None]]
"""Makes the encoder for a target that can be patched, or cannot, and tells the number of bytes if that is known."""


async def write(
    prepare: Prepare[T],
    resolve: Resolve,
    target: Any,
    options: Options,
    *,
    is_short: Callable[[], bool] = lambda: False,
) -> tuple[WriteResult, T | None]:
    """Run an encoder into a target of any kind, and commit it or leave everything as it was.

    Parameters
    ----------
    prepare : callable
        Makes the encoder; called on a thread, unless `is_short()`.
    resolve : callable
        Makes the output for a target that is not asynchronous; called on a thread.
    target : object
        The target, as the caller gave it.
    options : Options
        `chunk_size`, `hold_limit`, `seekable` and `progress` count, and `frames` are closed in the end.
    is_short : callable
        Tells whether encoding takes no longer than going to a thread and back.

    Returns
    -------
    WriteResult
        What was written.
    object
        What the encoder returned.
    """
    async with hired() as worker:
        try:
            output = await resolve_async(target, worker.run, seekable=options.seekable)
            if output is None:
                async with _turn(target, options):
                    return await _write_on_thread(OnThread(worker, prepare, resolve, options), options)
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
        producing(prepare, options, is_short=is_short) as production,
        aclosing(production.batches()) as batches,
        aclosing(chunks_of(batches, Progress(options.progress, production.total))) as encoded,
    ):
        async for chunk in encoded:
            yield chunk


@asynccontextmanager
async def producing(
    prepare: Prepare[T], options: Options, *, is_short: Callable[[], bool] = lambda: False
) -> AsyncIterator[Production[T]]:
    """Make the encoder for what cannot be patched; at the end of the block, close everything that it was given."""
    async with hired() as worker:
        production = Production(Here() if is_short() else worker, prepare, options, patchable=False, takes_views=False)
        try:
            await production.start()
            yield production
        finally:
            try:
                await production.close()
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
        try:
            await sources.close()
        finally:
            await session.abandon()
    return session.result()


async def _write_on_loop(session: OnLoop[T], *, ahead: bool) -> tuple[WriteResult, T | None]:
    try:
        await session.open()
        batches = session.production.batches()
        async with Prefetch(batches) if ahead else aclosing(batches) as made:
            async for batch in made:
                await session.perform(batch)
    finally:
        await session.abandon()
    return session.result()


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


async def close_given(frames: Any, caller: Caller) -> None:
    """Close frames as they were given, whether or not one was asked for, where they were used."""
    if isinstance(frames, AsyncIterator):
        await close_async(frames)
    elif isinstance(frames, Iterator):
        await to_the_end(caller, partial(close_frames, frames))


async def open_session(
    worker: Worker,
    prepare: Prepare[T],
    resolve: Resolve,
    target: Any,
    options: Options,
    outside: Outside,
) -> OnThread[T] | OnLoop[T]:
    """Find out what kind of target it is, for a write that waits for its caller."""
    output = await resolve_async(target, worker.run, seekable=options.seekable)
    if output is None:
        return OnThread(worker, prepare, resolve, options, outside)
    return OnLoop(worker, prepare, output, options, outside)


class OnThread(Generic[T]):
    """A write to a synchronous target: all but asynchronous sources belongs to one thread.

    Parameters
    ----------
    worker : Worker
        The thread.
    prepare, resolve : callable
        See `write`.
    options : Options
        See `write`.
    outside : callable
        Tells of a source whether its pieces come from the loop.
    """

    def __init__(
        self,
        worker: Worker,
        prepare: Prepare[T],
        resolve: Resolve,
        options: Options,
        outside: Outside = is_async,
    ) -> None:
        self._worker = worker
        self._prepare = prepare
        self._resolve = resolve
        self._options = options
        self._outside = outside
        self._token = current_token()
        self._progress: Progress | None = None
        self._writing: Writing[T] | None = None
        self._result: WriteResult | None = None
        self._stopped = False

    async def begin(self) -> Next:
        """Resolve the target, make the encoder, and write up to the first need that the loop has to answer."""
        return await self._worker.run(self._begin, stop=self._stop)

    async def advance(self, answer: Answer = None) -> Next:
        """Answer the last need and write up to the next."""
        return await self._worker.run(self._go_on, self._begun().advance, answer, stop=self._stop)

    async def fail(self, error: Exception) -> Next:
        """Tell the encoder that there is no answer to the last need, and go on."""
        return await self._worker.run(self._go_on, self._begun().fail, error, stop=self._stop)

    async def abandon(self) -> None:
        """Give up what is not committed."""
        if self._writing is not None and self._result is None:
            await to_the_end(self._worker, self._writing.abandon)

    def count_frames(self, count: int = 1) -> None:
        """Count frames that were taken on the loop."""
        if self._progress is not None:
            self._progress.count_frames(count)

    def result(self) -> tuple[WriteResult, T | None]:
        """Return what was written, and what the encoder returned."""
        assert self._result is not None
        return self._result, self._begun().returned

    def _begin(self) -> Next:
        output = self._resolve()
        with aborted_on_error(output):
            encoder, total = self._prepare(output.can_patch)
        self._progress = _Watched(self._options.progress and self._tell, total, self._check)
        self._writing = Writing(encoder, output, self._options, self._progress, self._outside, steps_on_loop)
        return self._go_on(self._writing.begin)

    def _go_on(self, step: Callable[..., Next], *arguments: Any) -> Next:
        try:
            need = step(*arguments)
            if need is DONE:
                self._result = self._begun().finish()
        except BaseException:
            self._begun().abandon()
            raise
        return need

    def _begun(self) -> Writing[T]:
        assert self._writing is not None
        return self._writing

    def _tell(self, event: ProgressEvent) -> None:
        assert self._options.progress is not None
        from_thread.run_sync(partial(self._options.progress, event), token=self._token)

    def _stop(self) -> None:
        self._stopped = True

    def _check(self) -> None:
        if self._stopped:
            raise _StoppedError


class _StoppedError(Exception):
    """The task was cancelled for which a thread is writing; never seen outside."""


class _Watched(Progress):
    """Looks whether to stop whenever bytes were written, and before the commit."""

    def __init__(
        self, callback: Callable[[ProgressEvent], object] | None, total: int | None, check: Callable[[], None]
    ) -> None:
        super().__init__(callback, total)
        self._check = check

    def add(self, count: int) -> None:
        self._check()
        super().add(count)

    def tell(self) -> None:
        self._check()
        super().tell()


class Production(Generic[T]):
    """Batches from an encoder, made where `caller` calls.

    Parameters
    ----------
    caller : Caller
        Calls functions on a thread, or here.
    prepare : callable
        See `write`.
    options : Options
        See `write`.
    patchable : bool
        Whether the target can be patched.
    takes_views : bool
        Whether the target takes memoryviews of `bytes`.
    outside : callable
        Tells of a source whether its pieces come from the loop.
    """

    def __init__(
        self,
        caller: Caller,
        prepare: Prepare[T],
        options: Options,
        *,
        patchable: bool,
        takes_views: bool,
        outside: Outside = is_async,
    ) -> None:
        self._caller = caller
        self._prepare = prepare
        self._options = options
        self._patchable = patchable
        self._takes_views = takes_views
        self._outside = outside
        self._batches: Batches[T] | None = None
        self.total: int | None = None
        """The number of bytes that there will be, if that is known."""
        self.returned: T | None = None
        """What the encoder returned."""
        self.checksum: Checksum | None = None
        """The digest of what was written, if it was asked for."""

    async def start(self) -> None:
        """Make the encoder."""
        await self._caller.run(self._start)

    async def advance(self, answer: Answer = None) -> Batch:
        """Answer the last need and make the next batch."""
        batches = self._started()
        return batches.ready() if batches.is_ready else await self._caller.run(batches.advance, answer)

    async def fail(self, error: Exception) -> Batch:
        """Tell the encoder that there is no answer to the last need, and make the next batch."""
        return await self._caller.run(self._started().fail, error)

    async def close(self) -> None:
        """Close encoder and sources, and let go of them."""
        if self._batches is not None:
            batches, self._batches = self._batches, None
            self.returned, self.checksum = batches.returned, batches.checksum
            await to_the_end(self._caller, batches.close)

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Give all batches, answer all needs, and close everything in the end."""
        sources = AsyncSources(self._options.chunk_size, self._started().count_frames)
        try:
            batch = await self.advance()
            while True:
                if batch.operations or batch.then is DONE:  # else whoever is ahead would wait here
                    yield batch
                if isinstance(batch.then, BaseException):
                    raise batch.then
                if batch.then is DONE:
                    return
                batch = await (self.advance() if batch.then is None else answered_by(sources, batch.then, self))
        finally:
            try:
                await sources.close()
            finally:
                await self.close()

    def _start(self) -> None:
        encoder, self.total = self._prepare(self._patchable)
        policy = policy_for(self._options, patchable=self._patchable)
        self._batches = Batches(encoder, policy, self._options, self._takes_views, self._outside)

    def _started(self) -> Batches[T]:
        assert self._batches is not None
        return self._batches


class OnLoop(Generic[T]):
    """A write to an asynchronous target.

    Parameters
    ----------
    caller : Caller
        Calls what makes the batches.
    prepare : callable
        See `write`.
    output : AsyncOutput
        The target.
    options : Options
        See `write`.
    outside : callable
        Tells of a source whether its pieces come from the loop.
    """

    def __init__(
        self,
        caller: Caller,
        prepare: Prepare[T],
        output: AsyncOutput,
        options: Options,
        outside: Outside = is_async,
    ) -> None:
        if options.checksum and output.can_patch:
            raise TargetTypeError(
                "checksum= cannot read back what is overwritten in an asynchronous file when a length becomes known; "
                "give seekable=False, or a path"
            )
        self.production = Production(
            caller, prepare, options, patchable=output.can_patch, takes_views=output.takes_views, outside=outside
        )
        self._output = output
        self._progress = Progress(options.progress)
        self._callback = options.progress
        self._patches = 0

    async def open(self) -> None:
        """Make the encoder, and then note where the target begins."""
        await self.production.start()
        self._progress = Progress(self._callback, self.production.total)
        await self._output.open()

    async def begin(self) -> Next:
        """Make the encoder, and write up to the first need that comes from outside."""
        await self.open()
        return await self._go_on(await self.production.advance())

    async def advance(self, answer: Answer = None) -> Next:
        """Answer the last need and write up to the next."""
        return await self._go_on(await self.production.advance(answer))

    async def fail(self, error: Exception) -> Next:
        """Tell the encoder that there is no answer to the last need, and go on."""
        return await self._go_on(await self.production.fail(error))

    async def abandon(self) -> None:
        """Close what is not exhausted; what was written cannot be taken back."""
        await self.production.close()

    def count_frames(self, count: int = 1) -> None:
        """Count frames that were taken on the loop."""
        self._progress.count_frames(count)

    async def perform(self, batch: Batch) -> None:
        """Write a batch, and tell of it."""
        self._progress.count_frames(batch.frames)
        for operation in batch.operations:
            if isinstance(operation, Patch):
                await self._output.patch(operation.offset, operation.value)
                self._patches += 1
            else:
                await self._output.write(operation.buffers)
                self._progress.add(sum(map(len, operation.buffers)))
        if batch.then is DONE:
            self._progress.tell()

    async def _go_on(self, batch: Batch) -> Next:
        await self.perform(batch)
        while batch.then is None:
            batch = await self.production.advance()
            await self.perform(batch)
        if isinstance(batch.then, BaseException):
            raise batch.then
        return batch.then

    def result(self) -> tuple[WriteResult, T | None]:
        """Return what was written, and what the encoder returned."""
        written = WriteResult(
            self._progress.bytes_written, self._patches, self._output.location, checksum=self.production.checksum
        )
        return written, self.production.returned
