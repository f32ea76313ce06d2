"""MiB a second by target: native frames that come one by one, beside pydicom and plain write()."""

from __future__ import annotations

import gzip
import io
import os
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pydicom

import streamdcm
from tests.benchmarks.datasets import MIB, bulk
from tests.benchmarks.page.figures import Figure, figure_of
from tests.benchmarks.timing import Contender, by_turns

PACKAGES = ("pydicom",)

Target = Callable[[], Any]
"""Makes a context manager that gives what is written to."""


def measure(directory: Path, disk: Path, quick: bool) -> Iterator[Figure]:
    """Yield the rate of each contender that can write to a target."""
    size = (32 if quick else 256) * MIB
    rounds = 3 if quick else 7
    make = bulk(size)
    for name, target, seeks in targets(directory, disk):
        contenders = {"streamdcm": _contender(streamdcm.dcmwrite, make, target)}
        if seeks:
            contenders["pydicom"] = _contender(pydicom.dcmwrite, make, target)
        contenders["write()"] = _contender(partial(_plain, size), make, target)
        for contender, seconds in by_turns(contenders, rounds).seconds.items():
            yield figure_of(name, contender, [size / MIB / each for each in seconds])


def targets(directory: Path, disk: Path) -> Iterator[tuple[str, Target, bool]]:
    """Yield names, targets, and whether they can seek: pydicom needs that."""
    yield "path on tmpfs", partial(_path, directory / "image.dcm"), True
    yield "path on disk", partial(_path, disk / "image.dcm"), True
    yield "io.BytesIO", io.BytesIO, True
    yield "pipe", _pipe, False
    yield "socket", _socket, False
    yield "member of a ZIP file", partial(_member, directory / "image.zip"), False
    yield "gzip, level 1", partial(_gzip, directory / "image.dcm.gz"), False


def _contender(write: Callable[[Any, Any], object], make: Callable[[], Any], target: Target) -> Contender:
    def run(dataset: Any) -> None:
        with target() as there:
            write(there, dataset)

    return Contender(make, run)


def _plain(size: int, target: Any, dataset: Any) -> None:
    """Write as many bytes with nothing but write()."""
    view = memoryview(dataset["PixelData"].value)
    if isinstance(target, socket.socket):
        target.sendall(view)
    elif isinstance(target, Path):
        with target.open("wb", buffering=0) as file:
            _plain(size, file, dataset)
    else:
        for start in range(0, size, MIB):
            target.write(view[start : start + MIB])


@contextmanager
def _path(path: Path) -> Iterator[Path]:
    path.unlink(missing_ok=True)
    yield path


@contextmanager
def _pipe() -> Iterator[Any]:
    """Give the end of a pipe that a thread empties."""
    reading, writing = os.pipe()

    def drain() -> None:
        with open(reading, "rb", buffering=0) as file:
            while file.read(MIB):
                pass

    with _thread(drain), open(writing, "wb", buffering=0) as file:
        yield file


@contextmanager
def _socket() -> Iterator[socket.socket]:
    """Give a connected socket that a thread empties."""
    ours, theirs = socket.socketpair()

    def drain() -> None:
        with theirs:
            while theirs.recv(MIB):
                pass

    with _thread(drain), ours:
        yield ours


@contextmanager
def _thread(work: Callable[[], None]) -> Iterator[None]:
    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


@contextmanager
def _member(path: Path) -> Iterator[Any]:
    with zipfile.ZipFile(path, "w") as archive, archive.open("image.dcm", "w", force_zip64=True) as member:
        yield member


@contextmanager
def _gzip(path: Path) -> Iterator[Any]:
    with gzip.open(path, "wb", compresslevel=1) as file:
        yield file
