"""What a session has put into the hands of the loop, on its way to the target."""

from __future__ import annotations

from dataclasses import replace
from typing import Generic, TypeVar

from streamdcm.aio.answers import Outside
from streamdcm.aio.collector import Batch, Collector
from streamdcm.aio.delivery import AsyncDelivery
from streamdcm.aio.ranges import transfer
from streamdcm.aio.session import Divide, Prepare, Session
from streamdcm.aio.threads import Caller
from streamdcm.engine.progress import Progress
from streamdcm.engine.release import Patch, Transfer
from streamdcm.engine.result import WriteResult
from streamdcm.instructions import Answer
from streamdcm.options import Options
from streamdcm.sinks import AsyncOutput, Delivery, takes_size
from streamdcm.sources import is_async
from streamdcm.write.driver import DONE, FULL, Next
from streamdcm.write.trace import trace_of

T = TypeVar("T")


class Performing(Generic[T]):
    """A write to a target of any kind.

    Parameters
    ----------
    caller : Caller
        The thread that the steps are taken on, or the task itself.
    prepare : callable
        Makes the encoder.
    delivery : AsyncDelivery
        The target.
    output : AsyncOutput or None
        What the loop writes to; `None` for a target that the thread writes to.
    options : Options
        Those of the write.
    outside : callable
        Tells of a source whether its pieces come from the loop.
    divide : callable, optional
        Makes a write to several targets.
    """

    def __init__(
        self,
        caller: Caller,
        prepare: Prepare[T],
        delivery: AsyncDelivery,
        output: AsyncOutput | None,
        options: Options,
        outside: Outside = is_async,
        divide: Divide | None = None,
    ) -> None:
        self._trace = trace_of(options.trace)
        options = replace(options, trace=self._trace) if self._trace is not None else options
        collector = None
        if output is not None:
            collector = Collector(
                options.chunk_size,
                # what is overwritten would have to be read back for a digest, which takes the loop
                can_patch=output.can_patch and options.checksum is None,
                takes_views=output.takes_views,
                takes_ranges=output.takes_ranges and options.checksum is None,
                location=output.location,
            )
        on_thread = delivery.on_thread if collector is None else Delivery(collector)
        self.session = Session(caller, prepare, on_thread, options, outside, collector, divide)
        self._output = output
        self._delivery = delivery
        self._chunk_size = options.chunk_size
        self._callback = options.progress
        self._progress: Progress | None = None

    async def begin(self) -> Next:
        """Make the encoder, and write up to the first need that comes from outside."""
        return await self._go_on(await self.first())

    async def advance(self, answer: Answer = None) -> Next:
        """Answer the last need and write up to the next."""
        return await self._go_on(await self.session.advance(answer))

    async def fail(self, error: Exception) -> Next:
        """Tell the encoder that there is no answer to the last need, and go on."""
        return await self._go_on(await self.session.fail(error))

    async def first(self) -> Batch:
        """Make the encoder, make ready to write, and make the first batch: a target may refuse before any frame."""
        if self._output is not None:
            await self.session.prepare()
            total = self.session.total
            self._progress = Progress(self._callback, total)
            if total is not None and takes_size(self._output):
                self._output.expect(total)
            await self._output.open()
        return await self.session.begin()

    async def perform(self, batch: Batch) -> None:
        """Write a batch, and tell of it."""
        if self._output is not None and self._progress is not None:
            try:
                await self._written(batch, self._output, self._progress)
            except BaseException as error:
                self._end_trace(type(error).__name__)
                raise
        if batch.then is DONE:
            self._delivery.is_complete = True

    async def _written(self, batch: Batch, output: AsyncOutput, progress: Progress) -> None:
        if new := batch.frames - (progress.frames or 0):
            progress.count_frames(new)
        for operation in batch.operations:
            if isinstance(operation, Patch):
                await output.patch(operation.offset, operation.value)
            elif isinstance(operation, Transfer):
                await transfer(operation.copy, output, progress, self._chunk_size)
            else:
                await output.write(operation.buffers)
                progress.add(sum(map(len, operation.buffers)))
            if self._trace is not None:
                self._trace.performed(operation)
        if batch.then is DONE:
            progress.tell()
            await output.commit()
            self._end_trace("committed")

    def _end_trace(self, outcome: str) -> None:
        if self._trace is not None:
            self._trace.end(outcome)

    def result(self) -> tuple[WriteResult, T | None]:
        """Return what was written, and what the encoder returned."""
        written, returned = self.session.result()
        return written if self._output is None else replace(written, location=self._output.location), returned

    async def _go_on(self, batch: Batch) -> Next:
        await self.perform(batch)
        while batch.then is FULL:
            batch = await self.session.advance()
            await self.perform(batch)
        if isinstance(batch.then, BaseException):
            raise batch.then
        return batch.then
