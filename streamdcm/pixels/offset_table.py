"""Where frames begin: basic and extended offset tables (PS3.5 §A.4, PS3.3 §C.7.6.3.1.8)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from streamdcm.errors import LengthOverflowError
from streamdcm.instructions import Reserve
from streamdcm.pixels.table_plan import TableKind

ITEM: Final = b"\xfe\xff\x00\xe0"
_PIXEL_DATA: Final = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
_OFFSETS: Final = b"\xe0\x7f\x01\x00OV\0\0"
_LENGTHS: Final = b"\xe0\x7f\x02\x00OV\0\0"
_TOTAL_LENGTH: Final = b"\xe0\x7f\x03\x00UV\0\0\x08\0\0\0"
_TOTAL_SIZE: Final = len(_TOTAL_LENGTH) + 8
_MOST_BASIC: Final = 0xFFFFFFFF


class OffsetTable:
    """Collects where frames begin and how long they are, 16 bytes a frame.

    Offsets count from the first byte of the item that follows the basic offset table. The lengths of
    the extended table are those of the items: even, the byte that pads a frame included, the header not.

    Parameters
    ----------
    must_be_basic : bool, optional
        Whether an offset that does not fit 32 bits is refused.
    """

    def __init__(self, must_be_basic: bool = False) -> None:
        self._offsets = array("Q")
        self._lengths = array("Q")
        self._most = _MOST_BASIC if must_be_basic else 1 << 64
        self._padding = 0
        self.position = 0
        """The number of bytes in all items that came so far."""
        self.bit_stream_length = 0
        """The number of bytes in all fragments, without what pads the last one: (7FE0,0003)."""

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, length: int, encoded_length: int) -> None:
        """Note a frame of `length` bytes that takes `encoded_length` with item headers and padding.

        Raises
        ------
        LengthOverflowError
            If its offset does not fit the table.
        """
        if self.position > self._most:
            raise LengthOverflowError(
                f"begins after {self.position:,} bytes, which the 32 bits of a basic offset table cannot hold; use "
                "offset_table='extended'"
            )
        self._offsets.append(self.position)
        self._lengths.append(length + length % 2)
        self.position += encoded_length
        self.bit_stream_length += self._padding + length
        self._padding = length % 2

    @property
    def fits_basic(self) -> bool:
        """Whether the last offset fits the 32 bits of the basic table."""
        return not self._offsets or self._offsets[-1] <= _MOST_BASIC

    def basic(self) -> bytes:
        """Return the value of the basic offset table."""
        return _little_endian(array("I", self._offsets))

    def extended(self) -> bytes:
        """Return Extended Offset Table and Extended Offset Table Lengths, as elements."""
        size = (8 * len(self)).to_bytes(4, "little")
        offsets, lengths = _little_endian(self._offsets), _little_endian(self._lengths)
        return b"".join((_OFFSETS, size, offsets, _LENGTHS, size, lengths))

    def total_length(self) -> bytes:
        """Return Encapsulated Pixel Data Value Total Length, as an element."""
        return total_element(self.bit_stream_length)


Filling: TypeAlias = tuple[TableKind, list[bytes]]


class Opening(NamedTuple):
    """What stands before the first frame.

    Parameters
    ----------
    parts : list of bytes or Reserve
        What comes next: bytes that are known, and a `Reserve` for those that are not.
    fillings : callable
        From the complete table to its kind, and the values of what was reserved, in its order.
    """

    parts: list[bytes | Reserve]
    fillings: Callable[[OffsetTable], Filling]


def total_element(length: int) -> bytes:
    """Return Encapsulated Pixel Data Value Total Length, the bytes in all fragments, as an element."""
    return _TOTAL_LENGTH + length.to_bytes(8, "little")


def basic_start(table: bytes = b"") -> bytes:
    """Return the header of Pixel Data and a basic offset table, which may be empty."""
    return _PIXEL_DATA + ITEM + len(table).to_bytes(4, "little") + table


def known_opening(kind: TableKind, table: OffsetTable, has_total: bool) -> Opening:
    """Return what stands before frames whose lengths are known ahead."""
    total = table.total_length() if has_total else b""
    if kind == "extended":
        content = table.extended() + total + basic_start()
    else:
        content = total + basic_start(table.basic() if kind == "basic" else b"")
    return Opening([content], lambda _: (kind, []))


def empty_opening(has_total: bool) -> Opening:
    """Return what stands before frames without a table."""
    parts, values = _total_field(has_total)
    return Opening([*parts, basic_start()], lambda table: ("empty", values(table)))


def basic_opening(count: int, has_total: bool) -> Opening:
    """Reserve the basic offset table of a known number of frames."""
    parts, values = _total_field(has_total)
    field = Reserve(4 * count)
    start = _PIXEL_DATA + ITEM + field.size.to_bytes(4, "little")
    return Opening([*parts, start, field], lambda table: ("basic", [*values(table), table.basic()]))


def extended_opening(count: int, has_total: bool) -> Opening:
    """Reserve the extended offset table of a known number of frames."""
    parts, values = _total_field(has_total)
    field = Reserve(2 * (12 + 8 * count))
    return Opening([field, *parts, basic_start()], lambda table: ("extended", [table.extended(), *values(table)]))


def either_opening(most: int, block: int, preferred: TableKind, alternative: TableKind, has_total: bool) -> Opening:
    """Reserve one field for whichever table turns out right; what is left over is a private padding element.

    Parameters
    ----------
    most : int
        The most frames that there may be.
    block : int
        The private block of group 7FDF that is reserved for the padding (PS3.5 §7.8).
    preferred : {"basic", "extended"}
        The table to write; a basic one only if all offsets fit.
    alternative : {"extended", "empty"}
        The table to write where a basic one does not fit.
    has_total : bool
        Whether Encapsulated Pixel Data Value Total Length is written.
    """
    padding = b"\xdf\x7f\x00" + bytes([block]) + b"OB\0\0"
    field = Reserve(12 + 2 * (12 + 8 * most) + has_total * _TOTAL_SIZE + len(basic_start()))

    def fillings(table: OffsetTable) -> Filling:
        kind = alternative if preferred == "basic" and not table.fits_basic else preferred
        content = b"".join(known_opening(kind, table, has_total).parts)  # type: ignore[arg-type]
        unused = field.size - 12 - len(content)
        return kind, [b"".join((padding, unused.to_bytes(4, "little"), bytes(unused), content))]

    return Opening([field], fillings)


def _total_field(has_total: bool) -> tuple[list[bytes | Reserve], Callable[[OffsetTable], list[bytes]]]:
    """Reserve a field for Encapsulated Pixel Data Value Total Length, if it is to be written, and what fills it."""
    if not has_total:
        return [], lambda _: []
    return [Reserve(_TOTAL_SIZE)], lambda table: [table.total_length()]


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
