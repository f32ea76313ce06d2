"""A web application streams a gibibyte, whole and right, in flat memory; clients may go away midway."""

import contextlib
import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from tests.support import python_module
from tests.support.memory import MIB, anonymous
from tests.support.space import directory_for, needs_proc
from tests.support.tools import need

GIB = 1 << 30
FLAT = 32 * MIB

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture(scope="module")
def instance() -> Iterator[Path]:
    """A file of a gibibyte, written by pydicom from a sparse one that has something at its start, middle and end."""
    with directory_for(2 * GIB) as directory:
        path = directory / "instance.dcm"
        with (directory / "pixels").open("wb+") as pixels:
            pixels.truncate(GIB)
            for offset in (0, GIB // 2 + 1, GIB - 8):
                pixels.seek(offset)
                pixels.write(os.urandom(8))
            pixels.seek(0)
            dataset = Dataset()
            dataset.file_meta = FileMetaDataset()
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, "1.2.3"
            dataset.PatientName = "Example^Patient"
            dataset.BitsAllocated = 16
            dataset.PixelData = pixels
            pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        (directory / "pixels").unlink()
        yield path


@pytest.fixture(scope="module")
def server(instance: Path) -> Iterator[tuple[int, str]]:
    """The process id of the server, and its URL."""
    command = python_module("tests.support.children.web", instance)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield process.pid, f"http://127.0.0.1:{port}/instance"
        process.kill()


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


def digest(chunks: Iterable[bytes]) -> tuple[int, str]:
    """The length and the digest of what comes in chunks."""
    length, hashed = 0, hashlib.blake2b()
    for chunk in chunks:
        length += len(chunk)
        hashed.update(chunk)
    return length, hashed.hexdigest()


def in_chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from iter(lambda: opened.read(MIB), b"")


def test_httpx_gets_what_pydicom_has_written(server: tuple[int, str], instance: Path) -> None:
    pid, url = server
    with added_memory(pid) as added, httpx.stream("GET", url, trust_env=False, timeout=60) as response:
        assert response.headers["Content-Length"] == str(instance.stat().st_size)
        received = digest(response.iter_bytes())
    assert received == digest(in_chunks(instance))
    assert added[0] < FLAT, f"{added[0] / MIB:.1f} MiB"


def test_curl_gets_it_too(server: tuple[int, str], instance: Path) -> None:
    pid, url = server
    command = [need("curl"), "--silent", "--fail", "--noproxy", "*", url]
    with added_memory(pid) as added, subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        received = digest(iter(lambda: curl.stdout.read(MIB), b""))
    assert curl.returncode == 0
    assert received == digest(in_chunks(instance))
    assert added[0] < FLAT, f"{added[0] / MIB:.1f} MiB"


def test_a_client_that_goes_away_leaves_nothing_open(server: tuple[int, str], instance: Path) -> None:
    pid, url = server
    with added_memory(pid) as added:
        for _ in range(5):
            with httpx.stream("GET", url, trust_env=False, timeout=60) as response:
                assert len(next(response.iter_bytes(MIB))) == MIB
        wait_until_closed(pid, instance)
        with httpx.stream("GET", url, trust_env=False, timeout=60) as response:
            assert response.status_code == 200
    assert added[0] < FLAT, f"{added[0] / MIB:.1f} MiB"


def wait_until_closed(pid: int, path: Path) -> None:
    """Wait until a process has no descriptor of a file; it would be never if it were forgotten."""
    for _ in range(1000):
        if str(path) not in open_files(pid):
            return
        time.sleep(0.01)
    pytest.fail("the server still has the file open for a client that is gone")


def open_files(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add(os.readlink(descriptor))
    return found
