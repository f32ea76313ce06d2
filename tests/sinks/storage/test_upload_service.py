"""A web service edits a gigabyte on its way into S3, from a client and from S3, in flat memory."""

import contextlib
import hashlib
import io
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

import streamdcm
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.support import python_module
from tests.support.children.upload_service import EDIT
from tests.support.memory import MIB, anonymous
from tests.support.services import ENVIRONMENT
from tests.support.space import needs_proc

GIB = 1 << 30
FLAT = 64 * MIB
BLOCK = random.Random(1).randbytes(MIB)

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture
def service(seaweed: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Its process id and its port."""
    for name, value in seaweed.options.items():
        monkeypatch.setenv(ENVIRONMENT[name], value)
    command = python_module("tests.support.children.upload_service", seaweed.url("").rstrip("/"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        httpx.put(f"http://127.0.0.1:{port}/first.dcm", content=instance(MIB), trust_env=False, timeout=60)
        yield process.pid, port
        process.kill()


def header(size: int) -> bytes:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
    dataset.PatientName, dataset.PatientBirthDate = "Example^Patient", "19700101"
    dataset.BitsAllocated = 16
    dataset.PixelData = b""
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset, enforce_file_format=True)
    return target.getvalue()[:-4] + size.to_bytes(4, "little")


def instance(size: int) -> Iterator[bytes]:
    """A file with as many bytes of pixel data, a MiB at a time."""
    yield header(size)
    for _ in range(size // MIB):
        yield BLOCK


class Digesting:
    """A target that keeps the number and the digest of what it is given."""

    def __init__(self) -> None:
        self.length, self.hashed = 0, hashlib.blake2b()

    def write(self, data: bytes) -> int:
        self.length += len(data)
        self.hashed.update(data)
        return len(data)

    def result(self) -> tuple[int, str]:
        return self.length, self.hashed.hexdigest()


def digest(chunks: Iterable[bytes]) -> tuple[int, str]:
    target = Digesting()
    for chunk in chunks:
        target.write(chunk)
    return target.result()


def stored(bucket: Bucket, name: str) -> tuple[int, str]:
    body = bucket.client.get_object(Bucket=BUCKET, Key=f"{bucket.prefix}/{name}")["Body"]
    return digest(body.iter_chunks(MIB))


@contextlib.contextmanager
def added_memory(pid: int) -> Iterator[list[int]]:
    """Give a list whose only element is, after the block, what memory the block had another process take."""
    before, most, over = anonymous(pid), [0], threading.Event()

    def sample() -> None:
        while not over.wait(0.005):
            most[0] = max(most[0], anonymous(pid) - before)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield most
    finally:
        over.set()
        sampler.join()


def test_a_gigabyte_is_edited_on_its_way_and_again_from_s3_to_s3(service: tuple[int, int], seaweed: Bucket) -> None:
    pid, port = service
    expected = Digesting()
    streamdcm.rewrite(instance(GIB), expected, edit=EDIT)  # type: ignore[arg-type]
    with added_memory(pid) as added:
        answer = httpx.put(f"http://127.0.0.1:{port}/1.dcm", content=instance(GIB), trust_env=False, timeout=300)
    assert answer.json()["bytes"] == expected.length
    assert stored(seaweed, "1.dcm") == expected.result()
    assert added[0] < FLAT, f"{added[0] / MIB:.1f} MiB"
    with added_memory(pid) as added:
        answer = httpx.post(f"http://127.0.0.1:{port}/1.dcm/2.dcm", trust_env=False, timeout=300)
    assert answer.status_code == 200
    assert stored(seaweed, "2.dcm") == expected.result()
    assert added[0] < FLAT, f"{added[0] / MIB:.1f} MiB"
    assert not seaweed.pending()


def test_a_client_that_goes_away_leaves_nothing(service: tuple[int, int], seaweed: Bucket) -> None:
    _, port = service
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"PUT /gone.dcm HTTP/1.1\r\nHost: here\r\nContent-Length: {GIB}\r\n\r\n".encode())
        for number, piece in enumerate(instance(GIB)):
            client.sendall(piece)
            if number == 100:
                assert wait_until(lambda: bool(seaweed.pending()))
                break
    assert wait_until(lambda: not seaweed.pending())
    assert "gone.dcm" not in seaweed.names()
    answer = httpx.put(f"http://127.0.0.1:{port}/after.dcm", content=instance(MIB), trust_env=False, timeout=60)
    assert answer.status_code == 200
    assert pydicom.dcmread(io.BytesIO(seaweed.read("after.dcm"))).PatientName == EDIT["PatientName"]


def wait_until(condition: Any) -> bool:
    for _ in range(600):
        if condition():
            return True
        time.sleep(0.05)
    return False
