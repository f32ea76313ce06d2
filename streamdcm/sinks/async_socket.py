"""Writing to the caller's own socket from an event loop, which is never blocked, whatever mode the socket is in."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

import anyio

from streamdcm import system
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import Pending, check_socket
from streamdcm.sinks.output import AsyncOutput

_WITHOUT_WAITING: Final[int] = getattr(socket, "MSG_DONTWAIT", 0)


class AsyncSocketOutput(AsyncOutput):
    """The caller's own connected stream socket; it stays open, in the mode that it is in.

    Parameters
    ----------
    connection : socket.socket
        A stream socket in any mode. Its timeout, if it has one, is how long it may take no bytes.
    seekable : bool, optional
        What the caller says; a socket cannot seek.
    """

    takes_views = True

    def __init__(self, connection: socket.socket, *, seekable: bool | None = None) -> None:
        check_socket(connection, seekable)
        self._connection = connection
        self._timeout = connection.gettimeout() or None
        self._duplicate: socket.socket | None = None

    async def open(self) -> None:
        """Take a descriptor of one's own: the caller's may be watched by the event loop, or wait by itself."""
        self._duplicate = system.duplicate(self._connection)
        if not _WITHOUT_WAITING:
            self._duplicate.setblocking(False)  # that of the caller, too, for as long as this lasts

    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Send all bytes of `buffers`, in order."""
        assert self._duplicate is not None
        pending = Pending(buffers)
        while pending:
            try:
                pending.take(system.send_buffers(self._duplicate, pending.next(), _WITHOUT_WAITING))
            except BlockingIOError:
                with anyio.fail_after(self._timeout):
                    await anyio.wait_writable(self._duplicate)

    async def commit(self) -> None:
        """Let go of the socket, which is the caller's."""
        await self.abort()

    async def abort(self) -> None:
        """Let go of the socket, which is the caller's."""
        if self._duplicate is not None:
            if not _WITHOUT_WAITING:
                self._connection.settimeout(self._connection.gettimeout())
            self._duplicate.close()
            self._duplicate = None
