"""The child of `tests.support.instructions`: ``SLICES FRAMES`` writes so many CT slices, and frames of 100 bytes.

Callgrind counts from where it is told to, and until all is written.
"""

import gc
import io
import os
import subprocess
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
    frame = as_jpeg(bytes(100))
    dataset = template(JPEGBaseline8Bit, bits=8)

    def write(slices: int, frames: int) -> None:
        for _ in range(slices):
            dcmwrite(io.BytesIO(), slice_)
        dcmwrite(io.BytesIO(), dataset, frames=(frame for _ in range(frames)), number_of_frames=frames)

    write(WARM, WARM)
    count_from_here()
    write(slices, frames)
    os._exit(0)  # what Python does to end is not counted


def count_from_here() -> None:
    """Have callgrind begin to count."""
    asking = subprocess.Popen(["vgdb", f"--pid={os.getpid()}", "instrumentation", "on"], stdout=subprocess.DEVNULL)
    while asking.poll() is None:
        pass  # valgrind hears it while something runs, not in a system call
    assert asking.returncode == 0


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
