"""Frames of more than 4 GiB, and native ones of 3 GiB, are written in flat memory and found again by their tables."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from highdicom.io import ImageFileReader
from pydicom import examples
from pydicom.encaps import get_frame
from pydicom.pixels import pixel_array

from tests.support.children import frames as frames_child
from tests.support.memory import MIB, measure
from tests.support.space import directory_for, needs_proc
from tests.support.tools import run

CHILD = "tests.support.children.frames"
COMPRESSED_FRAMES = 2308  # the last offset is over 4.5 GiB
NATIVE_FRAMES = 1536  # 3 GiB

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    with directory_for(4700 * MIB) as path:
        yield path


def places(count: int) -> tuple[int, int, int]:
    """The first, a middle and the last frame."""
    return 0, count // 2, count - 1


def test_over_4_gib_of_compressed_frames_have_an_extended_table_by_which_readers_find_them(directory: Path) -> None:
    path = directory / "encapsulated.dcm"
    written, added = measure(CHILD, "encapsulated", str(COMPRESSED_FRAMES), path)
    try:
        assert written == path.stat().st_size > 4608 * MIB
        assert added < 64 * MIB, f"{added / MIB:.1f} MiB"

        with path.open("rb") as file:
            dataset = pydicom.dcmread(file, stop_before_pixels=True)
            tables = dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
            assert dataset.NumberOfFrames == COMPRESSED_FRAMES
            assert struct.unpack("<Q", tables[0][-8:])[0] > 0xFFFFFFFF
            file.seek(12, io.SEEK_CUR)  # the header of Pixel Data
            for index in places(COMPRESSED_FRAMES):
                assert get_frame(file, index, extended_offsets=tables) == frames_child.jpeg(index) + b"\0"

        with ImageFileReader(path) as reader, ImageFileReader(examples.get_path("ybr_color")) as original:
            for index in places(COMPRESSED_FRAMES):
                assert reader.read_frame_raw(index) == frames_child.jpeg(index) + b"\0"
            pixels = reader.read_frame(COMPRESSED_FRAMES - 1, correct_color=False)
            assert np.array_equal(pixels, original.read_frame(0, correct_color=False))

        assert_dcmdump_accepts(path)
    finally:
        path.unlink(missing_ok=True)


def test_3_gib_of_native_frames_are_found_by_readers(directory: Path) -> None:
    path = directory / "native.dcm"
    written, added = measure(CHILD, "native", str(NATIVE_FRAMES), path)
    try:
        assert written == path.stat().st_size > 3072 * MIB
        assert added < 64 * MIB, f"{added / MIB:.1f} MiB"
        with ImageFileReader(path) as reader:
            assert reader.number_of_frames == NATIVE_FRAMES
            for index in places(NATIVE_FRAMES):
                assert np.array_equal(reader.read_frame(index), frames_child.array(index))
                assert np.array_equal(pixel_array(path, index=index), frames_child.array(index))
        assert_dcmdump_accepts(path)
    finally:
        path.unlink(missing_ok=True)


def assert_dcmdump_accepts(path: Path) -> None:
    """It reads to the end, without an error or a warning."""
    dump = run("dcmdump", path)
    assert dump.returncode == 0
    assert "(7fe0,0010)" in dump.stdout
    assert not [line for line in dump.stdout.splitlines() if line[:2] in ("E:", "W:")]
