"""The body of an HTTP PUT, sent by an asynchronous client of httpx2 or httpx, on the event loop, as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Sequence
from contextlib import suppress
from typing import Any, Final

import anyio

from streamdcm.cleanup import afterwards_async
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.instructions import Chunk
from streamdcm.sinks.http_clients import make_client
from streamdcm.sinks.output import AsyncOutput
from streamdcm.sinks.storage.http import LARGEST_ANSWER
from streamdcm.sinks.storage.http_connection import Connection
from streamdcm.sinks.storage.http_request import (
    AbortedError,
    Answer,
    AnswerReader,
    EarlyAnswerError,
    Put,
    Send,
    Start,
    Wait,
)

_ASKS: Final = object()
"""What a request yields, to nobody but `_Resumed`, when it asks for the next piece of its body."""


def output_for(
    url: str, storage: StorageSettings, call: Callable[..., Awaitable[Any]], *, overwrite: bool
) -> AsyncHttpOutput:
    """Return the output for a PUT to a URL; `call` calls a function in a thread."""
    return AsyncHttpOutput(Put(url, storage, overwrite=overwrite, asynchronous=True), call)


class AsyncHttpOutput(AsyncOutput):
    """A resource on an HTTP server, put in one request; the server decides when it becomes visible.

    The request is a coroutine that is suspended where it asks for the next piece of its body, and resumed by whoever
    has one: there is neither a task nor a thread that could be left behind.

    Parameters
    ----------
    put : Put
        What is sent where.
    call : callable
        Calls a function in a thread.
    """

    def __init__(self, put: Put, call: Callable[..., Awaitable[Any]]) -> None:
        self.location = put.location
        self._put = put
        self._call = call
        self._start = Start()
        self._connection = Connection(put.library)
        self._piece: bytes | None = None
        self._client: Any = None
        self._request: Coroutine[Any, Any, int] | None = None

    def expect(self, size: int) -> None:
        """Be told how many bytes there will be, before it is opened: they become the Content-Length."""
        self._put.size = size

    async def open(self) -> None:
        """Connect and send the head of the request.

        Raises
        ------
        StorageError
            If there is no connection, or the server refuses the request already.
        """
        self._client = self._put.storage.client
        if self._client is None:
            await self._call(self._make_client)
        self._request = self._exchange()
        await self._resume(None)

    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Send all bytes of `buffers`."""
        for buffer in buffers:
            if len(buffer):
                await self._resume(bytes(buffer))

    async def commit(self) -> None:
        """End the body and wait for the answer.

        Raises
        ------
        StorageError
            If the server did not take the resource.
        """
        await self._resume(b"")
        await self._close()

    async def abort(self) -> None:
        """Break off: without its end the body is not complete."""
        async with afterwards_async(self._close):
            if self._request is not None:
                request, self._request = self._request, None
                with suppress(AbortedError, self._put.library.http.HTTPError):
                    await _Resumed(request, AbortedError())

    def _make_client(self) -> None:
        self._client = make_client(self._put.library, self._put.storage.storage_options, asynchronous=True)

    async def _close(self) -> None:
        if self._client is not None and self._put.storage.client is None:
            client, self._client = self._client, None
            await client.aclose()

    async def _resume(self, piece: bytes | None) -> None:
        """Give the request what it asks for, and return when it asks again, or at its end raise what that means."""
        assert self._request is not None
        with self._put.errors():
            try:
                outcome = await _Resumed(self._request, piece)
            except BaseException:
                self._request = None
                raise
            if outcome is not _ASKS:
                self._request = None
                self._put.check(outcome, self._start)

    async def _body(self) -> AsyncIterator[bytes]:
        reader = AnswerReader()
        await self._connection.look_async(reader, wait=self._put.asks_first)
        for piece in self._start.pieces():
            yield piece
        while not self._start.has_ended:
            if self._piece is None:
                self._piece = await _NextPiece()
            piece = self._piece
            if piece:
                await self._connection.look_async(reader, wait=False)
            self._piece = None  # not before: the look may break this attempt off
            if piece:
                self._start.keep(piece)
                self._put.sent += len(piece)
                yield piece
            else:
                self._start.has_ended = True

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body()

    async def _exchange(self) -> int:
        exchange = self._put.exchange(self._client, self, self._start, self._connection.notice_async)
        step: Callable[[Any], Send | Wait] = exchange.send
        argument: Any = None
        while True:
            try:
                todo = step(argument)
            except StopIteration as stop:
                status: int = stop.value
                return status
            step, argument = exchange.send, None
            if isinstance(todo, Send):
                try:
                    argument = await self._answer(todo)
                except Exception as error:
                    step, argument = exchange.throw, error
            else:
                await anyio.sleep(todo.seconds)

    async def _answer(self, todo: Send) -> Answer:
        try:
            response = await self._client.send(todo.request, stream=True, follow_redirects=False, **todo.arguments)
        except EarlyAnswerError as early:
            return early.answer
        async with afterwards_async(response.aclose):
            with suppress(self._put.library.http.HTTPError):  # the status says it all
                size = 0
                async for piece in response.aiter_raw():
                    size += len(piece)
                    if size > LARGEST_ANSWER:
                        break
        return Answer(response.status_code, response.headers.get("Location"))


class _NextPiece:
    """Awaited by the body of a request: suspends the request as a whole, and gives the piece it is resumed with."""

    def __await__(self) -> Generator[Any, Any, bytes]:
        piece: bytes = yield _ASKS
        return piece


class _Resumed:
    """Awaited by whoever writes: goes on with a request until it asks for a piece, or to its end.

    What the request waits for meanwhile, it waits for in the task that awaits this.

    Parameters
    ----------
    request : coroutine
        The request, which is not running.
    piece : bytes, AbortedError or None
        What it gets, the empty piece for the end of the body; or what is raised in it; `None` for the first time.
    """

    def __init__(self, request: Coroutine[Any, Any, int], piece: bytes | AbortedError | None) -> None:
        self._request = request
        self._piece = piece

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[Any], Any] = (
            self._request.throw if isinstance(self._piece, AbortedError) else self._request.send
        )
        argument: Any = self._piece
        while True:
            try:
                awaited = step(argument)
            except StopIteration as stop:
                return stop.value
            if awaited is _ASKS:
                return _ASKS
            try:
                step, argument = self._request.send, (yield awaited)
            except BaseException as error:
                step, argument = self._request.throw, error
