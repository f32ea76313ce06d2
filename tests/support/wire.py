"""A small parser of encoded datasets that shares no code with the writer: what lies where, byte by byte."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

UNDEFINED = 0xFFFFFFFF
LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


@dataclass
class Item:
    length: int
    elements: list["Element"]


@dataclass
class Element:
    tag: int
    vr: bytes
    start: int
    length: int
    value: bytes = b""
    items: list[Item] | None = None
    end: int = 0
    fragments: list[int] = field(default_factory=list)


@dataclass
class Wire:
    """Parses `data`, an encoded dataset without preamble and file meta group."""

    data: bytes
    implicit: bool
    little: bool
    position: int = 0
    sequence_paths: frozenset[tuple[int, ...]] = frozenset()
    path: tuple[int, ...] = ()

    def numbers(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from("><"[self.little] + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def tag(self) -> int:
        group, element = self.numbers("HH")
        return group << 16 | element

    def dataset(self, end: int) -> list[Element]:
        """The elements up to `end`, or up to an item delimiter."""
        elements = []
        while self.position < end:
            start = self.position
            tag = self.tag()
            if tag == 0xFFFEE00D:
                assert self.numbers("L") == (0,)
                return elements
            elements.append(self.element(tag, start))
        assert self.position == end or end == UNDEFINED, "a length does not match its contents"
        return elements

    def element(self, tag: int, start: int) -> Element:
        vr = b""
        if self.implicit:
            (length,) = self.numbers("L")
        else:
            vr = self.data[self.position : self.position + 2]
            self.position += 2
            if vr in LONG_VRS:
                _, length = self.numbers("HL")
            else:
                (length,) = self.numbers("H")
        element = Element(tag, vr, start, length)
        if tag == 0x7FE00010 and length == UNDEFINED:
            element.fragments = list(self.fragments())
        elif vr == b"SQ" or length == UNDEFINED or (not vr and (*self.path, tag) in self.sequence_paths):
            end = self.position + length if length != UNDEFINED else UNDEFINED
            # PS3.5 §6.2.2: UN of undefined length holds items in Implicit VR Little Endian
            implicit, little = (True, True) if vr == b"UN" else (self.implicit, self.little)
            path = (*self.path, tag)
            inner = Wire(self.data, implicit, little, self.position, self.sequence_paths, path)
            element.items = list(inner.items(end))
            self.position = inner.position
        else:
            element.value = self.data[self.position : self.position + length]
            assert len(element.value) == length, "a length exceeds the data"
            self.position += length
        element.end = self.position
        return element

    def items(self, end: int) -> Iterator[Item]:
        while self.position < end:
            tag = self.tag()
            (length,) = self.numbers("L")
            if tag == 0xFFFEE0DD:
                assert length == 0
                return
            assert tag == 0xFFFEE000, f"{tag:08X} where an item should be"
            yield Item(length, self.dataset(self.position + length if length != UNDEFINED else UNDEFINED))

    def fragments(self) -> Iterator[int]:
        while (tag := self.tag()) != 0xFFFEE0DD:
            assert tag == 0xFFFEE000
            (length,) = self.numbers("L")
            yield length
            self.position += length
        assert self.numbers("L") == (0,)


def parse(
    data: bytes, *, implicit: bool, little: bool, sequence_paths: frozenset[tuple[int, ...]] = frozenset()
) -> list[Element]:
    """The elements of the encoded dataset `data`; in implicit VR one must be told which are sequences."""
    return Wire(data, implicit, little, sequence_paths=sequence_paths).dataset(len(data))


def sequences(elements: list[Element]) -> Iterator[Element]:
    """Every sequence, at every depth."""
    for element in elements:
        if element.items is not None:
            yield element
            for item in element.items:
                yield from sequences(item.elements)


def levels(elements: list[Element]) -> Iterator[list[Element]]:
    """The dataset and every item in it."""
    yield elements
    for element in elements:
        for item in element.items or ():
            yield from levels(item.elements)
