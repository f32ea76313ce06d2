"""The driver on an event loop, of asyncio or trio: a task for each sender."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final

from anyio import CancelScope, Lock, create_task_group, move_on_after, sleep, wait_readable, wait_writable

from streamdcm.aio.prefetch import close_async
from streamdcm.aio.threads import Worker, to_the_end, worker_thread
from streamdcm.cleanup import afterwards, afterwards_async, on_error
from streamdcm.network.instances import Intake
from streamdcm.network.items import Body, Item
from streamdcm.network.operations import Call, Close, Job, Open, Operation, Post, Pull, SourceFailed, Steps, Take, Wait
from streamdcm.plan.capabilities import Framing

TakeAsync = Callable[[], Awaitable[Job | None]]


class OnLoop:
    """Performs what one sender asks for.

    Parameters
    ----------
    take : callable
        Gives the next instance, awaited.
    worker : Worker
        Encodes and reads files.
    """

    def __init__(self, take: TakeAsync, worker: Worker) -> None:
        self._take = take
        self._worker = worker
        self._body: AsyncIterator[bytes] | None = None
        self._jobs: set[Job] = set()
        self._actions: Final[dict[type, Callable[[Any], Awaitable[Any]]]] = {
            Wait: _wait,
            Call: lambda call: self._worker.run(call.function),
            Take: self._next_job,
            Open: self._open,
            Pull: self._pull,
            Close: self._close,
            Post: lambda post: post.send(worker),
        }

    async def run(self, steps: Steps[None]) -> None:
        """Perform everything, to the end."""
        async with afterwards_async(self._close_all):
            with afterwards(steps.close):
                await self._perform(steps)

    async def _perform(self, steps: Steps[None]) -> None:
        step: Callable[[Any], Operation] = steps.send
        argument: Any = None
        while True:
            try:
                operation = step(argument)
            except StopIteration:
                return
            try:
                step, argument = steps.send, await self._actions[operation.__class__](operation)
            except Exception as error:
                step, argument = steps.throw, error

    async def _close_all(self) -> None:
        async with afterwards_async(*(partial(self._close, Close(job)) for job in (None, *self._jobs))):
            pass

    async def _next_job(self, _: Take) -> Job | None:
        job = await self._take()
        if job is not None:
            self._jobs.add(job)
        return job

    async def _open(self, open_: Open) -> None:
        await self._close(Close())
        assert open_.job.item is not None
        try:
            self._body = await opened(open_.job.item, open_.transfer_syntax, open_.framing, self._worker)
        except Exception as error:
            raise SourceFailed(error) from error

    async def _pull(self, _: Pull) -> bytes | None:
        assert self._body is not None
        try:
            return await anext(self._body, None)
        except Exception as error:
            raise SourceFailed(error) from error

    async def _close(self, close: Close) -> None:
        body, self._body, item = self._body, None, None
        if close.job is not None:
            self._jobs.discard(close.job)
            item, close.job.item = close.job.item, None
        async with afterwards_async(*([] if item is None else [partial(let_go, item, self._worker)])):
            await close_async(body)


async def opened(item: Item, syntax: str, framing: Framing, worker: Worker) -> AsyncIterator[bytes]:
    """Begin to encode an instance: on a thread, about a MiB at a time, unless it does so itself."""
    own = item.async_chunks(syntax, framing)
    if own is not None:
        return own
    body, first = await worker.run(_begun, item, syntax, framing)
    return _chunks(body, first, worker)


async def let_go(item: Item, worker: Worker) -> None:
    """Close what was given for an instance."""
    given = item.close_async()
    if given is None:
        await to_the_end(worker, item.close)
    else:
        await close_async(given)


def _begun(item: Item, syntax: str, framing: Framing) -> tuple[Body, list[bytes]]:
    body = item.open(syntax, framing)
    with on_error(body.close):
        return body, body.batch()


async def _chunks(body: Body, batch: list[bytes], worker: Worker) -> AsyncGenerator[bytes, None]:
    async with afterwards_async(partial(to_the_end, worker, body.close)):
        while batch:
            for chunk in batch:
                yield chunk
            batch = await worker.run(body.batch)


async def _wait(wait: Wait) -> bool:
    if wait.socket is None:
        await sleep(wait.seconds)
        return True
    with move_on_after(max(0.0, wait.seconds)):
        await (wait_readable if wait.reads else wait_writable)(wait.socket)
        return True
    return False


async def send_on_loop(senders: list[Callable[[], Steps[None]]], intake: Intake) -> None:
    """Run senders, each in a task, until there are no more instances.

    The first error ends all of them, and is raised when they have ended.
    """
    lock = Lock()
    errors: list[Exception] = []

    async def run(sender: Callable[[], Steps[None]], take: TakeAsync, scope: CancelScope) -> None:
        try:
            async with worker_thread() as worker:
                await OnLoop(take, worker).run(sender())
        except Exception as error:  # raised below
            errors.append(error)
            scope.cancel()

    async with worker_thread() as asks:

        async def take() -> Job | None:
            async with lock:
                return await (intake.take_async(asks.run) if intake.is_async else asks.run(intake.take))

        async with create_task_group() as tasks:
            for sender in senders:
                tasks.start_soon(partial(run, sender, take, tasks.cancel_scope))
    if errors:
        raise errors[0]
