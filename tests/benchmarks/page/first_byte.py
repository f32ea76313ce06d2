"""Seconds until the first bytes are there, against the size of an image whose frames come one by one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from tests.benchmarks.memory_child import FRAME, frames
from tests.benchmarks.page.figures import Figure, figure_of
from tests.benchmarks.timing import Contender, by_turns
from tests.support.images import template

PACKAGES = ("pydicom", "numpy")


def measure(directory: Path, disk: Path, quick: bool) -> Iterator[Figure]:
    """Yield how long each contender takes to give its first bytes."""
    for mib in (1, 16, 64) if quick else (1, 16, 64, 256, 1024):
        count = max((mib << 20) // FRAME, 1)
        contenders = {
            "streamdcm": Contender(lambda count=count: image(count), lambda dataset, count=count: ours(dataset, count)),
            "pydicom": Contender(lambda count=count: image(count), lambda dataset, count=count: theirs(dataset, count)),
        }
        for contender, seconds in by_turns(contenders, 3 if quick else 5).seconds.items():
            yield figure_of(mib, contender, [each * 1000 for each in seconds])


def image(count: int) -> Any:
    """Return the dataset without its pixels."""
    return template(ExplicitVRLittleEndian, rows=512, columns=512, NumberOfFrames=count)


def ours(dataset: Any, count: int) -> None:
    """Take the first chunk, and no more."""
    with streamdcm.open_chunks(dataset, frames=frames(count), number_of_frames=count) as chunks:
        next(chunks)


def theirs(dataset: Any, count: int) -> None:
    """Collect the frames and write them: nothing can be sent before that."""
    dataset.PixelData = b"".join(frames(count))
    dataset["PixelData"].VR = "OW"
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    buffer.seek(0)
    buffer.read(1 << 20)
