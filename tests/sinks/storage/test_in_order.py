"""What is written in order: fsspec, obstore, UPath and HTTP, by URL and through handles of the caller."""

import io
from collections.abc import Iterator
from pathlib import Path

import fsspec
import obstore
import pytest
import smart_open
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem
from obstore.store import LocalStore, MemoryStore
from pydicom import dcmread
from upath import UPath

import streamdcm
from streamdcm.cli.app import main
from streamdcm.errors import (
    ObjectExistsError,
    TargetTypeError,
)
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.support.uploads import MIB, SourceError, failing_frames, frames, in_memory, large, small
from tests.support.web import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def memory() -> Iterator[MemoryFileSystem]:
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


class BufferedStore(AbstractFileSystem):
    """A file system of the kind of s3fs and gcsfs: a file is uploaded block by block, and closing it publishes it."""

    protocol = "buffered"
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.published: dict[str, bytes] = {}
        self.pending: set[str] = set()

    def _open(self, path, mode="wb", block_size=None, autocommit=True, **kwargs):
        return BufferedFile(self, path, mode, block_size or 5 * MIB, autocommit=autocommit, **kwargs)

    def info(self, path, **kwargs):
        if path not in self.published:
            raise FileNotFoundError(path)
        return {"name": path, "type": "file", "size": len(self.published[path])}


class BufferedFile(AbstractBufferedFile):
    """A file of it."""

    def _initiate_upload(self):
        self.fs.pending.add(self.path)
        self.blocks: list[bytes] = []

    def _upload_chunk(self, final=False):
        self.blocks.append(self.buffer.getvalue())
        if final and self.autocommit:
            self.commit()
        return True

    def commit(self):
        self.fs.pending.discard(self.path)
        self.fs.published[self.path] = b"".join(self.blocks)

    def discard(self):
        self.fs.pending.discard(self.path)


def test_a_url_of_fsspec(memory: MemoryFileSystem):
    result = streamdcm.dcmwrite("memory://folder/1.dcm", large(1), frames=frames(3))
    assert memory.cat("/folder/1.dcm") == in_memory(large(1), frames=frames(3))
    assert result.location == "memory://folder/1.dcm"
    with fsspec.open("memory://folder/1.dcm") as file:
        assert dcmread(file).NumberOfFrames == 3
    assert list(memory.store) == ["/folder/1.dcm"]


def test_a_url_of_fsspec_whose_source_fails_keeps_what_was_there(memory: MemoryFileSystem):
    streamdcm.dcmwrite("memory://1.dcm", small())
    with pytest.raises(SourceError):
        streamdcm.dcmwrite("memory://1.dcm", large(1), frames=failing_frames(3))
    assert list(memory.store) == ["/1.dcm"]
    assert memory.cat("/1.dcm") == in_memory(small())


def test_a_file_of_fsspec_is_not_overwritten(memory: MemoryFileSystem):
    streamdcm.dcmwrite("memory://1.dcm", small(), overwrite=False)
    with pytest.raises(ObjectExistsError):
        streamdcm.dcmwrite("memory://1.dcm", large(1), overwrite=False)

    def overtake(event):
        memory.pipe("/2.dcm", b"first")

    with pytest.raises(ObjectExistsError):
        streamdcm.dcmwrite("memory://2.dcm", small(), overwrite=False, progress=overtake)
    assert memory.cat("/2.dcm") == b"first"
    assert sorted(memory.store) == ["/1.dcm", "/2.dcm"]


def test_a_local_file_of_fsspec_appears_when_it_is_complete(tmp_path: Path):
    target = f"local://{tmp_path}/1.dcm"
    streamdcm.dcmwrite(target, small())
    with pytest.raises(SourceError):
        streamdcm.dcmwrite(target, large(1), frames=failing_frames(3))
    assert (tmp_path / "1.dcm").read_bytes() == in_memory(small())
    assert [path.name for path in tmp_path.iterdir()] == ["1.dcm"]


def test_a_file_url_is_a_path(tmp_path: Path):
    result = streamdcm.dcmwrite((tmp_path / "a b.dcm").as_uri(), small())
    assert result.location == str(tmp_path / "a b.dcm")
    assert (tmp_path / "a b.dcm").read_bytes() == in_memory(small())


def test_a_path_of_universal_pathlib(memory: MemoryFileSystem, tmp_path: Path):
    streamdcm.dcmwrite(UPath("memory://folder/1.dcm"), small())
    assert memory.cat("/folder/1.dcm") == in_memory(small())
    streamdcm.dcmwrite(UPath(tmp_path / "1.dcm"), small())
    assert (tmp_path / "1.dcm").read_bytes() == in_memory(small())


def test_a_scheme_that_nobody_knows_is_refused():
    with pytest.raises(TargetTypeError, match="scheme"):
        streamdcm.dcmwrite("nobody://knows/1.dcm", small())


@pytest.mark.parametrize("option", [{"metadata": {"a": "b"}}, {"resume": True}])
def test_options_without_effect_are_refused(memory: MemoryFileSystem, option):
    with pytest.raises(TargetTypeError, match=next(iter(option))):
        streamdcm.dcmwrite("memory://1.dcm", small(), **option)


def test_a_handle_of_fsspec_is_closed_by_its_owner():
    store = BufferedStore()
    with store.open("1.dcm", "wb") as file:
        streamdcm.dcmwrite(file, large())
        assert not file.closed
        assert not store.published
    assert store.published == {"1.dcm": in_memory(large())}


@pytest.mark.parametrize("frame_count", [0, 12])
def test_a_handle_of_fsspec_publishes_nothing_after_an_error(frame_count):
    store = BufferedStore()
    with pytest.raises(SourceError), store.open("1.dcm", "wb") as file:
        streamdcm.dcmwrite(file, large(1), frames=failing_frames(frame_count), number_of_frames=20)
    assert not store.published
    assert not store.pending


def test_a_handle_of_fsspec_publishes_nothing_when_the_write_is_refused_ahead():
    store = BufferedStore()
    with pytest.raises(streamdcm.errors.PlanError), store.open("1.dcm", "wb") as file:
        streamdcm.dcmwrite(file, small(), implicit_vr=True)
    with pytest.raises(streamdcm.errors.PlanError), store.open("2.dcm", "wb") as file:
        streamdcm.open_writer(file, small(), implicit_vr=True)
    assert not store.published


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path):
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


def names(store) -> list[str]:
    return [entry["path"] for entry in obstore.list(store).collect()]


def test_a_writer_of_obstore_is_closed_by_its_owner(store):
    with obstore.open_writer(store, "1.dcm") as writer:
        streamdcm.dcmwrite(writer, large())
        assert not writer.closed()
    assert bytes(obstore.get(store, "1.dcm").bytes()) == in_memory(large())


def test_a_writer_of_obstore_leaves_nothing_after_an_error(store, tmp_path: Path):
    writer = obstore.open_writer(store, "1.dcm")
    with pytest.raises(SourceError):
        streamdcm.dcmwrite(writer, large(1), frames=failing_frames(), number_of_frames=20)
    assert writer.closed()
    assert not names(store)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_store_of_obstore_takes_what_a_url_names(store):
    """What Google's storage gets, in one that runs here."""
    result = streamdcm.dcmwrite("gs://bucket/1.dcm", large(), client=store, part_size="5 MiB")
    assert bytes(obstore.get(store, "1.dcm").bytes()) == in_memory(large())
    assert result.location == "gs://bucket/1.dcm"
    with pytest.raises(ObjectExistsError):
        streamdcm.dcmwrite("gs://bucket/1.dcm", small(), client=store, overwrite=False)
    with pytest.raises(SourceError):
        streamdcm.dcmwrite("gs://bucket/2.dcm", large(1), frames=failing_frames(), client=store, number_of_frames=20)
    assert names(store) == ["1.dcm"]


def test_obstore_uploads_in_parts_and_leaves_none(seaweed: Bucket):
    options = {
        "endpoint": seaweed.options["endpoint_url"],
        "access_key_id": "key",
        "secret_access_key": "secret",
        "region": "us-east-1",
        "client_options": {"allow_http": True},
    }
    store = obstore.store.S3Store(BUCKET, prefix=seaweed.prefix, **options)
    streamdcm.dcmwrite("gs://bucket/1.dcm", large(), client=store, part_size="5 MiB", metadata={"site": "A"})
    assert seaweed.read() == in_memory(large())
    assert seaweed.head()["ContentType"] == "application/dicom"
    assert seaweed.head()["Metadata"] == {"site": "A"}
    with pytest.raises(SourceError):
        streamdcm.dcmwrite(
            "gs://bucket/2.dcm", large(1), frames=failing_frames(), client=store, number_of_frames=20, part_size="5 MiB"
        )
    assert seaweed.names() == ["1.dcm"]
    assert not seaweed.pending()


def test_a_handle_of_smart_open(moto: Bucket):
    with smart_open.open(moto.url(), "wb", transport_params={"client": moto.client}) as file:
        streamdcm.dcmwrite(file, large())
    assert moto.read() == in_memory(large())
    file = smart_open.open(moto.url("2.dcm"), "wb", transport_params={"client": moto.client})
    with pytest.raises(SourceError):
        streamdcm.dcmwrite(file, large(1), frames=failing_frames(), number_of_frames=20)
    file.close()
    assert moto.names() == ["1.dcm"]
    assert not moto.pending()


@pytest.fixture
def web() -> Iterator[Server]:
    with Server() as server:
        yield server


def test_a_source_may_be_a_url(memory: MemoryFileSystem, tmp_path: Path):
    streamdcm.dcmwrite(tmp_path / "in.dcm", large())
    memory.put(str(tmp_path / "in.dcm"), "/in.dcm")
    streamdcm.rewrite("memory://in.dcm", tmp_path / "out.dcm")
    streamdcm.rewrite(tmp_path / "in.dcm", "memory://out.dcm")
    assert memory.cat("/out.dcm") == (tmp_path / "out.dcm").read_bytes()
    with pytest.raises(FileNotFoundError):
        streamdcm.rewrite("memory://not-there.dcm", tmp_path / "out.dcm")


def test_the_command_line_copies_from_url_to_url(memory: MemoryFileSystem, web: Server, capsys):
    memory.pipe("/in.dcm", in_memory(small()))
    assert main(["copy", "memory://in.dcm", f"{web.url}/out.dcm?signature=secret"]) == 0
    assert dcmread(io.BytesIO(web.requests[0].body)) == small()
    assert "secret" not in capsys.readouterr().err
