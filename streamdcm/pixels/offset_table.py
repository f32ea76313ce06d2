"""Where frames begin: basic and extended offset tables (PS3.5 §A.4, PS3.3 §C.7.6.3.1.8)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from typing import Final, NamedTuple, TypeAlias

from streamdcm.engine.fields import FIELD, FieldsInTurn, fields_of
from streamdcm.errors import LengthOverflowError
from streamdcm.instructions import Fill, Reserve
from streamdcm.pixels.table_plan import TableKind

ITEM: Final = b"\xfe\xff\x00\xe0"
_PIXEL_DATA: Final = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
_OFFSETS: Final = b"\xe0\x7f\x01\x00OV\0\0"
_LENGTHS: Final = b"\xe0\x7f\x02\x00OV\0\0"
_TOTAL_LENGTH: Final = b"\xe0\x7f\x03\x00UV\0\0\x08\0\0\0"
_TOTAL_SIZE: Final = len(_TOTAL_LENGTH) + 8
_MOST_BASIC: Final = 0xFFFFFFFF
ITEM_HEADER: Final = 8

_TABLE: Final = "the offset table; offset_table='empty' needs none"
_AT_ONCE: Final = FIELD // 8
"""How many entries of a table are kept, and made, at a time: one array of all would be copied whenever it grows."""


class OffsetTable:
    """Collects where frames begin, 8 bytes a frame, and gives the tables in pieces.

    Offsets count from the first byte of the item that follows the basic offset table. The lengths of
    the extended table are those of the items: even, the byte that pads a frame included, the header not.

    Parameters
    ----------
    is_kept : bool, optional
        Whether a table is asked for at the end; else only sums are kept.
    must_be_basic : bool, optional
        Whether an offset that does not fit 32 bits is refused.
    """

    def __init__(self, *, is_kept: bool = True, must_be_basic: bool = False) -> None:
        self._last = array("Q")
        self._blocks = [self._last]
        self._is_kept = is_kept
        self._most = _MOST_BASIC if must_be_basic else 1 << 64
        self._padding = 0
        self.position = 0
        """The number of bytes in all items that came so far."""
        self.bit_stream_length = 0
        """The number of bytes in all fragments, without what pads the last one: (7FE0,0003)."""

    def __len__(self) -> int:
        return (len(self._blocks) - 1) * _AT_ONCE + len(self._last)

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
        if self._is_kept:
            if len(self._last) == _AT_ONCE:
                self._last = array("Q")
                self._blocks.append(self._last)
            self._last.append(self.position)
        self.position += encoded_length
        self.bit_stream_length += self._padding + length
        self._padding = length % 2

    def end_of(self, number: int) -> int:
        """Return where the items of a frame end, which is counted from 1, in a table that is kept."""
        if number < len(self):
            return self._blocks[number // _AT_ONCE][number % _AT_ONCE]
        return self.position

    @property
    def last_offset(self) -> int:
        """Where the last frame begins; 0 without frames, and where no table is kept."""
        return self._last[-1] if self._last else 0

    @property
    def fits_basic(self) -> bool:
        """Whether the last offset fits the 32 bits of the basic table."""
        return self.last_offset <= _MOST_BASIC

    def basic(self) -> Iterator[bytes]:
        """Give the value of the basic offset table, piece by piece."""
        for block in self._blocks:
            yield _little_endian(array("I", block))

    def extended(self) -> Iterator[bytes]:
        """Give Extended Offset Table and Extended Offset Table Lengths, as elements, piece by piece.

        Each frame is one fragment, so that what lies between two offsets is one item.
        """
        size = (8 * len(self)).to_bytes(4, "little")
        yield _OFFSETS + size
        for block in self._blocks:
            yield _little_endian(block[:])
        yield _LENGTHS + size
        ends = chain((block[0] for block in self._blocks[1:]), [self.position])
        for block, last in zip(self._blocks, ends, strict=True):
            lengths = array("Q", [end - begin - ITEM_HEADER for begin, end in pairwise([*block, last])])
            yield _little_endian(lengths)

    def total_length(self) -> bytes:
        """Return Encapsulated Pixel Data Value Total Length, as an element."""
        return total_element(self.bit_stream_length)


Filling: TypeAlias = tuple[TableKind, Iterable[bytes]]


class Opening(NamedTuple):
    """What stands before the first frame.

    Attributes
    ----------
    parts : iterable of bytes or Reserve
        What comes next: bytes that are known, and fields for those that are not.
    filling : callable
        From the complete table to its kind, and the bytes of all fields in order, in pieces of any size.
    """

    parts: Iterable[bytes | Reserve]
    filling: Callable[[OffsetTable], Filling]


def total_element(length: int) -> bytes:
    """Return Encapsulated Pixel Data Value Total Length, the bytes in all fragments, as an element."""
    return _TOTAL_LENGTH + length.to_bytes(8, "little")


def basic_start(size: int = 0) -> bytes:
    """Return the header of Pixel Data and that of a basic offset table of `size` bytes."""
    return _PIXEL_DATA + ITEM + size.to_bytes(4, "little")


def known_opening(kind: TableKind, table: OffsetTable, has_total: bool) -> Opening:
    """Return what stands before frames whose lengths are known ahead."""
    return Opening(_known(kind, table, has_total), lambda _: (kind, ()))


def empty_opening(has_total: bool) -> Opening:
    """Return what stands before frames without a table."""
    return Opening([*_total_fields(has_total), basic_start()], lambda table: ("empty", _total(table, has_total)))


def basic_opening(count: int, has_total: bool) -> Opening:
    """Reserve the basic offset table of a known number of frames."""
    parts = [*_total_fields(has_total), basic_start(4 * count), *fields_of(4 * count, _TABLE)]
    return Opening(parts, lambda table: ("basic", chain(_total(table, has_total), table.basic())))


def extended_opening(count: int, has_total: bool) -> Opening:
    """Reserve the extended offset table of a known number of frames."""
    parts = [*fields_of(2 * (12 + 8 * count), _TABLE), *_total_fields(has_total), basic_start()]
    return Opening(parts, lambda table: ("extended", chain(table.extended(), _total(table, has_total))))


def either_opening(most: int, block: int, preferred: TableKind, alternative: TableKind, has_total: bool) -> Opening:
    """Reserve space for whichever table turns out right; what is left over is a private padding element.

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
    size = 12 + known_size("extended", most, has_total)

    def filling(table: OffsetTable) -> Filling:
        kind = alternative if preferred == "basic" and not table.fits_basic else preferred
        unused = size - 12 - known_size(kind, len(table), has_total)
        padding = b"\xdf\x7f\x00" + bytes([block]) + b"OB\0\0" + unused.to_bytes(4, "little")
        return kind, chain([padding], _zeros(unused), _known(kind, table, has_total))

    return Opening(fields_of(size, _TABLE), filling)


def fills(fields: Iterable[Reserve], pieces: Iterable[bytes]) -> Iterator[Fill]:
    """Fill fields, one after the other, with bytes that come in pieces of any size."""
    in_turn = FieldsInTurn(fields)
    for piece in pieces:
        yield from in_turn.add(piece)


def _known(kind: TableKind, table: OffsetTable, has_total: bool) -> Iterator[bytes]:
    """Give what stands before frames that a complete table is of."""
    if kind == "extended":
        yield from table.extended()
    yield from _total(table, has_total)
    yield basic_start(4 * len(table) if kind == "basic" else 0)
    if kind == "basic":
        yield from table.basic()


def known_size(kind: TableKind, count: int, has_total: bool) -> int:
    """Return the number of bytes that `_known` gives."""
    tables = {"empty": 0, "basic": 4 * count, "extended": 2 * (12 + 8 * count)}
    return tables[kind] + has_total * _TOTAL_SIZE + len(basic_start())


def _total(table: OffsetTable, has_total: bool) -> Iterator[bytes]:
    if has_total:
        yield table.total_length()


def _total_fields(has_total: bool) -> list[bytes | Reserve]:
    """Reserve a field for Encapsulated Pixel Data Value Total Length, if it is to be written."""
    return [Reserve(_TOTAL_SIZE, label="the total length of the frames")] if has_total else []


def _zeros(count: int) -> Iterator[bytes]:
    """Give so many zeros in pieces."""
    for start in range(0, count, FIELD):
        yield bytes(min(FIELD, count - start))


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
