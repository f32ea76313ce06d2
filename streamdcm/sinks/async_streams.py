"""Streams of event loops, and the plain sockets beneath them: ranges of files go through those within the kernel."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from anyio.abc import SocketAttribute

from streamdcm import system
from streamdcm.cleanup import afterwards
from streamdcm.instructions import Chunk
from streamdcm.sinks.async_socket import send_range
from streamdcm.sinks.descriptor import choose_patching
from streamdcm.sinks.output import AsyncCallersOutput
from streamdcm.sinks.protocols import Call

# Only these exact classes: nothing in them transforms the bytes, and how they are emptied is known.
_TRANSPORT: Final = "asyncio.selector_events._SelectorSocketTransport"
_SOCKETS: Final = {"asyncio.trsock.TransportSocket", "socket.socket", "trio._socket._SocketType"}

# These send memoryviews in slices of them. asyncio's transports may keep one longer, so it must not change afterwards.
_TAKE_VIEWS = {
    "anyio._backends._asyncio.SocketStream",
    "anyio._backends._trio.SocketStream",
    "asyncio.streams.StreamWriter",
    "trio.SocketStream",
    "trio.SSLStream",
}


class StreamOutput(AsyncCallersOutput):
    """A stream of which one method takes all that it is given.

    Parameters
    ----------
    stream : object
        The stream.
    send : callable
        That method; what it returns is awaited.
    seekable : bool, optional
        What the caller says; a stream cannot seek.
    """

    def __init__(self, stream: Any, send: Callable[[Any], Awaitable[Any]], *, seekable: bool | None) -> None:
        choose_patching(False, seekable, "a stream")
        self.takes_views = _name_of_class(stream) in _TAKE_VIEWS
        self._send = send
        self._beneath = socket_beneath(stream, send)
        self.takes_ranges = self._beneath is not None

    async def open(self) -> None:
        """Do nothing: the stream is open."""

    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Send all bytes of `buffers`, in order."""
        for buffer in buffers:
            if len(buffer):
                await self._send(buffer)

    async def copy_range(self, descriptor: int, offset: int, length: int, call: Call) -> int:
        """Send bytes of a file through the socket beneath, when the stream has sent all else."""
        assert self._beneath is not None
        return await self._beneath.copy_range(descriptor, offset, length, call)


class SocketBeneath:
    """The socket of a stream; nothing is sent through it before the stream itself has sent all that it was given.

    Parameters
    ----------
    connection : object
        The socket, as the stream gives it.
    emptied : callable
        Waits until the stream holds nothing that it has not sent.
    """

    def __init__(self, connection: Any, emptied: Callable[[], Awaitable[object]]) -> None:
        self._connection = connection
        self._emptied = emptied

    async def copy_range(self, descriptor: int, offset: int, length: int, call: Call) -> int:
        """Send bytes of a file; 0 where the stream itself had better send them, or say why it does not."""
        await self._emptied()
        if self._connection.fileno() < 0:
            return 0
        # One of one's own: that of the stream is watched by the event loop, and may be closed while a thread sends.
        duplicate = system.duplicate(self._connection)
        with afterwards(duplicate.close):
            try:
                return await send_range(duplicate, None, descriptor, offset, length, call)
            except OSError:
                return 0


def socket_beneath(stream: Any, send: Callable[[bytes], Awaitable[object]]) -> SocketBeneath | None:
    """Return the plain stream socket beneath a stream, if there is one and nothing in between but a buffer.

    Parameters
    ----------
    stream : object
        The stream.
    send : callable
        Its method that takes bytes; given none, it returns when all others are sent.
    """
    if not system.can_send_files():
        return None
    kind = _name_of_class(stream)
    emptied: Callable[[], Awaitable[object]]
    if kind == "asyncio.streams.StreamWriter":
        if _name_of_class(stream.transport) != _TRANSPORT:
            return None
        connection, emptied = stream.get_extra_info("socket"), _emptying(stream)
    elif kind in {"anyio._backends._asyncio.SocketStream", "anyio._backends._trio.SocketStream"}:
        connection, emptied = stream.extra(SocketAttribute.raw_socket, None), _sending_nothing(send)
    elif kind == "trio.SocketStream":
        connection, emptied = stream.socket, _sending_nothing(send)
    else:
        return None
    if _name_of_class(connection) not in _SOCKETS or connection.fileno() < 0:
        return None
    return SocketBeneath(connection, emptied) if connection.type == socket.SOCK_STREAM else None


def _sending_nothing(send: Callable[[bytes], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    return lambda: send(b"")


def _emptying(writer: Any) -> Callable[[], Awaitable[object]]:
    async def emptied() -> None:
        transport = writer.transport
        low, high = transport.get_write_buffer_limits()
        with afterwards(lambda: transport.set_write_buffer_limits(high, low)):
            transport.set_write_buffer_limits(0)
            await writer.drain()

    return emptied


def _name_of_class(thing: object) -> str:
    kind = type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"
