"""Frames of odd length under an extended offset table, read by programs that nobody here wrote."""

import io
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
import wsidicom
from PIL import Image
from pydicom.pixels import pixel_array
from pydicom.uid import JPEGBaseline8Bit

import streamdcm
from tests.support.frames import COUNTED, padded, table_in
from tests.support.images import slide


def jpeg(length: int) -> bytes:
    """A real JPEG of 32 x 32 pixels that has `length` bytes."""
    stream = io.BytesIO()
    image = Image.fromarray(np.arange(3 * 32 * 32, dtype="u1").reshape(32, 32, 3))
    image.save(stream, "jpeg", comment=b"")
    found = stream.getvalue()
    # ITU-T T.81 §B.1.1.2: any number of fill bytes FF may stand before a marker
    return found[:2] + b"\xff" * (length - len(found)) + found[2:]


TILES = [jpeg(4000 + number) for number in (1, 2, 3, 4, 5, 7, 9, 6, 11, 13, 15, 8)]


@pytest.fixture(params=["list", "announced", "bounded"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "slide.dcm"
    streamdcm.dcmwrite(path, slide(), **COUNTED[request.param](TILES), offset_table="extended")
    assert table_in(pydicom.dcmread(path)) == "extended"
    return path


def test_wsidicom_reads_every_tile(path: Path) -> None:
    with wsidicom.WsiDicom.open(path) as read:
        tiles = [read.read_encoded_tile(0, (x, y)) for y in range(3) for x in range(4)]
    assert tiles == [padded(tile) for tile in TILES]


def test_highdicom_reads_every_frame(path: Path) -> None:
    with highdicom.io.ImageFileReader(path) as reader:
        assert [reader.read_frame_raw(index) for index in range(len(TILES))] == [padded(tile) for tile in TILES]


def test_pydicom_decodes_every_frame(path: Path) -> None:
    frames = pixel_array(path, raw=True)
    assert (frames == frames[0]).all()
    assert frames.shape == (len(TILES), 32, 32, 3)


def test_the_total_length_counts_no_byte_that_pads_the_last_frame(tmp_path: Path) -> None:
    template = slide()
    template.EncapsulatedPixelDataValueTotalLength = 0
    streamdcm.dcmwrite(tmp_path / "odd.dcm", template, frames=TILES[:5], offset_table="extended", number_of_frames=5)
    read = pydicom.dcmread(tmp_path / "odd.dcm")
    assert template.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert read.EncapsulatedPixelDataValueTotalLength == sum(len(padded(tile)) for tile in TILES[:4]) + len(TILES[4])
