"""What the tests of object storages write."""

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.uid import EnhancedCTImageStorage, MultiFrameGrayscaleWordSecondaryCaptureImageStorage

import streamdcm

MIB = 1024 * 1024


def small() -> Dataset:
    """One part has space for all of it."""
    return dcmread(get_testdata_file("CT_small.dcm"))


def large(mebibytes: int = 12) -> Dataset:
    """Frames of 1 MiB, that do not repeat; their number is not said, so that others may be given in their place."""
    dataset = small()
    dataset.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    dataset.Rows, dataset.Columns = 1024, 512
    dataset.PixelData = np.random.default_rng(0).bytes(mebibytes * MIB)
    return dataset


def enhanced() -> Dataset:
    """A dataset whose frames can be divided over several instances."""
    dataset = large(1)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.SharedFunctionalGroupsSequence = [Dataset()]
    return dataset


def frames(count: int = 12) -> Iterator[Any]:
    """Frames of a `large` dataset, whose number nobody knows ahead."""
    for number in range(count):
        yield np.full((1024, 512), number, "<i2")


def in_memory(dataset: Dataset, **options: Any) -> bytes:
    """What a seekable sink gets."""
    file = io.BytesIO()
    streamdcm.dcmwrite(file, dataset, **options)
    return file.getvalue()


class SourceError(Exception):
    """What a source raises in these tests."""


def failing_frames(count: int = 12) -> Iterator[Any]:
    """Frames that end with an error."""
    yield from frames(count)
    raise SourceError
