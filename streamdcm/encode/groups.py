"""Groups that begin with their length (PS3.5 §7.2, retired), which is known when they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple, TypeAlias

from pydicom.dataelem import DataElement

from streamdcm.encode._pydicom import Element
from streamdcm.encode.header import group_length_header, group_length_value
from streamdcm.encode.layout import UNDEFINED_LENGTH, UNKNOWN_LENGTH
from streamdcm.encode.pieces import BULK, Pieces, Section, group_reserve
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.instructions import Encoder, Fill, Reserve

Elements: TypeAlias = list[tuple[int, Element]]

GROUP_LENGTH: Final = 12
"""The bytes of a Group Length, in every encoding."""


class Inserted(NamedTuple):
    """What is encoded in the place of an element.

    Attributes
    ----------
    section : Section
        Encodes it.
    group : int
        The group in which it begins.
    behind : callable
        Returns, when it was encoded, how many of its bytes are in a group behind that one.
    """

    section: Section
    group: int
    behind: Callable[[], int] = lambda: 0


def inserted_at(tag: int, encode: Callable[[], Encoder[int]]) -> Inserted:
    """Return what is encoded in the place of an element, and whose length is known when it was."""
    return Inserted(Section(encode, UNKNOWN_LENGTH), tag >> 16)


def by_group(elements: Iterable[tuple[int, Element]]) -> list[Elements]:
    """Divide elements into groups, without the Group Lengths that they were read with."""
    kept = [pair for pair in elements if pair[0] & 0xFFFF]
    return [list(group) for _, group in groupby(kept, key=lambda pair: pair[0] >> 16)]


def has_group_length(group: Elements) -> bool:
    """Whether a group begins with its length: not where Pixel Data are encapsulated (PS3.5 §7.2)."""
    return not any(tag == PIXEL_DATA and _is_undefined(element) for tag, element in group)


def grouped(
    elements: Iterable[tuple[int, Element]],
    inserted: Mapping[int, Inserted],
    run: Callable[[Elements, Mapping[int, Inserted]], Encoder[int]],
    pieces: Pieces,
    scope: Scope,
    *,
    encapsulated: bool,
) -> Encoder[int]:
    """Encode the elements of a dataset, each group behind its length.

    Parameters
    ----------
    elements : iterable of (int, Element)
        In ascending order of tags.
    inserted : mapping
        What is encoded in the place of elements, by their tags.
    run : callable
        Encodes some of both, and returns the number of bytes as counted.
    pieces : Pieces
        Holds what has not been released.
    scope : Scope
        The dataset.
    encapsulated : bool
        Whether what is inserted as Pixel Data is encapsulated.
    """
    groups: dict[int, tuple[Elements, dict[int, Inserted]]] = {}
    for group in by_group(elements):
        groups[group[0][0] >> 16] = group, {}
    for tag, one in inserted.items():
        groups.setdefault(one.group, ([], {}))[1][tag] = one
    total = held = 0
    for number in sorted(groups):
        members, among = groups[number]
        if has_group_length(members) and not (encapsulated and number == PIXEL_DATA >> 16):
            length = yield from _behind_length(number, run(members, among), among, pieces, scope)
        else:
            length = yield from run(members, among)
        total += length
        held += length
        if pieces.bulk or held >= BULK:
            total += yield from pieces.released()
            held = 0
    return total


def _behind_length(
    number: int, group: Encoder[int], inserted: Mapping[int, Inserted], pieces: Pieces, scope: Scope
) -> Encoder[int]:
    """Encode a group behind its length, which is put in where that has not been released, and else filled in."""
    pieces.begin_group(number, group_length_header(number, scope.layout.encoding))
    length = yield from group
    if length >= UNKNOWN_LENGTH:
        length += yield from pieces.released()
    if length < UNKNOWN_LENGTH:  # more is so only where nothing but sizes is counted
        behind = sum(one.behind() for one in inserted.values())
        pieces.end_group(group_length_value(number, length - behind, scope))
    return GROUP_LENGTH + length


@dataclass(eq=False, slots=True)
class NestedGroup:
    """The length of a group in an item, where it is known only when the group was released.

    Parameters
    ----------
    number : int
        The group.
    length : int
        Its length as it was counted.
    pieces : Pieces
        Count by how much what was released is longer than that.
    scope : Scope
        The dataset of the item.
    """

    number: int
    length: int
    pieces: Pieces
    scope: Scope
    _surplus: int = 0
    _reserve: Reserve = field(init=False)

    def __post_init__(self) -> None:
        self._reserve = group_reserve(self.number)

    def begin(self) -> Encoder[int]:
        """Encode the element, and note how much longer what came before was."""
        self._surplus = self.pieces.surplus
        yield group_length_header(self.number, self.scope.layout.encoding)
        yield self._reserve
        return GROUP_LENGTH

    def end(self) -> Encoder[int]:
        """Fill in how long it was."""
        length = self.length + self.pieces.surplus - self._surplus
        yield Fill(self._reserve, group_length_value(self.number, length, self.scope))
        return 0


def _is_undefined(element: Element) -> bool:
    if isinstance(element, DataElement):
        return element.is_undefined_length
    return element.length == UNDEFINED_LENGTH
