"""The child of `tests.support.instructions`: ``SLICES FRAMES`` writes so many CT slices, and frames of 100 bytes."""

import gc
import io
import sys
from pathlib import Path

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGBaseline8Bit

from streamdcm import dcmwrite
from tests.support.images import as_jpeg, template

WARM = 20
"""After so many calls Python's interpreter has specialized what it runs."""


def main(slices: int, frames: int) -> None:
    """Write all of them."""
    gc.disable()
    data = Path(str(get_testdata_file("CT_small.dcm", download=False))).read_bytes()
    slice_ = dcmread(io.BytesIO(data))  # only read by us, so that it can be written again
    for _ in range(WARM + slices):
        dcmwrite(io.BytesIO(), slice_)
    frame = as_jpeg(bytes(100))
    dataset = template(JPEGBaseline8Bit, bits=8)
    dcmwrite(io.BytesIO(), dataset, frames=(frame for _ in range(frames)), number_of_frames=frames)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
