"""The child process of ``test_memory.py``: many writes to slow sinks at once, on the event loop that is named.

Says ``ready``, waits for a line, writes, and prints the least part of a file that was written when the first was
complete.
"""

import sys
from collections.abc import Iterator

import anyio
import numpy as np

import streamdcm
from tests.aio.test_write import multi_frame

WRITES = 100
FRAMES = 50
SIDE = 724  # 1 MiB a frame, about


class Slow:
    """A sink that lets the others go first, and keeps nothing."""

    def __init__(self) -> None:
        self.written = 0

    async def write(self, data: bytes) -> int:
        """Count."""
        await anyio.sleep(0.002)
        self.written += len(data)
        return len(data)


def frames() -> Iterator[np.ndarray]:
    """Frames that are all new."""
    for number in range(FRAMES):
        yield np.full((SIDE, SIDE), number, "uint16")


async def write_all() -> float:
    """Write to all sinks at once."""
    dataset = multi_frame()
    dataset.Rows = dataset.Columns = SIDE
    sinks = [Slow() for _ in range(WRITES)]
    least: list[float] = []

    async def write(sink: Slow) -> None:
        result = await streamdcm.dcmwrite_async(sink, dataset, frames=frames(), number_of_frames=FRAMES)
        assert result.bytes_written == sink.written > FRAMES * SIDE * SIDE * 2
        least.append(min(sink.written for sink in sinks) / sink.written)

    async with anyio.create_task_group() as group:
        for sink in sinks:
            group.start_soon(write, sink)
    return least[0]


def main(loop: str) -> None:
    """Run."""
    print("ready", flush=True)
    sys.stdin.readline()
    print(anyio.run(write_all, backend=loop), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main(*sys.argv[1:])
