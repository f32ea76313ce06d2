"""A sequence of the dataset itself, whose items need not all be in memory (PS3.5 §7.5)."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from streamdcm.encode.header import sequence_header
from streamdcm.encode.items import encode_item, has_undefined_length, items_of
from streamdcm.encode.layout import MAX_LENGTH, UNDEFINED_LENGTH
from streamdcm.encode.pieces import BULK, Pieces
from streamdcm.encode.scope import Scope
from streamdcm.errors import EncodeError
from streamdcm.errors.telling import silenced
from streamdcm.instructions import Encoder, Fill, Reserve

HOLD: Final = 16 * 1024 * 1024
"""A sequence of defined length is held up to this size, so that its length stands before it."""

_UNDEFINED: Final = b"\xff\xff\xff\xff"


def sequence(element: DataElement, pieces: Pieces, scope: Scope, patchable: bool) -> Encoder[int]:
    """Encode a sequence behind what `pieces` holds; each item becomes one piece.

    Parameters
    ----------
    element : DataElement
        The sequence.
    pieces : Pieces
        What comes before; holds what has not been released afterwards.
    scope : Scope
        The dataset that the sequence is an element of.
    patchable : bool
        Whether the sink can fill a length in later.

    Returns
    -------
    Encoder
        Returns the number of bytes.
    """
    encoding = scope.layout.encoding
    header = sequence_header(element.tag, UNDEFINED_LENGTH, encoding)
    items = enumerate(items_of(element, scope))
    if has_undefined_length(element, scope):
        pieces.parts.append(header)
        length, surplus = yield from _release_items(element, items, pieces, scope)
        pieces.parts.append(encoding.sequence_end)
        return len(header) + length + surplus + 8

    pieces.parts.append(header[:-4])
    at = len(pieces.parts)
    pieces.parts.append(_UNDEFINED)
    length, count = _hold_items(element, items, pieces, scope)
    surplus = 0
    reserve = None
    if length > HOLD and patchable:
        reserve = Reserve(4)
        pieces.set_apart(at, reserve)
        released, surplus = yield from _release_items(element, items, pieces, scope)
        length += released
    elif length > HOLD:
        expected = length + _measure_items(element, items, scope)
        pieces.parts[at] = _length_field(expected, scope)
        remaining = islice(enumerate(items_of(element, scope)), count, None)
        released, surplus = yield from _release_items(element, remaining, pieces, scope)
        length += released
        if length != expected:
            raise EncodeError(
                f"its items took {expected:,} bytes at first and {length:,} when they were read again; the "
                "target cannot seek, so the sequence has to give the same items twice",
                scope.path_of(element.tag),
            )
    else:
        pieces.parts[at] = _length_field(length, scope)
    if reserve is not None:
        pieces.add_apart(Fill(reserve, _length_field(length, scope)))
    if length > MAX_LENGTH:
        pieces.parts.append(encoding.sequence_end)
        length += 8
    return len(header) + length + surplus


def _length_field(length: int, scope: Scope) -> bytes:
    """Return a length field; a length that does not fit it becomes undefined (PS3.5 §7.5.1)."""
    return _UNDEFINED if length > MAX_LENGTH else scope.layout.encoding.pack_length(length)


def _hold_items(
    element: DataElement, items: Iterator[tuple[int, Dataset]], pieces: Pieces, scope: Scope
) -> tuple[int, int]:
    """Encode items until they exceed what is held; return their length and number."""
    length = joined = count = 0
    start = len(pieces.parts)
    for index, item in items:
        length += encode_item(item, pieces, scope, (element.tag, index))
        count += 1
        if length - joined >= BULK:
            pieces.collapse(start)
            start, joined = len(pieces.parts), length
        if length > HOLD:
            break
    return length, count


def _release_items(
    element: DataElement, items: Iterator[tuple[int, Dataset]], pieces: Pieces, scope: Scope
) -> Encoder[tuple[int, int]]:
    """Encode items and yield them as they come; return their length as counted, and by how much they were longer."""
    length = released = surplus = 0
    lent = pieces.lent
    for index, item in items:
        length += encode_item(item, pieces, scope, (element.tag, index))
        if pieces.is_due(length - released, lent):
            surplus += yield from pieces.released()
            released, lent = length, 0
    return length, surplus


def _measure_items(element: DataElement, items: Iterator[tuple[int, Dataset]], scope: Scope) -> int:
    """Return the encoded length of items, keeping nothing; what they warn of is said when they are written."""
    with silenced():
        return sum(encode_item(item, Pieces(), scope, (element.tag, index)) for index, item in items)
