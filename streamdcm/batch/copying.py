"""Instances whose bytes are copied as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.files.access import Access, accessed
from streamdcm.files.identity import read_header
from streamdcm.files.remote import opened_input
from streamdcm.files.scanned import check_whole
from streamdcm.instructions import Copy, Encoder
from streamdcm.write.functions import write_encoder


def copied(source: str, target: Any, options: Mapping[str, Any], *, force: bool) -> None:
    """Copy a DICOM file to a target.

    Raises
    ------
    InvalidDicomError
        If it is none.
    SourceError
        If it ends before its elements do.
    OSError
        If reading or writing fails; the target is what it was.
    """
    passed_on = {name: value for name, value in options.items() if name != "source_options"}
    with _opened(source, options, force) as access:
        write_encoder(_whole(access), target, **passed_on)


def read_values(source: str, keywords: Collection[str], options: Mapping[str, Any], *, force: bool) -> Dataset:
    """Return a dataset with the elements of some keywords.

    Raises
    ------
    InvalidDicomError
        If the source is no DICOM file.
    """
    storage = StorageSettings(storage_options=_source_options(options))
    with opened_input(source, storage) as file:
        read_header(file, force=force)
        return pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(keywords), force=force)


@contextmanager
def _opened(source: str, options: Mapping[str, Any], force: bool) -> Iterator[Access]:
    storage = StorageSettings(storage_options=_source_options(options))
    with opened_input(source, storage) as file, accessed(file) as access:
        check_whole(access, force=force)
        yield access


def _source_options(options: Mapping[str, Any]) -> Mapping[str, Any]:
    return options.get("source_options") or options.get("storage_options") or {}


def _whole(access: Access) -> Encoder[None]:
    whole = access.range_of(0, access.size, "the file")
    assert isinstance(whole, Copy)
    yield whole
