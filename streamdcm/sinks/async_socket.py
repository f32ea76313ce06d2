"""Writing to the caller's own socket from an event loop, which is never blocked, whatever mode the socket is in."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

import anyio

from streamdcm import system
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import NOT_TOGETHER, Pending, check_socket
from streamdcm.sinks.output import AsyncOutput
from streamdcm.sinks.protocols import Call

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
        # Nothing but its mode keeps a call from waiting that sends a file.
        self.takes_ranges = system.can_send_files() and connection.gettimeout() is not None

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
                await _writable(self._duplicate, self._timeout)

    async def copy_range(self, descriptor: int, offset: int, length: int, call: Call) -> int:
        """Send bytes of a file within the kernel."""
        assert self._duplicate is not None
        return await send_range(self._duplicate, self._timeout, descriptor, offset, length, call)

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


async def send_range(
    connection: socket.socket, timeout: float | None, descriptor: int, offset: int, length: int, call: Call
) -> int:
    """Send bytes of a file through a socket in non-blocking mode, within the kernel.

    Parameters
    ----------
    connection : socket.socket
        The socket, which is watched by nobody else.
    timeout : float, optional
        The seconds for which it may take nothing.
    descriptor : int
        That of a plain file.
    offset, length : int
        The range in it.
    call : callable
        Calls a function in a thread.

    Returns
    -------
    int
        How many bytes were sent; 0 if the two do not go together, or at the end of the file.
    """
    while True:
        await _writable(connection, timeout)
        try:
            sent: int = await call(system.send_file, connection.fileno(), descriptor, offset, length)
        except BlockingIOError:  # another has filled it meanwhile
            continue
        except OSError as error:
            if error.errno not in NOT_TOGETHER:
                raise
            return 0
        return sent


async def _writable(connection: socket.socket, timeout: float | None) -> None:
    with anyio.fail_after(timeout):
        await anyio.wait_writable(connection)
