"""Passes on the elements of a file, those that an edit names with new values in their places."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from struct import pack_into
from typing import Any, Final, NamedTuple, TypeAlias

from pydicom.charset import default_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.items import encode_elements
from streamdcm.encode.layout import UNDEFINED_LENGTH, Layout
from streamdcm.encode.layout import Encoding as Packing
from streamdcm.encode.pieces import Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import (
    BITS_ALLOCATED,
    DIRECTORY_RECORDS,
    LUT_DESCRIPTOR,
    PIXEL_DATA,
    PIXEL_DATA_PROVIDER_URL,
    PIXEL_REPRESENTATION,
    PIXEL_TAGS,
    ROWS,
    SPECIFIC_CHARACTER_SET,
)
from streamdcm.files.dataset import character_set, dictionary_vr, padding, raw_element
from streamdcm.files.edit_paths import ItemEdits
from streamdcm.files.edits import edit_items, new_element
from streamdcm.files.notices import SIGNATURES
from streamdcm.files.scan_words import Large, Row, Run
from streamdcm.files.scanned import Found, Part, Scanned
from streamdcm.files.spliced_meta import FOLLOWED
from streamdcm.plan.syntaxes import encoding_of

_DECIDING: Final = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, BITS_ALLOCATED, LUT_DESCRIPTOR, PIXEL_DATA})
"""The elements that decide how a new value is encoded: its characters, and its VR where that is ambiguous."""

_ALWAYS_WANTED: Final = frozenset(
    {*_DECIDING, *PIXEL_TAGS, *FOLLOWED, DIRECTORY_RECORDS, *SIGNATURES, ROWS, PIXEL_DATA_PROVIDER_URL}
)


class New(NamedTuple):
    """An element with a new value.

    Attributes
    ----------
    pieces : Pieces
        It, encoded.
    length : int
        The number of its bytes.
    """

    pieces: Pieces
    length: int


Bytes: TypeAlias = bytes | New


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
