"""The child process of ``test_concurrent.py``: ``python -m tests.support.children.concurrent LOOP``.

A hundred writes at once, of 50 MiB each, to sinks that are slow.
"""

import sys
from collections.abc import Iterator

import anyio
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from tests.support.images import template
from tests.support.memory import MIB, run_case

WRITES, FRAMES = 100, 50


class Slow:
    """A sink that keeps nothing, and takes its time for each chunk."""

    def __init__(self) -> None:
        self.taken = 0

    async def write(self, data: bytes) -> int:
        await anyio.sleep(0.005)
        self.taken += len(data)
        return len(data)


def frames() -> Iterator[bytearray]:
    """One buffer for all frames of a write."""
    frame = bytearray(MIB)
    for number in range(FRAMES):
        frame[:4] = number.to_bytes(4, "little")
        yield frame


async def write_all() -> int:
    """Return the number of bytes that all sinks took; refuse if one was served long before the others."""
    sinks = [Slow() for _ in range(WRITES)]
    when_the_first_was_done: list[int] = []

    async def write(sink: Slow) -> None:
        await streamdcm.dcmwrite_async(
            sink, template(ExplicitVRLittleEndian, rows=1024, columns=512), frames=frames(), number_of_frames=FRAMES
        )
        if not when_the_first_was_done:
            when_the_first_was_done.extend(other.taken for other in sinks)

    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(write, sink)
    assert min(when_the_first_was_done) > FRAMES * MIB // 4, "some sinks had to wait for the others"
    return sum(sink.taken for sink in sinks)


def main(loop: str) -> None:
    """Run the case on asyncio or trio; what is imported once is not counted."""
    anyio.run(streamdcm.dcmwrite_async, Slow(), template(ExplicitVRLittleEndian), backend=loop)
    run_case(lambda: anyio.run(write_all, backend=loop))


if __name__ == "__main__":
    main(*sys.argv[1:])
