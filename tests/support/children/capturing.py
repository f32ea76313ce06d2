"""The child of ``test_recover.py``: ``python -m tests.support.children.capturing FOLDER SYNC_EVERY KIND``.

Captures frames until it is killed; after each it says how many there are.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from tests.support.functional_groups import enhanced, frames
from tests.support.images import as_jpeg, slide

MANY = 100_000
COLUMNS, LINES = 4, 3


def jpeg(number: int) -> bytes:
    """A frame of which lengths differ."""
    return b"\xff\xd8\xff" + number.to_bytes(4, "big") + bytes(number % 50) + b"\xff\xd9"


def tiles() -> list[tuple[bytes, Dataset]]:
    """The tiles of a slide, the last one first, each with its place."""
    return [(encoded(tile), place(tile)) for tile in reversed(range(COLUMNS * LINES))]


def encoded(tile: int) -> bytes:
    """A tile that is like no other."""
    return as_jpeg(bytes([tile]) * (100 + tile))


def place(tile: int) -> Dataset:
    """The functional groups of a tile."""
    position, groups = Dataset(), Dataset()
    position.ColumnPositionInTotalImagePixelMatrix = 32 * (tile % COLUMNS) + 1
    position.RowPositionInTotalImagePixelMatrix = 32 * (tile // COLUMNS) + 1
    for axis in "XYZ":
        setattr(position, f"{axis}OffsetInSlideCoordinateSystem", 0.0)
    groups.PlanePositionSlideSequence = [position]
    return groups


def captured(kind: str) -> tuple[Dataset, Iterator[tuple[Any, Dataset]]]:
    """What is captured: the dataset, and frames with their functional groups."""
    if kind == "tiles":
        ds = slide()
        ds.DimensionOrganizationType = "TILED_SPARSE"
        return ds, iter(tiles())
    if kind == "encapsulated":
        return enhanced(JPEGBaseline8Bit), ((jpeg(number), item) for number, (_, item) in enumerate(frames(MANY)))
    return enhanced(ExplicitVRLittleEndian), frames(MANY)


def main(folder: str, sync_every: str, kind: str) -> None:
    """Capture until somebody ends it."""
    ds, given = captured(kind)
    path = Path(folder) / "live.dcm"
    with streamdcm.open_writer(path, ds, max_frames=MANY, recover=True, sync_every=int(sync_every)) as writer:
        for number, (pixels, item) in enumerate(given):
            writer.write_frame(pixels, groups=item)
            print(number + 1, flush=True)
        sleep(600)


if __name__ == "__main__":
    main(*sys.argv[1:])
