"""What the asynchronous functions promise beyond the bytes: threads, backpressure, overlap, closing."""

import gzip
import hashlib
import io
import os
import socket
import ssl
import threading
from contextlib import aclosing
from functools import partial

import anyio
import numpy as np
import pydicom
import pytest
import trio
from anyio.abc import SocketStream
from anyio.streams.tls import TLSStream
from pydicom.uid import MPEG4HP41, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

import streamdcm
from streamdcm.errors import PlanError, SourceError, TargetTypeError
from tests.aio.test_same import bad_number
from tests.aio.test_write import DATASETS, as_async, ct, large, multi_frame, reused, what, with_syntax
from tests.support.async_targets import KINDS, Awaited, connected, native
from tests.support.images import pixels, template
from tests.support.tools import package
from tests.support.writing import in_order, written


class TestThreads:
    """Where a source is used."""

    def frames(self, used_by):
        used_by.append(threading.get_ident())
        try:
            for _ in range(8):
                used_by.append(threading.get_ident())
                yield bytes(256 * 256 * 2)
        finally:
            used_by.append(threading.get_ident())

    @pytest.mark.parametrize("kind", KINDS)
    async def test_an_iterable_is_used_and_closed_by_one_thread(self, kind):
        used_by = []
        async with KINDS[kind]() as (target, _):
            await streamdcm.dcmwrite_async(target, multi_frame(), frames=self.frames(used_by))
        assert len(set(used_by)) == 1
        assert used_by[0] != threading.get_ident()

    @pytest.mark.parametrize("kind", KINDS)
    async def test_one_thread_closes_an_iterable_when_the_target_fails(self, kind):
        used_by = []
        async with KINDS[kind]() as (target, _):
            with pytest.raises(streamdcm.StreamdcmError, match="frame"):
                await streamdcm.dcmwrite_async(
                    target, multi_frame(), frames=self.frames(used_by), number_of_frames=6, chunk_size=10_000
                )
        assert len(used_by) > 4
        assert len(set(used_by)) == 1

    @pytest.mark.parametrize("kind", KINDS)
    async def test_on_the_loop_if_asked(self, kind):
        used_by = []
        async with KINDS[kind]() as (target, _):
            await streamdcm.dcmwrite_async(target, multi_frame(), frames=self.frames(used_by), frames_on_loop=True)
        assert set(used_by) == {threading.get_ident()}

    async def test_iterating_and_leaving_closes_where_it_was_used(self):
        used_by = []
        chunks = streamdcm.iter_chunks_async(
            multi_frame(), frames=self.frames(used_by), number_of_frames=8, chunk_size=10_000
        )
        async with aclosing(chunks):
            async for _ in chunks:
                if len(used_by) > 3:
                    break
        assert len(used_by) < 10
        assert len(set(used_by)) == 1

    @pytest.mark.parametrize("kind", KINDS)
    async def test_progress_is_told_on_the_loop(self, kind):
        threads, events = set(), []

        def progress(event):
            threads.add(threading.get_ident())
            events.append(event)

        async with KINDS[kind]() as (target, _):
            result = await streamdcm.dcmwrite_async(target, multi_frame(), frames=reused(17), progress=progress)
        assert threads == {threading.get_ident()}
        assert events[-1] == streamdcm.ProgressEvent(result.bytes_written, None, 17)

    async def test_the_total_is_told_where_it_is_known(self, tmp_path):
        events = []
        await streamdcm.dcmwrite_async(tmp_path / "ct.dcm", ct(), progress=events.append)
        await streamdcm.dcmwrite_async(Awaited(), large(), progress=events.append)
        assert {event.total for event in events} == {len(written(ct())), len(written(large()))}

    async def test_many_writes_share_few_threads(self, tmp_path):
        for number in range(30):
            await streamdcm.dcmwrite_async(tmp_path / f"{number}.dcm", ct())
        assert sum(thread.name == "streamdcm" for thread in threading.enumerate()) <= 3

    async def test_context_variables_reach_the_source(self):
        import contextvars

        variable = contextvars.ContextVar("variable", default="unset")

        def frames():
            yield {"set": bytes(131072)}[variable.get()]

        variable.set("set")
        await streamdcm.dcmwrite_async(Awaited(), multi_frame(), frames=frames())


class TestBlocking:
    """The loop is never blocked."""

    @pytest.fixture
    def anyio_backend(self):
        return "asyncio"

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", DATASETS)
    @pytest.mark.parametrize("kind", KINDS)
    async def test_by_no_write(self, kind, name):
        dataset, blockbuster = DATASETS[name](), package("blockbuster")
        async with KINDS[kind]() as (target, _):
            with blockbuster.blockbuster_ctx():
                await streamdcm.dcmwrite_async(target, dataset)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", DATASETS)
    async def test_by_no_chunks(self, name):
        dataset = DATASETS[name]()
        with package("blockbuster").blockbuster_ctx():
            size = None if name == "stream" else await streamdcm.encoded_size_async(dataset)
            chunks = [chunk async for chunk in streamdcm.iter_chunks_async(dataset)]
        assert size in (None, sum(map(len, chunks)))


class Counted:
    """Frames that are counted as they are asked for."""

    def __init__(self, count):
        self.count = count
        self.taken = 0

    def __iter__(self):
        frame = np.empty((256, 256), "uint16")
        for number in range(self.count):
            self.taken += 1
            frame[:] = number
            yield frame

    def __len__(self):
        return self.count


async def settled(frames):
    """Wait until no more frames are asked for."""
    before = -1
    while before != frames.taken:
        before = frames.taken
        await anyio.sleep(0.1)


class TestBackpressure:
    """A slow target stops the source."""

    @pytest.mark.parametrize("asynchronous", [False, True])
    async def test_a_reader_that_stops_stops_the_frames(self, asynchronous):
        frames = Counted(300)
        source = as_async(frames) if asynchronous else frames
        with socket.create_server(("127.0.0.1", 0)) as server:
            sending = await anyio.connect_tcp(*server.getsockname())
            receiving, _ = server.accept()
        async with anyio.create_task_group() as group:
            group.start_soon(self.read_late, receiving, frames)
            async with sending:
                await streamdcm.dcmwrite_async(sending, multi_frame(), frames=source, number_of_frames=300)

    async def read_late(self, connection, frames):
        connection.setblocking(False)
        while not frames.taken:
            await anyio.sleep(0.01)
        await settled(frames)
        assert 0 < frames.taken < 200
        content = bytearray()
        async with await SocketStream.from_socket(connection) as receiving:
            async for piece in receiving:
                content += piece
        assert frames.taken == 300
        assert content == in_order(multi_frame(), frames=Counted(300))

    async def test_a_slow_reader_of_chunks_is_two_batches_behind(self):
        frames = Counted(100)
        async with streamdcm.open_chunks_async(multi_frame(), frames=frames, chunk_size=200_000) as chunks:
            await anext(chunks)
            await settled(frames)
            assert frames.taken <= 8

    async def test_nothing_is_made_before_it_is_asked_for(self):
        frames = Counted(100)
        async with aclosing(streamdcm.iter_chunks_async(multi_frame(), frames=frames, chunk_size=1000)) as chunks:
            await anext(chunks)
            taken = frames.taken
            await settled(frames)
            assert frames.taken == taken <= 1


class TestOverlap:
    """The next frame is made while the one before is being sent."""

    @pytest.mark.parametrize("asynchronous", [False, True])
    async def test_the_source_goes_on_while_the_target_waits(self, asynchronous):
        frames = Counted(3)
        source = as_async(frames) if asynchronous else frames
        taken_before = []

        class Waiting(Awaited):
            async def write(self, data):
                if len(data) > 100_000:
                    taken_before.append(frames.taken)
                    while frames.taken < min(len(taken_before) + 1, 3):
                        await anyio.sleep(0.001)  # for ever, if the next frame is only asked for afterwards
                self.data += data
                return len(data)

        target = Waiting()
        with anyio.fail_after(30):
            await streamdcm.dcmwrite_async(target, multi_frame(), frames=source, number_of_frames=3, chunk_size=131_072)
        assert target.data == in_order(multi_frame(), frames=Counted(3))

    async def test_an_async_source_goes_on_while_a_thread_writes(self):
        asked = threading.Event()

        async def frames():
            yield bytes(131072)
            asked.set()
            yield bytes(131072)

        class Waiting(io.BytesIO):
            def write(self, data):
                if len(data) > 100_000:
                    assert asked.wait(30)
                return super().write(data)

        await streamdcm.dcmwrite_async(Waiting(), multi_frame(), frames=frames())


class TestStreams:
    """Particular streams."""

    async def test_tls(self):
        authority = package("trustme").CA()
        certificate = authority.issue_cert("localhost")
        server, client = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
        certificate.configure_cert(server)
        server.num_tickets = 0  # or the client would close with something unread
        authority.configure_trust(client)
        content = bytearray()
        async with connected() as (ours, receiving):

            async def receive():
                tls = await TLSStream.wrap(receiving, server_side=True, ssl_context=server, standard_compatible=False)
                async for piece in tls:
                    content.extend(piece)

            async with anyio.create_task_group() as group:
                group.start_soon(receive)
                plain = await SocketStream.from_socket(ours)
                tls = await TLSStream.wrap(plain, hostname="localhost", ssl_context=client, standard_compatible=False)
                async with tls:
                    await streamdcm.dcmwrite_async(tls, multi_frame(), frames=reused(17), number_of_frames=17)
        assert content == in_order(multi_frame(), frames=reused(17), number_of_frames=17)

    async def test_what_is_kept_is_bytes_or_of_bytes(self):
        kept = []

        class Sending:
            async def send(self, item):
                assert type(item) is bytes
                kept.append(item)

        await streamdcm.dcmwrite_async(Sending(), multi_frame(), frames=reused(17), number_of_frames=17)
        assert b"".join(kept) == in_order(multi_frame(), frames=reused(17), number_of_frames=17)

    async def test_a_peer_that_is_gone_is_an_error(self):
        async with connected() as (ours, receiving), native(ours) as stream:
            await receiving.aclose()
            with pytest.raises((ConnectionError, trio.BrokenResourceError)):
                for _ in range(10):
                    await streamdcm.dcmwrite_async(stream, large())

    async def test_a_process(self):
        async with await anyio.open_process(["sha256sum"]) as process:
            await streamdcm.dcmwrite_async(process.stdin, large())
            await process.stdin.aclose()
            digest = await process.stdout.receive()
        import hashlib

        assert digest.split()[0].decode() == hashlib.sha256(written(large())).hexdigest()


class TestFiles:
    """Asynchronous files."""

    async def test_what_is_appended_to_is_not_patched(self, tmp_path):
        path = tmp_path / "appended"
        path.write_bytes(b"before")
        async with await anyio.open_file(path, "ab") as file:
            result = await streamdcm.dcmwrite_async(file, multi_frame(), frames=reused(3))
        assert result.patches == 0
        assert path.read_bytes() == b"before" + in_order(multi_frame(), frames=reused(3))

    async def test_what_is_compressed_is_not_patched(self, tmp_path):
        path = tmp_path / "out.gz"
        async with anyio.wrap_file(gzip.open(path, "wb")) as file:
            result = await streamdcm.dcmwrite_async(file, multi_frame(), frames=reused(3))
        assert result.patches == 0
        assert gzip.decompress(path.read_bytes()) == in_order(multi_frame(), frames=reused(3))

    async def test_text_is_refused(self, tmp_path):
        async with await anyio.open_file(tmp_path / "text", "w") as file:
            with pytest.raises(TargetTypeError, match="takes text"):
                await streamdcm.dcmwrite_async(file, ct())

    async def test_a_stream_is_not_seekable(self):
        sending, receiving = anyio.create_memory_object_stream[bytes](1)
        with sending, receiving, pytest.raises(TargetTypeError, match="cannot seek"):
            await streamdcm.dcmwrite_async(sending, ct(), seekable=True)

    async def test_no_target_is_refused(self):
        for target in (5, None, Awaited, object()):
            with pytest.raises(TargetTypeError):
                await streamdcm.dcmwrite_async(target, ct())

    async def test_an_async_path_is_a_path(self, tmp_path):
        await streamdcm.dcmwrite_async(anyio.Path(tmp_path / "out.dcm"), ct(), durable=True)
        assert (tmp_path / "out.dcm").read_bytes() == written(ct())

    async def test_an_existing_path_is_not_overwritten_if_so_asked(self, tmp_path):
        (tmp_path / "old").write_bytes(b"old")
        with pytest.raises(FileExistsError):
            await streamdcm.dcmwrite_async(tmp_path / "old", ct(), overwrite=False)
        with pytest.raises(streamdcm.errors.EncodeError):
            await streamdcm.dcmwrite_async(tmp_path / "old", bad_number())
        assert os.listdir(tmp_path) == ["old"]
        assert (tmp_path / "old").read_bytes() == b"old"


class AwaitedReader:
    """A reader whose read() is awaited."""

    def __init__(self, content):
        self._file = io.BytesIO(content)

    def __aiter__(self):
        raise AssertionError("read() is there")

    async def read(self, size):
        await anyio.lowlevel.checkpoint()
        return self._file.read(size)


class TestByteStreams:
    """Values whose bytes come from the event loop."""

    CONTENT = bytes(range(256)) * 1001

    def pieces(self):
        reused = bytearray(1001)
        for start in range(0, len(self.CONTENT), 1001):
            reused[:] = self.CONTENT[start : start + 1001]
            yield reused

    def sources(self):
        yield as_async(self.pieces()), None
        yield as_async(self.pieces()), len(self.CONTENT)
        yield AwaitedReader(self.CONTENT), None
        yield AwaitedReader(self.CONTENT), len(self.CONTENT)

    @pytest.mark.parametrize("kind", KINDS)
    async def test_they_are_written(self, kind):
        for source, length in self.sources():
            dataset = ct(PixelData=streamdcm.ByteStream(source, length))
            async with KINDS[kind]() as (target, arrived):
                await streamdcm.dcmwrite_async(target, dataset, chunk_size=10_000)
                content = await what(arrived)
            assert content == written(ct(PixelData=self.CONTENT))

    async def test_in_a_deflated_file(self):
        for source, length in self.sources():
            dataset = ct(PixelData=streamdcm.ByteStream(source, length))
            dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
            target = io.BytesIO()
            await streamdcm.dcmwrite_async(target, dataset)
            assert pydicom.dcmread(io.BytesIO(target.getvalue())).PixelData == self.CONTENT

    async def test_too_few_bytes_are_an_error(self):
        for length in (len(self.CONTENT) + 2, len(self.CONTENT) - 1002):
            for target in (io.BytesIO(), Awaited()):
                with pytest.raises(SourceError, match="announced"):
                    dataset = ct(PixelData=streamdcm.ByteStream(as_async(self.pieces()), length))
                    await streamdcm.dcmwrite_async(target, dataset)

    async def test_twice_is_an_error(self):
        dataset = ct(PixelData=streamdcm.ByteStream(as_async(self.pieces())))
        await streamdcm.dcmwrite_async(Awaited(), dataset)
        with pytest.raises(SourceError, match="only once"):
            await streamdcm.dcmwrite_async(Awaited(), dataset)

    async def test_the_synchronous_functions_refuse_them(self):
        with pytest.raises(SourceError, match="_async"):
            streamdcm.dcmwrite(io.BytesIO(), ct(PixelData=streamdcm.ByteStream(as_async(self.pieces()))))
        with pytest.raises(PlanError, match="_async"):
            streamdcm.dcmwrite(io.BytesIO(), multi_frame(), frames=as_async([]))
        with pytest.raises(PlanError, match="_async"):
            streamdcm.iter_chunks(multi_frame(), frames=as_async([]))

    async def test_a_video(self):
        dataset = multi_frame(MPEG4HP41)
        dataset.NumberOfFrames = 10
        target = Awaited()
        await streamdcm.dcmwrite_async(target, dataset, frames=streamdcm.ByteStream(as_async(self.pieces())))
        expected = in_order(dataset, frames=streamdcm.ByteStream(self.pieces()))
        assert target.data == expected


class TestClosing:
    """Sources are closed in every outcome."""

    async def test_an_async_source_is_closed_when_the_target_fails(self):
        for make in (Awaited, io.BytesIO):
            closed = []

            async def frames(closed=closed):
                try:
                    while True:
                        yield bytes(131072)
                finally:
                    await anyio.lowlevel.checkpoint()
                    closed.append(True)

            with pytest.raises(streamdcm.StreamdcmError):
                await streamdcm.dcmwrite_async(make(), multi_frame(), frames=frames(), number_of_frames=3)
            assert closed == [True]

    async def test_a_source_that_was_not_begun_is_closed(self):
        async def entered(function, dataset, frames):
            async with function(dataset, frames=frames):
                raise AssertionError

        class Frames:
            closed = 0

            def __aiter__(self):
                return self

            async def __anext__(self):
                raise AssertionError("a frame was asked for")

            async def aclose(self):
                self.closed += 1

        for function in (
            partial(streamdcm.dcmwrite_async, Awaited()),
            partial(streamdcm.dcmwrite_async, io.BytesIO()),
            partial(streamdcm.dcmwrite_async, 5),
            partial(entered, streamdcm.open_chunks_async),
        ):
            frames = Frames()
            with pytest.raises((PlanError, TargetTypeError)):
                await function("dataset", frames=frames)
            assert frames.closed

    async def test_an_error_in_the_block_is_its_own(self):
        with pytest.raises(KeyError, match="mine"):
            async with streamdcm.open_chunks_async(large()) as chunks:
                async for _ in chunks:
                    raise KeyError("mine")

    async def test_what_is_wrong_is_known_when_the_block_begins(self):
        with pytest.raises(PlanError):
            async with streamdcm.open_chunks_async(ct(), implicit_vr=True, little_endian=False):
                raise AssertionError("the block was entered")


class TestChecksum:
    @pytest.mark.parametrize("kind", ["byte_stream", "object_stream", "native_stream", "path", "memory"])
    @pytest.mark.parametrize("deflated", [True, False])
    async def test_the_digest_is_that_of_what_arrived(self, kind, deflated):
        dataset = with_syntax(DeflatedExplicitVRLittleEndian) if deflated else large()
        async with KINDS[kind]() as (target, arrived):
            result = await streamdcm.dcmwrite_async(target, dataset, checksum="sha256")
            assert result.checksum.digest == hashlib.sha256(await what(arrived)).hexdigest()

    async def test_an_async_file_is_written_in_order(self):
        dataset, frames = template(ExplicitVRLittleEndian, rows=512, columns=512), pixels(3, shape=(512, 512))
        async with KINDS["anyio_file"]() as (target, arrived):
            assert (await streamdcm.dcmwrite_async(target, dataset, frames=iter(frames))).patches
            patched = await what(arrived)
        async with KINDS["anyio_file"]() as (target, arrived):
            result = await streamdcm.dcmwrite_async(target, dataset, frames=iter(frames), checksum="sha256")
            assert result.patches == 0
            assert await what(arrived) == patched
            assert result.checksum.digest == hashlib.sha256(patched).hexdigest()
