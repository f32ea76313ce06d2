"""Where the frames of a file are, and whether its offset tables say so."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from struct import iter_unpack
from typing import Final

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import FLOAT_PIXEL_DATA, PIXEL_DATA
from streamdcm.errors import StreamdcmError
from streamdcm.errors.translation import element_name
from streamdcm.files.access import Access
from streamdcm.pixels.frame_format import frame_format
from streamdcm.write.stored_frames import Items, first_fragments, items_of

_LABEL: Final = element_name(PIXEL_DATA)
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0"


@dataclass(frozen=True, slots=True)
class TableLayout:
    """An offset table, held against what is there.

    Parameters
    ----------
    name : str
        What the standard calls it.
    entries : sequence of int
        The offsets, from the first byte of the first item behind the Basic Offset Table (PS3.5 §A.4).
    mismatch : int or None
        The index of the first entry that is wrong; `None` if all are right.
    """

    name: str
    entries: Sequence[int]
    mismatch: int | None


@dataclass(slots=True)
class FrameLayout:
    """Where the frames of a file are.

    Parameters
    ----------
    starts, lengths : sequence of int
        For each frame the offset of its first byte in the file, and how many bytes there are up to its last one.
    base : int
        The offset from which offset tables count.
    fragments : int
        The number of fragments; 0 for native frames.
    end : int
        The offset behind the pixel data.
    table_length : int
        The number of bytes of the item that is the Basic Offset Table.
    tables : list of TableLayout
        The offset tables that have entries.
    problems : list of str
        What is wrong.
    """

    starts: Sequence[int]
    lengths: Sequence[int]
    base: int
    fragments: int
    end: int
    table_length: int = 0
    tables: list[TableLayout] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, int | float]:
        """Return the number of frames and, if there are any, their sizes."""
        lengths = self.lengths
        if not lengths:
            return {"count": 0}
        return {"count": len(lengths), "smallest": min(lengths), "median": median(lengths), "largest": max(lengths)}


def native_layout(at: int, length: int, tag: int, view: Dataset) -> FrameLayout:
    """Return where native frames are, by what the header says of them.

    Parameters
    ----------
    at, length : int
        The value.
    tag : int
        Its element.
    view : Dataset
        The Image Pixel module.
    """
    problems = []
    starts, lengths = range(0), range(0)
    try:
        vr = "OW" if tag == PIXEL_DATA else "OF" if tag == FLOAT_PIXEL_DATA else "OD"
        bits = frame_format(view, vr, little_endian=True).length_in_bits
    except StreamdcmError as error:
        problems.append(f"the header does not tell how long a frame is: {error}")
    else:
        count = stated_count(view) or 1
        needed = (bits * count + 7) // 8
        if length < needed or length > needed + needed % 2:
            problems.append(f"the pixel data have {length:,} bytes, and {count:,} frames as the header says {needed:,}")
        if bits % 8 == 0 and bits:
            size = bits // 8
            whole = min(count, length // size)
            return FrameLayout(
                range(at, at + whole * size, size), _Repeated(size, whole), at, 0, at + length, problems=problems
            )
    return FrameLayout(starts, lengths, at, 0, at + length, problems=problems)


class _Repeated(Sequence[int]):
    """The same length for each frame."""

    def __init__(self, value: int, count: int) -> None:
        self._value = value
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> int:  # type: ignore[override]
        range(self._count)[index]  # which raises IndexError
        return self._value


def encapsulated_layout(
    access: Access, at: int, syntax: str, view: Dataset, extended: tuple[bytes | None, bytes | None]
) -> FrameLayout:
    """Walk the items of encapsulated pixel data, and hold the offset tables against them.

    Parameters
    ----------
    access : Access
        The file.
    at : int
        The offset of the value.
    syntax : str
        The transfer syntax.
    view : Dataset
        The header.
    extended : (bytes or None, bytes or None)
        The Extended Offset Table and its lengths.
    """
    problems: list[str] = []
    assert access.size is not None

    def read_range(offset: int, length: int) -> bytes:
        return access.read(at + offset, length)

    items = items_of(read_range, access.size - at)
    if not items.problem and read_range(items.end - 8, 4) != _SEQUENCE_END:
        problems.append(f"{_LABEL} ends without the delimiter of its items (PS3.5 §A.4)")
    if items.problem:
        problems.append(f"{_LABEL} {items.problem}")
    odd = next((index for index, length in enumerate(items.lengths) if length & 1), None)
    if odd is not None:
        problems.append(f"fragment {odd + 1:,} has an odd length (PS3.5 §A.4)")
    count = stated_count(view) or 1
    offsets = None if extended[0] is None else _numbers(extended[0], "<Q", 8)
    try:
        firsts: Sequence[int] = first_fragments(read_range, items, syntax, count, offsets)
    except StreamdcmError as error:
        problems.append(str(error))
        firsts = range(len(items.at))
    starts, lengths = _frames(at, items, firsts)
    table_length = 0 if items.table is None else 8 + len(items.table)
    base = at + table_length
    found = FrameLayout(starts, lengths, base, len(items.at), at + items.end, table_length, problems=problems)
    basic = array("Q") if not items.table else _numbers(items.table, "<L", 4)
    if items.table and len(items.table) % 4:
        problems.append("the Basic Offset Table is no whole number of entries of 4 bytes (PS3.5 §A.4)")
    for name, entries in (
        ("Basic Offset Table", basic),
        ("Extended Offset Table", array("Q") if offsets is None else offsets),
    ):
        if entries:
            _check_table(found, name, entries)
    if basic and offsets:
        problems.append("there are a Basic and an Extended Offset Table, which exclude each other (PS3.3 §C.7.6.3.1.8)")
    if offsets is not None:
        _check_lengths(found, None if extended[1] is None else _numbers(extended[1], "<Q", 8))
    return found


def stated_count(view: Dataset) -> int | None:
    """Return Number of Frames, if the header states a number above 0."""
    try:
        count = int(value_of(view, "NumberOfFrames"))
    except (TypeError, ValueError, StreamdcmError):
        return None
    return count if count > 0 else None


def _frames(at: int, items: Items, firsts: Sequence[int]) -> tuple[array[int], array[int]]:
    starts, lengths = array("Q"), array("Q")
    for number, first in enumerate(firsts, start=1):
        last = (firsts[number] if number < len(firsts) else len(items.at)) - 1
        starts.append(at + items.at[first])
        lengths.append(items.at[last] + items.lengths[last] - items.at[first])
    return starts, lengths


def _numbers(data: bytes, code: str, size: int) -> array[int]:
    whole = len(data) - len(data) % size
    return array("Q", (number for (number,) in iter_unpack(code, data[:whole])))


def _check_table(found: FrameLayout, name: str, entries: Sequence[int]) -> None:
    """Hold each entry of a table against the first item of its frame."""
    mismatch = None
    if len(entries) != len(found.starts):
        found.problems.append(f"the {name} has {len(entries):,} entries, and there are {len(found.starts):,} frames")
    for index, (entry, start) in enumerate(zip(entries, found.starts, strict=False)):
        there = start - 8 - found.base
        if entry != there:
            mismatch = index
            found.problems.append(
                f"entry {index + 1:,} of the {name} is {entry:,}, and frame {index + 1:,} begins at {there:,}: its "
                f"item is at byte {start - 8:,} of the file"
            )
            break
    found.tables.append(TableLayout(name, entries, mismatch))


def _check_lengths(found: FrameLayout, lengths: Sequence[int] | None) -> None:
    """Hold Extended Offset Table Lengths against the frames; some writers leave out the byte that makes one even."""
    if lengths is None:
        found.problems.append("there is an Extended Offset Table without its lengths (7FE0,0002)")
        return
    if len(lengths) != len(found.lengths):
        found.problems.append(
            f"Extended Offset Table Lengths has {len(lengths):,} entries, and there are {len(found.lengths):,} frames"
        )
    if found.fragments != len(found.lengths):
        return  # what headers of fragments add is not counted alike
    for index, (stated, there) in enumerate(zip(lengths, found.lengths, strict=False)):
        if stated not in (there, there - 1):
            found.problems.append(
                f"entry {index + 1:,} of Extended Offset Table Lengths is {stated:,}, and frame {index + 1:,} has "
                f"{there:,} bytes"
            )
            return
