"""The child process of ``test_frames_huge.py``: ``python -m tests.support.children.frames CASE FRAMES PATH``.

Writes frames from a generator that uses one buffer for all of them and puts each frame's number into it.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset, examples
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import get_frame
from pydicom.uid import (
    ExplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    generate_uid,
)

import streamdcm
from tests.support.memory import run_case

COMPRESSED_SIZE = (1 << 21) + 1
ROWS = COLUMNS = 1024
_COMMENT = b"\xff\xfe\x00\x0a"  # a JPEG comment of 8 bytes (ITU-T T.81 §B.2.4.5)


def jpeg(number: int) -> bytes:
    """Return a real JPEG of `COMPRESSED_SIZE` bytes, an odd number, with its number in a comment."""
    return bytes(_stamped(_large_jpeg(), number))


def _large_jpeg() -> bytearray:
    frame = get_frame(pydicom.dcmread(examples.get_path("ybr_color")).PixelData, 0, number_of_frames=30)
    # T.81 §B.1.1.2: any number of fill bytes FF may stand before a marker
    frame = frame.removesuffix(b"\0")
    fill = COMPRESSED_SIZE - len(frame) - len(_COMMENT) - 8
    return bytearray(b"".join((frame[:2], _COMMENT, bytes(8), b"\xff" * fill, frame[2:])))


def _stamped(frame: bytearray, number: int) -> bytearray:
    start = 2 + len(_COMMENT)
    frame[start : start + 8] = number.to_bytes(8, "big")
    return frame


def jpegs(count: int) -> Iterator[bytearray]:
    """Yield JPEGs, all in the same memory."""
    frame = _large_jpeg()
    return (_stamped(frame, number) for number in range(count))


def array(number: int) -> np.ndarray:
    """Return a frame of 2 MiB whose pixels tell its number."""
    return np.full((ROWS, COLUMNS), number, "<u2")


def arrays(count: int) -> Iterator[np.ndarray]:
    """Yield arrays, all in the same memory."""
    frame = array(0)
    for number in range(count):
        frame.fill(number)
        yield frame


def colour() -> Dataset:
    """What the JPEGs are frames of."""
    return pydicom.dcmread(examples.get_path("ybr_color"), stop_before_pixels=True)


def grey() -> Dataset:
    """What the arrays are frames of."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = ROWS, COLUMNS, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    return dataset


def encapsulated(count: int, path: Path) -> int:
    """Write frames that are asked for, of which only a bound is known."""
    result = streamdcm.dcmwrite(path, colour(), enforce_file_format=True, frames=jpegs(count), max_frames=count + 100)
    return result.bytes_written


def native(count: int, path: Path) -> int:
    """Write frames that are pushed, of which nothing is known."""
    with streamdcm.open_writer(path, grey(), enforce_file_format=True) as writer:
        for frame in arrays(count):
            writer.write_frame(frame)
    return path.stat().st_size


CASES: dict[str, Callable[[int, Path], int]] = {function.__name__: function for function in (encapsulated, native)}


def main(case: str, count: str, path: str) -> None:
    """Run one case."""
    run_case(lambda: CASES[case](int(count), Path(path)))


if __name__ == "__main__":
    main(*sys.argv[1:])
