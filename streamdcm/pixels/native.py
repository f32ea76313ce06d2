"""Native pixel data: one frame right behind the other (PS3.5 §8.1)."""

from __future__ import annotations

import sys

from streamdcm.encode.layout import MAX_LENGTH, Encoding
from streamdcm.engine.frame_index import FrameIndex
from streamdcm.instructions import END, Encoder, Fill, Reserve
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.frame_format import BitPacker, FrameFormat
from streamdcm.pixels.frame_plan import PixelPlan, check_native_total
from streamdcm.pixels.table_plan import PixelsWritten


def native(plan: PixelPlan, encoding: Encoding, frames: CountedFrames) -> Encoder[PixelsWritten]:
    """Encode native frames as one element."""
    form = plan.format
    assert form is not None
    header = native_header(plan, encoding)
    yield header[:-4]
    length_field = Reserve(4, label=f"the length of {plan.label}; number_of_frames= tells it ahead")
    if plan.count is None:
        yield length_field
    else:
        yield encoding.pack_length(_length(form, plan.count))
    packer = BitPacker(form.length_in_bits) if form.bits == 1 else None
    limit = MAX_LENGTH if plan.count is None else sys.maxsize
    length = 0
    need, checked, encode = frames.need, frames.checked, form.encode
    frame = yield from frames.first()
    while frame is not END:
        chunk = checked(encode, frame)
        if packer is not None:
            chunk = packer.pack(chunk)
        length += len(chunk)
        if length > limit:
            check_native_total(length, frames.label)
        yield chunk
        frame = yield need
    frames.check_count()
    rest = packer.finish() if packer is not None else b""
    length += len(rest)
    if length % 2:
        rest += b"\0"
        length += 1
    yield rest
    if plan.count is None:
        yield Fill(length_field, encoding.pack_length(length))
    index = None
    if plan.is_indexed:
        end = form.length * frames.count
        index = FrameIndex(range(0, 2 * end, 2 * form.length), end, len(header))
    return PixelsWritten(len(header) + length, frames=index)


def native_size(plan: PixelPlan, encoding: Encoding) -> int | None:
    """Return the number of bytes that `native` is going to encode; `None` if the number of frames is not known."""
    if plan.encapsulated or plan.format is None or plan.count is None:
        return None
    return len(native_header(plan, encoding)) + _length(plan.format, plan.count)


def native_header(plan: PixelPlan, encoding: Encoding) -> bytes:
    """Return the header of native pixel data; its last four bytes are the length."""
    if encoding.implicit_vr:
        return encoding.pack_implicit(plan.tag >> 16, plan.tag & 0xFFFF, 0)
    return encoding.pack_long(plan.tag >> 16, plan.tag & 0xFFFF, plan.vr.encode(), 0)


def _length(form: FrameFormat, count: int) -> int:
    return (form.length_in_bits * count + 15) // 16 * 2
