"""A target on the event loop, for a thread that writes to several: the thread waits for each call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from anyio import CancelScope, from_thread, to_thread
from anyio.lowlevel import EventLoopToken

from streamdcm.aio.collector import lasting
from streamdcm.instructions import Chunk
from streamdcm.options import Options
from streamdcm.sinks import AsyncOutput, Output, resolve_async, takes_size


class BridgedOutput(Output):
    """Passes on what a thread writes to an output on the event loop.

    Parameters
    ----------
    output : AsyncOutput
        Where the bytes go.
    token : EventLoopToken
        The event loop.
    """

    awaits = True

    def __init__(self, output: AsyncOutput, token: EventLoopToken) -> None:
        self.can_patch = output.can_patch
        self._output = output
        self._token = token
        self._scope: CancelScope | None = None
        self._error: BaseException | None = None

    def expect(self, size: int) -> None:
        """Tell the output how many bytes there will be, if it has a use for that."""
        if takes_size(self._output):
            self._output.expect(size)

    def open(self) -> None:
        """Open the output."""
        self._wait_for(self._output.open)

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        kept = [lasting(buffer, self._output.takes_views) for buffer in buffers]
        self._wait_for(partial(self._output.write, kept))

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes."""
        self._wait_for(partial(self._output.patch, offset, value))

    def commit(self) -> None:
        """Commit the output."""
        self._wait_for(self._output.commit)
        self.location = self._output.location

    def abort(self) -> None:
        """Abort the output."""
        from_thread.run(self._output.abort, token=self._token)

    def interrupt(self, error: BaseException) -> None:
        """Have the call that waits, or the next one, raise an error; called on the event loop."""
        self._error = error
        if self._scope is not None:
            self._scope.cancel()

    def _wait_for(self, function: Callable[[], Awaitable[None]]) -> None:
        from_thread.run(self._called, function, token=self._token)

    async def _called(self, function: Callable[[], Awaitable[None]]) -> None:
        with CancelScope() as self._scope:
            if self._error is None:
                await function()
        self._scope = None
        if self._error is not None:
            raise self._error


def bridged(target: Any, options: Options, token: EventLoopToken) -> Any:
    """Let a function that gives targets on the event loop be called on a thread; return any other target as it is."""
    if not callable(target) or callable(getattr(target, "write", None)):
        return target

    def target_of(number: int) -> Any:
        given = target(number)
        output = from_thread.run(_resolved, given, options, token=token)
        return given if output is None else BridgedOutput(output, token)

    return target_of


async def _resolved(target: Any, options: Options) -> AsyncOutput | None:
    return await resolve_async(
        target,
        to_thread.run_sync,
        seekable=options.seekable,
        overwrite=options.overwrite,
        storage=options,
    )
