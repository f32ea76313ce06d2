"""Encapsulated pixel data: an offset table, and each frame in items of its own (PS3.5 §A.4)."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from struct import Struct
from typing import Final

from streamdcm.encode.layout import MAX_LENGTH
from streamdcm.engine.frame_index import FrameIndex
from streamdcm.errors import EncodeError, InvalidValueError, LengthOverflowError
from streamdcm.instructions import END, Chunk, Encoder, Reserve
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.offset_table import (
    ITEM,
    ITEM_HEADER,
    OffsetTable,
    Opening,
    basic_opening,
    either_opening,
    empty_opening,
    extended_opening,
    fills,
    known_opening,
    known_size,
)
from streamdcm.pixels.table_plan import PixelsWritten, TableChoice

_PADDINGS: Final = (b"", b"\0")
_SMALL: Final = 4096
"""Below this size it is cheaper to join a fragment with its header than to pass them on one by one."""
SEQUENCE_END: Final = b"\xfe\xff\xdd\xe0\0\0\0\0"

_item_header: Final[Callable[[bytes, int], bytes]] = Struct("<4sL").pack


def encapsulated(plan: PixelPlan, frames: CountedFrames) -> Encoder[tuple[PixelsWritten, int]]:
    """Encode compressed frames; return what was written, and the length of the bit stream."""
    assert plan.table is not None
    opening = _opening(plan)
    total = 0
    fields = []
    for part in opening.parts:
        yield part
        if isinstance(part, Reserve):
            fields.append(part)
            total += part.size
        else:
            total += len(part)
    kind, alternative = plan.table.kind, plan.table.alternative
    table = OffsetTable(
        is_kept=kind != "empty" and plan.known is None,
        must_be_basic=kind == "basic" and alternative is None,
    )
    marks = array("Q")
    encode = plan.encoder.encode
    need, checked, add = frames.need, frames.checked, table.add
    note = marks.append if plan.is_indexed else None
    whole = plan.fragments.is_one
    known = plan.known if plan.known else None  # one without entries knows the sum alone
    frame = yield from frames.first()
    while frame is not END:
        chunk = checked(encode, frame)
        size = len(chunk)
        if not size:
            raise frames.error(InvalidValueError("is empty; a compressed frame has bytes"))
        odd = size & 1
        encoded = size + odd + 8 if whole else plan.fragments.encoded_length(size)
        if note is not None:
            note(table.position << 1 | odd)
        try:
            add(size, encoded)
        except LengthOverflowError as error:
            raise frames.error(error) from None
        if known is not None and table.position != known.end_of(frames.count):
            raise frames.error(_another_length(size))
        if not whole:
            yield from _divided(memoryview(chunk), plan.fragments.size(size))
        elif size < _SMALL:
            yield _item_header(ITEM, size + odd) + chunk + _PADDINGS[odd]
        else:
            yield from _fragment(chunk, size)
        frame = yield need
    frames.check_count()
    if plan.known is not None and table.bit_stream_length != plan.known.bit_stream_length:
        raise EncodeError("the frames have another length than their nbytes or len() said", plan.label)
    yield SEQUENCE_END
    kind, pieces = opening.filling(table)
    yield from fills(fields, pieces)
    choice = TableChoice(kind, _reason(plan, kind))
    index = FrameIndex(marks, table.position, total + ITEM_HEADER, ITEM_HEADER) if plan.is_indexed else None
    padding = 0 if alternative is None else total - known_size(kind, len(table), plan.has_total)
    written = PixelsWritten(total + table.position + len(SEQUENCE_END), choice, index, padding)
    return written, table.bit_stream_length


def encapsulated_size(plan: PixelPlan) -> int | None:
    """Return the number of bytes that `encapsulated` is going to encode; `None` if lengths of frames are not known."""
    if plan.known is None:
        return None
    opening = sum(len(part) for part in _opening(plan).parts if not isinstance(part, Reserve))
    return opening + plan.known.position + len(SEQUENCE_END)


def _another_length(size: int) -> InvalidValueError:
    return InvalidValueError(f"has {size:,} bytes, which is not what its nbytes or len() said before; correct those")


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
    fits = "it was enough" if kind == plan.table.kind else "the offsets do not fit 32 bits"
    return f"{plan.table.reason}; {fits}"


def _opening(plan: PixelPlan) -> Opening:
    """Return what stands before the first frame."""
    table = plan.table
    assert table is not None
    if table.alternative is not None:
        assert plan.number.most is not None
        return either_opening(plan.number.most, table.block, table.kind, table.alternative, plan.has_total)
    if plan.known is not None:
        return known_opening(table.kind, plan.known, plan.has_total)
    if table.kind == "empty":
        return empty_opening(plan.has_total)
    assert plan.count is not None
    return (basic_opening if table.kind == "basic" else extended_opening)(plan.count, plan.has_total)
