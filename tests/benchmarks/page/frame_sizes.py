"""Frames a second against the size of a frame, beside pydicom's encapsulation, wsidicom and plain write()."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.datasets import MIB
from tests.benchmarks.frames import Frames, encapsulated
from tests.benchmarks.page.figures import Figure, figure_of
from tests.benchmarks.timing import Contender, by_turns
from tests.support.images import as_jpeg

PACKAGES = ("pydicom", "wsidicom")
NAMES = {"encapsulate": "pydicom"}


def measure(directory: Path, disk: Path, quick: bool) -> Iterator[Figure]:
    """Yield how many compressed frames of a size each contender writes in a second."""
    path = directory / "frames.dcm"
    most = (8 if quick else 128) * MIB
    for size in (100, 1024, 10 * 1024, 100 * 1024, MIB):
        count = min(most // size, 5_000 if quick else 50_000)
        frames = Frames([as_jpeg(os.urandom(size)) for _ in range(min(count, 64))], count)
        contenders = {
            NAMES.get(name, name): Contender(lambda: path.unlink(missing_ok=True), lambda _, write=write: write(path))
            for name, write in encapsulated(frames, has_table=False).items()
            if name != "enc._buffer"
        }
        for contender, seconds in by_turns(contenders, 3 if quick else 7).seconds.items():
            yield figure_of(size, contender, [count / each for each in seconds])
