"""A file passed on as it stands, but for the elements that an edit names: nothing else is parsed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from struct import pack, pack_into
from typing import Any, Final, NamedTuple, TypeAlias

from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID, MediaStorageDirectoryStorage

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.element import encode_elements
from streamdcm.encode.layout import UNDEFINED_LENGTH, Layout
from streamdcm.encode.layout import Encoding as Packing
from streamdcm.encode.pieces import Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import (
    BITS_ALLOCATED,
    DIRECTORY_RECORDS,
    FILE_META_GROUP_LENGTH,
    FILE_META_VERSION,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    LUT_DESCRIPTOR,
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    PIXEL_DATA,
    PIXEL_DATA_PROVIDER_URL,
    PIXEL_REPRESENTATION,
    PIXEL_TAGS,
    ROWS,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    SPECIFIC_CHARACTER_SET,
    TRANSFER_SYNTAX_UID,
)
from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES
from streamdcm.errors import element_name
from streamdcm.files.dataset import character_set, dictionary_vr, padding, raw_element
from streamdcm.files.edit_paths import ItemEdits, edits_by_tag
from streamdcm.files.edits import Edit, edit_items, new_element
from streamdcm.files.notices import SIGNATURES, warn_of_missing_pixels, warn_of_signature
from streamdcm.files.scan_head import Head
from streamdcm.files.scan_words import LONG, Large, Row, Run
from streamdcm.files.scanned import Part, Scanned
from streamdcm.instructions import Copy, Encoder
from streamdcm.options import Options
from streamdcm.plan.file_meta import IMPLEMENTATION_CLASS_UID as OUR_CLASS_UID
from streamdcm.plan.file_meta import IMPLEMENTATION_VERSION_NAME as OUR_VERSION_NAME
from streamdcm.plan.file_meta import TIFF
from streamdcm.plan.syntaxes import encoding_of

_DECIDING: Final = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, BITS_ALLOCATED, LUT_DESCRIPTOR, PIXEL_DATA})
"""The elements that decide how a new value is encoded: its characters, and its VR where that is ambiguous."""

_CHANGES_OTHERS: Final = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, *PIXEL_TAGS})
"""The elements whose new value decides how others are written."""

FOLLOWED: Final = {SOP_CLASS_UID: MEDIA_STORAGE_SOP_CLASS_UID, SOP_INSTANCE_UID: MEDIA_STORAGE_SOP_INSTANCE_UID}
"""The elements that File Meta Information repeats, and where."""

_ALWAYS_WANTED: Final = frozenset(
    {*_DECIDING, *PIXEL_TAGS, *FOLLOWED, DIRECTORY_RECORDS, *SIGNATURES, ROWS, PIXEL_DATA_PROVIDER_URL}
)
_UID: Final = re.compile(rb"[0-9.]+")


class New(NamedTuple):
    """An element with a new value.

    Parameters
    ----------
    pieces : Pieces
        It, encoded.
    length : int
        The number of its bytes.
    """

    pieces: Pieces
    length: int


Bytes: TypeAlias = bytes | New
_BEHIND_ALL: Final = 1 << 32


Found: TypeAlias = dict[int, tuple[Run, Row] | Large]


class Splice(NamedTuple):
    """A file that is passed on.

    Parameters
    ----------
    encoder : Encoder
        Its bytes.
    size : int
        Their number.
    """

    encoder: Encoder[None]
    size: int


def spliced(scanned: Scanned, options: Options, edit: Edit | None, transfer_syntax: UID | None) -> Splice | None:
    """Return how a file is passed on; `None` if more has to change than the elements that the edit names.

    Parameters
    ----------
    scanned : Scanned
        The file.
    options : Options
        What the caller asked for.
    edit : callable or mapping, optional
        What the caller gave.
    transfer_syntax : UID, optional
        That which is to be written; that of the file if `None`.

    Raises
    ------
    PlanError
        If a name in the mapping is not that of an element, or a value is not one that the element can have.
    EncodeError
        If a value cannot be encoded.
    """
    if scanned.head.deflated:
        return None
    splicer = splicer_of(scanned, options, edit, transfer_syntax)
    if splicer is None:
        return None
    splicer.encode_all()
    body = [splicer.head, *_body(splicer, scanned)]
    warn_of_missing_pixels(splicer.found, scanned.name)
    return Splice(encoder_of(body), sum(map(_length, body)))


def splicer_of(scanned: Scanned, options: Options, edit: Edit | None, transfer_syntax: UID | None) -> Splicer | None:
    """Return what passes a file on, or what has come of it; see `spliced`."""
    edits = edits_of(edit)
    if edits is None or not _is_as_read(scanned, options, transfer_syntax):
        return None
    splicer = Splicer(scanned, edits)
    found, syntax = splicer.found, scanned.head.syntax
    if not _pixels_fit(found, edits, syntax) or not _are_uids(found, edits) or DIRECTORY_RECORDS in found:
        return None
    if any(isinstance(value, ItemEdits) and isinstance(found.get(tag), Large) for tag, value in edits.items()):
        return None
    meta = _file_meta(scanned.head, syntax, _uids(found, edits))
    if meta is None:
        return None
    preamble = scanned.head.preamble
    if preamble is None or preamble.startswith(TIFF):
        preamble = bytes(128)
    splicer.head = preamble + b"DICM" + meta
    if edit is not None:
        warn_of_signature(found.keys() - {tag for tag, value in edits.items() if value is None})
    return splicer


class Splicer:
    """Passes elements on, those that an edit names with new values in their places.

    Parameters
    ----------
    scanned : Scanned
        A file, or what has come of it.
    edits : mapping of int to value
        New values by tag; `None` deletes an element.

    Attributes
    ----------
    head : bytes
        What stands before the dataset.
    found : dict
        The elements that matter, by tag.
    packing : Encoding
        How headers are packed.
    """

    head = b""

    def __init__(self, scanned: Scanned, edits: Mapping[int, Any]) -> None:
        self.packing = encoding_of(scanned.encoding.implicit_vr, scanned.encoding.little_endian)
        self.edits = edits
        self.found: Found = {}
        self._wanted = {*_ALWAYS_WANTED, *edits}
        self._wanted.update(tag & 0xFFFF0000 | tag >> 8 & 0xFF for tag in edits if tag >> 16 & 1)  # private creators
        self._tags = sorted(edits)
        self._done = 0
        self._new: dict[int, Bytes] = {}
        self._scanned = scanned
        self._context: _Context | None = None
        self.note(scanned.parts)

    def note(self, parts: Iterable[Part]) -> None:
        """Note which elements have come."""
        found, wanted = self.found, self._wanted
        for part in parts:
            if isinstance(part, Large):
                found[part.tag] = part
                continue
            for row in part.rows:
                if row[0] in wanted:
                    found[row[0]] = part, row
        self._context = None
        self._new.clear()

    def encode_all(self) -> None:
        """Encode the new values, to refuse one that cannot be."""
        for tag in self._tags:
            self._encoded(tag)

    def encode_known(self) -> None:
        """Encode the new values whose VR no element decides that is still to come, to refuse one that cannot be."""
        for tag in self._tags:
            if tag in self.found or len(dictionary_vr(tag) or "") == 2:
                self._encoded(tag)

    def before(self, tag: int) -> Iterator[Bytes]:
        """Give the new elements that stand before a tag and were not given yet."""
        tags = self._tags
        while self._done < len(tags) and tags[self._done] < tag:
            self._done += 1
            yield self._encoded(tags[self._done - 1])

    def run(self, run: Run) -> Iterator[Bytes]:
        """Give the elements of a run, as spans of its bytes between those that are replaced."""
        data, rows = run.data, run.rows
        done = bisect_left(self._tags, rows[-1][0] + 1, self._done)
        tags, self._done = self._tags[self._done : done], done
        corrected = {rows[index][0]: rows[index] for index in run.odd}
        at = rows[0][2]
        for tag in sorted({*tags, *corrected}) if corrected else tags:
            row = rows[bisect_left(rows, (tag,))]
            yield data[at : row[2]]
            at = end_of(row) if row[0] == tag else row[2]
            yield self._encoded(tag) if tag in self.edits else _corrected(run, row, self.packing)
        yield data[at : end_of(rows[-1])]

    def _encoded(self, tag: int) -> Bytes:
        if tag not in self._new:
            if self._context is None:
                self._context = _Context(self._scanned, self.found)
            self._new[tag] = self._context.encoded(tag, self.edits[tag])
        return self._new[tag]


def edits_of(edit: Edit | None) -> dict[int, Any] | None:
    """Return new values by tag; `None` if they decide how others are written."""
    if edit is None:
        return {}
    if not isinstance(edit, Mapping):
        return None
    edits = edits_by_tag(edit)
    changes_more = any(
        tag >> 16 <= 2 or (tag in _CHANGES_OTHERS and not (tag in PIXEL_TAGS and value is None))
        for tag, value in edits.items()
    )
    return None if changes_more else edits


def _is_as_read(scanned: Scanned, options: Options, asked: UID | None) -> bool:
    """Whether all that is not edited is written with the bytes that were read."""
    syntax = scanned.head.syntax
    if syntax is None or (asked is not None and asked != syntax):
        return False
    public = TRANSFER_SYNTAXES.get(syntax)
    encoding = scanned.encoding
    if public is None or (public.implicit_vr, public.little_endian) != (
        encoding.implicit_vr,
        encoding.little_endian,
    ):
        return False
    if options.sequence_lengths != "preserve" or options.group_lengths != "omit" or options.enforce_file_format:
        return False
    return are_passed(scanned.parts, implicit_vr=encoding.implicit_vr)


def are_passed(parts: Iterable[Part], *, implicit_vr: bool) -> bool:
    """Whether elements can be written as they stand, but for lengths and delimiters that are corrected."""
    runs = [part for part in parts if isinstance(part, Run)]
    return all(
        (run.is_sorted and run.rows[0][0] > 0x0002FFFF) or not any(row[0] >> 16 in (0, 2) for row in run.rows)
        for run in runs
    ) and all(_is_passed(run.rows[index], implicit_vr) for run in runs for index in run.odd)


def _is_passed(row: Row, implicit_vr: bool) -> bool:
    """Whether an element that cannot be written as it stands can be, with its length or its delimiter corrected."""
    if row[5] == UNDEFINED_LENGTH:
        return row[0] in PIXEL_TAGS
    return (implicit_vr or row[1] is not None) and row[5] < 0xFFFF


def _pixels_fit(found: Found, edits: Mapping[int, Any], syntax: UID | None) -> bool:
    """Whether pixel data have the kind of length that the transfer syntax wants (PS3.5 §A.4)."""
    public = TRANSFER_SYNTAXES.get(syntax or "")
    for tag in PIXEL_TAGS:
        element = found.get(tag)
        if element is None or tag in edits:
            continue
        undefined = element.undefined if isinstance(element, Large) else element[1][5] == UNDEFINED_LENGTH
        if public is None or (undefined != public.encapsulated if tag == PIXEL_DATA else undefined):
            return False
    return True


class _Context:
    """Encodes new values as they are encoded in a file."""

    def __init__(self, scanned: Scanned, found: Found) -> None:
        encoding = scanned.encoding
        self._dataset = Dataset()
        elements = elements_of(self._dataset)
        for tag, element in found.items():
            if isinstance(element, Large):
                vr = None if element.vr is None else element.vr.decode("latin-1")
                raw = RawDataElement(BaseTag(tag), vr, 0, b"", 0, vr is None, encoding.little_endian)
            else:
                raw = raw_element(*element, encoding)
            elements[BaseTag(tag)] = raw
        charset: Any = default_encoding
        if SPECIFIC_CHARACTER_SET in found:
            charset = character_set(elements.get(SPECIFIC_CHARACTER_SET), scanned.name)
        self._dataset.set_original_encoding(encoding.implicit_vr, encoding.little_endian, charset)
        self._layout = Layout(encoding_of(encoding.implicit_vr, encoding.little_endian))
        self._scope: Scope | None = None

    def encoded(self, tag: int, value: Any) -> Bytes:
        """Return an element with a new value, encoded; nothing if it is `None`."""
        element: DataElement | None = None
        if isinstance(value, ItemEdits):
            edit_items(self._dataset, value)
            element = self._dataset.get(tag)
        elif value is not None:
            element = new_element(self._dataset, tag, value)
        if element is None:
            return b""
        if self._scope is None:
            self._scope = Scope(self._dataset, self._layout)
        pieces = Pieces()
        length = encode_elements(iter([(tag, element)]), pieces, self._scope)
        return New(pieces, length) if pieces.bulk else b"".join(pieces.parts)  # type: ignore[arg-type]


def _are_uids(found: Found, edits: Mapping[int, Any]) -> bool:
    """Whether the elements that File Meta Information repeats have the VR that they should have."""
    elements = [found[tag] for tag in FOLLOWED if tag in found and tag not in edits]
    return all(isinstance(element, tuple) and element[1][1] in (None, b"UI") for element in elements)


def _uids(found: Found, edits: Mapping[int, Any]) -> dict[int, bytes | None]:
    """Return what File Meta Information repeats, by its tag there; `None` for what it must not have any more."""
    uids: dict[int, bytes | None] = {}
    for tag, repeated in FOLLOWED.items():
        element = found.get(tag)
        if tag in edits:
            value = edits[tag]
            if value:
                uids[repeated] = str(value).encode("latin-1")
            elif element is not None:
                uids[repeated] = None
        elif isinstance(element, tuple):
            run, row = element
            uids[repeated] = run.data[row[3] : row[4]].rstrip(b"\0 ") or None
    return uids


def _file_meta(head: Head, syntax: UID | None, uids: Mapping[int, bytes | None]) -> bytes | None:
    """Return the File Meta Information as it is written; `None` if it cannot be told without parsing it."""
    meta = head.meta
    if head.meta_encoding.implicit_vr or meta.odd or syntax == MediaStorageDirectoryStorage:
        return None
    data = meta.data
    elements = {row[0]: data[row[2] : row[4]] for row in meta.rows}
    own = {**uids, TRANSFER_SYNTAX_UID: str(syntax).encode()}
    for tag, uid in own.items():
        if uid is None:
            elements.pop(tag, None)
        elif not _UID.fullmatch(uid) or elements.get(tag, b"\2\0xxUI")[4:6] != b"UI":
            return None
        else:
            elements[tag] = _short(tag, b"UI", uid + b"\0" * (len(uid) & 1))
    for tag, (vr, whole) in _OWN_META_ELEMENTS.items():
        if elements.get(tag, whole)[4:6] != vr:
            return None
        elements[tag] = whole
    if elements.get(MEDIA_STORAGE_SOP_CLASS_UID, b"").rstrip(b"\0").endswith(MediaStorageDirectoryStorage.encode()):
        return None
    elements.pop(FILE_META_GROUP_LENGTH, None)
    rest = b"".join(map(itemgetter(1), sorted(elements.items())))
    return _short(FILE_META_GROUP_LENGTH, b"UL", pack("<L", len(rest))) + rest


def _short(tag: int, vr: bytes, value: bytes) -> bytes:
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _padded_text(text: str, pad: bytes) -> bytes:
    return text.encode() + pad * (len(text) & 1)


_OWN_META_ELEMENTS: Final = {
    FILE_META_VERSION: (b"OB", b"\2\0\1\0OB\0\0\2\0\0\0\0\1"),
    IMPLEMENTATION_CLASS_UID: (b"UI", _short(IMPLEMENTATION_CLASS_UID, b"UI", _padded_text(OUR_CLASS_UID, b"\0"))),
    IMPLEMENTATION_VERSION_NAME: (
        b"SH",
        _short(IMPLEMENTATION_VERSION_NAME, b"SH", _padded_text(OUR_VERSION_NAME, b" ")),
    ),
}


def in_order(parts: Iterable[Part]) -> list[Part]:
    """Return the elements in ascending order of their tags (PS3.5 §7.1), the last of each, no retired Group Length."""
    single: dict[int, Part] = {}
    for part in parts:
        if isinstance(part, Large):
            single[part.tag] = part
            continue
        for index, row in enumerate(part.rows):
            if row[0] & 0xFFFF or row[0] <= 0x0006FFFF:
                single[row[0]] = Run(part.data, part.base, [row], [0] if index in part.odd else [])
    return [part for _, part in sorted(single.items(), key=itemgetter(0))]


def _body(splicer: Splicer, scanned: Scanned) -> Iterator[Bytes | Copy]:
    """Give the elements of a file, those that are replaced with their new bytes in their places."""
    for part in scanned.parts if scanned.is_sorted else in_order(scanned.parts):
        if isinstance(part, Run):
            yield from splicer.run(part)
            continue
        yield from splicer.before(part.tag + 1)
        if part.tag not in splicer.edits:
            yield from _large(part, splicer.packing, scanned)
    yield from splicer.before(_BEHIND_ALL)


def end_of(row: Row) -> int:
    """Return the index behind an element of a run, its delimiter included."""
    return row[4] + 8 if row[5] == UNDEFINED_LENGTH else row[4]


def _corrected(run: Run, row: Row, packing: Packing) -> bytes:
    """Return an element with an even length, or with a delimiter that has none (PS3.5 §7.1.1, §7.5)."""
    _, vr, start, value_at, stop, length = row
    if length == UNDEFINED_LENGTH:
        return run.data[start:stop] + packing.sequence_end
    element = bytearray(run.data[start:stop])
    length += 1
    order = "<" if packing.little_endian else ">"
    if vr is None:
        pack_into(f"{order}L", element, 4, length)
    elif value_at - start == 12:
        pack_into(f"{order}L", element, 8, length)
    else:
        pack_into(f"{order}H", element, 6, length)
    return bytes(element) + padding(row[0], vr)


def large_header(large: Large, length: int | None, packing: Packing) -> bytes:
    """Return the header of a large element, with an even length; `None` for one that a delimiter ends."""
    tag = large.tag
    stated = UNDEFINED_LENGTH if length is None else length + (length & 1)
    if large.vr is None:
        return packing.pack_implicit(tag >> 16, tag & 0xFFFF, stated)
    pack_header = packing.pack_long if large.vr in LONG else packing.pack_short
    return pack_header(tag >> 16, tag & 0xFFFF, large.vr, stated)


def _large(large: Large, packing: Packing, scanned: Scanned) -> Iterator[bytes | Copy]:
    assert large.length is not None
    yield large_header(large, None if large.undefined else large.length, packing)
    yield scanned.access.range_of(large.value_at, large.length, element_name(large.tag))
    if large.undefined:
        yield packing.sequence_end
    elif large.length & 1:
        yield padding(large.tag, large.vr)


def encoder_of(body: Iterable[Bytes | Copy]) -> Encoder[None]:
    """Encode what a splicer gives."""
    for piece in body:
        if isinstance(piece, New):
            yield from piece.pieces.released()
        else:
            yield piece


def _length(piece: Bytes | Copy) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length
