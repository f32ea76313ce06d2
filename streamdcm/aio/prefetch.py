"""Overlap: the next thing is made while the last one is used."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from anyio import CancelScope, EndOfStream, create_memory_object_stream, create_task_group, get_cancelled_exc_class

from streamdcm.cleanup import CLOSING, afterwards, afterwards_async, noted

T = TypeVar("T")


class Prefetch(Generic[T]):
    """Iterates over an async generator in a task of its own, one step ahead; for an ``async with`` block.

    Errors of the generator come out of the iteration, errors of the block out of the block, both as they are.

    Parameters
    ----------
    things : async generator
        Closed by the task that iterates over it, whatever happens.
    """

    def __init__(self, things: AsyncGenerator[T, None]) -> None:
        self._things = things
        self._error: BaseException | None = None
        self._unclosed: Exception | None = None

    async def __aenter__(self) -> Self:
        self._send, self._receive = create_memory_object_stream[T](0)
        self._group = create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._iterate)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._group.cancel_scope.cancel()
        with noted(error, CLOSING), afterwards(self._send.close, self._receive.close, self._raise_unclosed):
            # where the task was cancelled before it began, it has closed nothing
            async with afterwards_async(partial(close_async, self._things)):
                # without the error of the block, which would be wrapped in an ExceptionGroup
                await self._group.__aexit__(None, None, None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._receive.receive()
        except EndOfStream:
            if self._error is None:
                raise StopAsyncIteration from None
            raise self._error from self._error.__cause__

    async def _iterate(self) -> None:
        try:
            async for thing in self._things:
                await self._send.send(thing)
        except get_cancelled_exc_class():
            raise
        except BaseException as error:
            self._error = error
        finally:
            self._send.close()
            try:
                await close_async(self._things)
            except Exception as error:  # raised where the block ends
                self._unclosed = error

    def _raise_unclosed(self) -> None:
        if self._unclosed is not None:
            raise self._unclosed


async def close_async(iterator: Any) -> None:
    """Close an async iterator that can be closed, to the end."""
    close = getattr(iterator, "aclose", None)
    if close is not None:
        with CancelScope(shield=True):
            await close()
