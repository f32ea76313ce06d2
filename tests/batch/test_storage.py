"""Batches from one bucket to another, and long manifests."""

import io
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from streamdcm.batch import Batch
from streamdcm.batch.journal import BLOCK, Journal
from streamdcm.batch.listing import found_in
from tests.batch.test_run import make_instances
from tests.support.services import moto
from tests.support.tools import package

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    package("boto3")
    package("moto")
    with moto() as options:
        yield options


@pytest.fixture
def client(options: dict[str, str]) -> Any:
    import boto3

    client = boto3.client("s3", **options)
    for name in ("old", "new"):
        client.create_bucket(Bucket=name)
    return client


def names_in(client: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_a_bucket_to_a_bucket(tmp_path: Path, options: dict[str, str], client: Any) -> None:
    source = make_instances(tmp_path / "in", range(6))
    for path in source.rglob("*.dcm"):
        client.put_object(Bucket="old", Key=f"studies/{path.name}", Body=path.read_bytes())
    client.put_object(Bucket="old", Key="studies/readme.txt", Body=b"no DICOM")
    batch = Batch("s3://old/studies/**", "s3://new/{relative}", edit={"PatientName": "A^B"}, storage_options=options)
    report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert (report.done, report.failed) == (6, 1), list(report.failures())
    assert names_in(client, "new") == [f"{number:05}.dcm" for number in range(6)]
    written = client.get_object(Bucket="new", Key="00003.dcm")["Body"].read()
    assert pydicom.dcmread(io.BytesIO(written)).PatientName == "A^B"

    client.delete_object(Bucket="new", Key="00001.dcm")
    client.delete_object(Bucket="old", Key="studies/readme.txt")
    again = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert (again.done, again.skipped) == (6, 5)
    assert names_in(client, "new") == [f"{number:05}.dcm" for number in range(6)]


def test_urls_that_were_signed_anew_are_the_same_sources_and_no_signature_is_kept(
    tmp_path: Path, options: dict[str, str], client: Any
) -> None:
    package("fsspec")
    package("aiohttp")
    for path in make_instances(tmp_path / "in", range(2)).rglob("*.dcm"):
        client.put_object(Bucket="old", Key=f"signed/{path.name}", Body=path.read_bytes())
    batch = Batch(f"@{tmp_path / 'list.txt'}", tmp_path / "out" / "{name}", edit={"PatientName": "A^B"})
    for lasts, skipped in ((600, 0), (900, 2)):
        keys = [f"signed/{number:05}.dcm" for number in range(2)]
        urls = [
            client.generate_presigned_url("get_object", Params={"Bucket": "old", "Key": key}, ExpiresIn=lasts)
            for key in keys
        ]
        assert all("ignature=" in url for url in urls)
        (tmp_path / "list.txt").write_text("\n".join(urls))
        report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
        assert (report.done, report.failed, report.skipped) == (2, 0, skipped), list(report.failures())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00000.dcm", "00001.dcm"]
    for path in tmp_path.glob("run.sqlite*"):
        kept = path.read_bytes()
        assert b"ignature" not in kept
        assert b"Expires" not in kept


def test_what_is_there_already_is_left_alone(tmp_path: Path, options: dict[str, str], client: Any) -> None:
    source = make_instances(tmp_path / "in", range(1))
    client.put_object(Bucket="new", Key="there/00000.dcm", Body=b"precious")
    batch = Batch(source, "s3://new/there/{name}", edit={"PatientName": "A^B"}, storage_options=options)
    report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert (report.done, report.failed) == (0, 1)
    assert "not of this batch" in next(report.failures()).error
    assert client.get_object(Bucket="new", Key="there/00000.dcm")["Body"].read() == b"precious"


def test_the_memory_of_a_long_list_does_not_grow_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Lines(io.TextIOBase):
        """Many lines, each made when it is asked for."""

        def __iter__(self) -> Iterator[str]:
            return (f"/archive/{number // 1000}/{number}.dcm\n" for number in range(60_000))

    monkeypatch.setattr(sys, "stdin", Lines())
    batch = Batch("@-", tmp_path / "{name}")
    tracemalloc.start()
    try:
        with Journal(tmp_path / "run.sqlite", batch.fingerprint()) as journal:
            found, block, count = found_in(batch.sources, {}), [], 0
            for each in found:
                block.append(each)
                if len(block) == BLOCK:
                    count += len(journal.add(block))
                    block.clear()
        assert count == 60_000
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()
