"""Targets of every kind on an event loop, each with a way to ask what arrived."""

import asyncio
import contextlib
import io
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import trio
from anyio.abc import SocketStream
from sniffio import current_async_library

from tests.support.targets import WriteOnly
from tests.support.tools import package

Arrived = Callable[[], Any]
Target = tuple[Any, Arrived]


class Awaited:
    """An object whose write() is awaited, and takes a few bytes at a time."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, data: bytes) -> int:
        assert type(data) is bytes
        await anyio.lowlevel.checkpoint()
        self.data += data[:100_003]
        return min(len(data), 100_003)


class Delegating:
    """The same behind a method that is none of those that say they are asynchronous."""

    def __init__(self) -> None:
        self._inner = Awaited()
        self.data = self._inner.data

    def write(self, data: bytes) -> Any:
        return self._inner.write(data)


@contextlib.asynccontextmanager
async def path() -> AsyncIterator[Target]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.dcm")
        yield file, file.read_bytes


@contextlib.asynccontextmanager
async def memory() -> AsyncIterator[Target]:
    buffer = io.BytesIO(b"before")
    buffer.seek(6)
    yield buffer, lambda: buffer.getvalue()[6:]


@contextlib.asynccontextmanager
async def write_only() -> AsyncIterator[Target]:
    target = WriteOnly()
    yield target, lambda: bytes(target.data)


@contextlib.asynccontextmanager
async def awaited() -> AsyncIterator[Target]:
    target = Awaited()
    yield target, lambda: bytes(target.data)


@contextlib.asynccontextmanager
async def delegating() -> AsyncIterator[Target]:
    target = Delegating()
    yield target, lambda: bytes(target.data)


@contextlib.asynccontextmanager
async def anyio_file() -> AsyncIterator[Target]:
    with tempfile.TemporaryDirectory() as folder:
        async with await anyio.open_file(Path(folder, "out.dcm"), "wb") as file:
            await file.write(b"before")
            yield file, _flushed(file, Path(folder, "out.dcm"))


@contextlib.asynccontextmanager
async def native_file() -> AsyncIterator[Target]:
    """aiofiles' on asyncio, trio's on trio."""
    with tempfile.TemporaryDirectory() as folder:
        opening = package("aiofiles").open if current_async_library() == "asyncio" else trio.open_file
        file = await opening(str(Path(folder, "out.dcm")), "wb")
        try:
            await file.write(b"before")
            yield file, _flushed(file, Path(folder, "out.dcm"))
        finally:
            await (file.aclose() if hasattr(file, "aclose") else file.close())


def _flushed(file: Any, path: Path) -> Arrived:
    async def arrived() -> bytes:
        await file.flush()
        content = path.read_bytes()
        assert content[:6] == b"before"
        return content[6:]

    return arrived


@contextlib.asynccontextmanager
async def object_stream() -> AsyncIterator[Target]:
    """anyio's memory stream, whose reader keeps what it is given."""
    sending, receiving = anyio.create_memory_object_stream[bytes](1)
    async with sending, receiving, _received(receiving) as arrived:
        yield sending, _closing(sending, arrived)


@contextlib.asynccontextmanager
async def byte_stream() -> AsyncIterator[Target]:
    """anyio's byte stream: a socket."""
    async with (
        connected() as (ours, receiving),
        _received(receiving) as arrived,
        await SocketStream.from_socket(ours) as sending,
    ):
        yield sending, _closing(sending, arrived)


@contextlib.asynccontextmanager
async def native_stream() -> AsyncIterator[Target]:
    """An `asyncio.StreamWriter` on asyncio, a `trio.SocketStream` on trio."""
    async with connected() as (ours, receiving), _received(receiving) as arrived, native(ours) as stream:
        yield stream, _closing(stream, arrived)


@contextlib.asynccontextmanager
async def plain_socket() -> AsyncIterator[Target]:
    """A socket in blocking mode."""
    async with connected() as (ours, receiving), _received(receiving) as arrived:
        ours.setblocking(True)
        yield ours, _closing(ours, arrived)


@contextlib.asynccontextmanager
async def native(connection: socket.socket) -> AsyncIterator[Any]:
    """Give the stream of the event loop itself on a socket."""
    if current_async_library() == "trio":
        async with trio.SocketStream(trio.socket.from_stdlib_socket(connection)) as stream:
            yield stream
    else:
        _, writer = await asyncio.open_connection(sock=connection)
        try:
            yield writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[socket.socket, SocketStream]]:
    """Give a socket, and the stream that gets what is sent through it."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours:
        async with await SocketStream.from_socket(theirs) as receiving:
            yield ours, receiving


@contextlib.asynccontextmanager
async def _received(stream: Any) -> AsyncIterator[Arrived]:
    """Read a stream in the background, and give what waits for its end."""
    pieces: list[bytes] = []
    ended = anyio.Event()

    async def read() -> None:
        with contextlib.suppress(anyio.BrokenResourceError):
            async for piece in stream:
                pieces.append(piece)
        ended.set()

    async def arrived() -> bytes:
        await ended.wait()
        return b"".join(pieces)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        try:
            yield arrived
        finally:
            group.cancel_scope.cancel()


def _closing(stream: Any, arrived: Arrived) -> Arrived:
    async def closed() -> bytes:
        if hasattr(stream, "aclose"):
            await stream.aclose()
        else:
            stream.close()
        return await arrived()

    return closed


KINDS: dict[str, Callable[[], contextlib.AbstractAsyncContextManager[Target]]] = {
    function.__name__: function
    for function in (
        path,
        memory,
        write_only,
        awaited,
        delegating,
        anyio_file,
        native_file,
        object_stream,
        byte_stream,
        native_stream,
        plain_socket,
    )
}
