"""A camera into a file, for as long as it runs: python camera.py OUT SECONDS. Nobody knows how many frames will be."""

import sys
import time

from pydicom import examples
from pydicom.encaps import generate_frames

import streamdcm

CINE = "1.2.840.10008.5.1.4.1.1.3.1"  # Ultrasound Multi-frame Image Storage


def camera(seconds: float):
    """Yield compressed frames until the time is over; here a loop of pydicom's plays the camera."""
    loop = list(generate_frames(examples.jpeg2k.PixelData, number_of_frames=1))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield from loop
        time.sleep(1 / 30)


def main(out: str, seconds: float) -> None:
    dataset = examples.jpeg2k
    del dataset.PixelData
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CINE
    result = streamdcm.dcmwrite(out, dataset, frames=camera(seconds), max_frames=int(60 * seconds) + 1)
    print(f"{result.location}: {result.bytes_written:,} bytes, {result.offset_table} offset table")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
