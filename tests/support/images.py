"""Datasets of images without their frames, and frames for them."""

import os
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
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


def compressed(sizes: list[int]) -> list[bytes]:
    """Frames that begin as a JPEG codestream does."""
    return [bytes([0xFF, 0xD8]) + os.urandom(size) for size in sizes]
