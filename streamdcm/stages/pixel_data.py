"""Pixel Data from frames that come one by one: native (PS3.5 §8.1) or encapsulated (§A.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from streamdcm.context import Encoding
from streamdcm.errors import EncodeError, InvalidValueError, StreamdcmError, encode_error
from streamdcm.frames import BitPacker, flat_view
from streamdcm.instructions import END, Chunk, Encoder, Fill, Need, Reserve
from streamdcm.late import NUMBER_OF_FRAMES, LateValues
from streamdcm.pixels import PixelPlan, check_native_total
from streamdcm.stages.offset_table import (
    ITEM,
    BasicTable,
    ExtendedTable,
    KnownTable,
    OffsetTable,
    TableLayout,
    TableRoom,
    basic_start,
)

_PADDINGS: Final = (b"", b"\0")
_SMALL: Final = 4096
"""Below this size it is cheaper to join a fragment with its header than to pass them on one by one."""
_SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"


def pixel_data(plan: PixelPlan, encoding: Encoding, late: LateValues) -> Encoder[int]:
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
        Returns the number of bytes.

    Raises
    ------
    EncodeError
        Names the frame that is wrong.
    """
    frames = _Frames(plan)
    try:
        length = yield from (_encapsulated if plan.encapsulated else _native)(plan, encoding, frames)
    except Exception as error:
        frames.add_place(error)
        raise
    frames.check_count()
    if NUMBER_OF_FRAMES in late:
        late.set(NUMBER_OF_FRAMES, frames.count)
    return length


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
    length = 0
    while (frame := (yield frames.need)) is not END:
        chunk = frames.checked(form.encode, frame)
        if packer is not None:
            chunk = packer.pack(chunk)
        length += len(chunk)
        if plan.count is None:
            check_native_total(length, plan.tag)
        yield chunk
    rest = packer.finish() if packer is not None else b""
    length += len(rest)
    if length % 2:
        rest += b"\0"
        length += 1
    yield rest
    if plan.count is None:
        yield Fill(length_field, encoding.pack_length(length))
    return len(header) + length


def _encapsulated(plan: PixelPlan, encoding: Encoding, frames: _Frames) -> Encoder[int]:
    layout = _table_layout(plan)
    encode = flat_view if plan.format is None else plan.format.encode
    table = OffsetTable()
    total = yield from layout.before()
    while (frame := (yield frames.need)) is not END:
        chunk = frames.checked(encode, frame)
        if not len(chunk):
            raise frames.error(InvalidValueError("is empty; a compressed frame has bytes"))
        encoded = 0
        for fragment in _fragments(chunk, plan):
            size = len(fragment)
            padding = _PADDINGS[size % 2]
            header = ITEM + (size + len(padding)).to_bytes(4, "little")
            if size < _SMALL:
                yield b"".join((header, fragment, padding))
            else:
                yield header
                yield fragment
                yield padding
            encoded += 8 + size + len(padding)
        table.add(len(chunk), encoded)
        total += encoded
    yield _SEQUENCE_END
    yield from layout.after(table)
    return total + len(_SEQUENCE_END)


def _fragments(frame: Chunk, plan: PixelPlan) -> list[Chunk]:
    """Divide a frame into fragments, all but the last of even length."""
    length = len(frame)
    size = _fragment_size(length, plan)
    if size >= length:
        return [frame]
    view = memoryview(frame)
    return [view[start : start + size] for start in range(0, length, size)]


def _fragment_size(length: int, plan: PixelPlan) -> int:
    size = -(-length // plan.fragments_per_frame) if plan.fragment_size is None else plan.fragment_size
    return max(size + size % 2, 2)


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

    def checked(self, encode: Callable[[Any], Chunk], frame: Any) -> Chunk:
        """Return the bytes of the next frame."""
        self.count += 1
        most = self._plan.most
        if most is not None and self.count > most:
            raise self.error(InvalidValueError(f"is one too many; {most:,} were announced"))
        try:
            return encode(frame)
        except Exception as error:
            raise self.error(error) from None

    def add_place(self, error: Exception) -> None:
        """Add to an exception of the source which frame it was asked for."""
        if not isinstance(error, StreamdcmError):
            error.add_note(f"when frame {self.count + 1:,} of {self._plan.source.label} was asked for")

    def check_count(self) -> None:
        """Refuse fewer frames than were announced."""
        count = self._plan.count
        if self.count == 0 or (count is not None and self.count < count):
            expected = "at least one" if count is None else f"{count:,}"
            raise EncodeError(
                f"the frames ended after {self.count:,}; there must be {expected}", self._plan.source.label
            )

    def error(self, error: Exception) -> Exception:
        """Return the error to raise for the frame that came last."""
        return encode_error(error, f"{self._plan.source.label}, frame {self._plan.first + self.count:,}")


def _table_layout(plan: PixelPlan) -> TableLayout:
    if plan.table == "empty":
        return KnownTable(basic_start(b""))
    if plan.table == "room":
        assert plan.most is not None
        return TableRoom(plan.most, plan.block, plan.only_table)
    assert plan.count is not None
    if plan.lengths is not None:
        table = OffsetTable()
        for length in plan.lengths:
            table.add(length, encoded_length(length, plan))
        content = basic_start(table.basic()) if plan.table == "basic" else table.extended() + basic_start(b"")
        return KnownTable(content)
    return BasicTable(plan.count) if plan.table == "basic" else ExtendedTable(plan.count)


def encoded_length(length: int, plan: PixelPlan) -> int:
    """Return what a frame takes with item headers and padding."""
    fragments = -(-length // _fragment_size(length, plan))
    return length + length % 2 + 8 * fragments
