"""Datasets of images without their frames, and frames for them."""

import os
from typing import Any

import numpy as np
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    VLWholeSlideMicroscopyImageStorage,
)

CT_IMAGE = CTImageStorage
UNCOMPRESSED = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def template(
    syntax: str,
    *,
    rows: int = 5,
    columns: int = 7,
    bits: int = 16,
    samples: int = 1,
    signed: bool = False,
    **elements: Any,
) -> Dataset:
    """A multi-frame dataset of a transfer syntax, to which frames are given when it is written."""
    dataset = Dataset()
    dataset.preamble = bytes(128)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.SOPInstanceUID = "1.2.3"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, samples
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(signed)
    dataset.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    if samples > 1:
        dataset.PlanarConfiguration = 0
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def pixels(count: int, dtype: str = "u2", shape: tuple[int, ...] = (5, 7)) -> list[np.ndarray]:
    """Native frames that do not repeat."""
    generator = np.random.default_rng(count)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return [generator.integers(low, high, shape, dtype, endpoint=True) for _ in range(count)]


def as_jpeg(content: bytes) -> bytes:
    """Bytes of which the first three are those of a JPEG, and the others as they were."""
    return b"\xff\xd8\xff" + content[3:]


def compressed(sizes: list[int]) -> list[bytes]:
    """Frames of two bytes more than the sizes, and at least three, that begin as a JPEG does and end in no zero."""
    return [as_jpeg(os.urandom(1 + size) + b"\1") for size in sizes]


def slide() -> Dataset:
    """A whole slide image of four times three JPEG tiles."""
    dataset = template(
        JPEGBaseline8Bit,
        rows=32,
        columns=32,
        bits=8,
        samples=3,
        SOPClassUID=VLWholeSlideMicroscopyImageStorage,
        StudyInstanceUID="1.2.4",
        SeriesInstanceUID="1.2.5",
        InstanceNumber=7,
        FrameOfReferenceUID="1.2.6",
        Modality="SM",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        TotalPixelMatrixColumns=128,
        TotalPixelMatrixRows=96,
        ImagedVolumeWidth=0.128,
        ImagedVolumeHeight=0.096,
        ImagedVolumeDepth=0.01,
        DimensionOrganizationType="TILED_FULL",
        TotalPixelMatrixFocalPlanes=1,
        FocusMethod="AUTO",
        ExtendedDepthOfField="NO",
        ImageOrientationSlide=[0, -1, 0, -1, 0, 0],
    )
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [0.001, 0.001], 0.01, 0.01
    shared, path = Dataset(), Dataset()
    shared.PixelMeasuresSequence = Sequence([measures])
    dataset.SharedFunctionalGroupsSequence = Sequence([shared])
    path.OpticalPathIdentifier = "0"
    dataset.OpticalPathSequence = Sequence([path])
    return dataset


class WithDlpack:
    """A tensor of a library that is not NumPy."""

    def __init__(self, array: np.ndarray, device: tuple[int, int] = (1, 0)) -> None:
        self.array = array
        self.device = device

    def __dlpack__(self, **options: Any) -> Any:
        if self.array.dtype.kind == "f":
            raise BufferError("secret")
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device
