"""What is known of the connection that a request goes through, by what httpcore tells of it."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import Any, Final

from streamdcm.sinks.http_clients import Library
from streamdcm.sinks.storage.http_request import CONTINUE_WAIT, AnswerReader

_READ_SIZE: Final = 64 * 1024
_AT_ONCE: Final = 0.05
"""The seconds for what is there already: TLS may turn out to have nothing in it."""


class Connection:
    """The connection of a request, if it was opened for it: that of a caller's pool is not known.

    Parameters
    ----------
    library : Library
        The library whose client sends.
    keep_socket : bool
        Whether `shut_down` is going to be called, from another thread.
    """

    def __init__(self, library: Library, *, keep_socket: bool = False) -> None:
        self._timeout = library.core.ReadTimeout
        self._error = library.core.ReadError
        self._keep_socket = keep_socket
        self._socket: socket.socket | None = None
        self._stream: Any = None
        self._is_http_1 = False
        self._is_shut_down = False

    @property
    def is_known(self) -> bool:
        """Whether `shut_down` has an effect."""
        return self._socket is not None

    def notice(self, event: str, info: dict[str, Any]) -> None:
        """Take note of what happens on the connection."""
        if event.startswith(("http11.send_request_headers", "http2.send_request_headers")):
            self._is_http_1 = event.startswith("http11.")
        stream: Any = info.get("return_value")
        if hasattr(stream, "get_extra_info"):
            self._stream = stream
            if self._keep_socket:
                self.close()
                # one of our own: by the time that it is shut down, the library may have closed its
                self._socket = socket.socket(fileno=os.dup(stream.get_extra_info("socket").fileno()))
                if self._is_shut_down:
                    self.shut_down()

    async def notice_async(self, event: str, info: dict[str, Any]) -> None:
        """Take note of what happens on the connection."""
        self.notice(event, info)

    def look(self, reader: AnswerReader, *, wait: bool) -> None:
        """Read what the server has answered already, and, if it was asked, wait a little for that."""
        while self._is_worth_a_look(wait):
            try:
                data = self._stream.read(_READ_SIZE, timeout=CONTINUE_WAIT if wait else _AT_ONCE)
            except self._timeout:
                return
            if self._taken(reader, data):
                return

    async def look_async(self, reader: AnswerReader, *, wait: bool) -> None:
        """Do what `look` does, on an event loop."""
        while self._is_worth_a_look(wait):
            try:
                data = await self._stream.read(_READ_SIZE, timeout=CONTINUE_WAIT if wait else _AT_ONCE)
            except self._timeout:
                return
            if self._taken(reader, data):
                return

    def shut_down(self) -> None:
        """Have whoever waits for the connection, on whatever thread, go on and fail, also if it is just being made."""
        self._is_shut_down = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _taken(self, reader: AnswerReader, data: bytes) -> bool:
        if not data:  # an error of the library's own, as if it had found out
            raise self._error("the server has hung up")
        return reader.take(data)

    def _is_worth_a_look(self, wait: bool) -> bool:
        if self._stream is None or not self._is_http_1:
            return False
        return wait or bool(self._stream.get_extra_info("is_readable"))
