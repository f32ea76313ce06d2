"""Targets of every kind, each with a way to ask what arrived."""

import contextlib
import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Target = tuple[Any, Callable[[], bytes]]


class WriteOnly:
    """The least a target can be."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


class Counting:
    """Can only write, and keeps nothing but the number of bytes."""

    def __init__(self) -> None:
        self.written = 0

    def write(self, data: bytes) -> int:
        self.written += len(data)
        return len(data)


class ShortWriting(WriteOnly):
    """Takes a few bytes at a time and says so."""

    def write(self, data: bytes) -> int:
        return super().write(bytes(data)[:1009])


@contextlib.contextmanager
def path() -> Iterator[Target]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "out.dcm")
        yield file, file.read_bytes


@contextlib.contextmanager
def memory() -> Iterator[Target]:
    buffer = io.BytesIO()
    yield buffer, buffer.getvalue


@contextlib.contextmanager
def memory_further_on() -> Iterator[Target]:
    buffer = io.BytesIO(b"before")
    buffer.seek(0, io.SEEK_END)

    def arrived() -> bytes:
        assert buffer.getvalue()[:6] == b"before"
        return buffer.getvalue()[6:]

    yield buffer, arrived


@contextlib.contextmanager
def write_only() -> Iterator[Target]:
    target = WriteOnly()
    yield target, lambda: bytes(target.data)


@contextlib.contextmanager
def short_writing() -> Iterator[Target]:
    target = ShortWriting()
    yield target, lambda: bytes(target.data)


@contextlib.contextmanager
def pipe() -> Iterator[Target]:
    reading, writing = os.pipe()
    arrived: list[bytes] = []

    def drain() -> None:
        with open(reading, "rb") as file:
            arrived.append(file.read())

    reader = threading.Thread(target=drain)
    reader.start()
    target = open(writing, "wb", buffering=0)  # noqa: SIM115 (closed below, before the reader is joined)

    def finish() -> bytes:
        target.close()
        reader.join()
        return arrived[0]

    try:
        yield target, finish
    finally:
        finish()


KINDS: dict[str, Callable[[], contextlib.AbstractContextManager[Target]]] = {
    "path": path,
    "memory": memory,
    "memory_further_on": memory_further_on,
    "write_only": write_only,
    "short_writing": short_writing,
    "pipe": pipe,
}
