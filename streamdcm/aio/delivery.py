"""The twin of `streamdcm.sinks.Delivery`: a target that tasks write to, and the thread that works for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from anyio import CancelScope

from streamdcm.aio.threads import Worker, to_the_end, worker_thread
from streamdcm.cleanup import afterwards_async, noted
from streamdcm.errors.telling import tell_of
from streamdcm.options import Options
from streamdcm.sinks import AsyncOutput, Delivery, is_discardable, resolve_async
from streamdcm.sinks.delivery import name_target
from streamdcm.write.targets import refuse_options_in_vain


class AsyncDelivery:
    """A target, from when it is given to an asynchronous function until it is committed or left as it was.

    Parameters
    ----------
    target : object
        What the caller gave.
    worker : Worker
        The thread for what is not asynchronous.
    """

    def __init__(self, target: Any, worker: Worker) -> None:
        self.worker = worker
        self._output: AsyncOutput | None = None
        self.is_complete = False
        """Whether all was written and has its name; an error that comes then changes nothing."""
        self.on_thread = Delivery(target)
        """The target for who writes to it on the thread."""

    @property
    def target(self) -> Any:
        """What the caller gave."""
        return self.on_thread.target

    @property
    def location(self) -> str | None:
        """The name of the target, for people, if it is known and has one."""
        if self._output is not None:
            return self._output.location
        return self.on_thread.output.location if self.on_thread.is_resolved else None

    async def resolve(self, options: Options) -> AsyncOutput | None:
        """Find out how to write to the target from the event loop; `None` if that is to be done on the thread."""
        refuse_options_in_vain(self.target, options)
        self._output = await resolve_async(
            self.target,
            self.worker.run,
            seekable=options.seekable,
            overwrite=options.overwrite,
            storage=options,
        )
        return self._output

    async def give_up(self, error: BaseException | None) -> None:
        """Leave what was there before; see `Delivery.give_up`."""
        name_target(error, self.location)
        async with afterwards_async(partial(self._give_up_on_thread, error)):
            if self._output is not None:
                with CancelScope(shield=True), noted(error, "what was written could not be taken back"):
                    await self._output.abort()

    async def _give_up_on_thread(self, error: BaseException | None) -> None:
        if self.on_thread.is_resolved:
            await to_the_end(self.worker, partial(self.on_thread.give_up, error))
        elif is_discardable(self.target):
            with CancelScope(shield=True):
                await self.worker.run(self.on_thread.give_up, error)


@asynccontextmanager
async def delivered(target: Any) -> AsyncIterator[AsyncDelivery]:
    """Give a target and a thread to the block, and give the target up if the block raises."""
    async with worker_thread() as worker:
        delivery = AsyncDelivery(target, worker)
        try:
            yield delivery
        except BaseException as error:
            if delivery.is_complete:
                came = "this error" if isinstance(error, Exception) else "the cancellation"
                tell_of(f"{delivery.location or 'the target'}: complete; {came} came too late", error)
            else:
                await delivery.give_up(error)
            raise
