"""A target that does not go on does not hold a write that is to end."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator

import anyio
import pytest

import streamdcm
from tests.aio.test_write import large, multi_frame, reused
from tests.support.writing import in_order, written


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection over TCP, whose second end reads nothing by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        with theirs:
            yield ours, theirs


MODES = {"blocking": None, "with a timeout": 600.0, "non-blocking": 0.0}


@pytest.mark.parametrize("mode", MODES)
async def test_a_socket_whose_peer_reads_nothing(pair, mode):
    ours, theirs = pair
    ours.settimeout(MODES[mode])
    flags = fcntl.fcntl(ours, fcntl.F_GETFL)
    descriptors = sorted(os.listdir("/proc/self/fd"))
    with anyio.move_on_after(0.3) as scope:
        while True:
            await streamdcm.dcmwrite_async(ours, large())
    assert scope.cancelled_caught
    assert ours.gettimeout() == MODES[mode]
    assert fcntl.fcntl(ours, fcntl.F_GETFL) == flags
    assert sorted(os.listdir("/proc/self/fd")) == descriptors
    theirs.close()
    with pytest.raises(ConnectionError):  # it is open, and the caller's
        ours.settimeout(10)
        ours.sendall(bytes(10_000_000))


async def test_a_socket_that_frames_are_pushed_to(pair):
    ours, _ = pair
    with anyio.move_on_after(0.3) as scope:
        async with streamdcm.open_writer_async(ours, multi_frame(), number_of_frames=10_000) as writer:
            for frame in reused(10_000):
                await writer.write_frame(frame)
    assert scope.cancelled_caught


async def test_the_timeout_of_a_socket_counts(pair):
    ours, _ = pair
    ours.settimeout(0.1)
    with pytest.raises(TimeoutError):
        while True:
            await streamdcm.dcmwrite_async(ours, large())


@pytest.mark.parametrize("mode", MODES)
async def test_a_slow_peer_gets_everything(pair, mode):
    ours, theirs = pair
    ours.settimeout(MODES[mode])
    content = bytearray()

    async def read() -> None:
        theirs.setblocking(False)
        while True:
            await anyio.wait_readable(theirs)
            if not (piece := theirs.recv(100_000)):
                return
            content.extend(piece)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await streamdcm.dcmwrite_async(ours, large())
        await streamdcm.dcmwrite_async(ours, multi_frame(), frames=reused(17), number_of_frames=17)
        ours.shutdown(socket.SHUT_WR)
    assert content == written(large()) + in_order(multi_frame(), frames=reused(17), number_of_frames=17)


async def test_a_socket_is_refused_as_by_the_synchronous_functions():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        pytest.raises(streamdcm.errors.TargetTypeError, match="SOCK_STREAM"),
    ):
        await streamdcm.dcmwrite_async(datagrams, large())
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(streamdcm.errors.TargetTypeError, match="seekable"):
        await streamdcm.dcmwrite_async(ours, large(), seekable=True)


async def test_a_peer_that_is_gone_is_a_broken_pipe():
    ours, theirs = socket.socketpair()
    theirs.close()
    with contextlib.closing(ours), pytest.raises(BrokenPipeError):
        await streamdcm.dcmwrite_async(ours, large())
