"""The child process of ``test_held_memory.py``: ``python -m tests.support.children.held WAY MIB DIRECTORY``.

Writes frames whose number is not known to something that cannot seek, when it is told to.
"""

import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import numpy as np
from pydicom import Dataset

import streamdcm
from tests.support.children.sending import image
from tests.support.memory import run_case
from tests.support.targets import Counting

SIDE = 512  # a frame has half a MiB
TINY = 10


def frames(mib: int) -> Iterator[np.ndarray]:
    """Give frames, all in the same memory."""
    frame = np.zeros((SIDE, SIDE), "<u2")
    for number in range(2 * mib):
        frame[0, 0] = number & 0xFFFF
        yield frame


def dataset() -> Dataset:
    """What the frames are those of, which does not say how many there are."""
    made = image(1)
    del made.NumberOfFrames
    return made


def chunks(count: int, options: dict) -> int:
    """Take the chunks one by one."""
    return sum(map(len, streamdcm.iter_chunks(dataset(), frames=frames(count), **options)))


def deflated(count: int, options: dict) -> int:
    """Take the chunks of a dataset that is compressed when all of it is known."""
    options["transfer_syntax"] = "DeflatedExplicitVRLittleEndian"
    return sum(map(len, streamdcm.iter_chunks(dataset(), frames=frames(count), **options))) and count << 20


def tiny_frames(count: int, options: dict) -> int:
    """Take the chunks of frames of ten bytes."""
    made = dataset()
    made.Rows, made.Columns = 1, TINY // 2
    given = (bytes(TINY) for _ in range((count << 20) // TINY))
    return sum(map(len, streamdcm.iter_chunks(made, frames=given, **options)))


def pipe(count: int, options: dict) -> int:
    """Write to a pipe."""
    reading, writing = os.pipe()
    with io.FileIO(reading) as source, io.FileIO(writing, "w") as target:
        return _to_reader(target, source.readinto, count, options)


def sockets(count: int, options: dict) -> int:
    """Write to a socket."""
    ours, theirs = socket.socketpair()
    with theirs, closing(ours):
        return _to_reader(ours, theirs.recv_into, count, options)


def _to_reader(target: object, read: Callable[[bytearray], int], count: int, options: dict) -> int:
    def drain() -> None:
        buffer = bytearray(1 << 20)
        while read(buffer):
            pass

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        return streamdcm.dcmwrite(target, dataset(), frames=frames(count), **options).bytes_written
    finally:
        target.close()
        thread.join()


def async_chunks(count: int, options: dict) -> int:
    """Take the chunks one by one on an event loop."""

    async def take() -> int:
        size = 0
        async for chunk in streamdcm.iter_chunks_async(dataset(), frames=frames(count), **options):
            size += len(chunk)
        return size

    return anyio.run(take)


def async_stream(count: int, options: dict) -> int:
    """Write to what is awaited."""

    class Stream(Counting):
        async def write(self, data: bytes) -> int:
            return super().write(data)

    target = Stream()
    anyio.run(partial(streamdcm.dcmwrite_async, target, dataset(), frames=frames(count), **options))
    return target.written


CASES: dict[str, Callable[[int, dict], int]] = {
    function.__name__: function
    for function in (chunks, deflated, tiny_frames, pipe, sockets, async_chunks, async_stream)
}


def main(way: str, count: str, directory: str) -> None:
    """Run one case."""
    run_case(lambda: CASES[way](int(count), {"spool": Path(directory)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
