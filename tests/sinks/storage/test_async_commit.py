"""A cancellation that comes before the request that makes an object visible prevents it; a later one is told of it."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import anyio
import boto3
import pytest
from botocore.config import Config

import streamdcm
from tests.sinks.storage.conftest import Bucket
from tests.support.faulty import Handler, Proxy, proxy_to
from tests.support.uploads import frames, in_memory, large, small

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]


class Gate:
    """Holds requests at a proxy until it is opened."""

    def __init__(self, holds: Callable[[Handler], bool]) -> None:
        self.holds = holds
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, request: Handler) -> bool:
        if self.holds(request):
            self.reached.set()
            assert self.opened.wait(30)
        return False


@pytest.fixture
def proxy(moto: Bucket) -> Iterator[Proxy]:
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        yield proxy


@pytest.fixture
def client(moto: Bucket, proxy: Proxy) -> Iterator[Any]:
    options = moto.options | {"endpoint_url": f"http://127.0.0.1:{proxy.server_port}"}
    with closing(boto3.client("s3", config=Config(retries={"total_max_attempts": 1}), **options)) as client:
        yield client


async def cancelled_at(gate: Gate, write: Callable[[], Any]) -> BaseException:
    """Cancel a write when its request is held, let that go on, and return what the write raises."""
    task = asyncio.create_task(write())
    while not gate.reached.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.05)
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    return raised.value


def is_part(request: Handler) -> bool:
    return request.part is not None


def completes(request: Handler) -> bool:
    return request.command == "POST" and "uploadId" in request.path


@pytest.mark.parametrize("part", [1, 2, 3])
async def test_cancelled_while_parts_are_on_their_way_it_is_not_completed(moto: Bucket, proxy: Proxy, client, part):
    gate = proxy.fault = Gate(lambda request: request.part == part)

    async def write():
        await streamdcm.dcmwrite_async(moto.url(), large(1), frames=frames(), client=client, part_size="5 MiB")

    await cancelled_at(gate, write)
    assert not moto.names()
    assert not moto.pending()
    assert not any(method == "POST" and part is None for method, part in proxy.requests[1:])


async def test_a_writer_that_is_cancelled_while_it_closes_is_not_completed(moto: Bucket, proxy: Proxy, client):
    gate = proxy.fault = Gate(is_part)

    async def write():
        async with streamdcm.open_writer_async(moto.url(), large(1), client=client, part_size="5 MiB") as writer:
            for frame in frames():
                await writer.write_frame(frame)

    await cancelled_at(gate, write)
    assert not moto.names()
    assert not moto.pending()


async def test_cancelled_while_it_is_completed_it_says_that_it_is_complete(
    moto: Bucket, proxy: Proxy, client, caplog: pytest.LogCaptureFixture
):
    gate = proxy.fault = Gate(completes)

    async def write():
        await streamdcm.dcmwrite_async(moto.url(), large(1), frames=frames(), client=client, part_size="5 MiB")

    with caplog.at_level(logging.WARNING, "streamdcm"):
        error = await cancelled_at(gate, write)
    assert moto.read() == in_memory(large(1), frames=frames())
    assert error.__notes__ == [f"{moto.url()}: complete; the cancellation came too late"]
    assert caplog.messages == error.__notes__


async def test_what_fails_to_be_completed_as_it_is_cancelled_is_told(moto: Bucket, proxy: Proxy, client):
    gate = Gate(completes)
    proxy.fault = lambda request: gate(request) or (completes(request) and request.fail())

    async def write():
        await streamdcm.dcmwrite_async(moto.url(), large(1), frames=frames(), client=client, part_size="5 MiB")

    error = await cancelled_at(gate, write)
    assert not moto.names()
    assert not moto.pending()
    assert error.__notes__ == [f"{moto.url()}: failed as the cancellation came (ConnectionLostError)"]


async def test_a_single_request_that_is_cancelled_says_what_it_has_done(moto: Bucket, proxy: Proxy, client):
    gate = proxy.fault = Gate(lambda request: request.command == "PUT")

    async def write():
        await streamdcm.dcmwrite_async(moto.url(), small(), client=client)

    error = await cancelled_at(gate, write)
    assert moto.read() == in_memory(small())
    assert error.__notes__ == [f"{moto.url()}: complete; the cancellation came too late"]


async def test_a_write_that_is_cancelled_before_its_only_request_sends_none(moto: Bucket, client, monkeypatch):
    """The progress callback is called between the last part and the commit."""
    with anyio.CancelScope() as scope:
        await streamdcm.dcmwrite_async(moto.url(), small(), client=client, progress=lambda event: scope.cancel())
    assert scope.cancelled_caught
    assert not moto.names()


@pytest.mark.parametrize("atomic", [True, False])
async def test_a_durable_file_that_is_cancelled_before_it_has_its_name_leaves_the_old_one(
    tmp_path, monkeypatch, atomic
):
    path = tmp_path / "old.dcm"
    if atomic:
        path.write_bytes(b"old")
    reached, opened, real = threading.Event(), threading.Event(), os.fsync

    def fsync(descriptor):
        reached.set()
        assert opened.wait(30)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    task = asyncio.create_task(streamdcm.dcmwrite_async(path, small(), durable=True, atomic=atomic))
    while not reached.is_set():
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.05)
    opened.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == ({"old.dcm": b"old"} if atomic else {})
