"""Objects as sources of `rewrite`: by ranged requests, through the library that writes them."""

import io
import random
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pydicom
import pytest
from azure.storage.blob import BlobServiceClient
from fsspec.implementations.memory import MemoryFileSystem
from obstore.store import LocalStore, MemoryStore

import streamdcm
from streamdcm.errors import AccessDeniedError, MissingExtraError, NoBucketError, SourceError, StorageError
from streamdcm.sinks.storage import urls
from streamdcm.sinks.storage.object_reader import ObjectReader
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.support.uploads import in_memory, large, small

pytestmark = pytest.mark.slow
EDIT = {"PatientID": "edited"}


def rewritten(content: bytes, **options) -> bytes:
    target = io.BytesIO()
    streamdcm.rewrite(io.BytesIO(content), target, **options)
    return target.getvalue()


@pytest.fixture
def source(bucket: Bucket) -> bytes:
    content = in_memory(large())
    bucket.client.put_object(Bucket=BUCKET, Key=f"{bucket.prefix}/source.dcm", Body=content)
    return content


def test_s3_to_s3_goes_through_one_client(bucket: Bucket, source: bytes):
    streamdcm.rewrite(bucket.url("source.dcm"), bucket.url("edited.dcm"), client=bucket.client, edit=EDIT)
    assert bucket.read("edited.dcm") == rewritten(source, edit=EDIT)
    streamdcm.rewrite(bucket.url("edited.dcm"), bucket.url("edited.dcm"), storage_options=bucket.options)
    assert bucket.read("edited.dcm") == rewritten(source, edit=EDIT)
    assert not bucket.pending()


def test_a_source_has_its_own_client(bucket: Bucket, source: bytes, tmp_path):
    streamdcm.rewrite(bucket.url("source.dcm"), tmp_path / "1.dcm", source_client=bucket.client)
    streamdcm.rewrite(bucket.url("source.dcm"), tmp_path / "2.dcm", source_options=bucket.options)
    assert (tmp_path / "1.dcm").read_bytes() == (tmp_path / "2.dcm").read_bytes() == rewritten(source)
    with streamdcm.rewrite_chunks(bucket.url("source.dcm"), source_client=bucket.client) as chunks:
        assert chunks.content_length == len(rewritten(source))
        assert b"".join(chunks) == rewritten(source)
    header = streamdcm.read_header(bucket.url("source.dcm"), client=bucket.client)
    assert header == streamdcm.read_header(io.BytesIO(source))


@pytest.mark.asyncio
async def test_it_is_so_on_a_loop(bucket: Bucket, source: bytes):
    await streamdcm.rewrite_async(bucket.url("source.dcm"), bucket.url("edited.dcm"), client=bucket.client, edit=EDIT)
    assert bucket.read("edited.dcm") == rewritten(source, edit=EDIT)
    header = await streamdcm.read_header_async(bucket.url("source.dcm"), client=bucket.client)
    assert header == streamdcm.read_header(io.BytesIO(source))


def test_what_cannot_be_read_is_an_error(bucket: Bucket, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such object"):
        streamdcm.rewrite(bucket.url("missing.dcm"), tmp_path / "out.dcm", source_client=bucket.client)
    assert list(tmp_path.iterdir()) == []


def test_credentials_that_may_not_read_are_named(seaweed: Bucket, tmp_path):
    options = seaweed.options | {"aws_access_key_id": "nobody"}
    with pytest.raises(StorageError) as raised:
        streamdcm.rewrite(seaweed.url("source.dcm"), tmp_path / "out.dcm", source_options=options)
    assert "nobody" not in str(raised.value)
    assert not isinstance(raised.value, NoBucketError) or isinstance(raised.value, AccessDeniedError)


def test_an_object_that_is_replaced_meanwhile_is_an_error(bucket: Bucket, source: bytes, tmp_path):
    def replace(dataset: pydicom.Dataset) -> None:
        bucket.client.put_object(Bucket=BUCKET, Key=f"{bucket.prefix}/source.dcm", Body=source[:-2] + b"xx")

    with pytest.raises(SourceError, match="has changed since it was opened"):
        streamdcm.rewrite(bucket.url("source.dcm"), tmp_path / "out.dcm", source_client=bucket.client, edit=replace)
    assert list(tmp_path.iterdir()) == []


class Blobs:
    """A place in Azure that one test has for itself, with a blob in it."""

    def __init__(self, options: dict[str, Any], service: BlobServiceClient) -> None:
        self.options = options
        self.service = service
        self.prefix = uuid.uuid4().hex
        self.content = in_memory(large())
        self.put(self.content)

    def url(self, name: str = "source.dcm") -> str:
        return f"az://{BUCKET}/{self.prefix}/{name}"

    def put(self, content: bytes) -> None:
        self.service.get_blob_client(BUCKET, f"{self.prefix}/source.dcm").upload_blob(content, overwrite=True)

    def read(self, name: str) -> bytes:
        return self.service.get_blob_client(BUCKET, f"{self.prefix}/{name}").download_blob().readall()


@pytest.fixture
def blobs(azurite: dict[str, Any]) -> Iterator[Blobs]:
    with BlobServiceClient(**azurite) as service:
        yield Blobs(azurite, service)


def test_a_blob_is_read_to_a_path(blobs: Blobs, tmp_path):
    streamdcm.rewrite(blobs.url(), tmp_path / "1.dcm", source_client=blobs.service, edit=EDIT)
    streamdcm.rewrite(blobs.url(), tmp_path / "2.dcm", source_options=blobs.options, edit=EDIT)
    edited = rewritten(blobs.content, edit=EDIT)
    assert (tmp_path / "1.dcm").read_bytes() == (tmp_path / "2.dcm").read_bytes() == edited


def test_blob_to_blob_goes_through_one_client(blobs: Blobs):
    streamdcm.rewrite(blobs.url(), blobs.url("edited.dcm"), client=blobs.service, edit=EDIT)
    assert blobs.read("edited.dcm") == rewritten(blobs.content, edit=EDIT)
    streamdcm.rewrite(blobs.url("edited.dcm"), blobs.url("edited.dcm"), storage_options=blobs.options)
    assert blobs.read("edited.dcm") == rewritten(blobs.content, edit=EDIT)


def test_a_blob_that_is_missing_is_an_error(blobs: Blobs, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such object"):
        streamdcm.rewrite(blobs.url("missing.dcm"), tmp_path / "out.dcm", source_client=blobs.service)
    with pytest.raises(NoBucketError):
        streamdcm.rewrite("az://not-there/1.dcm", tmp_path / "out.dcm", source_client=blobs.service)
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_is_replaced_meanwhile_is_an_error(blobs: Blobs, tmp_path):
    def replace(dataset: pydicom.Dataset) -> None:
        blobs.put(blobs.content[:-2] + b"xx")

    with pytest.raises(SourceError, match="has changed since it was opened"):
        streamdcm.rewrite(blobs.url(), tmp_path / "out.dcm", source_client=blobs.service, edit=replace)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["memory", "local"])
def test_obstore_reads_the_rest(kind: str, tmp_path):
    store = MemoryStore() if kind == "memory" else LocalStore(tmp_path)
    content = in_memory(large())
    store.put("source.dcm", content)
    target = io.BytesIO()
    streamdcm.rewrite("gs://bucket/source.dcm", target, source_client=store, edit=EDIT)
    assert target.getvalue() == rewritten(content, edit=EDIT)
    with pytest.raises(FileNotFoundError, match="there is no such object"):
        streamdcm.rewrite("gs://bucket/missing.dcm", target, source_client=store)


def test_fsspec_reads_what_else_there_is():
    import fsspec

    content = in_memory(small())
    with fsspec.open("memory://source.dcm", "wb") as file:
        file.write(content)
    target = io.BytesIO()
    streamdcm.rewrite("memory://source.dcm", target)
    assert target.getvalue() == rewritten(content)
    with pytest.raises(FileNotFoundError):
        streamdcm.rewrite("memory://missing.dcm", target)


def test_the_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise MissingExtraError(f"needs {name}")

    monkeypatch.setattr(urls, "import_module", missing)
    with pytest.raises(MissingExtraError, match=r"needs streamdcm\.sinks\.storage\.s3"):
        streamdcm.rewrite("s3://bucket/key", io.BytesIO())


def test_reading_on_takes_few_requests_and_reading_here_and_there_few_bytes():
    content, asked = random.Random(1).randbytes(40_000_000), []

    def fetch(offset: int, length: int) -> bytes:
        asked.append(length)
        return content[offset : offset + length]

    reader = ObjectReader("s3://bucket/key", len(content), fetch)
    assert b"".join(iter(lambda: reader.read(1_000_000), b"")) == content
    assert len(asked) < 12
    assert max(asked) <= 8 * 1024 * 1024
    asked.clear()
    for offset in (30_000_000, 5, 20_000_000):
        reader.seek(offset)
        assert reader.read(100) == content[offset : offset + 100]
    assert sum(asked) <= 300
    assert reader.seek(-10, io.SEEK_END) == len(content) - 10
    assert reader.read() == content[-10:]


class SecretsInErrors(MemoryFileSystem):
    """A file system that puts the whole URL into its errors, as that of HTTP does."""

    protocol = "secretive"
    cachable = False

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if "missing" in path:
            raise FileNotFoundError("secretive://user:secret@host/missing.dcm")
        return FailingFile()


class FailingFile(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError("secretive://user:secret@host/in.dcm broke off")


@pytest.mark.parametrize("name", ["missing.dcm", "in.dcm"])
def test_errors_of_a_file_system_do_not_show_the_secrets_of_a_url(name: str, tmp_path: Path) -> None:
    fsspec.register_implementation("secretive", SecretsInErrors, clobber=True)
    with pytest.raises((FileNotFoundError, StorageError), match=rf"secretive://host/{name}") as raised:
        streamdcm.rewrite(f"secretive://user:secret@host/{name}", tmp_path / "out.dcm")
    assert "secret@" not in str(raised.value)
    assert not list(tmp_path.iterdir())
