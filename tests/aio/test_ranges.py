"""Ranges of files go to sockets, and to streams on plain ones, within the kernel, in order with all else."""

import asyncio
import hashlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from inspect import isawaitable
from pathlib import Path
from typing import Any, BinaryIO

import anyio
import pytest
from anyio.abc import SocketStream
from anyio.streams.tls import TLSStream
from pydicom import Dataset

import streamdcm
from streamdcm.errors import SourceError
from tests.aio.test_write import ct
from tests.support.async_targets import Target, byte_stream, connected, native, native_stream, plain_socket
from tests.support.open_files import open_files
from tests.support.tools import package
from tests.support.writing import in_order

CONTENT = os.urandom(1 << 20) * 20
Kind = Callable[[], AbstractAsyncContextManager[Target]]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    path = tmp_path / "source"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        yield file


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each call of ``sendfile`` has sent."""
    counts: list[int] = []
    send_file = os.sendfile

    def counted(*arguments: Any) -> int:
        counts.append(0)
        counts[-1] = send_file(*arguments)
        return counts[-1]

    monkeypatch.setattr(os, "sendfile", counted)
    return counts


@asynccontextmanager
async def waiting_socket() -> AsyncIterator[Target]:
    """A socket with a timeout."""
    async with plain_socket() as (ours, arrived):
        ours.settimeout(30)
        yield ours, arrived


@asynccontextmanager
async def pair() -> AsyncIterator[Target]:
    """What ``asyncio.open_connection`` returns; trio's stream on trio, which has no such pairs."""
    async with native_stream() as (stream, arrived):
        is_writer = isinstance(stream, asyncio.StreamWriter)
        yield (asyncio.StreamReader(), stream) if is_writer else stream, arrived


def with_file(file: BinaryIO) -> Dataset:
    return ct(PixelData=file)


@pytest.mark.parametrize("kind", [byte_stream, native_stream, pair, waiting_socket])
async def test_they_are_sent_within_the_kernel(kind: Kind, file: BinaryIO, sent: list[int]):
    async with kind() as (target, arrived):
        result = await streamdcm.dcmwrite_async(target, with_file(file))
        data = await arrived()
    assert data == in_order(with_file(file))
    assert result.bytes_written == len(data)
    assert sum(sent) == len(CONTENT)


async def test_a_socket_that_waits_is_not_waited_for(file: BinaryIO, sent: list[int]):
    async with plain_socket() as (ours, arrived):
        await streamdcm.dcmwrite_async(ours, with_file(file))
        assert await arrived() == in_order(with_file(file))
    assert sent == []


async def test_what_a_stream_still_holds_goes_first(file: BinaryIO, sent: list[int]):
    before = os.urandom(1 << 20)
    async with native_stream() as (stream, arrived):
        if isinstance(stream, asyncio.StreamWriter):
            stream.write(before)
            assert stream.transport.get_write_buffer_size()
        else:
            await stream.send_all(before)
        await streamdcm.dcmwrite_async(stream, with_file(file))
        assert await arrived() == before + in_order(with_file(file))
    assert sum(sent) == len(CONTENT)


async def test_a_digest_is_that_of_all_bytes(file: BinaryIO, sent: list[int]):
    async with native_stream() as (stream, arrived):
        result = await streamdcm.dcmwrite_async(stream, with_file(file), checksum="sha256")
        data = await arrived()
    assert result.checksum is not None
    assert result.checksum.digest == hashlib.sha256(data).hexdigest()
    assert sent == []


async def test_short_ones_are_read(file: BinaryIO, sent: list[int]):
    file.seek(len(CONTENT) - 100_000)
    async with native_stream() as (stream, arrived):
        await streamdcm.dcmwrite_async(stream, with_file(file))
        assert CONTENT[-100_000:] in await arrived()
    assert sent == []


async def test_tls_gets_to_see_them(file: BinaryIO, sent: list[int]):
    authority = package("trustme").CA()
    certificate = authority.issue_cert("localhost")
    server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    certificate.configure_cert(server)
    server.num_tickets = 0  # or the client would close with something unread
    authority.configure_trust(client)
    content, expected = bytearray(), in_order(with_file(file))
    async with connected() as (ours, receiving):

        async def receive() -> None:
            tls = await TLSStream.wrap(receiving, server_side=True, ssl_context=server, standard_compatible=False)
            async for piece in tls:
                content.extend(piece)

        async with anyio.create_task_group() as group, native(ours) as stream:
            group.start_soon(receive)
            if isinstance(stream, asyncio.StreamWriter):
                await stream.start_tls(client, server_hostname="localhost")
            else:
                stream = package("trio").SSLStream(stream, client, server_hostname="localhost", https_compatible=True)
            await streamdcm.dcmwrite_async(stream, with_file(file))
            with anyio.fail_after(30):
                while len(content) < len(expected):
                    await anyio.sleep(0.001)
            group.cancel_scope.cancel()
            if isinstance(stream, asyncio.StreamWriter):
                stream.transport.abort()  # closing would wait for the end of TLS
    assert content == expected
    assert sent == []


@pytest.mark.parametrize("kind", [byte_stream, native_stream, waiting_socket])
async def test_a_file_that_becomes_shorter_is_an_error(
    kind: Kind, file: BinaryIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    send_file = os.sendfile

    def shortened(*arguments: Any) -> int:
        os.truncate(tmp_path / "source", 3_000_000)
        return send_file(*arguments)

    monkeypatch.setattr(os, "sendfile", shortened)
    async with kind() as (target, _):
        with pytest.raises(SourceError, match="PixelData"):
            await streamdcm.dcmwrite_async(target, with_file(file))


@pytest.mark.parametrize("wrap", [nullcontext, SocketStream.from_socket, native])
async def test_a_cancellation_ends_it(wrap: Callable[[socket.socket], Any], file: BinaryIO, tmp_path: Path):
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:  # which nobody reads
        wrapped = wrap(ours)
        async with await wrapped if isawaitable(wrapped) else wrapped as target:
            before = len(os.listdir("/proc/self/fd"))
            with anyio.move_on_after(0.3) as scope:
                await streamdcm.dcmwrite_async(target, with_file(file))
            assert scope.cancelled_caught
            assert len(os.listdir("/proc/self/fd")) == before
    assert open_files(tmp_path) == [len(CONTENT)]


async def test_a_peer_that_is_gone_is_the_error_of_the_stream(file: BinaryIO):
    async with connected() as (ours, receiving), native(ours) as stream:
        await receiving.aclose()
        with pytest.raises((ConnectionError, package("trio").BrokenResourceError)):
            for _ in range(3):
                await streamdcm.dcmwrite_async(stream, with_file(file))
