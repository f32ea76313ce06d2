"""The child process of ``tests/network/test_memory.py``: ``python -m tests.support.children.sending WAY URL MIB``.

Sends one instance whose frames a generator makes, when it is told to.
"""

import sys
from collections.abc import Iterator

import anyio
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MultiFrameGrayscaleWordSecondaryCaptureImageStorage, generate_uid

from streamdcm import dicomweb, dimse
from tests.support.memory import run_case

SIDE = 512  # a frame has half a MiB


def image(frames: int) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID = (generate_uid() for _ in range(3))
    ds.PatientID = "1"
    ds.Rows = ds.Columns = SIDE
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.NumberOfFrames = frames
    return ds


def frames(count: int) -> Iterator[object]:
    frame = np.arange(SIDE * SIDE, dtype="<u2").reshape(SIDE, SIDE)
    for number in range(count):
        frame[0, 0] = number & 0xFFFF
        yield frame


def send(way: str, url: str, mib: int) -> int:
    face = dimse if url.startswith("dicom") else dicomweb
    given = (image(2 * mib), frames(2 * mib))
    is_sync = way == "sync"
    result = face.store(url, given) if is_sync else anyio.run(face.store_async, url, given, backend=way)
    result.raise_for_failures()
    return result.bytes_sent


if __name__ == "__main__":
    way, url, mib = sys.argv[1:]
    send(way, url, 1)  # what is imported and made once is not counted
    run_case(lambda: send(way, url, int(mib)))
