"""Where frames begin: basic and extended offset tables (PS3.5 §A.4, PS3.3 §C.7.6.3.1.8)."""

from __future__ import annotations

import sys
from array import array
from typing import Final, Protocol

from streamdcm.errors import LengthOverflowError
from streamdcm.instructions import Encoder, Fill, Reserve

ITEM: Final = b"\xfe\xff\x00\xe0"
_PIXEL_DATA: Final = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
_OFFSETS: Final = b"\xe0\x7f\x01\x00OV\0\0"
_LENGTHS: Final = b"\xe0\x7f\x02\x00OV\0\0"
_MOST_BASIC: Final = 0xFFFFFFFF


class OffsetTable:
    """Collects where frames begin and how long they are, 16 bytes a frame.

    Offsets count from the first byte of the item that follows the basic offset table. The lengths of
    the extended table exclude the header of the item and the byte that pads it.
    """

    def __init__(self) -> None:
        self._offsets = array("Q")
        self._lengths = array("Q")
        self._position = 0

    def __len__(self) -> int:
        return len(self._offsets)

    def add(self, length: int, encoded_length: int) -> None:
        """Note a frame of `length` bytes that takes `encoded_length` with item headers and padding."""
        self._offsets.append(self._position)
        self._lengths.append(length)
        self._position += encoded_length

    @property
    def fits_basic(self) -> bool:
        """Whether the last offset fits the 32 bits of the basic table."""
        return not self._offsets or self._offsets[-1] <= _MOST_BASIC

    def basic(self) -> bytes:
        """Return the value of the basic offset table.

        Raises
        ------
        LengthOverflowError
            If an offset does not fit 32 bits.
        """
        if not self.fits_basic:
            raise LengthOverflowError(
                f"the frames before the last one take {self._offsets[-1]:,} bytes, which the 32 bits of a basic "
                "offset table cannot hold; use offset_table='extended'",
                "(7FE0,0010) PixelData",
            )
        return _little_endian(array("I", self._offsets))

    def extended(self) -> bytes:
        """Return Extended Offset Table and Extended Offset Table Lengths, as elements."""
        size = (8 * len(self)).to_bytes(4, "little")
        offsets, lengths = _little_endian(self._offsets), _little_endian(self._lengths)
        return b"".join((_OFFSETS, size, offsets, _LENGTHS, size, lengths))


def basic_start(table: bytes) -> bytes:
    """Return the header of Pixel Data and a basic offset table, which may be empty."""
    return _PIXEL_DATA + ITEM + len(table).to_bytes(4, "little") + table


class TableLayout(Protocol):
    """What stands before the first frame, and what is filled in behind the last one."""

    def before(self) -> Encoder[int]:
        """Encode what comes before the first frame; return its length in bytes."""

    def after(self, table: OffsetTable) -> Encoder[None]:
        """Fill in what has become known."""


class KnownTable:
    """A table whose offsets are known ahead, or none.

    Parameters
    ----------
    content : bytes
        Everything before the first frame.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def before(self) -> Encoder[int]:
        """Encode what comes before the first frame; return its length in bytes."""
        yield self._content
        return len(self._content)

    def after(self, table: OffsetTable) -> Encoder[None]:
        """Do nothing."""
        yield from ()


class BasicTable:
    """Room for the basic offset table of a known number of frames."""

    def __init__(self, count: int) -> None:
        self._room = Reserve(4 * count)

    def before(self) -> Encoder[int]:
        """Encode what comes before the first frame; return its length in bytes."""
        start = _PIXEL_DATA + ITEM + self._room.size.to_bytes(4, "little")
        yield start
        yield self._room
        return len(start) + self._room.size

    def after(self, table: OffsetTable) -> Encoder[None]:
        """Fill in the offsets."""
        yield Fill(self._room, table.basic())


class ExtendedTable:
    """Room for the extended offset table of a known number of frames."""

    def __init__(self, count: int) -> None:
        self._room = Reserve(2 * (12 + 8 * count))

    def before(self) -> Encoder[int]:
        """Encode what comes before the first frame; return its length in bytes."""
        yield self._room
        start = basic_start(b"")
        yield start
        return self._room.size + len(start)

    def after(self, table: OffsetTable) -> Encoder[None]:
        """Fill in offsets and lengths."""
        yield Fill(self._room, table.extended())


class TableRoom:
    """One room for whichever table turns out right; what is left over is a private padding element.

    Parameters
    ----------
    most : int
        The most frames that there may be.
    block : int
        The private block of group 7FDF that is reserved for the padding (PS3.5 §7.8).
    only : {"basic", "extended"} or None
        The table that was asked for.
    """

    def __init__(self, most: int, block: int, only: str | None) -> None:
        self._padding = b"\xdf\x7f\x00" + bytes([block]) + b"OB\0\0"
        self._only = only
        self._room = Reserve(12 + 2 * (12 + 8 * most) + len(basic_start(b"")))

    def before(self) -> Encoder[int]:
        """Encode what comes before the first frame; return its length in bytes."""
        yield self._room
        return self._room.size

    def after(self, table: OffsetTable) -> Encoder[None]:
        """Fill the room with padding, the table and the header of Pixel Data."""
        if self._only == "basic" or (self._only is None and table.fits_basic):
            content = basic_start(table.basic())
        else:
            content = table.extended() + basic_start(b"")
        unused = self._room.size - 12 - len(content)
        yield Fill(self._room, b"".join((self._padding, unused.to_bytes(4, "little"), bytes(unused), content)))


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()
