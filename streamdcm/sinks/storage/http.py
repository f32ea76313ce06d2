"""The body of an HTTP PUT, sent by a client of httpx2 or httpx, on a thread, as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Condition, Thread
from typing import Any, Final

from streamdcm.cleanup import afterwards
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.instructions import Chunk
from streamdcm.sinks.http_clients import make_client
from streamdcm.sinks.output import Output
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
from streamdcm.sinks.storage.requests import close_own

LARGEST_ANSWER: Final = 64 * 1024
"""The most bytes that are read from the body of an answer, so that its connection can be used again."""

_PATIENCE: Final = 1.0
"""The seconds to wait for a thread that cannot be told to end: it waits for a connection of the caller's."""


def output_for(url: str, storage: StorageSettings, *, overwrite: bool) -> HttpOutput:
    """Return the output for a PUT to a URL."""
    return HttpOutput(Put(url, storage, overwrite=overwrite, asynchronous=False))


class HttpOutput(Output):
    """A resource on an HTTP server, put in one request; the server decides when it becomes visible.

    Parameters
    ----------
    put : Put
        What is sent where.
    """

    def __init__(self, put: Put) -> None:
        self.location = put.location
        self._put = put
        self._sending: Sending | None = None

    def expect(self, size: int) -> None:
        """Be told how many bytes there will be, before it is opened: they become the Content-Length."""
        self._put.size = size

    def open(self) -> None:
        """Connect and send the head of the request.

        Raises
        ------
        StorageError
            If there is no connection, or the server refuses the request already.
        """
        with self._put.errors():
            self._sending = Sending(self._put)
            self._sending.begin()

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Send all bytes of `buffers`, while more of them are made."""
        assert self._sending is not None
        with self._put.errors():
            for buffer in buffers:
                if memoryview(buffer).nbytes:
                    self._sending.give(bytes(buffer))

    def commit(self) -> None:
        """End the body and wait for the answer.

        Raises
        ------
        StorageError
            If the server did not take the resource.
        """
        if self._sending is not None:
            with self._put.errors():
                self._sending.finish()
            self._sending = None

    def abort(self) -> None:
        """Break off: without its end the body is not complete."""
        if self._sending is not None:
            sending, self._sending = self._sending, None
            sending.stop()


class Sending:
    """A thread that sends a request whose body it is given piece by piece, one ahead.

    Parameters
    ----------
    put : Put
        What is sent where.
    """

    def __init__(self, put: Put) -> None:
        self._put = put
        self._start = Start()
        self._connection = Connection(put.library, keep_socket=True)
        self._changed = Condition()
        self._asks = False
        self._piece: bytes | None = None
        self._stopped = False
        self._status: int | None = None
        self._error: BaseException | None = None
        self._thread = Thread(target=copy_context().run, args=(self._run,), name="streamdcm-http", daemon=True)

    def begin(self) -> None:
        """Begin to send; return when the server gets the body."""
        self._thread.start()
        with self._changed:
            self._wait_until_it_asks()

    def give(self, piece: bytes) -> None:
        """Have a piece sent; wait until the one before has been."""
        with self._changed:
            self._wait_until_it_asks()
            self._piece, self._asks = piece, False
            self._changed.notify_all()

    def finish(self) -> None:
        """End the body, wait for the answer, and raise what it stands for."""
        self.give(b"")
        with self._changed:
            self._changed.wait_for(self._has_ended)
        self._thread.join()
        self._raise_outcome()

    def stop(self) -> None:
        """Break off, so that the body never comes to its end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._connection.shut_down()
        if self._thread.ident is not None:
            self._thread.join(None if self._connection.is_known else _PATIENCE)

    def __iter__(self) -> Iterator[bytes]:
        """Give the body, on the thread, from its beginning."""
        reader = AnswerReader()
        self._connection.look(reader, wait=self._put.asks_first)
        yield from self._start.pieces()
        while not self._start.has_ended:
            piece = self._next()
            if piece:
                self._connection.look(reader, wait=False)
            self._piece = None  # not before: the look may break this attempt off
            if piece:
                self._start.keep(piece)
                self._put.sent += len(piece)
                yield piece
            else:
                self._start.has_ended = True

    def _next(self) -> bytes:
        """Ask for the next piece; the empty one is the end."""
        with self._changed:
            self._asks = self._piece is None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._piece is not None or self._stopped)
            if self._stopped or self._piece is None:
                raise AbortedError
            return self._piece

    def _wait_until_it_asks(self) -> None:
        self._changed.wait_for(lambda: self._asks or self._has_ended())
        if self._has_ended():
            self._raise_outcome()

    def _has_ended(self) -> bool:
        return self._status is not None or self._error is not None

    def _raise_outcome(self) -> None:
        if self._error is not None:
            raise self._error
        assert self._status is not None
        self._put.check(self._status, self._start)

    def _run(self) -> None:
        status: int | None = None
        error: BaseException | None = None
        try:
            with afterwards(self._connection.close):
                status = self._send_all()
        except BaseException as problem:  # raised again by whoever gives the body, whatever it is
            error = problem
        with self._changed:
            self._status, self._error = status, error
            self._changed.notify_all()

    def _send_all(self) -> int:
        storage = self._put.storage
        client = storage.client or make_client(self._put.library, storage.storage_options, asynchronous=False)
        with afterwards(partial(close_own, client, storage)):
            return self._exchange(client)

    def _exchange(self, client: Any) -> int:
        exchange = self._put.exchange(client, self, self._start, self._connection.notice)
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
                    argument = self._answer(client, todo)
                except Exception as error:
                    step, argument = exchange.throw, error
            else:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, todo.seconds)

    def _answer(self, client: Any, todo: Send) -> Answer:
        if self._stopped:
            raise AbortedError
        try:
            response = client.send(todo.request, stream=True, follow_redirects=False, **todo.arguments)
        except EarlyAnswerError as early:
            return early.answer
        with afterwards(response.close), suppress(self._put.library.http.HTTPError):  # the status says it all
            size = 0
            for piece in response.iter_raw():
                size += len(piece)
                if size > LARGEST_ANSWER:
                    break
        return Answer(response.status_code, response.headers.get("Location"))
