"""Blobs in Azure: blocks in any order, committed last (against Azurite, where that is installed)."""

import hashlib
import io
import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient

import streamdcm
from streamdcm import Fill, Reserve
from streamdcm.errors import (
    AccessDeniedError,
    ConnectionLostError,
    ContainerNotFoundError,
    CredentialsError,
    ObjectExistsError,
    TargetTypeError,
)
from tests.sinks.storage.conftest import BUCKET
from tests.support import functional_groups
from tests.support.uploads import MIB, SourceError, failing_frames, frames, in_memory, large, small

pytestmark = pytest.mark.slow


class Container:
    """A place in Azure that one test has for itself."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.service = BlobServiceClient(**options)
        self.prefix = uuid.uuid4().hex

    def close(self) -> None:
        self.service.close()

    def url(self, name: str = "1.dcm") -> str:
        return f"az://{BUCKET}/{self.prefix}/{name}"

    def blob(self, name: str = "1.dcm"):
        return self.service.get_blob_client(BUCKET, f"{self.prefix}/{name}")

    def read(self, name: str = "1.dcm") -> bytes:
        return self.blob(name).download_blob().readall()

    def names(self) -> list[str]:
        listed = self.service.get_container_client(BUCKET).list_blob_names(name_starts_with=self.prefix)
        return [name.removeprefix(f"{self.prefix}/") for name in listed]


@pytest.fixture
def container(azurite: dict[str, Any]) -> Iterator[Container]:
    with closing(Container(azurite)) as container:
        yield container


def upload(container: Container, dataset, **options):
    return streamdcm.dcmwrite(container.url(), dataset, client=container.service, **options)


def test_a_small_blob_is_put_at_once(container: Container):
    result = streamdcm.dcmwrite(container.url(), small(), storage_options=container.options, metadata={"site": "A"})
    assert container.read() == in_memory(small())
    properties = container.blob().get_blob_properties()
    assert properties.content_settings.content_type == "application/dicom"
    assert properties.metadata == {"site": "A"}
    assert container.blob().get_block_list()[0] == []
    assert result.location == container.url()


def test_a_large_blob_is_put_in_blocks(container: Container):
    upload(container, large(1), frames=frames(), part_size="5 MiB", metadata={"site": "A"})
    assert container.read() == in_memory(large(1), frames=frames())
    properties = container.blob().get_blob_properties()
    assert properties.content_settings.content_type == "application/dicom"
    assert properties.metadata == {"site": "A"}
    assert [block.size for block in container.blob().get_block_list()[0]][:2] == [5 * MIB] * 2


def test_more_functional_groups_than_were_reserved_make_a_block_larger(container: Container):
    given = {"frames": functional_groups.frames(24, rows=512), "max_frames": 24, "frame_groups": 16}
    upload(container, functional_groups.enhanced(rows=512), part_size="5 MiB", **given)
    functional_groups.check(io.BytesIO(container.read()), 24)
    blocks = [block.size for block in container.blob().get_block_list()[0]]
    assert blocks[0] > blocks[1] == 5 * MIB


@pytest.mark.parametrize("late", [True, False])
def test_the_digest(container: Container, late):
    def encoder():
        field = Reserve(4)
        yield field
        if not late:
            yield Fill(field, b"here")
        yield bytes(11 * MIB)
        if late:
            yield Fill(field, b"late")

    result = streamdcm.write_encoder(
        encoder(), container.url(), client=container.service, part_size="5 MiB", checksum="sha256"
    )
    content = container.read()
    parts = [hashlib.sha256(content[at : at + 5 * MIB]).digest() for at in range(0, len(content), 5 * MIB)]
    assert result.checksum.parts == (3 if late else None)
    assert result.checksum.digest == hashlib.sha256(b"".join(parts) if late else content).hexdigest()


def test_a_source_that_fails_leaves_what_was_there(container: Container):
    upload(container, small())
    for name in ("1.dcm", "2.dcm"):
        with pytest.raises(SourceError):
            streamdcm.dcmwrite(
                container.url(name), large(1), frames=failing_frames(), client=container.service, part_size="5 MiB"
            )
    assert container.names() == ["1.dcm"]
    assert container.read() == in_memory(small())


def test_what_exists_is_not_overwritten(container: Container):
    upload(container, small(), overwrite=False)
    for dataset in (small(), large()):
        with pytest.raises(ObjectExistsError):
            upload(container, dataset, overwrite=False)
    assert container.read() == in_memory(small())


@pytest.mark.parametrize("mebibytes", [1, 12])
def test_of_two_writers_the_second_is_refused_at_the_end(container: Container, mebibytes):
    def overtake(event):
        container.blob().upload_blob(b"first", overwrite=True)

    with pytest.raises(ObjectExistsError) as raised:
        upload(container, large(1), frames=frames(mebibytes), overwrite=False, progress=overtake)
    assert isinstance(raised.value.__cause__, AzureError)
    assert container.read() == b"first"


def test_wrong_credentials_are_told_without_them(container: Container):
    wrong = {"account_name": container.options["credential"]["account_name"], "account_key": "bm90IHRoZSBzZWNyZXQ="}
    for dataset in (small(), large()):
        with pytest.raises((CredentialsError, AccessDeniedError)) as raised:  # Azure itself tells them apart
            streamdcm.dcmwrite(container.url(), dataset, storage_options=container.options | {"credential": wrong})
        assert "bm90" not in f"{raised.value} {raised.value.__cause__}"


def test_no_such_container(container: Container):
    for dataset in (small(), large()):
        with pytest.raises(ContainerNotFoundError):
            streamdcm.dcmwrite("az://not-there/1.dcm", dataset, client=container.service)


def test_nobody_there():
    service = BlobServiceClient("http://127.0.0.1:9/account", retry_total=0)
    with service, pytest.raises(ConnectionLostError):
        streamdcm.dcmwrite("az://container/1.dcm", small(), client=service)


def test_no_account(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    with pytest.raises(CredentialsError, match="account_url"):
        streamdcm.dcmwrite("az://container/1.dcm", small())


@pytest.mark.parametrize("url", ["az://container", "az://container/", "az://container/folder/"])
def test_what_names_no_blob_is_refused(url):
    with pytest.raises(TargetTypeError, match="az://CONTAINER/NAME"):
        streamdcm.dcmwrite(url, small())


def test_resuming_is_refused():
    with pytest.raises(TargetTypeError, match="resume"):
        streamdcm.dcmwrite("az://container/1.dcm", small(), resume=True)
