"""Writing to targets that are not asynchronous: on a thread, from the first step to the commit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from anyio import from_thread
from anyio.lowlevel import current_token

from streamdcm.aio.answers import Outside
from streamdcm.aio.batches import Prepare, steps_on_loop
from streamdcm.aio.threads import Worker, to_the_end
from streamdcm.aio.uploads import Tasks
from streamdcm.engine.progress import Progress, ProgressEvent
from streamdcm.engine.result import WriteResult
from streamdcm.errors import StreamdcmError, tell_of
from streamdcm.instructions import Answer
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import Delivery, Uploading
from streamdcm.sources import is_async
from streamdcm.write.driver import DONE, Next, Writing
from streamdcm.write.targets import resolve_target

T = TypeVar("T")


class OnThread(Generic[T]):
    """A write to a synchronous target: all but asynchronous sources belongs to one thread.

    Parameters
    ----------
    worker : Worker
        The thread.
    prepare : callable
        See `write`.
    delivery : Delivery
        The target, which is resolved on the thread.
    options : Options
        See `write`.
    outside : callable
        Tells of a source whether its pieces come from the loop.
    """

    def __init__(
        self,
        worker: Worker,
        prepare: Prepare[T],
        delivery: Delivery,
        options: Options,
        outside: Outside = is_async,
    ) -> None:
        self._worker = worker
        self._prepare = prepare
        self._delivery = delivery
        self._options = options
        self._outside = outside
        self._token = current_token()
        self._progress: Progress | None = None
        self._writing: Writing[T] | None = None
        self._result: WriteResult | None = None
        self._stopped = False
        self._outcome: str | None = None

    @property
    def needs_loop(self) -> bool:
        """Whether giving up takes requests that are made on the loop."""
        return isinstance(self._delivery.output, Uploading) and self._delivery.output.awaits

    async def begin(self) -> Next:
        """Resolve the target, make the encoder, and write up to the first need that the loop has to answer."""
        return await self._run(self._begin)

    async def advance(self, answer: Answer = None) -> Next:
        """Answer the last need and write up to the next."""
        return await self._run(self._go_on, self._begun().advance, answer)

    async def fail(self, error: Exception) -> Next:
        """Tell the encoder that there is no answer to the last need, and go on."""
        return await self._run(self._go_on, self._begun().fail, error)

    async def abandon(self, error: BaseException | None) -> None:
        """Give up what is not committed; what goes wrong is told with the error that led to it, if there is one."""
        if self._writing is not None and self._result is None:
            await to_the_end(self._worker, partial(self._writing.abandon, error))

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

    async def _run(self, function: Callable[..., Next], *arguments: Any) -> Next:
        """Call a function on the thread; a cancellation that comes too late is told what it could not prevent."""
        try:
            return await self._worker.run(function, *arguments, stop=self._stop)
        except BaseException as error:
            if self._stopped and self._outcome is not None:
                tell_of(f"{self._delivery.output.location or 'the target'}: {self._outcome}", error)
            raise

    def _begin(self) -> Next:
        with self._delivery:
            output = resolve_target(self._delivery, self._options, partial(Tasks, self._token))
            encoder, total = self._prepare(Capabilities(output.can_patch))
        self._progress = _Watched(self._options.progress and self._tell, total, self._check, self._check_on_loop)
        self._writing = Writing(encoder, self._delivery, self._options, self._progress, self._outside, steps_on_loop)
        return self._go_on(self._writing.begin)

    def _go_on(self, step: Callable[..., Next], *arguments: Any) -> Next:
        try:
            need = step(*arguments)
            if need is DONE:
                self._result = self._begun().finish()
                self._outcome = "complete; the cancellation came too late"
        except BaseException as error:
            if not isinstance(error, _StoppedError):
                self._outcome = f"failed as the cancellation came ({type(error).__name__})"
            self._begun().abandon(error)
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
        self._delivery.interrupt(_StoppedError())

    def _check(self) -> None:
        if self._stopped:
            raise _StoppedError

    def _check_on_loop(self) -> None:
        """Look when the loop has nothing older to do, such as passing on a cancellation that it knows of."""
        from_thread.run_sync(lambda: None, token=self._token)
        self._check()


class _StoppedError(Exception):
    """The task was cancelled for which a thread is writing; never seen outside."""


class _Watched(Progress):
    """Looks whether to stop whenever bytes were written, and before the commit."""

    def __init__(
        self,
        callback: Callable[[ProgressEvent], object] | None,
        total: int | None,
        check: Callable[[], None],
        check_on_loop: Callable[[], None],
    ) -> None:
        super().__init__(callback, total)
        self._check = check
        self._check_on_loop = check_on_loop

    def add(self, count: int) -> None:
        self._check()
        super().add(count)

    def tell(self) -> None:
        super().tell()
        self._check_on_loop()
