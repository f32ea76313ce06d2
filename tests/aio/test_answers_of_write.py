"""What ``write()`` answers decides how an object is used: a number, a coroutine, a future, an error without a loop."""

import asyncio
import io

import anyio
import fsspec.asyn
import obstore
import pytest
from fsspec.spec import AbstractFileSystem
from obstore.store import MemoryStore

import streamdcm
from streamdcm.errors import TargetTypeError
from tests.aio.test_write import ct, large, multi_frame, reused
from tests.support.writing import in_order, written


@pytest.fixture
def asyncio_only(anyio_backend):
    if anyio_backend == "trio":
        pytest.skip("a future of asyncio")


class Futures:
    """Returns a future of the running loop."""

    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        self.data += data
        loop.call_soon(future.set_result, len(data))
        return future


class Tasks(Futures):
    """The same by a task, with a close() that is awaited."""

    def write(self, data):
        return asyncio.ensure_future(self._write(data))

    async def _write(self, data):
        await asyncio.sleep(0)
        self.data += data
        return len(data)

    async def close(self):
        pass


class Raw(io.RawIOBase):
    """A file of the standard library's kind, whose write() is awaited."""

    def __init__(self):
        self.data = bytearray()

    async def write(self, data):
        await anyio.lowlevel.checkpoint()
        self.data += data
        return len(data)


class Streamed(fsspec.asyn.AbstractAsyncStreamedFile):
    """A file of an asynchronous file system of fsspec."""

    discarded = False

    def __init__(self):
        super().__init__(AbstractFileSystem(), "name", "wb")
        self.published = bytearray()

    async def _initiate_upload(self):
        pass

    async def flush(self, force=False):
        self.published += self.buffer.getvalue()
        self.buffer = io.BytesIO()

    def discard(self):
        self.discarded = True

    def __del__(self):
        pass  # that of the standard library calls close(), and awaits nothing


@pytest.mark.usefixtures("asyncio_only")
@pytest.mark.parametrize("kind", [Futures, Tasks])
async def test_a_future_is_awaited(kind):
    target = kind()
    await streamdcm.dcmwrite_async(target, large())
    assert target.data == written(large())


@pytest.mark.usefixtures("asyncio_only")
async def test_the_writer_of_obstore_is_awaited():
    store = MemoryStore()
    async with obstore.open_writer_async(store, "1.dcm") as writer:
        await streamdcm.dcmwrite_async(writer, multi_frame(), frames=reused(17))
    assert bytes(obstore.get(store, "1.dcm").bytes()) == in_order(multi_frame(), frames=reused(17))


@pytest.mark.usefixtures("asyncio_only")
async def test_the_writer_of_obstore_publishes_nothing_after_an_error():
    store = MemoryStore()
    writer = obstore.open_writer_async(store, "1.dcm", buffer_size=100_000)
    with pytest.raises(streamdcm.errors.EncodeError):
        await streamdcm.dcmwrite_async(writer, multi_frame(), frames=reused(17), number_of_frames=30)
    assert await writer.closed()
    assert not obstore.list(store).collect()


async def test_a_synchronous_writer_of_obstore_is_used_as_one():
    store = MemoryStore()
    with obstore.open_writer(store, "1.dcm") as writer:
        await streamdcm.dcmwrite_async(writer, large())
    assert bytes(obstore.get(store, "1.dcm").bytes()) == written(large())


async def test_a_file_of_io_may_be_awaited():
    target = Raw()
    await streamdcm.dcmwrite_async(target, large())
    assert target.data == written(large())


async def test_an_asynchronous_file_of_fsspec():
    target = Streamed()
    await streamdcm.dcmwrite_async(target, large())
    await target.close()
    assert target.published == written(large())


async def test_an_asynchronous_file_of_fsspec_publishes_nothing_after_an_error():
    target = Streamed()
    with pytest.raises(streamdcm.errors.EncodeError):
        await streamdcm.dcmwrite_async(target, multi_frame(), frames=reused(3), number_of_frames=9)
    await target.close()
    assert target.discarded
    assert not target.published


async def test_an_error_that_names_no_loop_is_passed_on():
    class Failing:
        calls = 0

        def write(self, data):
            self.calls += 1
            raise RuntimeError("event loop of the pump is empty")

    target = Failing()
    with pytest.raises(RuntimeError, match="pump"):
        await streamdcm.dcmwrite_async(target, ct())
    assert target.calls == 1


@pytest.mark.parametrize("make", [Futures, Raw, Streamed])
async def test_the_synchronous_functions_refuse_what_is_awaited(make):
    target = make()
    with pytest.raises(TargetTypeError, match="_async"):
        await anyio.to_thread.run_sync(streamdcm.dcmwrite, target, ct())
    assert not getattr(target, "data", b"")


async def test_the_synchronous_functions_refuse_the_writer_of_obstore():
    writer = obstore.open_writer_async(MemoryStore(), "1.dcm")
    with pytest.raises(TargetTypeError, match="_async"):
        await anyio.to_thread.run_sync(streamdcm.dcmwrite, writer, ct())
