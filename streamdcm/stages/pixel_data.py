"""Pixel Data from frames that come one by one: native (PS3.5 §8.1) or encapsulated (§A.4)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from streamdcm.context import MAX_LENGTH, Encoding
from streamdcm.errors import EncodeError, InvalidValueError, LengthOverflowError, StreamdcmError, encode_error
from streamdcm.frames import BitPacker, flat_view
from streamdcm.instructions import END, Chunk, Encoder, Fill, Need, Reserve
from streamdcm.late import LOSSY_RATIO, NUMBER_OF_FRAMES, LateValues
from streamdcm.pixels import PixelPlan, check_native_total
from streamdcm.stages.offset_table import (
    ITEM,
    OffsetTable,
    Opening,
    basic_opening,
    empty_opening,
    extended_opening,
    known_opening,
    roomy_opening,
)
from streamdcm.tables import TableChoice

_PADDINGS: Final = (b"", b"\0")
_SMALL: Final = 4096
"""Below this size it is cheaper to join a fragment with its header than to pass them on one by one."""
SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"

_item_header: Final[Callable[[bytes, int], bytes]] = Struct("<4sL").pack


def pixel_data(plan: PixelPlan, encoding: Encoding, late: LateValues) -> Encoder[tuple[int, TableChoice | None]]:
    """Encode pixel data, asking for one frame after the other.

    Parameters
    ----------
    plan : PixelPlan
        What was decided ahead.
    encoding : Encoding
        VR and byte order.
    late : LateValues
        Is told the number of frames.

    Returns
    -------
    Encoder
        Returns the number of bytes, and the offset table that encapsulated frames were given.

    Raises
    ------
    EncodeError
        Names the frame that is wrong.
    """
    frames = _Frames(plan)
    choice = None
    try:
        if plan.encapsulated:
            length, choice, bit_stream_length = yield from _encapsulated(plan, frames)
            if plan.pixels_length:
                late.set_if_nothing_else_is(LOSSY_RATIO, _ratio(plan, frames.count, bit_stream_length))
        else:
            length = yield from _native(plan, encoding, frames)
    except Exception as error:
        frames.add_place(error)
        raise
    if NUMBER_OF_FRAMES in late:
        late.set(NUMBER_OF_FRAMES, frames.count)
    return length, choice


def _native(plan: PixelPlan, encoding: Encoding, frames: _Frames) -> Encoder[int]:
    form = plan.format
    assert form is not None
    if encoding.implicit_vr:
        header = encoding.pack_implicit(plan.tag >> 16, plan.tag & 0xFFFF, 0)
    else:
        header = encoding.pack_long(plan.tag >> 16, plan.tag & 0xFFFF, plan.vr.encode(), 0)
    yield header[:-4]
    length_field = Reserve(4)
    if plan.count is None:
        yield length_field
    else:
        yield encoding.pack_length((form.length_in_bits * plan.count + 15) // 16 * 2)
    packer = BitPacker(form.length_in_bits) if form.bits == 1 else None
    limit = MAX_LENGTH if plan.count is None else sys.maxsize
    length = 0
    need, checked, encode = frames.need, frames.checked, form.encode
    while (frame := (yield need)) is not END:
        chunk = checked(encode, frame)
        if packer is not None:
            chunk = packer.pack(chunk)
        length += len(chunk)
        if length > limit:
            check_native_total(length, frames.label)
        yield chunk
    frames.check_count()
    rest = packer.finish() if packer is not None else b""
    length += len(rest)
    if length % 2:
        rest += b"\0"
        length += 1
    yield rest
    if plan.count is None:
        yield Fill(length_field, encoding.pack_length(length))
    return len(header) + length


def _encapsulated(plan: PixelPlan, frames: _Frames) -> Encoder[tuple[int, TableChoice, int]]:
    assert plan.table is not None
    opening = _opening(plan)
    total = 0
    for part in opening.parts:
        yield part
        total += part.size if isinstance(part, Reserve) else len(part)
    table = OffsetTable(must_be_basic=plan.table.kind == "basic" and plan.table.alternative is None)
    encode = flat_view if plan.format is None else plan.format.encode
    need, checked, add = frames.need, frames.checked, table.add
    whole = plan.fragments.is_one
    while (frame := (yield need)) is not END:
        chunk = checked(encode, frame)
        size = len(chunk)
        if not size:
            raise frames.error(InvalidValueError("is empty; a compressed frame has bytes"))
        encoded = size + (size & 1) + 8 if whole else plan.fragments.encoded_length(size)
        try:
            add(size, encoded)
        except LengthOverflowError as error:
            raise frames.error(error) from None
        if not whole:
            yield from _divided(memoryview(chunk), plan.fragments.size(size))
        elif size < _SMALL:
            yield _item_header(ITEM, size + (size & 1)) + chunk + _PADDINGS[size & 1]
        else:
            yield from _fragment(chunk, size)
    frames.check_count()
    yield SEQUENCE_END
    kind, values = opening.fillings(table)
    rooms = [part for part in opening.parts if isinstance(part, Reserve)]
    for room, value in zip(rooms, values, strict=True):
        yield Fill(room, value)
    choice = TableChoice(kind, _reason(plan, kind))
    return total + table.position + len(SEQUENCE_END), choice, table.bit_stream_length


def _ratio(plan: PixelPlan, count: int, bit_stream_length: int) -> str:
    """Return the ratio of what frames would take uncompressed to what they take (PS3.3 §C.7.6.1.1.5.2)."""
    return f"{count * plan.pixels_length / bit_stream_length:.6g}"


def _divided(frame: memoryview, size: int) -> Encoder[None]:
    """Yield a frame as fragments, all but the last of `size` bytes."""
    for start in range(0, len(frame), size):
        fragment = frame[start : start + size]
        yield from _fragment(fragment, len(fragment))


def _fragment(fragment: Chunk, size: int) -> Encoder[None]:
    if size > MAX_LENGTH:
        raise LengthOverflowError(f"has {size:,} bytes, which do not fit the 32-bit length field of a fragment")
    yield _item_header(ITEM, size + (size & 1))
    yield fragment
    if size & 1:
        yield b"\0"


def _reason(plan: PixelPlan, kind: str) -> str:
    assert plan.table is not None
    if not plan.table.block:
        return plan.table.reason
    fits = "the offsets do not fit 32 bits" if kind == plan.table.alternative else "it was enough"
    return f"{plan.table.reason}; {fits}"


class _Frames:
    """Counts frames and puts their number into errors.

    Parameters
    ----------
    plan : PixelPlan
        Says how many there may be.
    """

    def __init__(self, plan: PixelPlan) -> None:
        self.need = Need(plan.source)
        self.count = 0
        self._plan = plan
        self._most = sys.maxsize if plan.most is None else plan.most

    def checked(self, encode: Callable[[Any], Chunk], frame: Any) -> Chunk:
        """Return the bytes of the next frame."""
        self.count += 1
        if self.count > self._most:
            raise self.error(InvalidValueError(f"is one too many; {self._most:,} were announced"))
        try:
            return encode(frame)
        except Exception as error:
            raise self.error(error) from None

    def add_place(self, error: Exception) -> None:
        """Add to an exception of the source which frame it was asked for."""
        if not isinstance(error, StreamdcmError):
            error.add_note(f"when frame {self.count + 1:,} of {self._plan.label} was asked for")

    def check_count(self) -> None:
        """Refuse fewer frames than were announced."""
        count = self._plan.count
        if self.count == 0 or (count is not None and self.count < count):
            expected = "at least one" if count is None else f"{count:,}"
            raise EncodeError(f"the frames ended after {self.count:,}; there must be {expected}", self._plan.label)

    def error(self, error: Exception) -> Exception:
        """Return the error to raise for the frame that came last."""
        return encode_error(error, self.label)

    @property
    def label(self) -> str:
        """The element and the number of the frame that came last."""
        return f"{self._plan.label}, frame {self._plan.first + self.count:,}"


def _opening(plan: PixelPlan) -> Opening:
    """Return what stands before the first frame."""
    table = plan.table
    assert table is not None
    if table.alternative is not None:
        assert plan.most is not None
        return roomy_opening(plan.most, table.block, table.kind, table.alternative, plan.has_total)
    if plan.lengths is not None:
        known = OffsetTable()
        for length in plan.lengths:
            known.add(length, plan.fragments.encoded_length(length))
        return known_opening(table.kind, known, plan.has_total)
    if table.kind == "empty":
        return empty_opening(plan.has_total)
    assert plan.count is not None
    return (basic_opening if table.kind == "basic" else extended_opening)(plan.count, plan.has_total)
