"""Elements with the items of their sequences, and the delimiters of these, as bytes (PS3.5 §7.5)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import LISTS, Element, list_in, sorted_elements, stored_value
from streamdcm.encode.element import encode_some, encode_some_here
from streamdcm.encode.groups import GROUP_LENGTH, NestedGroup, by_group, has_group_length
from streamdcm.encode.header import group_length_header, group_length_value, sequence_header
from streamdcm.encode.hot import HOT
from streamdcm.encode.layout import MAX_LENGTH, UNDEFINED_LENGTH, UNKNOWN_LENGTH
from streamdcm.encode.pieces import Pieces, Section
from streamdcm.encode.scope import Scope
from streamdcm.errors import ValueTypeError
from streamdcm.errors.translation import encode_error


def encode_elements(elements: Iterator[tuple[int, Element]], pieces: Pieces, scope: Scope) -> int:
    """Encode elements, the items of sequences included, and return their encoded length in bytes."""
    some = encode_some_here if HOT is None else encode_some
    total, _, is_end = some(elements, pieces, scope, _encode_sequence)
    while not is_end:
        length, _, is_end = some(elements, pieces, scope, _encode_sequence)
        total += length
    return total


def encode_item(item: Dataset, pieces: Pieces, scope: Scope, place: tuple[int, int]) -> int:
    """Encode an item of a sequence in the dataset of `scope` and return its length with delimiters.

    `place` is the tag of the sequence and the index of the item.

    A defined length that would not fit its field becomes an undefined one (PS3.5 §7.5.1).
    """
    if HOT is not None:
        known: int | None = HOT.encode_item(item, pieces, scope, place)
        if known is not None:
            return known
    if not isinstance(item, Dataset):
        raise ValueTypeError(
            f"item {place[1]} is a {type(item).__name__}, not a Dataset; correct it", scope.path_of(place[0])
        )
    parts = pieces.parts
    layout = scope.layout
    at = len(parts)
    parts.append(b"")
    inner = Scope(item, layout, scope, place)
    elements = sorted_elements(item)
    if layout.group_lengths == "omit":
        length = encode_elements(iter(elements), pieces, inner)
    else:
        length = sum(_encode_group(group, pieces, inner) for group in by_group(elements))
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
    tag = element.tag
    for index, item in enumerate(items_of(element, scope)):
        length += encode_item(item, pieces, scope, (tag, index))
    encoding = scope.layout.encoding
    undefined = has_undefined_length(element, scope) or length > MAX_LENGTH
    header = parts[at] = sequence_header(tag, UNDEFINED_LENGTH if undefined else length, encoding)
    if undefined:
        parts.append(encoding.sequence_end)
        length += 8
    return len(header) + length


def items_of(sequence: DataElement, scope: Scope) -> Iterator[Dataset]:
    """Return an iterator over the items of a sequence.

    Raises
    ------
    EncodeError
        If its value has no items.
    """
    try:
        value = stored_value(sequence)
        return iter(list_in(value) if value.__class__ in LISTS else value)
    except Exception as error:
        raise encode_error(error, scope.path_of(sequence.tag)) from None


def has_undefined_length(sequence: DataElement, scope: Scope) -> bool:
    """Whether a sequence is to end with a delimiter rather than after a length."""
    if scope.layout.sequence_lengths == "preserve":
        return sequence.is_undefined_length or (scope.facts.marks_sequences and sequence.tag.is_private)
    return scope.layout.sequence_lengths == "undefined"


def _encode_group(group: list[tuple[int, Element]], pieces: Pieces, scope: Scope) -> int:
    """Encode a group of the elements of an item behind its length, and return the length of all of it."""
    if not has_group_length(group):
        return encode_elements(iter(group), pieces, scope)
    number = group[0][0] >> 16
    at = len(pieces.parts)
    pieces.parts.append(b"")
    length = encode_elements(iter(group), pieces, scope)
    if length < UNKNOWN_LENGTH:
        header = group_length_header(number, scope.layout.encoding)
        pieces.parts[at] = header + group_length_value(number, length, scope)
    else:
        late = NestedGroup(number, length, pieces, scope)
        pieces.set_apart(at, Section(late.begin, GROUP_LENGTH))
        pieces.add_apart(Section(late.end, 0))
    return GROUP_LENGTH + length


if HOT is not None:
    HOT.ask(encode_elements, encode_item)
