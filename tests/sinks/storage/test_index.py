"""``streamdcm index`` of what real servers hold: S3, and HTTP with ranges."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from streamdcm.files.index import index_file
from tests.sinks.storage.conftest import Bucket
from tests.support import services
from tests.support.images import compressed, pixels, template
from tests.support.tools import need

pytestmark = pytest.mark.slow

KINDS: dict[str, dict[str, Any]] = {
    "native": {"frames": pixels(40, shape=(100, 200))},
    "basic": {"frames": compressed([20_000, 20_001] * 20), "max_frames": 60},
    "extended": {"frames": compressed([20_000, 20_001] * 20), "offset_table": "extended"},
    "items": {"frames": compressed([20_000, 20_001] * 20), "offset_table": "empty"},
}
each_kind = pytest.mark.parametrize("kind", KINDS)


def write(target: Any, kind: str, **options: Any) -> list[tuple[int, int]]:
    """Write frames of a kind; return where each is, the byte included that makes it even."""
    dataset = (
        template(ExplicitVRLittleEndian, rows=100, columns=200) if kind == "native" else template(JPEGBaseline8Bit)
    )
    dataset.BitsAllocated = dataset.BitsStored = 16 if kind == "native" else 8
    dataset.HighBit = dataset.BitsStored - 1
    result = streamdcm.dcmwrite(target, dataset, enforce_file_format=True, frame_index=True, **KINDS[kind], **options)
    return [(offset, length + length % 2) for offset, length in result.frames or ()]


@each_kind
def test_of_an_object_in_s3_as_it_was_when_it_was_written_there(bucket: Bucket, run_cli, kind: str):
    places = write(bucket.url(), kind, client=bucket.client)
    assert list(index_file(bucket.url(), client=bucket.client).frames) == places
    printed = json.loads(run_cli(bucket, "index", bucket.url(), "--json"))
    assert [tuple(pair) for pair in printed["frames"]] == places
    content = bucket.read()
    for (offset, length), frame in zip(places, KINDS[kind]["frames"], strict=True):
        assert content[offset : offset + length].removesuffix(b"\0") == bytes(frame).removesuffix(b"\0")


@each_kind
def test_of_a_file_on_a_web_server(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str):
    (tmp_path / "files").mkdir()
    places = write(tmp_path / "files" / "1.dcm", kind)
    with services.webdav(need("rclone"), tmp_path / "files") as url:
        assert main(["index", f"{url}/1.dcm", "--json"]) == 0
    assert [tuple(pair) for pair in json.loads(capsys.readouterr().out)["frames"]] == places
