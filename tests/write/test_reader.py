"""A readable object: what libraries read from it is what `dcmwrite` writes."""

import io
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any

import anyio
import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import EncodeError, PlanError
from tests.support.images import compressed, template
from tests.support.services import moto
from tests.support.tools import package
from tests.support.web import Server


def ct() -> Dataset:
    return pydicom.dcmread(get_testdata_file("CT_small.dcm"))


def native() -> Dataset:
    return template(ExplicitVRLittleEndian, rows=256, columns=256)


FRAMES = [bytes([number]) * 131_072 for number in range(20)]

# name: dataset, options, whether it can be read again, whether the size is known
CASES: dict[str, tuple[Any, Any, bool, bool]] = {
    "dataset": (ct, dict, True, True),
    "list": (native, lambda: {"frames": FRAMES}, True, True),
    "announced": (native, lambda: {"frames": iter(FRAMES), "number_of_frames": 20}, False, True),
    "counted": (native, lambda: {"frames": iter(FRAMES)}, False, False),
    "compressed": (lambda: template(JPEGBaseline8Bit, bits=8), lambda: {"frames": TILES}, True, True),
    "dataset alone": (ct, lambda: {"file_meta": False}, True, True),
}
TILES = compressed([10, 70_000, 33])
each_case = pytest.mark.parametrize("name", CASES)


def opened(name: str, **more: Any) -> streamdcm.DicomReader:
    dataset, options, *_ = CASES[name]
    return streamdcm.open_reader(dataset(), **options(), **more)


def expected(name: str) -> bytes:
    dataset, options, *_ = CASES[name]
    return b"".join(streamdcm.iter_chunks(dataset(), **options()))


@each_case
@pytest.mark.parametrize("size", [1000, 65_536, 3_000_000, -1, None])
def test_what_is_read_is_what_is_written(name: str, size: int | None) -> None:
    with opened(name) as reader:
        assert reader.readable()
        assert not reader.writable()
        parts = list(iter(lambda: reader.read(size), b""))
        assert reader.read(10) == reader.read() == b""
    assert b"".join(parts) == expected(name)
    if size and size > 0:
        assert {len(part) for part in parts[:-1]} <= {size}, "only the last may be shorter"


@each_case
def test_it_fills_buffers_and_gives_chunks(name: str) -> None:
    with opened(name) as reader:
        buffer = bytearray(70_000)
        filled = reader.readinto(buffer)
        assert reader.tell() == filled == min(70_000, len(expected(name)))
        rest = b"".join(reader)
    assert bytes(buffer[:filled]) + rest == expected(name)


@each_case
def test_its_size_is_known_where_it_can_be(name: str) -> None:
    *_, repeats, known = CASES[name]
    with opened(name) as reader:
        assert reader.content_length == (len(expected(name)) if known else None)
        assert reader.seekable() == repeats
        if known:
            assert reader.seek(0, io.SEEK_END) == len(expected(name))
            assert reader.tell() == len(expected(name))
        else:
            with pytest.raises(io.UnsupportedOperation):
                reader.seek(0, io.SEEK_END)


def test_the_end_may_be_sought_before_anything_is_read() -> None:
    with opened("announced") as reader:
        assert reader.seek(0, io.SEEK_END) == len(expected("announced"))
        assert reader.seek(0) == 0
        assert reader.read() == expected("announced")
        reader.seek(5)
        with pytest.raises(io.UnsupportedOperation, match="frames that come once"):
            reader.read(1)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_any_place_can_be_read_again(name: str) -> None:
    content = expected(name)
    with opened(name, chunk_size=1000) as reader:
        for place in (0, 500, 3, len(content) - 7, 200, len(content) + 9, 0):
            reader.seek(place)
            assert reader.tell() == place
            assert reader.read(100) == content[place : place + 100]
        assert reader.seek(-20, io.SEEK_END) == len(content) - 20
        assert reader.read() == content[-20:]
        assert reader.seek(-5, io.SEEK_CUR) == len(content) - 5


def test_it_copies_into_files_and_archives(tmp_path: Any) -> None:
    with opened("announced") as reader, (tmp_path / "out.dcm").open("wb") as file:
        shutil.copyfileobj(reader, file)
    assert (tmp_path / "out.dcm").read_bytes() == expected("announced")
    with tarfile.open(tmp_path / "all.tar", "w|") as archive:
        for name in ("dataset", "announced", "list"):
            with opened(name) as reader:
                member = tarfile.TarInfo(name)
                assert reader.content_length is not None
                member.size = reader.content_length
                archive.addfile(member, reader)
    with tarfile.open(tmp_path / "all.tar") as archive:
        for name in ("dataset", "announced", "list"):
            found = archive.extractfile(name)
            assert found is not None
            assert found.read() == expected(name)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed, packed.open("one", "w") as file:
        shutil.copyfileobj(opened("counted"), file)
    assert zipfile.ZipFile(tmp_path / "all.zip").read("one") == expected("counted")


@pytest.mark.parametrize("name", ["dataset", "list", "announced", "counted"])
@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_http_clients_send_it(name: str, library: str) -> None:
    client = package(library)
    with Server() as server:
        with opened(name) as reader:
            body = {"data": reader} if library == "requests" else {"content": reader}
            assert client.put(f"{server.url}/out.dcm", **body).status_code == 201
        (request,) = server.requests
    assert request.body == expected(name)
    sent = request.headers["Content-Length"]
    assert sent == (str(len(request.body)) if CASES[name][3] else None)


@pytest.mark.parametrize("name", ["dataset", "list", "announced", "counted"])
def test_boto3_uploads_it(name: str) -> None:
    boto3 = package("boto3")
    with moto() as options:
        s3 = boto3.client("s3", **options)
        s3.create_bucket(Bucket="readers")
        with opened(name) as reader:
            s3.upload_fileobj(reader, "readers", "uploaded")
        assert s3.get_object(Bucket="readers", Key="uploaded")["Body"].read() == expected(name)
        if CASES[name][2]:
            with opened(name) as reader:
                s3.put_object(Bucket="readers", Key="put", Body=reader)
            assert s3.get_object(Bucket="readers", Key="put")["Body"].read() == expected(name)


def test_what_is_wrong_is_told_when_it_is_opened_or_reached() -> None:
    closed = []

    def frames() -> Iterator[bytes]:
        try:
            yield FRAMES[0]
            yield b"short"
        finally:
            closed.append(True)

    given = frames()
    with pytest.raises(PlanError):
        streamdcm.open_reader(native(), frames=given, implicit_vr=True, little_endian=False)
    reader = streamdcm.open_reader(native(), frames=frames(), number_of_frames=2)
    with pytest.raises(EncodeError, match="frame 2"), reader:
        reader.read()
    assert closed == [True]
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)
    with pytest.raises(TypeError, match="overwrite"):
        streamdcm.open_reader(native(), overwrite=True)  # type: ignore[call-arg]


def test_leaving_it_early_closes_the_frames() -> None:
    for count in (0, 200_000):
        frames = (frame for frame in FRAMES)
        with streamdcm.open_reader(native(), frames=frames) as reader:
            reader.read(count)
        with pytest.raises(StopIteration):
            next(frames)


def test_progress_is_told() -> None:
    events: list[Any] = []
    with opened("list", progress=events.append) as reader:
        size = len(reader.read())
    assert events[-1].bytes_written == events[-1].total == size


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("name", ["dataset", "list", "announced"])
def test_on_an_event_loop(backend: str, name: str) -> None:
    async def read() -> None:
        dataset, options, *_ = CASES[name]
        async with streamdcm.open_reader_async(dataset(), **options()) as reader:
            parts = [await reader.read(1000), await reader.receive(5)]
            assert (len(parts[0]), len(parts[1])) == (1000, 5)
            parts += [part async for part in reader]
            assert await reader.read() == b""
            with pytest.raises(anyio.EndOfStream):
                await reader.receive()
        assert b"".join(parts) == expected(name)
        with pytest.raises(anyio.ClosedResourceError):
            await reader.read(1)
        async with streamdcm.open_reader_async(dataset(), **options()) as reader:
            assert await reader.read() == expected(name)

    anyio.run(read, backend=backend)
