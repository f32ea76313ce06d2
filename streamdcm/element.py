"""Data elements, items and their delimiters as bytes (PS3.5 §7.1, §7.5).

Encoding is a walk that appends *pieces* to one flat list. The header of what has a length is put in
when its content is there: a defined length is the sum of the lengths that follow it, so that nothing
is encoded twice or copied at each level.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from io import BufferedIOBase
from itertools import groupby
from typing import Any, Final, TypeAlias

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from streamdcm._pydicom import Element, sorted_elements, stored_value
from streamdcm.ambiguous import LUT_DESCRIPTORS, PIXEL_DATA
from streamdcm.context import MAX_LENGTH, MAX_SHORT_LENGTH, UNDEFINED_LENGTH, Encoding
from streamdcm.errors import (
    AmbiguousVRError,
    EncapsulationError,
    InvalidValueError,
    LengthOverflowError,
    SourceError,
    UnknownVRError,
    ValueTypeError,
    encode_error,
    warn,
)
from streamdcm.instructions import Chunk, Copy, Fill, Reserve
from streamdcm.scope import Scope
from streamdcm.sources import describe, first_bytes
from streamdcm.vr import VR_ENCODERS
from streamdcm.vr.binary import encode_bytes
from streamdcm.vr.numbers import encode_lut_descriptor, encode_ss

Piece: TypeAlias = Chunk | Copy | Reserve | Fill

BULK: Final = 64 * 1024
"""Values of this size and more stay pieces of their own, uncopied."""

# PS3.5 table 7.1-2: those with a 16-bit length field
SHORT_VRS: Final[dict[Any, bytes]] = {
    vr: vr.encode()
    for vr in (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT"),
        *("PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"),
    )
}
LONG_VRS: Final = {
    vr: vr.encode() for vr in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
}

_LONG_CODES: Final = frozenset(LONG_VRS.values())
_SHORT_CODES: Final = frozenset(SHORT_VRS.values())


class Pieces:
    """What has been encoded and not been released: pieces in order, some too large to be joined."""

    __slots__ = ("bulk", "parts")

    def __init__(self) -> None:
        self.parts: list[Piece] = []
        self.bulk: list[int] = []

    def add_apart(self, piece: Piece) -> None:
        """Add a piece that is not to be joined with its neighbours."""
        self.bulk.append(len(self.parts))
        self.parts.append(piece)

    def set_apart(self, index: int, piece: Piece) -> None:
        """Put a piece that is not to be joined in the place of the one at `index`."""
        insort(self.bulk, index)
        self.parts[index] = piece

    def collapse(self, start: int) -> None:
        """Join the pieces from index `start` on to one, if all of them can be joined."""
        if not self.bulk or self.bulk[-1] < start:
            self.parts[start:] = [b"".join(self.parts[start:])]  # type: ignore[arg-type]

    def add_value(self, value: Piece, length: int) -> None:
        """Add the value of an element; a large one, or one that is not read yet, stays as it is."""
        if length >= BULK or value.__class__ is Copy:
            self.add_apart(value)
        else:
            self.parts.append(value)

    def joined(self) -> list[Piece]:
        """Return the pieces with all small neighbours joined to one `bytes`, and forget them."""
        parts, bulk = self.parts, self.bulk
        self.parts, self.bulk = [], []
        if not bulk:
            return [b"".join(parts)] if parts else []  # type: ignore[arg-type]
        pieces: list[Piece] = []
        start = 0
        for index in (*bulk, len(parts)):
            if start < index:
                pieces.append(b"".join(parts[start:index]))  # type: ignore[arg-type]
            pieces.extend(parts[index : index + 1])
            start = index + 1
        return pieces


# Encoder, pad byte, VR, and whether values are small and have a length: those with a 16-bit length field.
# Plain tuples, because taking a named one apart costs three times as much.
_Row: TypeAlias = tuple[Any, bytes, bytes, bool]
_ROWS: Final[dict[str, _Row]] = {
    **{vr: (*VR_ENCODERS[vr], code, True) for vr, code in SHORT_VRS.items()},
    **{vr: (*VR_ENCODERS[vr], code, False) for vr, code in LONG_VRS.items() if vr != "SQ"},
    "SQ": (None, b"", b"SQ", False),
}
_AMBIGUOUS_ROWS: Final[dict[str, _Row]] = {vr: (*row, b"", False) for vr, row in VR_ENCODERS.items() if len(vr) > 2}


def encode_until_sequence(
    elements: Iterator[tuple[int, Any]], pieces: Pieces, scope: Scope
) -> tuple[int, DataElement | None]:
    """Encode elements up to the next sequence, or to the end.

    Parameters
    ----------
    elements : iterator of (int, Element)
        Tags and elements in ascending order; it stands behind the sequence afterwards.
    pieces : Pieces
        Takes the encoded elements.
    scope : Scope
        The dataset that the elements are from.

    Returns
    -------
    int
        The encoded length in bytes.
    DataElement or None
        The sequence that is next, whose items are the caller's to encode.

    Raises
    ------
    EncodeError
        Names the element that cannot be encoded.
    """
    encoding = scope.layout.encoding
    explicit = not encoding.implicit_vr
    pack_short, pack_implicit = encoding.pack_short, encoding.pack_implicit
    passes_raw = not scope.changed and scope.layout.is_as_read
    plain, context = scope.plain, scope.context
    append = pieces.parts.append
    rows, short_vrs = _ROWS, SHORT_VRS
    total = tag = 0
    try:
        for tag, element in elements:
            number = tag & 0xFFFF
            if not number and tag > 0x0006FFFF:
                continue  # retired Group Length (PS3.5 §7.2)
            if element.__class__ is RawDataElement:
                value = element[3]
                if passes_raw and value is not None and element[2] != UNDEFINED_LENGTH:
                    length = len(value)
                    if explicit:
                        vr = short_vrs.get(element[1])
                        if vr is not None and length <= MAX_SHORT_LENGTH:
                            append(pack_short(tag >> 16, number, vr, length))
                            append(value)
                            total += 8 + length
                            continue
                    elif length < BULK:
                        append(pack_implicit(tag >> 16, number, length))
                        append(value)
                        total += 8 + length
                        continue
                else:
                    element = _parsed_if_needed(element, scope)
                if element.__class__ is RawDataElement:
                    total += _encode_raw(tag, element, pieces, scope)
                    continue
            row = rows.get(element.VR)
            if row is None:
                element, row = _with_known_vr(element, scope)
            if not plain:
                context = scope.renew_context()
            encode, pad, vr, is_simple = row
            if encode is None:
                return total, element
            if not is_simple or (encode is encode_ss and tag in LUT_DESCRIPTORS):
                total += _encode_value(tag, element, row, pieces, scope)
                continue
            value = encode(stored_value(element), context)
            length = len(value)
            if length & 1:
                value += pad
                length += 1
            if not explicit:
                append(pack_implicit(tag >> 16, number, length))
                total += 8 + length
            elif length <= MAX_SHORT_LENGTH:
                append(pack_short(tag >> 16, number, vr, length))
                total += 8 + length
            else:
                append(_promoted_header(tag, vr, length, scope))
                total += 12 + length
            append(value)
    except (RecursionError, MemoryError):
        raise
    except Exception as error:
        raise encode_error(error, scope.path_of(tag)) from None
    return total, None


def encode_elements(elements: Iterator[tuple[int, Element]], pieces: Pieces, scope: Scope) -> int:
    """Encode elements, the items of sequences included, and return their encoded length in bytes."""
    total = 0
    while True:
        length, sequence = encode_until_sequence(elements, pieces, scope)
        total += length
        if sequence is None:
            return total
        total += _encode_sequence(sequence, pieces, scope)


def encode_nested(pieces: Pieces, scope: Scope) -> int:
    """Encode all elements of the dataset of `scope` and return their encoded length in bytes."""
    elements = sorted_elements(scope.dataset)
    if scope.layout.group_lengths == "omit":
        return encode_elements(iter(elements), pieces, scope)
    return sum(encode_group(group, pieces, scope) for group in by_group(elements))


def encode_item(item: Dataset, pieces: Pieces, scope: Scope, place: tuple[int, int]) -> int:
    """Encode an item of a sequence in the dataset of `scope` and return its length with delimiters.

    `place` is the tag of the sequence and the index of the item.

    A defined length that would not fit its field becomes an undefined one (PS3.5 §7.5.1).
    """
    parts = pieces.parts
    layout = scope.layout
    at = len(parts)
    parts.append(b"")
    length = encode_nested(pieces, Scope(item, layout, scope, place))
    if layout.sequence_lengths == "preserve":
        undefined = item.is_undefined_length_sequence_item
    else:
        undefined = layout.sequence_lengths == "undefined"
    encoding = layout.encoding
    if undefined or length > MAX_LENGTH:
        parts[at] = encoding.item + b"\xff\xff\xff\xff"
        parts.append(encoding.item_end)
        return length + 16
    parts[at] = encoding.item + encoding.pack_length(length)
    return length + 8


def _encode_sequence(element: DataElement, pieces: Pieces, scope: Scope) -> int:
    parts = pieces.parts
    at = len(parts)
    parts.append(b"")
    length = 0
    for index, item in enumerate(element.value):
        length += encode_item(item, pieces, scope, (element.tag, index))
    encoding = scope.layout.encoding
    undefined = has_undefined_length(element, scope) or length > MAX_LENGTH
    header = parts[at] = sequence_header(element.tag, UNDEFINED_LENGTH if undefined else length, encoding)
    if undefined:
        parts.append(encoding.sequence_end)
        length += 8
    return len(header) + length


def has_undefined_length(sequence: DataElement, scope: Scope) -> bool:
    """Whether a sequence is to end with a delimiter rather than after a length."""
    if scope.layout.sequence_lengths == "preserve":
        return sequence.is_undefined_length
    return scope.layout.sequence_lengths == "undefined"


def sequence_header(tag: int, length: int, encoding: Encoding) -> bytes:
    """Return the header of a sequence; its last four bytes are the length."""
    if encoding.implicit_vr:
        return encoding.pack_implicit(tag >> 16, tag & 0xFFFF, length)
    return encoding.pack_long(tag >> 16, tag & 0xFFFF, b"SQ", length)


def by_group(elements: list[tuple[int, Element]]) -> list[list[tuple[int, Element]]]:
    """Divide elements into groups, without the Group Lengths that they were read with."""
    kept = [pair for pair in elements if pair[0] & 0xFFFF]
    return [list(group) for _, group in groupby(kept, key=lambda pair: pair[0] >> 16)]


def group_length(group: list[tuple[int, Element]], length: int, encoding: Encoding) -> bytes:
    """Return the (gggg,0000) element of a group (PS3.5 §7.2), or nothing where there can be none.

    There is none for encapsulated Pixel Data, nor for a length that a UL cannot hold.
    """
    encapsulated = any(tag == PIXEL_DATA and _is_undefined(element) for tag, element in group)
    if encapsulated or length > UNDEFINED_LENGTH:
        return b""
    number = group[0][0] >> 16
    if encoding.implicit_vr:
        return encoding.pack_implicit(number, 0, 4) + encoding.pack_length(length)
    return encoding.pack_short(number, 0, b"UL", 4) + encoding.pack_length(length)


def encode_group(group: list[tuple[int, Element]], pieces: Pieces, scope: Scope) -> int:
    """Encode a group of elements behind its Group Length and return the length of all of it."""
    at = len(pieces.parts)
    pieces.parts.append(b"")
    length = encode_elements(iter(group), pieces, scope)
    header = pieces.parts[at] = group_length(group, length, scope.layout.encoding)
    return len(header) + length


def _is_undefined(element: Element) -> bool:
    if isinstance(element, DataElement):
        return element.is_undefined_length
    return element.length == UNDEFINED_LENGTH


def _parsed_if_needed(raw: RawDataElement, scope: Scope) -> Element:
    """Parse a raw element, unless its bytes can be passed on though the dataset's layout changes."""
    if scope.changed or raw.value is None:
        return scope.parsed(raw)
    if not scope.layout.is_as_read and scope.holds_sequence(raw):
        return scope.parsed(raw)
    return raw


def _encode_raw(tag: int, raw: RawDataElement, pieces: Pieces, scope: Scope) -> int:
    """Encode a raw element with the bytes that it was read with, odd ones included."""
    encoding = scope.layout.encoding
    value: Any = raw.value
    undefined = raw.length == UNDEFINED_LENGTH
    if undefined and tag == PIXEL_DATA:
        _check_encapsulation(value[:4], encoding)
    vr = b"" if encoding.implicit_vr else _vr_code(raw.VR)
    header = _header(tag, vr, None if undefined else len(value), scope)
    pieces.parts.append(header)
    pieces.add_value(value, len(value))
    if undefined:
        pieces.parts.append(encoding.sequence_end)
    return len(header) + len(value) + (8 if undefined else 0)


def _encode_value(tag: int, element: DataElement, row: _Row, pieces: Pieces, scope: Scope) -> int:
    """Encode an element whose value may be large, lazy, or of undefined length."""
    encoding = scope.layout.encoding
    value = element.value
    encode, pad, vr, _ = row
    undefined = element.is_undefined_length and vr not in _SHORT_CODES
    if value.__class__ is not bytes and isinstance(value, BufferedIOBase):
        if encode is not encode_bytes or vr == b"UN":
            raise ValueTypeError("its VR takes no buffers; read the buffer, or use one of OB, OD, OF, OL, OV, OW")
        copy = _described(value, tag, scope)
        length = copy.length
        head = first_bytes(copy, 4) if undefined else b""
        piece: Piece = copy
    else:
        if encode is encode_ss:
            encode = encode_lut_descriptor
        chunk = encode(value, scope.context)
        length = len(chunk)
        head = bytes(chunk[:4])
        piece = chunk
    if undefined and tag == PIXEL_DATA:
        _check_encapsulation(head, encoding)
    padding = pad if length & 1 else b""
    padded = length + len(padding)
    header = _header(tag, vr, None if undefined else padded, scope)
    pieces.parts.append(header)
    pieces.add_value(piece, length)
    if padding:
        pieces.parts.append(padding)
    if undefined:
        pieces.parts.append(encoding.sequence_end)
    return len(header) + padded + (8 if undefined else 0)


def _described(buffer: BufferedIOBase, tag: int, scope: Scope) -> Copy:
    try:
        return describe(buffer, scope.path_of(tag))
    except (OSError, ValueError) as error:
        raise SourceError(f"its buffer cannot be read: {error}") from error


def _header(tag: int, vr: bytes, length: int | None, scope: Scope) -> bytes:
    """Return the header of an element; a `length` of `None` is undefined (PS3.5 §7.1)."""
    encoding = scope.layout.encoding
    if length is None:
        field = UNDEFINED_LENGTH
    elif length <= MAX_LENGTH:
        field = length
    else:
        raise LengthOverflowError(
            f"{length:,} bytes do not fit a 32-bit length field; store compressed frames, or divide the instance"
        )
    if encoding.implicit_vr:
        return encoding.pack_implicit(tag >> 16, tag & 0xFFFF, field)
    if vr in _LONG_CODES:
        return encoding.pack_long(tag >> 16, tag & 0xFFFF, vr, field)
    if length is not None and length > MAX_SHORT_LENGTH:
        return _promoted_header(tag, vr, length, scope)
    if length is None:
        raise InvalidValueError(f"VR {vr.decode('latin-1')} cannot have an undefined length (PS3.5 table 7.1-2)")
    return encoding.pack_short(tag >> 16, tag & 0xFFFF, vr, length)


def _promoted_header(tag: int, vr: bytes, length: int, scope: Scope) -> bytes:
    """Return the header of a value that is too long for its VR and becomes UN (PS3.5 §6.2.2)."""
    problem = f"{length:,} bytes are more than a value of VR {vr.decode('latin-1')} can have in Explicit VR"
    if scope.layout.long_values == "refuse":
        raise LengthOverflowError(f"{problem}; shorten it, or write it as VR UN with long_values='UN'")
    warn(f"{scope.path_of(tag)}: {problem}; it is written as VR UN")
    return scope.layout.encoding.pack_long(tag >> 16, tag & 0xFFFF, b"UN", length)


def _check_encapsulation(head: Chunk, encoding: Encoding) -> None:
    if head != encoding.item:
        raise EncapsulationError(
            "the transfer syntax wants encapsulated Pixel Data, and the value does not begin with an item; "
            "encapsulate the frames (pydicom.encaps.encapsulate) or choose an uncompressed transfer syntax"
        )


def _with_known_vr(element: DataElement, scope: Scope) -> tuple[DataElement, _Row]:
    """Return an element whose VR is not of the standard with the one it is to have, and that one's row."""
    explicit = not scope.layout.encoding.implicit_vr
    if element.VR in _AMBIGUOUS_ROWS:
        element = scope.with_definite_vr(element)
        if element.VR in _ROWS:
            return element, _ROWS[element.VR]
        if not explicit:
            return element, _AMBIGUOUS_ROWS[element.VR]
    if explicit and element.VR and len(element.VR) != 2:
        raise AmbiguousVRError(f"VR '{element.VR}' is not one VR; set it, or write with an implicit VR transfer syntax")
    raise UnknownVRError(f"VR '{element.VR}' is not in the standard (PS3.5 §6.2); set the VR of the element")


def _vr_code(vr: str | None) -> bytes:
    if vr is None:
        raise ValueTypeError("a raw element without a VR cannot be written in Explicit VR; give it one")
    if len(vr) != 2:
        raise AmbiguousVRError(f"VR '{vr}' is not one VR; set it, or write with an implicit VR transfer syntax")
    return vr.encode("latin-1")
