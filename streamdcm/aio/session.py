"""One write, its steps taken on a thread; an output that collects puts what it writes into the hands of the loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from anyio import TaskInfo, from_thread, get_current_task
from anyio.lowlevel import checkpoint, current_token

from streamdcm.aio.answers import AsyncSources, Outside, answered_by
from streamdcm.aio.bridge import bridged
from streamdcm.aio.collector import Batch, Collector
from streamdcm.aio.threads import Caller, to_the_end
from streamdcm.aio.uploads import Tasks
from streamdcm.cleanup import afterwards_async
from streamdcm.engine.progress import Progress, ProgressEvent
from streamdcm.engine.result import WriteResult
from streamdcm.errors import StreamdcmError
from streamdcm.errors.telling import tell_of
from streamdcm.instructions import Answer, Copy, Encoder
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import Delivery, Uploading
from streamdcm.sources import is_async
from streamdcm.write.divided import Dividing
from streamdcm.write.driver import DONE, FULL, Step, Writing
from streamdcm.write.instance import Resolve
from streamdcm.write.targets import capabilities_of, resolve_target

T = TypeVar("T")

Prepare: TypeAlias = Callable[[Capabilities], tuple[Encoder[T], int | None]]
"""Makes the encoder for a target by what it can do, and tells the number of bytes if that is known."""

Divide: TypeAlias = Callable[[Delivery, Progress, Outside, Resolve], Dividing]
"""Makes a write to several targets."""


class Session(Generic[T]):
    """A write: all but asynchronous sources belongs to one thread.

    Parameters
    ----------
    caller : Caller
        The thread, or the task itself.
    prepare : callable
        Makes the encoder.
    delivery : Delivery
        The target, which is resolved on the thread; that of the collector, if there is one.
    options : Options
        Those of the write.
    outside : callable
        Tells of a source whether its pieces come from the loop.
    collector : Collector, optional
        What is written into, where the loop writes.
    divide : callable, optional
        Makes a write to several targets, in place of one to the target.
    """

    def __init__(
        self,
        caller: Caller,
        prepare: Prepare[T],
        delivery: Delivery,
        options: Options,
        outside: Outside = is_async,
        collector: Collector | None = None,
        divide: Divide | None = None,
    ) -> None:
        self._caller = caller
        self._prepare = prepare
        self._delivery = delivery
        self._options = options
        self._outside = outside
        self._collector = collector
        self._divide = divide
        self._token = current_token()
        self._progress: Progress | None = None
        self._writing: Writing[T] | Dividing | None = None
        self._result: WriteResult | None = None
        self._stopped = False
        self._task: TaskInfo | None = None
        self._outcome: str | None = None
        self.total: int | None = None
        """The number of bytes that there will be, if that is known."""

    @property
    def needs_loop(self) -> bool:
        """Whether giving up takes requests that are made on the loop."""
        outputs = [delivery.output for delivery in self._begun().deliveries]
        return any(output.awaits for output in outputs if isinstance(output, Uploading))

    async def prepare(self) -> None:
        """Resolve the target and make the encoder."""
        await self._caller.run(self._make)

    async def begin(self) -> Batch:
        """Take the first step, after `prepare` if that was not called."""
        return await self._run(self._begin)

    async def advance(self, answer: Answer = None) -> Batch:
        """Answer the last need, if there was one, and take the next step."""
        return await self._run(self._step, self._begun().advance, answer)

    async def fail(self, error: Exception) -> Batch:
        """Tell the encoder that there is no answer to the last need, and take the next step."""
        return await self._run(self._step, self._begun().fail, error)

    async def batches(self, batch: Batch) -> AsyncGenerator[Batch, None]:
        """Give the first batch, and all others; answer all needs, and close everything in the end."""
        sources = AsyncSources(self._options.chunk_size, self.count_frames)
        async with afterwards_async(sources.close, self.close):
            while True:
                if batch.operations or batch.then is DONE:  # else whoever is ahead would wait here
                    yield batch
                if isinstance(batch.then, BaseException):
                    raise batch.then
                if batch.then is DONE:
                    return
                batch = await (self.advance() if batch.then is FULL else answered_by(sources, batch.then, self))

    async def abandon(self, error: BaseException | None) -> None:
        """Give up what is not committed; what goes wrong is told with the error that led to it, if there is one."""
        if self._writing is not None and self._result is None:
            await to_the_end(self._caller, partial(self._writing.abandon, error))

    async def close(self) -> None:
        """Close encoder and sources; what goes wrong is raised."""
        if self._writing is not None:
            await to_the_end(self._caller, self._writing.close)

    def drop(self) -> None:
        """Give up, on the thread, when nobody is left to await anything or to be told of it."""
        self._begun().abandon(StreamdcmError("dropped"))

    def count_frames(self, count: int = 1) -> None:
        """Count frames that were taken on the loop."""
        if self._progress is not None:
            self._progress.count_frames(count)

    def result(self) -> tuple[WriteResult, T | None]:
        """Return what was written, and what the encoder returned."""
        assert self._result is not None
        return self._result, self._begun().returned

    async def _run(self, function: Callable[..., Batch], *arguments: Any) -> Batch:
        """Call a function on the thread; a cancellation that comes too late is told what it could not prevent."""
        if self._collector is not None:  # what is collected is soon complete
            return await self._caller.run(function, *arguments)
        self._task = get_current_task()
        try:
            return await self._caller.run(function, *arguments, stop=self._stop)
        except _StoppedError:
            await checkpoint()  # the cancellation that the thread has seen before the task
            raise
        except BaseException as error:
            if self._stopped and self._outcome is not None:
                location = self._delivery.output.location if self._delivery.is_resolved else None
                tell_of(f"{location or 'the target'}: {self._outcome}", error)
            raise

    def _make(self) -> None:
        with self._delivery:
            self._writing = self._whole() if self._divide is None else self._divided(self._divide)

    def _begin(self) -> Batch:
        if self._writing is None:
            self._make()
        return self._step(self._begun().begin)

    def _whole(self) -> Writing[T]:
        collector = self._collector
        if collector is None:
            output = resolve_target(self._delivery, self._options, self._tasks)
        else:
            output = self._delivery.resolve(storage=self._options)
        encoder, self.total = self._prepare(capabilities_of(output))
        self._progress = progress = self._watched() if collector is None else Progress(None)
        asked_for = _asynchronous if collector is None else collector.asks_for
        return Writing(encoder, self._delivery, self._options, progress, self._outside, asked_for, collector)

    def _divided(self, divide: Divide) -> Dividing:
        self._progress = progress = self._watched()
        targets = Delivery(bridged(self._delivery.target, self._options, self._token))
        return divide(targets, progress, self._outside, partial(resolve_target, tasks=self._tasks))

    def _tasks(self) -> Tasks:
        return Tasks(self._token)

    def _watched(self) -> Progress:
        return _Watched(self._options.progress and self._tell, self.total, self._check, self._check_task)

    def _step(self, step: Callable[..., Step], *arguments: Any) -> Batch:
        assert self._progress is not None
        if self._collector is None:
            return Batch([], 0, self._go_on(step, *arguments))
        then: Step | BaseException
        try:
            then = self._go_on(step, *arguments)
        except BaseException as error:
            then = error  # to be raised when what came before it has been written
        return Batch(self._collector.taken(), self._progress.frames or 0, then)

    def _go_on(self, step: Callable[..., Step], *arguments: Any) -> Step:
        try:
            then = step(*arguments)
            if then is DONE:
                self._result = self._begun().finish()
                self._outcome = "complete; the cancellation came too late"
        except BaseException as error:
            if not isinstance(error, _StoppedError):
                self._outcome = f"failed as the cancellation came ({type(error).__name__})"
            self._begun().abandon(error)
            raise
        return then

    def _begun(self) -> Writing[T] | Dividing:
        assert self._writing is not None
        return self._writing

    def _tell(self, event: ProgressEvent) -> None:
        assert self._options.progress is not None
        from_thread.run_sync(partial(self._options.progress, event), token=self._token)

    def _stop(self) -> None:
        self._stopped = True
        (self._delivery if self._writing is None else self._writing).interrupt(_StoppedError())

    def _check(self) -> None:
        if self._stopped:
            raise _StoppedError

    def _check_task(self) -> None:
        """Look, too, whether the loop knows of a cancellation that it has not passed on to the task yet."""
        self._check()
        if self._task is not None and self._task.has_pending_cancellation():
            self._stopped = True
            raise _StoppedError


def _asynchronous(copy: Copy) -> bool:
    """Tell whether the bytes of a range can only be had from the event loop."""
    return is_async(copy.source)


class _StoppedError(Exception):
    """The task was cancelled for which a thread is writing; never seen outside."""


class _Watched(Progress):
    """Looks whether to stop whenever bytes were written, and before the commit."""

    def __init__(
        self,
        callback: Callable[[ProgressEvent], object] | None,
        total: int | None,
        check: Callable[[], None],
        check_task: Callable[[], None],
    ) -> None:
        super().__init__(callback, total)
        self._check = check
        self._check_task = check_task

    def add(self, count: int) -> None:
        self._check()
        super().add(count)

    def tell(self) -> None:
        super().tell()
        self._check_task()
