"""The child of ``memory.py``: ``python -m tests.benchmarks.memory_child CONTENDER MIB PATH``.

Writes frames of 512 × 512 × 16 bits that come from a generator, as a scanner or a camera gives them. Answers with the
milliseconds that it took.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
from pydicom import Dataset
from pydicom.encaps import encapsulate

import streamdcm
from tests.support.images import template
from tests.support.memory import run_case

ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
FRAME = 512 * 512 * 2


def frames(count: int) -> Iterator[bytes]:
    """Yield frames that differ, each made when it is asked for."""
    frame = np.random.default_rng(0).integers(0, 4096, (512, 512), "u2")
    for number in range(count):
        frame[0, 0] = number % 4096
        yield frame.tobytes()


def image(count: int) -> Dataset:
    """Return the dataset without its pixels; encapsulated, so that it may be larger than 4 GiB."""
    return template(ENCAPSULATED_UNCOMPRESSED, rows=512, columns=512, NumberOfFrames=count)


def by_streamdcm(count: int, path: Path) -> None:
    """Give the generator to the writer."""
    streamdcm.dcmwrite(path, image(count), frames=frames(count), number_of_frames=count)


def by_pydicom(count: int, path: Path) -> None:
    """Collect the frames, for pydicom's writer takes a dataset that has all its pixels."""
    dataset = image(count)
    dataset.PixelData = encapsulate(list(frames(count)))
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)


CONTENDERS: dict[str, Callable[[int, Path], None]] = {"streamdcm": by_streamdcm, "pydicom": by_pydicom}

if __name__ == "__main__":
    contender, size, target = CONTENDERS[sys.argv[1]], int(sys.argv[2]), Path(sys.argv[3])
    contender(2, target)  # what is imported and kept once is not counted

    def run() -> int:
        start = perf_counter()
        contender((size << 20) // FRAME, target)
        return round((perf_counter() - start) * 1000)

    run_case(run)
