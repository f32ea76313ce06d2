"""What a write to memory gives."""

import io
from typing import Any

import pydicom
from pydicom import Dataset

import streamdcm


def written(dataset: Dataset, **options: Any) -> bytes:
    """What a target in memory gets, which can seek."""
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset, **options)
    return buffer.getvalue()


def in_order(dataset: Dataset, **options: Any) -> bytes:
    """What the chunks are together."""
    return b"".join(streamdcm.iter_chunks(dataset, **options))


def read_back(dataset: Dataset, **options: Any) -> Dataset:
    """What pydicom reads from what is written to memory."""
    return pydicom.dcmread(io.BytesIO(written(dataset, **options)))
