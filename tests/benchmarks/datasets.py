"""The datasets that are written. Each function returns a new one with every call: pydicom's writer
changes what it writes, so nothing is measured twice."""

import io
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import cast

from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage

MIB = 1 << 20


@cache
def encoded(name: str) -> bytes:
    """Return the bytes of a DICOM file that ships with pydicom."""
    return Path(cast(str, get_testdata_file(name, download=False))).read_bytes()


def as_read(data: bytes) -> Dataset:
    """Return a dataset as `dcmread` leaves it: most elements raw."""
    return dcmread(io.BytesIO(data))


def parsed(data: bytes) -> Dataset:
    """Return a dataset of which every element has been looked at."""
    dataset = as_read(data)
    for _ in dataset.iterall():
        pass
    return dataset


def few_elements() -> Dataset:
    """Build a dataset of five elements."""
    dataset = instance(CTImageStorage)
    del dataset.SpecificCharacterSet
    dataset.Modality = "CT"
    return dataset


def contours() -> Dataset:
    """Build an RT structure set whose contours have a hundred thousand numbers in all."""
    dataset = instance(RTStructureSetStorage)
    points = [f"{number * 7919 % 100_000 / 100:.2f}" for number in range(303)]
    dataset.ROIContourSequence = [
        _item(
            ROIDisplayColor=[255, 0, 0],
            ContourSequence=[
                _item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=101, ContourData=points)
                for _ in range(33)
            ],
            ReferencedROINumber=roi,
        )
        for roi in range(10)
    ]
    return dataset


def contours_encoded() -> bytes:
    """Return an RT structure set as a file's bytes."""
    buffer = io.BytesIO()
    dcmwrite(buffer, contours())
    return buffer.getvalue()


def functional_groups(frames: int, undefined: bool = False) -> Dataset:
    """Build an enhanced multi-frame CT without pixels: seven nested sequences for each frame.

    Parameters
    ----------
    frames : int
        The number of items of the Per-Frame Functional Groups Sequence.
    undefined : bool
        Give every sequence and item an undefined length, which `dcmread` reads into items; a sequence
        of defined length stays one raw value.
    """
    dataset = instance(EnhancedCTImageStorage)
    dataset.NumberOfFrames = frames
    dataset.PerFrameFunctionalGroupsSequence = [_frame(index) for index in range(frames)]
    if undefined:
        _undefine(dataset)
    return dataset


def functional_groups_encoded(frames: int, undefined: bool) -> bytes:
    """Return an enhanced multi-frame as a file's bytes."""
    buffer = io.BytesIO()
    dcmwrite(buffer, functional_groups(frames, undefined))
    return buffer.getvalue()


def bulk(size: int) -> Callable[[], Dataset]:
    """Return a maker of datasets that share `size` bytes of pixel data."""
    pixels = os.urandom(MIB) * (size // MIB)

    def make() -> Dataset:
        dataset = instance(CTImageStorage)
        dataset.BitsAllocated = 16
        dataset.add_new("PixelData", "OW", pixels)
        return dataset

    return make


def instance(sop_class: str) -> Dataset:
    """Return a dataset with what every instance has."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    dataset.preamble = bytes(128)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Example^Patient"
    dataset.PatientID = "1"
    return dataset


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _frame(index: int) -> Dataset:
    return _item(
        FrameContentSequence=[
            _item(
                FrameAcquisitionNumber=1,
                FrameReferenceDateTime="20240102030405.000000",
                FrameAcquisitionDateTime="20240102030405.000000",
                FrameAcquisitionDuration=0.5,
                StackID="1",
                InStackPositionNumber=index + 1,
                DimensionIndexValues=[1, index + 1],
            )
        ],
        PlanePositionSequence=[_item(ImagePositionPatient=[-158.1, -179.0, round(-75.7 + index * 0.5, 1)])],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])],
        PixelMeasuresSequence=[_item(PixelSpacing=[0.66, 0.66], SliceThickness=0.5)],
        FrameVOILUTSequence=[_item(WindowCenter=40.0, WindowWidth=400.0)],
        PixelValueTransformationSequence=[_item(RescaleIntercept=-1024.0, RescaleSlope=1.0, RescaleType="HU")],
        CTImageFrameTypeSequence=[
            _item(
                FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
                PixelPresentation="MONOCHROME",
                VolumetricProperties="VOLUME",
                VolumeBasedCalculationTechnique="NONE",
            )
        ],
    )


def _undefine(dataset: Dataset) -> None:
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            element.value.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                _undefine(item)
