"""Asynchronous clients are awaited, in parts and several at a time, and nothing is told to be there that is not."""

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import boto3
import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.blob.aio import BlobServiceClient as AsyncBlobServiceClient
from obstore.store import MemoryStore

import streamdcm
from streamdcm import Fill, Reserve
from streamdcm.errors import ConnectionLostError, NoBucketError, ObjectExistsError, TargetTypeError
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.sinks.storage.test_async_commit import Gate, cancelled_at, is_part
from tests.sinks.storage.test_azure import Container, container  # noqa: F401
from tests.support.faulty import Handler, at_first, proxy_to
from tests.support.uploads import SourceError, failing_frames, frames, in_memory, large, small

aioboto3 = pytest.importorskip("aioboto3")
aiobotocore_session = pytest.importorskip("aiobotocore.session")
from aiobotocore.config import AioConfig  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio,
    # azure-storage-blob hands over bytes as they are, whoever gives them
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),
]


@asynccontextmanager
async def s3_client(bucket: Bucket, **changes: Any) -> AsyncIterator[Any]:
    config = AioConfig(retries={"total_max_attempts": 2})
    async with aioboto3.Session().client("s3", config=config, **(bucket.options | changes)) as client:
        yield client


async def from_the_loop(count: int = 12) -> AsyncIterator[Any]:
    for frame in frames(count):
        await asyncio.sleep(0)
        yield frame


async def test_objects_small_and_large_arrive(bucket: Bucket):
    async with s3_client(bucket) as client:
        for dataset in (small(), large()):
            result = await streamdcm.dcmwrite_async(
                bucket.url(), dataset, client=client, part_size="5 MiB", checksum="sha256", metadata={"site": "A"}
            )
            assert bucket.read() == in_memory(dataset)
            assert result.bytes_written == len(bucket.read())
            assert result.location == bucket.url()
            assert bucket.head()["Metadata"] == {"site": "A"}
    assert not bucket.pending()


async def test_a_client_of_aiobotocore_itself(moto: Bucket):
    async with aiobotocore_session.get_session().create_client("s3", **moto.options) as client:
        await streamdcm.dcmwrite_async(moto.url(), large(), client=client)
    assert moto.read() == in_memory(large())


@pytest.mark.parametrize("make", [frames, from_the_loop])
async def test_a_first_part_that_waits_for_the_number_of_frames_goes_last(moto: Bucket, make):
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        async with s3_client(moto, endpoint_url=f"http://127.0.0.1:{proxy.server_port}") as client:
            await streamdcm.dcmwrite_async(moto.url(), large(1), client=client, frames=make(), part_size="5 MiB")
    assert moto.read() == in_memory(large(1), frames=frames())
    assert [part for _, part in proxy.requests if part][-1] in (1, 3)  # with the last one, of what is left


async def test_pushed_frames_arrive(moto: Bucket):
    async with (
        s3_client(moto) as client,
        streamdcm.open_writer_async(moto.url(), large(1), client=client, part_size="5 MiB") as writer,
    ):
        for frame in frames():
            await writer.write_frame(frame)
        assert not moto.names()
    assert moto.read() == in_memory(large(1), frames=frames())


async def test_files_are_rewritten_and_encoders_run(moto: Bucket, tmp_path):
    streamdcm.dcmwrite(tmp_path / "in.dcm", large())
    field = Reserve(4)
    async with s3_client(moto) as client:
        await streamdcm.rewrite_async(tmp_path / "in.dcm", moto.url(), client=client, part_size="5 MiB")
        encoder = iter([field, bytes(11 << 20), Fill(field, b"late")])
        await streamdcm.write_encoder_async(
            (each for each in encoder), moto.url("2.dcm"), client=client, part_size="5 MiB"
        )
    assert moto.read()[-1000:] == in_memory(large())[-1000:]
    assert moto.read("2.dcm") == b"late" + bytes(11 << 20)


async def test_parts_are_sent_at_the_same_time_and_no_more_than_may_be(moto: Bucket):
    now, most, lock = [0], [0], threading.Lock()
    enough = threading.Event()

    def fault(request: Handler) -> bool:
        if request.part:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
                if now[0] == 3:
                    enough.set()
            enough.wait(10)
            with lock:
                now[0] -= 1
        return False

    with proxy_to(moto.options["endpoint_url"]) as proxy:
        proxy.fault = fault
        async with s3_client(moto, endpoint_url=f"http://127.0.0.1:{proxy.server_port}") as client:
            await streamdcm.dcmwrite_async(
                moto.url(), large(1), client=client, frames=frames(40), part_size="5 MiB", workers=3
            )
    assert most == [3]
    assert moto.read() == in_memory(large(1), frames=frames(40))


@pytest.mark.parametrize("mebibytes", [1, 12])
async def test_what_exists_is_not_overwritten(moto: Bucket, mebibytes):
    async with s3_client(moto) as client:
        await streamdcm.dcmwrite_async(moto.url(), small(), client=client, overwrite=False)
        with pytest.raises(ObjectExistsError):
            await streamdcm.dcmwrite_async(moto.url(), large(mebibytes), client=client, overwrite=False)
    assert moto.read() == in_memory(small())


async def test_errors_are_those_of_synchronous_clients(moto: Bucket):
    async with s3_client(moto) as client:
        for dataset in (small(), large()):
            with pytest.raises(NoBucketError):
                await streamdcm.dcmwrite_async("s3://no-such-bucket/1.dcm", dataset, client=client)
    async with s3_client(moto, endpoint_url="http://127.0.0.1:9") as client:
        with pytest.raises(ConnectionLostError):
            await streamdcm.dcmwrite_async(moto.url(), small(), client=client)


@pytest.mark.parametrize("make", [failing_frames, None])
async def test_a_source_that_fails_leaves_nothing(bucket: Bucket, make):
    async def failing() -> AsyncIterator[Any]:
        async for frame in from_the_loop():
            yield frame
        raise SourceError

    async with s3_client(bucket) as client:
        with pytest.raises(SourceError):
            await streamdcm.dcmwrite_async(
                bucket.url(), large(1), client=client, frames=(make or failing)(), part_size="5 MiB"
            )
    assert not bucket.names()
    assert not bucket.pending()


@pytest.mark.parametrize("part", [1, 2, 3])
async def test_a_part_that_fails_again_and_again_leaves_nothing(moto: Bucket, part, monkeypatch):
    monkeypatch.setattr("streamdcm.sinks.storage.s3_uploads._ABORT_DELAYS", (0.0, 0.0, 0.0))
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        proxy.fault = lambda request: request.part == part and request.fail()
        async with s3_client(moto, endpoint_url=f"http://127.0.0.1:{proxy.server_port}") as client:
            with pytest.raises(ConnectionLostError):
                await streamdcm.dcmwrite_async(moto.url(), large(1), client=client, frames=frames(), part_size="5 MiB")
    assert not moto.names()
    assert not moto.pending()


async def test_a_part_that_fails_once_is_sent_again(moto: Bucket):
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        proxy.fault = at_first(Handler.fail)
        async with s3_client(moto, endpoint_url=f"http://127.0.0.1:{proxy.server_port}") as client:
            await streamdcm.dcmwrite_async(moto.url(), large(1), client=client, frames=frames(), part_size="5 MiB")
    assert moto.read() == in_memory(large(1), frames=frames())


async def test_a_cancellation_ends_the_sending_of_parts_and_leaves_nothing(moto: Bucket):
    """The service never answers: whoever waited for it would wait for ever."""
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        gate = proxy.fault = Gate(is_part)
        async with s3_client(moto, endpoint_url=f"http://127.0.0.1:{proxy.server_port}") as client:
            write = partial(
                streamdcm.dcmwrite_async, moto.url(), large(1), client=client, frames=frames(), part_size="5 MiB"
            )
            task = asyncio.create_task(write())
            while not gate.reached.is_set():
                await asyncio.sleep(0.01)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=20)
            assert task in done
            assert task.cancelled()
            assert not moto.pending()
        gate.opened.set()
    assert not moto.names()


async def test_cancelled_while_it_is_completed_it_says_that_it_is_complete(moto: Bucket):
    with proxy_to(moto.options["endpoint_url"]) as proxy:
        gate = proxy.fault = Gate(lambda request: request.command == "POST" and "uploadId" in request.path)
        async with s3_client(moto, endpoint_url=f"http://127.0.0.1:{proxy.server_port}") as client:
            write = partial(
                streamdcm.dcmwrite_async, moto.url(), large(1), client=client, frames=frames(), part_size="5 MiB"
            )
            error = await cancelled_at(gate, write)
    assert moto.read() == in_memory(large(1), frames=frames())
    assert error.__notes__ == [f"{moto.url()}: complete; the cancellation came too late"]


async def test_an_upload_is_resumed(moto: Bucket):
    async with s3_client(moto) as client:
        write = partial(streamdcm.dcmwrite_async, moto.url(), large(1), client=client, part_size="5 MiB", resume=True)
        with pytest.raises(SourceError):
            await write(frames=failing_frames())
        assert moto.pending()
        await write(frames=frames())
    assert moto.read() == in_memory(large(1), frames=frames())
    assert not moto.pending()


async def test_a_writer_that_is_dropped_leaves_nothing(moto: Bucket):
    async def dropped(client: Any) -> threading.Thread:
        writer = streamdcm.open_writer_async(moto.url(), large(1), client=client, part_size="5 MiB")
        await writer.__aenter__()
        for frame in frames():
            await writer.write_frame(frame)
        return writer._delivery.worker._thread

    async with s3_client(moto) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            thread = await dropped(client)
            gc.collect()
        while thread.is_alive():  # which needs the loop to abort the upload
            await asyncio.sleep(0.01)
    assert not moto.names()
    assert not moto.pending()


# Refused at once


async def test_synchronous_functions_refuse_asynchronous_clients(moto: Bucket, tmp_path):
    streamdcm.dcmwrite(tmp_path / "in.dcm", small())
    functions: list[Callable[..., Any]] = [
        partial(streamdcm.dcmwrite, moto.url(), small()),
        partial(streamdcm.rewrite, tmp_path / "in.dcm", moto.url()),
        partial(streamdcm.write_encoder, (each for each in [b"DICM"]), moto.url()),
        partial(streamdcm.open_writer, moto.url(), large(1)),
    ]
    async with s3_client(moto) as client:
        for function in functions:
            with pytest.raises(TargetTypeError, match="_async"):
                function(client=client)
    async with AsyncBlobServiceClient("http://127.0.0.1:9/account") as service:
        with pytest.raises(TargetTypeError, match="_async"):
            streamdcm.dcmwrite("az://container/1.dcm", small(), client=service)
    assert not moto.names()


@pytest.mark.parametrize("url", ["s3://bucket/1.dcm", "az://container/1.dcm", "gs://bucket/1.dcm"])
@pytest.mark.parametrize(
    "make",
    [
        object,
        boto3.Session,
        partial(boto3.resource, "s3", region_name="us-east-1"),
        partial(boto3.client, "sqs", region_name="us-east-1"),
        aioboto3.Session,
        aiobotocore_session.get_session,
        lambda: AsyncBlobServiceClient,
        lambda: BlobServiceClient("http://127.0.0.1:9/account").get_container_client("container"),
        lambda: "client",
    ],
)
async def test_what_is_no_client_is_refused(url, make):
    with pytest.raises(TargetTypeError, match="client= takes"):
        streamdcm.dcmwrite(url, small(), client=make())
    with pytest.raises(TargetTypeError, match="client= takes"):
        await streamdcm.dcmwrite_async(url, small(), client=make())


async def test_the_client_of_one_service_is_none_of_another(moto: Bucket):
    for client in (moto.client, MemoryStore()):
        with pytest.raises(TargetTypeError, match="BlobServiceClient"):
            streamdcm.dcmwrite("az://container/1.dcm", small(), client=client)
    with pytest.raises(TargetTypeError, match="store of obstore"):
        streamdcm.dcmwrite("gs://bucket/1.dcm", small(), client=moto.client)


# Azure


async def test_blobs_small_and_large_arrive(container: Container):  # noqa: F811
    async with AsyncBlobServiceClient(**container.options) as service:
        for dataset in (small(), large()):
            await streamdcm.dcmwrite_async(
                container.url(), dataset, client=service, part_size="5 MiB", metadata={"site": "A"}
            )
            assert container.read() == in_memory(dataset)
        assert container.blob().get_blob_properties().metadata == {"site": "A"}
        await streamdcm.dcmwrite_async(
            container.url("2.dcm"), large(1), frames=from_the_loop(), client=service, part_size="5 MiB"
        )
        with pytest.raises(ObjectExistsError):
            await streamdcm.dcmwrite_async(container.url(), small(), client=service, overwrite=False)
        with pytest.raises(NoBucketError):
            await streamdcm.dcmwrite_async("az://not-there/1.dcm", small(), client=service)
        with pytest.raises(SourceError):
            await streamdcm.dcmwrite_async(
                container.url("3.dcm"), large(1), frames=failing_frames(), client=service, part_size="5 MiB"
            )
    assert container.read("2.dcm") == in_memory(large(1), frames=frames())
    assert sorted(container.names()) == ["1.dcm", "2.dcm"]
    assert BUCKET in container.url()
