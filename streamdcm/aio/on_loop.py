"""Writing to asynchronous targets: batches are made on a thread and sent on the event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from streamdcm.aio.answers import AsyncSources, Outside, answered_by
from streamdcm.aio.batches import Batch, Batches, Prepare
from streamdcm.aio.threads import Caller, to_the_end
from streamdcm.engine.policies import Release, policy_for
from streamdcm.engine.progress import Progress
from streamdcm.engine.release import Patch
from streamdcm.engine.result import Checksum, WriteResult
from streamdcm.errors import StreamdcmError, TargetTypeError
from streamdcm.instructions import Answer
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import AsyncOutput, TakesSize, noted
from streamdcm.sources import is_async
from streamdcm.write.driver import DONE, Next

T = TypeVar("T")


class BatchMaker(Generic[T]):
    """Batches from an encoder, made where `caller` calls.

    Parameters
    ----------
    caller : Caller
        Calls functions on a thread, or here.
    prepare : callable
        See `write`.
    options : Options
        See `write`.
    release : {"patch", "in_order"}
        In which order the target takes bytes.
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
        release: Release,
        takes_views: bool,
        outside: Outside = is_async,
    ) -> None:
        self._caller = caller
        self._prepare = prepare
        self._options = options
        self._release: Release = release
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

    def drop(self) -> None:
        """Do the same, when nobody is left to await it."""
        self._started().close()

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
        encoder, self.total = self._prepare(Capabilities(self._release == "patch"))
        policy = policy_for(self._release, chunk_size=self._options.chunk_size, hold_limit=self._options.hold_limit)
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
        self.maker = BatchMaker(
            caller, prepare, options, release=output.release, takes_views=output.takes_views, outside=outside
        )
        self._output = output
        self._progress = Progress(options.progress)
        self._callback = options.progress
        self._patches = 0
        self.needs_loop = False
        """Whether closing takes the loop."""

    async def open(self) -> None:
        """Make the encoder, and then note where the target begins."""
        await self.maker.start()
        total = self.maker.total
        self._progress = Progress(self._callback, total)
        if total is not None and isinstance(self._output, TakesSize):
            self._output.expect(total)
        await self._output.open()

    async def begin(self) -> Next:
        """Make the encoder, and write up to the first need that comes from outside."""
        await self.open()
        return await self._go_on(await self.maker.advance())

    async def advance(self, answer: Answer = None) -> Next:
        """Answer the last need and write up to the next."""
        return await self._go_on(await self.maker.advance(answer))

    async def fail(self, error: Exception) -> Next:
        """Tell the encoder that there is no answer to the last need, and go on."""
        return await self._go_on(await self.maker.fail(error))

    async def abandon(self, error: BaseException | None) -> None:
        """Close what is not exhausted; what was written cannot be taken back.

        Parameters
        ----------
        error : BaseException or None
            The reason, which gets a note of what goes wrong here; without one that is raised.
        """
        with noted(error, "the sources could not be closed"):
            await self.maker.close()

    def drop(self) -> None:
        """Close what is not exhausted, on the thread, when nobody is left to await anything or to be told of it."""
        with noted(StreamdcmError("dropped"), "the sources could not be closed"):
            self.maker.drop()

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
            await self._output.commit()

    async def _go_on(self, batch: Batch) -> Next:
        await self.perform(batch)
        while batch.then is None:
            batch = await self.maker.advance()
            await self.perform(batch)
        if isinstance(batch.then, BaseException):
            raise batch.then
        return batch.then

    def result(self) -> tuple[WriteResult, T | None]:
        """Return what was written, and what the encoder returned."""
        written = WriteResult(
            self._progress.bytes_written, self._patches, self._output.location, checksum=self.maker.checksum
        )
        return written, self.maker.returned
