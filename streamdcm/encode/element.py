"""Data elements as bytes (PS3.5 §7.1).

Encoding is a walk that appends *pieces* to one flat list. The header of what has a length is put in
when its content is there: a defined length is the sum of the lengths that follow it, so that nothing
is encoded twice or copied at each level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedIOBase
from itertools import islice
from typing import Any, Final, TypeAlias

from pydicom.dataelem import DataElement, RawDataElement

from streamdcm.encode._pydicom import Element, stored_value
from streamdcm.encode.ambiguous import resolve_vr
from streamdcm.encode.bulk import WORDS, check_words, swapped, unsized, value_bytes
from streamdcm.encode.header import (
    element_header,
    promoted_header,
    vr_code,
)
from streamdcm.encode.hot import HOT
from streamdcm.encode.implied import agrees, converted, implied_vr
from streamdcm.encode.layout import MAX_SHORT_LENGTH, UNDEFINED_LENGTH, UNKNOWN_LENGTH, Encoding
from streamdcm.encode.pieces import BULK, Pieces, Section
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import LUT_DESCRIPTORS, PIXEL_DATA
from streamdcm.encode.vr import AMBIGUOUS_VRS, VRS
from streamdcm.encode.vr.binary import encode_bytes
from streamdcm.encode.vr.numbers import encode_lut_descriptor, encode_ss
from streamdcm.errors import (
    AmbiguousVRError,
    EncapsulationError,
    EncodeError,
    InvalidValueError,
    SourceError,
    UnknownVRError,
)
from streamdcm.errors.translation import encode_error, reason_of
from streamdcm.instructions import Chunk, Copy, Encoder
from streamdcm.sources import ByteStream, StreamSource, describe, first_bytes

_EncodeSequence: TypeAlias = Callable[[DataElement, Pieces, Scope], int]

_AT_ONCE: Final = 32
"""After how many elements of at most 64 KiB it is asked whether there is enough to release."""

_SHORT_VRS: Final[dict[Any, bytes]] = {vr: vr.encode() for vr, row in VRS.items() if not row.long_length}
_SHORT_CODES: Final = frozenset(_SHORT_VRS.values())

_END, _AT_SEQUENCE, _FOR_PYTHON = (HOT.END, HOT.AT_SEQUENCE, HOT.FOR_PYTHON) if HOT is not None else (0, 1, 2)

# Encoder, pad byte, VR, and whether values are small and have a length: those with a 16-bit length field.
# Plain tuples, because taking a named one apart costs three times as much.
_Row: TypeAlias = tuple[Any, bytes, bytes, bool]
_ROWS: Final[dict[str, _Row]] = {vr: (row.encode, row.pad, vr.encode(), not row.long_length) for vr, row in VRS.items()}
_AMBIGUOUS_ROWS: Final[dict[str, _Row]] = {vr: (row.encode, row.pad, b"", False) for vr, row in AMBIGUOUS_VRS.items()}


def encode_some(
    elements: Iterator[tuple[int, Any]], pieces: Pieces, scope: Scope, encode_sequence: _EncodeSequence | None = None
) -> tuple[int, DataElement | None, bool]:
    """Encode elements up to the next sequence, to the end, or until there is enough to release.

    Parameters
    ----------
    elements : iterator of (int, Element)
        Tags and elements in ascending order; it stands behind what was encoded, or the sequence, afterwards.
    pieces : Pieces
        Takes the encoded elements.
    scope : Scope
        The dataset that the elements are from.
    encode_sequence : callable, optional
        Encodes sequences that are in the way, and returns their lengths. Without it they are the caller's to encode.

    Returns
    -------
    int
        The encoded length in bytes.
    DataElement or None
        The sequence that is next, where they are the caller's.
    bool
        Whether that was the end.

    Raises
    ------
    EncodeError
        Names the element that cannot be encoded.
    """
    found = None if HOT is None else HOT.encode_run(elements, pieces, scope)
    if found is None:
        return encode_some_here(elements, pieces, scope, encode_sequence)
    total = 0
    while True:
        length, rest, why = found
        total += length
        if why == _AT_SEQUENCE:
            if encode_sequence is None:
                return total, rest, False
            total += encode_sequence(rest, pieces, scope)
        elif why == _FOR_PYTHON:
            length, sequence, _ = encode_some_here(iter((rest,)), pieces, scope, encode_sequence)
            total += length
            if sequence is not None:
                return total, sequence, False
        else:
            return total, None, why == _END
        if total >= BULK:
            return total, None, False
        found = HOT.encode_run(elements, pieces, scope)


def encode_some_here(
    elements: Iterator[tuple[int, Any]], pieces: Pieces, scope: Scope, encode_sequence: _EncodeSequence | None
) -> tuple[int, DataElement | None, bool]:
    """Encode elements as `encode_some` does; the C module does the same, many at a time."""
    facts, encoding = scope.facts, scope.layout.encoding
    explicit = not encoding.implicit_vr
    leaves_vr_out = encoding.implicit_vr and scope.layout.on_vr_conflict == "refuse"
    pack_short, pack_implicit = encoding.pack_short, encoding.pack_implicit
    passes_raw = not facts.changed and facts.keeps_layout
    plain, context = facts.plain, facts.context
    append = pieces.parts.append
    rows, short_vrs = _ROWS, _SHORT_VRS
    total = tag = 0
    while total < BULK:
        tag = 0  # as the last of several, it stands for none
        sequence = None
        try:
            for tag, element in islice(elements, _AT_ONCE):
                number = tag & 0xFFFF
                if not number and tag > 0x0006FFFF:
                    continue  # retired Group Length (PS3.5 §7.2)
                if element.__class__ is RawDataElement:
                    value = element[3]
                    if value is None and passes_raw:
                        element = _with_empty_value(tag, element, explicit)
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
                if leaves_vr_out and (implied := implied_vr(tag)) is not None and implied != element.VR:
                    element, row = _with_implied_vr(element, row, implied, scope)
                if not plain:
                    context = scope.renew_context()
                encode, pad, vr, is_simple = row
                if encode is None:
                    sequence = element
                    break
                if not is_simple or (encode is encode_ss and tag in LUT_DESCRIPTORS):
                    total += _encode_value(tag, element, row, pieces, scope)
                    if total >= BULK:
                        return total, None, False
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
                    append(promoted_header(tag, vr, length, scope))
                    total += 12 + length
                append(value)
                if length > MAX_SHORT_LENGTH:
                    return total, None, False
        except (RecursionError, MemoryError):
            raise
        except Exception as error:
            raise encode_error(error, scope.path_of(tag)) from None
        if sequence is not None:
            if encode_sequence is None:
                return total, sequence, False
            total += encode_sequence(sequence, pieces, scope)
        elif not tag:
            return total, None, True
    return total, None, False


def _with_empty_value(tag: int, raw: RawDataElement, explicit: bool) -> RawDataElement:
    """Return a raw element that was read without a value with an empty one, if there is no doubt which VR it has."""
    if raw.length == 0 and (raw.VR in _ROWS and raw.VR != "UN" if explicit else _is_implied(tag, raw)):
        return raw._replace(value=b"")
    return raw


def _is_implied(tag: int, raw: RawDataElement) -> bool:
    """Whether the dictionary says which VR a raw element has that was read without one."""
    return raw.VR is None and implied_vr(tag) in _ROWS


def _parsed_if_needed(raw: RawDataElement, scope: Scope) -> Element:
    """Parse a raw element, unless its bytes can be passed on though the dataset's layout changes."""
    if scope.changed or raw.value is None:
        return scope.parsed(raw)
    if not scope.keeps_layout and scope.holds_sequence(raw):
        return scope.parsed(raw)
    return raw


def _encode_raw(tag: int, raw: RawDataElement, pieces: Pieces, scope: Scope) -> int:
    """Encode a raw element with the bytes that it was read with, odd ones included."""
    encoding = scope.layout.encoding
    value: Any = raw.value
    undefined = raw.length == UNDEFINED_LENGTH
    if undefined and tag == PIXEL_DATA:
        _check_encapsulation(value[:4], encoding)
    vr = b"" if encoding.implicit_vr else vr_code(raw.VR)
    header = element_header(tag, vr, None if undefined else len(value), scope)
    pieces.parts.append(header)
    pieces.add_value(value, len(value), is_lent=True)
    if undefined:
        pieces.parts.append(encoding.sequence_end)
    return len(header) + len(value) + (8 if undefined else 0)


def _encode_value(tag: int, element: DataElement, row: _Row, pieces: Pieces, scope: Scope) -> int:
    """Encode an element whose value may be large, lazy, or of undefined length."""
    encoding = scope.layout.encoding
    encode, pad, vr, _ = row
    undefined = element.is_undefined_length and vr not in _SHORT_CODES
    value = _unread(tag, element, row, scope)
    if isinstance(value, StreamSource):
        return _encode_unsized(tag, value, row, pieces, scope)
    is_lent = False
    if isinstance(value, Copy):
        length = value.length
        head = first_bytes(value, 4) if undefined else b""
    else:
        if encode is encode_ss:
            encode = encode_lut_descriptor
        encoded = encode(value, scope.context)
        is_lent = encoded is value or isinstance(encoded, memoryview)
        value = encoded
        length = len(value)
        head = bytes(value[:4])
    if undefined and tag == PIXEL_DATA:
        _check_encapsulation(head, encoding)
    word = WORDS.get(element.VR, 1)
    if scope.swaps and word > 1 and not undefined:
        length += -length % word
        pad = b""
        value = Section(partial(_swapped_value, value, word), length)
    padding = pad if length & 1 else b""
    padded = length + len(padding)
    header = element_header(tag, vr, None if undefined else padded, scope)
    pieces.parts.append(header)
    pieces.add_value(value, length, is_lent=is_lent)
    if padding:
        pieces.parts.append(padding)
    if undefined:
        pieces.parts.append(encoding.sequence_end)
    return len(header) + padded + (8 if undefined else 0)


def _unread(tag: int, element: DataElement, row: _Row, scope: Scope) -> Any:
    """Return the value of an element, a description of it where it is a buffer."""
    value = element.value
    if not isinstance(value, BufferedIOBase) or row[0] is not encode_bytes or row[2] == b"UN":
        return value
    if isinstance(value, ByteStream) and element.is_undefined_length:
        raise EncapsulationError("a ByteStream cannot be encapsulated Pixel Data; give the frames with frames=")
    described = _described(value, tag, scope)
    if isinstance(value, ByteStream) and isinstance(described, Copy):
        check_words(described.length, element.VR)
    return described


def _encode_unsized(tag: int, source: StreamSource, row: _Row, pieces: Pieces, scope: Scope) -> int:
    """Encode an element whose length is not known before its last byte has come."""
    if scope.outer is not None and scope.layout.sequence_lengths == "defined":
        raise InvalidValueError(
            "the length of its ByteStream is not known ahead, and sequence_lengths='defined' needs it for the item "
            "around it; give the ByteStream its length"
        )
    header = element_header(tag, row[2], 0, scope)
    section = Section(partial(_unsized_value, header, source, row[2].decode(), scope), UNKNOWN_LENGTH)
    pieces.add_apart(section, UNKNOWN_LENGTH)
    return UNKNOWN_LENGTH


def _unsized_value(header: bytes, source: StreamSource, vr: str, scope: Scope) -> Encoder[int]:
    value = value_bytes(source)
    if scope.swaps and vr in WORDS:
        value = swapped(value, WORDS[vr])
    try:
        return (yield from unsized(header, value, vr, scope.layout.encoding, source.label))
    except EncodeError as error:
        raise encode_error(error, source.label) from None


def _swapped_value(value: Chunk | Copy, word: int) -> Encoder[int]:
    return swapped(value_bytes(value), word)


def _described(buffer: BufferedIOBase, tag: int, scope: Scope) -> Copy | StreamSource:
    try:
        return describe(buffer, scope.path_of(tag))
    except (OSError, ValueError) as error:
        raise SourceError(f"its buffer cannot be read: {reason_of(error)}") from error


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


def _with_implied_vr(element: DataElement, row: _Row, implied: str, scope: Scope) -> tuple[DataElement, _Row]:
    """Return an element of Implicit VR, and its row, as whoever reads it by the dictionary will take it."""
    if agrees(implied, element.VR) or element.is_empty:
        return element, row
    if implied not in _ROWS:
        open_one = DataElement(element.tag, implied, None, already_converted=True)
        implied = resolve_vr(open_one, [scope.view()], scope.layout.encoding.little_endian).VR.split(" or ")[0]
    element = converted(element, implied, scope.context)
    return element, _ROWS[element.VR]
