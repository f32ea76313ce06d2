"""The child process of ``test_s3_memory.py``: ``python -m tests.support.children.uploads FRAMES URL``."""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import streamdcm
from tests.support.memory import run_case
from tests.support.uploads import large


def frames(count: int) -> Iterator[Any]:
    """As many frames of 1 MiB; their number is not told ahead."""
    frame = np.empty((1024, 512), "<i2")
    for number in range(count):
        frame.fill(number)
        yield frame


if __name__ == "__main__":
    count, url = int(sys.argv[1]), sys.argv[2]
    dataset = large(1)
    streamdcm.dcmwrite(f"{url}-first", dataset)  # what is imported and kept once is not counted
    run_case(lambda: streamdcm.dcmwrite(url, dataset, frames=frames(count)).bytes_written)
