"""A scanned file as a pydicom dataset, for edits that are functions and for what changes its layout."""

from __future__ import annotations

import io
from typing import Any, Final

from pydicom.charset import convert_encodings, default_encoding
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement, convert_raw_data_element, empty_value_for_VR
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import BaseTag

from streamdcm.encode._pydicom import Element, elements_of
from streamdcm.encode.ambiguous import resolve_vr
from streamdcm.encode.discreet import discreet
from streamdcm.encode.layout import UNDEFINED_LENGTH, Layout
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PIXEL_TAGS, SPECIFIC_CHARACTER_SET
from streamdcm.encode.vr import BULK_VRS, VRS
from streamdcm.errors import RecursiveDatasetError, SourceError, StreamdcmError
from streamdcm.errors.translation import element_name
from streamdcm.files.access import Access
from streamdcm.files.deferred import DeferredElement
from streamdcm.files.scan_words import Encoding, Large, Row, Run
from streamdcm.files.scanned import Scanned
from streamdcm.plan.syntaxes import encoding_of

_NAMES: Final = {vr.encode(): vr for vr in VRS}


def dataset_of(scanned: Scanned) -> FileDataset:
    """Return a dataset of raw elements, with a `DeferredElement` for each bulk value, which stays in the file.

    Raises
    ------
    SourceError
        If the character set, or the items of a sequence that has to be parsed now, are damaged.
    RecursiveDatasetError
        If those items are nested too deeply.
    """
    encoding = scanned.encoding
    elements: dict[Any, Element] = {}
    for run, row in scanned.rows():
        elements[BaseTag(row[0])] = raw_element(run, row, encoding)
    charset = character_set(elements.get(SPECIFIC_CHARACTER_SET), scanned.name)
    dataset = Dataset(elements, parent_encoding=default_encoding)
    dataset.set_original_encoding(encoding.implicit_vr, encoding.little_endian, charset)
    scope = Scope(dataset, Layout(encoding_of(encoding.implicit_vr, encoding.little_endian)))
    elements = elements_of(dataset)  # type: ignore[assignment]
    for part in scanned.parts:
        if isinstance(part, Large):
            elements[BaseTag(part.tag)] = _large(part, scanned, scope)
            continue
        for index in part.odd:
            row = part.rows[index]
            if row[1] is None and not encoding.implicit_vr:
                elements[BaseTag(row[0])] = _with_vr(part, row, scanned, scope)
            elif row[5] == UNDEFINED_LENGTH and row[0] not in PIXEL_TAGS:
                elements[BaseTag(row[0])] = _parsed_sequence(part, row, scanned, charset)
        for row in part.rows:
            if row[0] in PIXEL_TAGS:
                elements[BaseTag(row[0])] = _pixels(part, row, scanned, scope)
            elif (
                row[5] == UNDEFINED_LENGTH and row[1] is None and scope.vr_of(raw_element(part, row, encoding)) is None
            ):
                elements[BaseTag(row[0])] = _parsed_sequence(part, row, scanned, charset)
    read = FileDataset(
        scanned.access.path or io.BytesIO(),
        dataset,
        scanned.head.preamble,
        file_meta_of(scanned),
        encoding.implicit_vr,
        encoding.little_endian,
    )
    read.buffer = None
    read.set_original_encoding(encoding.implicit_vr, encoding.little_endian, charset)
    return read


def raw_element(run: Run, row: Row, encoding: Encoding) -> RawDataElement:
    """Return an element as pydicom has it before it is parsed; an odd value is padded (PS3.5 §7.1.1)."""
    tag, code, _, value_at, stop, length = row
    vr = None if code is None else _NAMES.get(code) or code.decode("latin-1")
    value: Any = run.data[value_at:stop] if stop > value_at else empty_value_for_VR(vr, raw=True)
    if length & 1 and length != UNDEFINED_LENGTH:
        value += padding(tag, code)
        length += 1
    return RawDataElement(BaseTag(tag), vr, length, value, run.base + value_at, code is None, encoding.little_endian)


def padding(tag: int, code: bytes | None) -> bytes:
    """Return what completes an odd value of a VR, or of that of the dictionary (PS3.5 §6.2)."""
    vr = dictionary_vr(tag) if code is None else _NAMES.get(code)
    row = None if vr is None else VRS.get(vr)
    return row.pad if row is not None and row.pad else b"\0"


def dictionary_vr(tag: int) -> str | None:
    """Return the VR that the dictionary gives a public element, if it does."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def character_set(element: Element | None, name: str) -> Any:
    """Return the codecs of the Specific Character Set of a dataset."""
    if element is None:
        return default_encoding
    try:
        with discreet(element_name(SPECIFIC_CHARACTER_SET)):
            return convert_encodings(convert_raw_data_element(element).value)  # type: ignore[arg-type]
    except Exception as error:  # whatever pydicom says of a damaged value
        raise SourceError(
            f"{name} states a character set that is not one of DICOM ({type(error).__name__}); correct it",
            element_name(SPECIFIC_CHARACTER_SET),
        ) from None


def file_meta_of(scanned: Scanned) -> FileMetaDataset:
    """Return the File Meta Information as it was read."""
    head = scanned.head
    raw = {BaseTag(row[0]): raw_element(head.meta, row, head.meta_encoding) for row in head.meta.rows}
    meta = FileMetaDataset(Dataset(raw))  # type: ignore[arg-type]
    meta.set_original_encoding(head.meta_encoding.implicit_vr, True, default_encoding)
    return meta


def _large(large: Large, scanned: Scanned, scope: Scope) -> Element:
    encoding, access = scanned.encoding, scanned.access
    stated = UNDEFINED_LENGTH if large.undefined or large.length is None else large.length
    code = None if large.vr is None else large.vr.decode("latin-1")
    raw = RawDataElement(BaseTag(large.tag), code, stated, None, large.value_at, code is None, encoding.little_endian)
    vr = scope.vr_of(raw) or "UN"
    if vr in BULK_VRS and not (vr == "UN" and large.undefined):
        return _deferred(raw, vr, large.length, access, scope)
    assert large.length is not None
    row = (large.tag, large.vr, 0, 0, large.length, stated)
    run = Run(access.read(large.value_at, large.length), large.value_at, [row])
    if vr == "UN":
        return _parsed_sequence(run, row, scanned, scope.dataset.original_character_set)
    return raw_element(run, row, encoding)


def _with_vr(run: Run, row: Row, scanned: Scanned, scope: Scope) -> Element:
    """Return an element that stands without VR among others that have one, with that of the dictionary."""
    raw = raw_element(run, row, scanned.encoding)
    vr = scope.vr_of(raw) or "UN"
    if vr == "SQ" or raw.length == UNDEFINED_LENGTH:
        return _parsed_sequence(run, row, scanned, scope.dataset.original_character_set)
    raw = raw._replace(VR=vr, is_implicit_VR=False)
    return raw if len(vr) == 2 else scope.parsed(raw)


def _pixels(run: Run, row: Row, scanned: Scanned, scope: Scope) -> Element:
    raw = raw_element(run, row, scanned.encoding)
    vr = scope.vr_of(raw) or "UN"
    is_bulk = row[4] > row[3] and vr in BULK_VRS
    return _deferred(raw, vr, row[4] - row[3], scanned.access, scope) if is_bulk else raw


def _deferred(raw: RawDataElement, vr: str, length: int | None, access: Access, scope: Scope) -> Element:
    copy = access.range_of(raw.value_tell, length, element_name(raw.tag))
    element = DeferredElement(raw.tag, vr, copy, raw.length == UNDEFINED_LENGTH)
    return resolve_vr(element, [scope.dataset], raw.is_little_endian) if len(vr) > 2 else element


def _parsed_sequence(run: Run, row: Row, scanned: Scanned, charset: Any) -> Element:
    """Parse a sequence that cannot be written as it stands; a UN is one in Implicit VR Little Endian (PS3.5 §6.2.2)."""
    raw = raw_element(run, row, scanned.encoding)
    if raw.VR == "UN":
        raw = raw._replace(VR="SQ", is_implicit_VR=True, is_little_endian=True)
    elif raw.VR is None:
        raw = raw._replace(VR="SQ")
    label = element_name(row[0])
    with discreet(label):
        try:
            return convert_raw_data_element(raw, encoding=charset)
        except RecursionError:
            raise RecursiveDatasetError(
                "its items are nested too deeply to be parsed; take them out, or leave it as it is",
                label,
            ) from None
        except StreamdcmError:
            raise
        except Exception as error:  # whatever pydicom says of damaged items
            where = run.base + row[2]
            raise SourceError(
                f"its items cannot be read ({type(error).__name__}), at byte {where:,} of {scanned.name}; the file is "
                "damaged, get it again from where it came",
                label,
            ) from None
