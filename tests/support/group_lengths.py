"""Checks that each group of an encoded dataset begins with its length, by the sums of what follows."""

from itertools import groupby

from tests.support.oracle import dataset_offset
from tests.support.wire import Element, levels, parse


def check_group_lengths(data: bytes, *, implicit: bool = False, little: bool = True, paths=frozenset()) -> list[int]:
    """Look at every group of a file, at every depth, and return those at the top that begin with their length."""
    elements = parse(data[dataset_offset(data) :], implicit=implicit, little=little, sequence_paths=paths)
    for level in levels(elements):
        for group, members in groupby(level, key=lambda element: element.tag >> 16):
            _check(group, list(members), little=little)
    return [element.tag >> 16 for element in elements if not element.tag & 0xFFFF]


def _check(group: int, members: list[Element], *, little: bool) -> None:
    first, *rest = members
    if any(element.fragments for element in members):
        assert first.tag & 0xFFFF, "PS3.5 §7.2: none where Pixel Data are encapsulated"
        return
    assert first.tag & 0xFFFF == 0, f"group {group:04X} does not begin with its length"
    assert first.length == 4
    said = int.from_bytes(first.value, "little" if little else "big")
    assert said == rest[-1].end - first.end, f"group {group:04X} says {said}, not {rest[-1].end - first.end}"
