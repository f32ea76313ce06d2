"""A web server sends a gibibyte from a file, with flat memory, and survives a client that goes away."""

import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pydicom
import pytest
from pydicom.data import get_testdata_file

from tests.test_memory import MIB, anonymous, memory_marks
from tests.test_memory import directory as directory

pytestmark = memory_marks

GIB = 1 << 30


@pytest.fixture
def anyio_backend() -> str:
    """What uvicorn runs on."""
    return "asyncio"


def large_file(path: Path) -> None:
    """Write a file with a gibibyte of pixel data, most of it a hole."""
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    del dataset[0xFFFCFFFC]  # so that Pixel Data comes last
    length = len(dataset.PixelData)
    pydicom.dcmwrite(path, dataset)
    with path.open("r+b") as file:
        file.seek(-length - 4, 2)
        assert file.read(4) == length.to_bytes(4, "little")
        file.seek(-length - 4, 2)
        file.write(GIB.to_bytes(4, "little"))
        file.truncate(file.tell() + GIB)


def digest_of_pydicoms(source: Path, target: Path) -> str:
    """Return the digest of what pydicom writes of a file."""
    pydicom.dcmwrite(target, pydicom.dcmread(source))
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    target.unlink()
    return digest


@contextmanager
def serving(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give a server process and its address."""
    command = [sys.executable, "-m", "tests.aio.web_child", str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server:
        port = server.stdout.readline().strip()
        yield server, f"http://127.0.0.1:{port}"
        _, errors = server.communicate()
        assert (server.returncode, errors) == (0, "")


@contextmanager
def watched(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """Give a list that has the anonymous memory that a process has taken when the block ends."""
    before = peak = anonymous(process.pid)
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.001):
            peak = max(peak, anonymous(process.pid))

    watching = threading.Thread(target=watch)
    watching.start()
    added: list[int] = []
    try:
        yield added
    finally:
        ended.set()
        watching.join()
        added.append(peak - before)


def test_a_web_server_sends_a_gibibyte(directory: Path) -> None:
    source = directory / "source.dcm"
    large_file(source)
    expected = digest_of_pydicoms(source, directory / "out.dcm")
    size = str(source.stat().st_size)
    with serving(source) as (server, address), httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        client.get("/open")
        with watched(server) as added, client.stream("GET", "/instance") as response:
            digest = hashlib.sha256()
            for chunk in response.iter_raw():
                digest.update(chunk)
            assert response.headers["Content-Length"] == size
        assert digest.hexdigest() == expected
        assert added[0] <= 24 * MIB, f"{added[0] / MIB:.1f} MiB"

        for _ in range(3):  # clients that go away
            with httpx.stream("GET", f"{address}/instance", trust_env=False) as response:
                assert next(response.iter_raw())
        assert "0" in (client.get("/open").text for _ in range(10_000))

        if shutil.which("curl"):
            curl = subprocess.run(
                ["bash", "-c", f"curl --silent --fail --dump-header /dev/stderr {address}/instance | sha256sum"],
                capture_output=True,
                text=True,
                check=True,
            )
            assert f"content-length: {size}" in curl.stderr.lower()
            assert curl.stdout.split()[0] == expected
        assert client.get("/open").text == "0"
