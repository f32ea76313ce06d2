"""The child process of ``test_memory.py``: ``python -m tests.support.children.sending WAY URL MIB [COUNT]``.

Sends one instance whose frames a generator makes, when it is told to. How many there are is in the dataset, unless they
are to be counted.
"""

import sys
from collections.abc import Iterator

import anyio
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MultiFrameGrayscaleWordSecondaryCaptureImageStorage, generate_uid

from streamdcm import dicomweb, dimse
from streamdcm.network.instances import Instance
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


def send(way: str, url: str, mib: int, count: str | None = None) -> int:
    face = dimse if url.startswith("dicom") else dicomweb
    given = Instance(image(2 * mib), frames(2 * mib), number_of_frames=count)  # type: ignore[arg-type]
    is_sync = way == "sync"
    result = face.store(url, given) if is_sync else anyio.run(face.store_async, url, given, backend=way)
    result.raise_for_failures()
    return result.bytes_sent


if __name__ == "__main__":
    way, url, mib, *rest = sys.argv[1:]
    send(way, url, 1, *rest)  # what is imported and made once is not counted
    run_case(lambda: send(way, url, int(mib), *rest))
