"""What is refused before the first byte: elements that have no place in a file, and values that do not fit."""

from __future__ import annotations

import os
from io import BufferedIOBase
from itertools import takewhile
from typing import Any, Final

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import MediaStorageDirectoryStorage

from streamdcm.encode._pydicom import Element, encoding_as_read, sorted_elements
from streamdcm.encode.bulk import check_words
from streamdcm.encode.discreet import value_of
from streamdcm.encode.layout import MAX_LENGTH
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.encode.vr import VRS
from streamdcm.errors import (
    DatasetTypeError,
    EncapsulationError,
    EncodeError,
    LayoutError,
    LengthOverflowError,
    PlanError,
    SourceError,
)
from streamdcm.errors.translation import element_name, encode_error, reason_of
from streamdcm.plan.execution import Plan
from streamdcm.sources import ByteStream, StreamSource, describe

_FIRST_OF_A_DATASET: Final = 0x00030000
_LONG_VRS: Final = frozenset(vr for vr, row in VRS.items() if row.long_length)


def check_dataset(dataset: Any) -> None:
    """Refuse anything but a dataset.

    Raises
    ------
    DatasetTypeError
        Names its type.
    """
    if not isinstance(dataset, Dataset):
        is_path = isinstance(dataset, (str, bytes, os.PathLike))
        remedy = ": pydicom.dcmread reads it from a file, and streamdcm.rewrite writes a file anew" if is_path else ""
        raise DatasetTypeError(f"the dataset must be a pydicom Dataset, not {type(dataset).__name__}{remedy}")


def elements_to_write(dataset: Any) -> list[tuple[int, Element]]:
    """Return the elements of a dataset in ascending order of tags.

    Raises
    ------
    PlanError
        If elements are among them that do not belong into a dataset.
    """
    if not isinstance(dataset, Dataset):
        check_dataset(dataset)
    elements = sorted_elements(dataset)
    if not elements or elements[0][0] >= _FIRST_OF_A_DATASET:
        return elements
    groups = {tag >> 16 for tag, _ in takewhile(lambda pair: pair[0] < _FIRST_OF_A_DATASET, elements)}
    if 0x0000 in groups:
        raise PlanError(
            "Command Set elements (0000,eeee) have no place in a file; delete them, or encode the command set by "
            "itself with streamdcm.stages.dataset_body"
        )
    if 0x0002 in groups:
        raise PlanError(
            "File Meta Information elements (0002,eeee) belong into a FileMetaDataset in the 'file_meta' attribute "
            f"of the {type(dataset).__name__}; move them there"
        )
    return elements


def check_directory(plan: Plan, meta: Dataset) -> None:
    """Refuse what would move the directory records that a DICOMDIR's offsets point at.

    Raises
    ------
    LayoutError
        Names what would.
    """
    as_read = encoding_as_read(plan.dataset)
    encoding = (plan.layout.encoding.implicit_vr, plan.layout.encoding.little_endian)
    has_other_syntax = plan.deflated or (None not in as_read and as_read != encoding)
    if plan.layout.is_as_read and plan.file_meta is not None and not has_other_syntax:
        return
    changed = [
        name
        for name, is_changed in (
            ("sequence_lengths", plan.layout.sequence_lengths != "preserve"),
            ("group_lengths", plan.layout.group_lengths != "omit"),
            ("file_meta", plan.file_meta is None),
            ("the transfer syntax", has_other_syntax),
        )
        if is_changed
    ]
    if value_of(meta, "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage:
        raise LayoutError(
            f"a DICOMDIR's offsets count bytes from the start of the file, and {' and '.join(changed)} would move "
            "what they point at; write it as it was read, or build a new one with pydicom.fileset"
        )


def check_bulk_lengths(plan: Plan) -> None:
    """Refuse bulk values whose lengths are more than can be written.

    Raises
    ------
    EncodeError
        Names the element.
    """
    for _, element in plan.elements:
        if element.__class__ is not RawDataElement and element.VR in _LONG_VRS:
            _check_bulk_length(element, plan)


def _check_bulk_length(element: Element, plan: Plan) -> None:
    value = element.value
    encapsulated = element.is_undefined_length  # type: ignore[union-attr]
    if element.tag == PIXEL_DATA and plan.encapsulated is not None:
        encapsulated = plan.encapsulated
    if isinstance(value, (bytes, bytearray, memoryview)):
        length = memoryview(value).nbytes
    elif isinstance(value, BufferedIOBase):
        try:
            described = describe(value, "")
        except (OSError, ValueError) as error:
            raise SourceError(f"its buffer cannot be read: {reason_of(error)}", element_name(element.tag)) from error
        if isinstance(value, ByteStream) and encapsulated:
            raise EncapsulationError(
                "a ByteStream cannot be encapsulated Pixel Data; give the frames, or the bit stream of a video, with "
                "frames=",
                element_name(element.tag),
            )
        if isinstance(described, StreamSource):
            return
        length = described.length
        if isinstance(value, ByteStream):
            try:
                check_words(length, element.VR or "")
            except EncodeError as error:
                raise encode_error(error, element_name(element.tag)) from None
    else:
        return
    if length + length % 2 > MAX_LENGTH and not encapsulated:
        raise LengthOverflowError(
            f"{length:,} bytes do not fit a 32-bit length field; store compressed frames, or divide the instance",
            element_name(element.tag),
        )
