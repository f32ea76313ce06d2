"""Enhanced multi-frame datasets, and functional groups that are made one by one."""

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, EnhancedMRImageStorage, ExplicitVRLittleEndian, generate_uid

ROWS = 16
ORGANIZATION = generate_uid(entropy_srcs=["dimensions"])


def enhanced(syntax: UID = ExplicitVRLittleEndian, rows: int = ROWS, dimensions: int = 1) -> Dataset:
    """An Enhanced MR image without frames and without what is said of each."""
    ds = Dataset()
    ds.preamble = bytes(128)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["instance"])
    ds.Rows = ds.Columns = rows
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, 0
    ds.DimensionIndexSequence = [dimension(number) for number in range(dimensions)]
    ds.SharedFunctionalGroupsSequence = [Dataset()]
    return ds


def dimension(number: int) -> Dataset:
    index = Dataset()
    index.DimensionOrganizationUID = ORGANIZATION
    index.DimensionIndexPointer = 0x00209056 + number
    index.FunctionalGroupPointer = 0x00209111
    return index


def groups_of(number: int, dimensions: int = 1, comment: int = 0) -> Dataset:
    """The functional groups of a frame, which is counted from 0."""
    content, position, value = Dataset(), Dataset(), Dataset()
    if dimensions:
        content.DimensionIndexValues = [number + 1] * dimensions
    content.FrameAcquisitionDateTime = f"20260101120000.{number:06}"
    content.FrameAcquisitionDuration = 12.5
    if comment:
        content.FrameComments = "x" * comment
    position.ImagePositionPatient = [0.0, 0.5, float(number)]
    value.RescaleIntercept, value.RescaleSlope, value.RescaleType = 0, 1, "US"
    groups = Dataset()
    groups.FrameContentSequence = [content]
    groups.PlanePositionSequence = [position]
    groups.PixelValueTransformationSequence = [value]
    return groups


def frames(count: int, start: int = 0, rows: int = ROWS) -> Iterator[tuple[np.ndarray, Dataset]]:
    """Frames, each with its functional groups."""
    for number in range(start, start + count):
        yield np.full((rows, rows), number, "<u2"), groups_of(number)


def check(file: object, count: int, start: int = 0) -> Dataset:
    """Read what was written of `frames`, which is to be all there."""
    ds = dcmread(file)  # type: ignore[arg-type]
    assert int(ds.get("NumberOfFrames", 1)) == count
    assert list(ds.PerFrameFunctionalGroupsSequence) == [groups_of(n) for n in range(start, start + count)]
    pixels = np.frombuffer(ds.PixelData, ">u2" if ds.original_encoding[1] is False else "<u2")
    assert (pixels.reshape(count, -1)[:, 0] == np.arange(start, start + count)).all()
    return ds
