"""The asynchronous functions write into object storage as the synchronous ones do, and can be cancelled there."""

from collections.abc import AsyncIterator

import anyio
import pytest

import streamdcm
from streamdcm.errors import ContainerNotFoundError
from tests.sinks.storage.conftest import Bucket
from tests.support.uploads import SourceError, failing_frames, frames, in_memory, large, small

pytestmark = pytest.mark.slow

LOOPS = [pytest.param("asyncio", marks=pytest.mark.asyncio), pytest.param("trio", marks=pytest.mark.anyio)]


@pytest.fixture(params=LOOPS, autouse=True)
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


async def from_the_loop() -> AsyncIterator[object]:
    for frame in frames():
        await anyio.sleep(0)
        yield frame


async def test_objects_small_and_large_arrive(moto: Bucket):
    for dataset in (small(), large()):
        result = await streamdcm.dcmwrite_async(moto.url(), dataset, client=moto.client, checksum="sha256")
        assert moto.read() == in_memory(dataset)
        assert result.location == moto.url()
        assert result.checksum is not None


@pytest.mark.parametrize("make", [frames, from_the_loop])
async def test_frames_whose_number_is_not_known_arrive(moto: Bucket, make):
    await streamdcm.dcmwrite_async(moto.url(), large(1), client=moto.client, frames=make())
    assert moto.read() == in_memory(large(1), frames=frames())


async def test_pushed_frames_arrive(moto: Bucket):
    async with streamdcm.open_writer_async(moto.url(), large(1), client=moto.client) as writer:
        for frame in frames():
            await writer.write_frame(frame)
        assert not moto.names()
    assert moto.read() == in_memory(large(1), frames=frames())


async def test_a_source_that_fails_leaves_nothing(moto: Bucket):
    with pytest.raises(SourceError):
        await streamdcm.dcmwrite_async(moto.url(), large(1), client=moto.client, frames=failing_frames())
    assert not moto.names()
    assert not moto.pending()


async def test_a_cancellation_leaves_nothing(moto: Bucket):
    async def endless() -> AsyncIterator[object]:
        while True:
            for frame in frames():
                yield frame
            if moto.parts():
                scope.cancel()
            await anyio.sleep(0)

    with anyio.CancelScope() as scope:
        await streamdcm.dcmwrite_async(
            moto.url(), large(1), client=moto.client, frames=endless(), part_size="5 MiB", number_of_frames=2000
        )
    assert scope.cancelled_caught
    assert not moto.names()
    assert not moto.pending()


async def test_errors_are_those_of_the_synchronous_functions(moto: Bucket):
    with pytest.raises(ContainerNotFoundError):
        await streamdcm.dcmwrite_async("s3://no-such-bucket/1.dcm", small(), client=moto.client)
