"""Files are rewritten on event loops as they are without one, into streams and files."""

import io
import os
import shutil
import threading
from contextlib import asynccontextmanager

import aiohttp
import aiohttp.test_utils
import aiohttp.web
import anyio
import httpx
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

import streamdcm
from tests.aio.test_write import what
from tests.support.async_targets import KINDS

SOURCES = [get_testdata_file(name) for name in ("MR_small.dcm", "SC_rgb_rle_2frame.dcm", "image_dfl.dcm")]


def edit(dataset):
    dataset.PatientName = "Doe^Jane"
    dataset.remove_private_tags()


def rewritten(source, **options):
    buffer = io.BytesIO()
    streamdcm.rewrite(source, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("source", SOURCES, ids=os.path.basename)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_target_gets_what_rewrite_writes(kind, source):
    async with KINDS[kind]() as (target, arrived):
        await streamdcm.rewrite_async(source, target, edit=edit)
        assert await what(arrived) == rewritten(source, edit=edit)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
async def test_another_transfer_syntax_is_converted_on_the_way(syntax):
    async with KINDS["byte_stream"]() as (target, arrived):
        await streamdcm.rewrite_async(SOURCES[0], target, transfer_syntax=syntax)
        assert await what(arrived) == rewritten(SOURCES[0], transfer_syntax=syntax)


async def test_the_edit_is_made_on_a_thread():
    threads = []
    await streamdcm.rewrite_async(SOURCES[0], io.BytesIO(), edit=lambda dataset: threads.append(threading.get_ident()))
    assert threads != [threading.get_ident()]


async def test_source_and_target_may_be_one_path_but_not_one_open_file(tmp_path):
    path = shutil.copy(SOURCES[0], tmp_path / "one.dcm")
    await streamdcm.rewrite_async(path, path, edit={"PatientID": "new"})
    assert pydicom.dcmread(path).PatientID == "new"
    with open(path, "r+b") as file, pytest.raises(streamdcm.errors.PlanError, match="one file"):
        await streamdcm.rewrite_async(file, file)


@pytest.mark.parametrize("to_stream", [True, False])
async def test_an_edit_that_fails_leaves_what_was_there(tmp_path, to_stream):
    def fail(dataset):
        raise ZeroDivisionError

    (tmp_path / "old.dcm").write_bytes(b"old")
    sending, receiving = anyio.create_memory_object_stream(10)
    with sending, receiving, pytest.raises(ZeroDivisionError):
        await streamdcm.rewrite_async(SOURCES[0], sending if to_stream else tmp_path / "old.dcm", edit=fail)
    assert receiving.statistics().current_buffer_used == 0
    assert (tmp_path / "old.dcm").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.dcm"]


async def test_unknown_arguments_are_named():
    with pytest.raises(TypeError, match=r"rewrite_async\(\) does not take frames="):
        await streamdcm.rewrite_async(SOURCES[0], io.BytesIO(), frames=[])


# --- Sources that come on the loop ------------------------------------------------------------------------


def pieces(content, size=10_000):
    return [content[start : start + size] for start in range(0, len(content), size)]


async def from_async_iterable(content):
    for piece in pieces(content):
        await anyio.sleep(0)
        yield piece


class AwaitedReader:
    """As Starlette's uploads are: read() and seek() are awaited."""

    def __init__(self, content):
        self.file = io.BytesIO(content)

    async def read(self, size=-1):
        await anyio.sleep(0)
        return self.file.read(size)

    async def seek(self, offset):
        return self.file.seek(offset)

    def tell(self):
        return self.file.tell()


class Body(httpx.AsyncByteStream):
    def __init__(self, content):
        self.content = content

    async def __aiter__(self):
        async for piece in from_async_iterable(self.content):
            yield piece


async def from_httpx(content):
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Body(content)))
    async with httpx.AsyncClient(transport=transport) as client, client.stream("GET", "http://there/") as response:
        yield response


async def from_anyio(content):
    send, receive = anyio.create_memory_object_stream()

    async def feed():
        async with send:
            for piece in pieces(content):
                await send.send(piece)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        async with receive:
            yield receive


async def from_tcp(content):
    async def serve(stream):
        async with stream:
            await stream.send(content)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            yield stream
        tasks.cancel_scope.cancel()


async def as_it_is(content):
    yield from_async_iterable(content)


async def awaited(content):
    yield AwaitedReader(content)


COMING = [as_it_is, awaited, from_httpx, from_anyio, from_tcp]


@pytest.fixture(scope="module")
def large():
    dataset = pydicom.dcmread(SOURCES[0])
    dataset.PixelData = bytes(range(256)) * 2000
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset)
    return target.getvalue()


@pytest.mark.parametrize("target", ["path", "byte_stream"])
@pytest.mark.parametrize("kind", COMING, ids=lambda kind: kind.__name__)
async def test_every_source_gives_the_same(kind, target, large, tmp_path):
    expected = rewritten(io.BytesIO(large), edit={"PatientID": "new"})
    async with asynccontextmanager(kind)(large) as source:
        if target == "path":
            await streamdcm.rewrite_async(source, tmp_path / "out.dcm", edit={"PatientID": "new"})
            assert (tmp_path / "out.dcm").read_bytes() == expected
            return
        async with KINDS[target]() as (stream, arrived):
            await streamdcm.rewrite_async(source, stream, edit={"PatientID": "new"})
            assert await what(arrived) == expected


async def test_a_source_is_read_no_further_than_the_target_takes(large):
    """There is backpressure from the target to the source."""
    given, taken = 0, 0
    ahead = []

    async def source():
        nonlocal given
        for piece in pieces(large, 1000):
            given += len(piece)
            ahead.append(given - taken)
            yield piece

    class Slow:
        async def write(self, data):
            nonlocal taken
            await anyio.sleep(0)
            taken += len(data)
            return len(data)

    await streamdcm.rewrite_async(source(), Slow(), chunk_size=1000)
    assert max(ahead) < 300_000


async def test_a_client_that_goes_away_leaves_nothing(large, tmp_path):
    class DisconnectError(Exception):
        pass

    closed = []

    async def source():
        try:
            yield large[:200_000]
            raise DisconnectError
        finally:
            closed.append(True)

    with pytest.raises(streamdcm.errors.SourceError, match="cannot be read") as raised:
        await streamdcm.rewrite_async(source(), tmp_path / "out.dcm")
    assert isinstance(raised.value.__cause__, DisconnectError)
    assert closed == [True]
    assert os.listdir(tmp_path) == []


async def test_a_write_that_is_cancelled_while_it_waits_for_its_source_leaves_nothing(large, tmp_path):
    closed = []

    async def source():
        try:
            yield large[:200_000]
            await anyio.sleep_forever()
        finally:
            closed.append(True)

    with anyio.move_on_after(0.2) as scope:
        await streamdcm.rewrite_async(source(), tmp_path / "out.dcm")
    assert scope.cancelled_caught
    assert closed == [True]
    assert os.listdir(tmp_path) == []


# --- Chunks and headers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=os.path.basename)
async def test_chunks_are_what_rewrite_writes(source):
    expected = rewritten(source, edit=edit)
    async with await streamdcm.rewrite_chunks_async(source, edit=edit, chunk_size=1000) as chunks:
        if "dfl" not in source:
            assert chunks.content_length == len(expected)
        assert b"".join([chunk async for chunk in chunks]) == expected


async def test_chunks_of_what_comes(large):
    chunks = await streamdcm.rewrite_chunks_async(from_async_iterable(large))
    assert chunks.content_length is None
    assert b"".join([chunk async for chunk in chunks]) == rewritten(io.BytesIO(large))
    with pytest.raises(FileNotFoundError):
        await streamdcm.rewrite_chunks_async("/nowhere/in.dcm")


async def test_headers(large):
    expected = streamdcm.read_header(SOURCES[0])
    assert await streamdcm.read_header_async(SOURCES[0]) == expected
    assert await streamdcm.read_header_async(io.BytesIO(large)) == expected
    assert await streamdcm.read_header_async(from_async_iterable(large)) == expected
    with pytest.raises(streamdcm.errors.NotDicomError):
        await streamdcm.read_header_async(from_async_iterable(b"nothing"))


@asynccontextmanager
async def served_to_aiohttp(content, **headers):
    """Give the response that a client of aiohttp gets from a server on loopback."""

    async def answer(request):
        response = aiohttp.web.StreamResponse(headers=headers)
        await response.prepare(request)
        for piece in pieces(content):
            await response.write(piece)
        if request.transport and len(content) < int(headers["Content-Length"]):
            request.transport.close()
        return response

    app = aiohttp.web.Application()
    app.router.add_get("/", answer)
    async with (
        aiohttp.test_utils.TestServer(app) as server,
        aiohttp.ClientSession() as client,
        client.get(server.make_url("/")) as response,
    ):
        yield response


@pytest.mark.parametrize("of", ["response", "content"])
async def test_a_response_of_aiohttp_is_a_source(of, large, tmp_path, anyio_backend):
    if anyio_backend != "asyncio":
        pytest.skip("aiohttp needs asyncio")
    async with served_to_aiohttp(large, **{"Content-Length": str(len(large))}) as response:
        source = response if of == "response" else response.content
        await streamdcm.rewrite_async(source, tmp_path / "out.dcm", edit={"PatientID": "new"})
    assert (tmp_path / "out.dcm").read_bytes() == rewritten(io.BytesIO(large), edit={"PatientID": "new"})


async def test_a_response_of_aiohttp_that_breaks_off_is_an_error(large, tmp_path, anyio_backend):
    if anyio_backend != "asyncio":
        pytest.skip("aiohttp needs asyncio")
    async with served_to_aiohttp(large[:200_000], **{"Content-Length": str(len(large))}) as response:
        with pytest.raises(streamdcm.errors.SourceError, match="cannot be read") as raised:
            await streamdcm.rewrite_async(response, tmp_path / "out.dcm")
    assert isinstance(raised.value.__cause__, aiohttp.ClientPayloadError)
    assert os.listdir(tmp_path) == []
