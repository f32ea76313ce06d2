"""Pixel Data from the bit stream of a video: one fragment or several, without an offset table (PS3.5 §A.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from streamdcm.encode.layout import MAX_LENGTH
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import EncodeError, LengthOverflowError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import END, Copy, Encoder, Fill, Need, Reserve
from streamdcm.pixels.encapsulated import SEQUENCE_END
from streamdcm.pixels.offset_table import ITEM, basic_start, total_element
from streamdcm.pixels.video_plan import VideoPlan
from streamdcm.sources import BufferSource, CopySource

_LABEL: Final = element_name(PIXEL_DATA)


def bit_stream(plan: VideoPlan) -> Encoder[int]:
    """Encode the bit stream of a video as Pixel Data, asking for one piece after the other.

    Parameters
    ----------
    plan : VideoPlan
        What was decided ahead.

    Returns
    -------
    Encoder
        Returns the number of bytes.

    Raises
    ------
    EncodeError
        If there are no bytes, or more than a fragment holds.
    """
    source = plan.source
    opening = 0
    total = Reserve(len(total_element(0)), label="the length of the bit stream")
    if plan.has_total:
        opening += total.size
        yield total_element(source.length) if isinstance(source, Copy) else total
    start = basic_start()
    yield start
    if isinstance(source, Copy) and isinstance(source.source, BufferSource):
        length, encoded = yield from _ranges(source, plan.fragment_size or source.length)
    else:
        length, encoded = yield from _pieces(plan)
    if not length:
        raise EncodeError("the bit stream is empty; a video has bytes", _LABEL)
    if plan.has_total and not isinstance(source, Copy):
        yield Fill(total, total_element(length))
    yield SEQUENCE_END
    return opening + len(start) + encoded + len(SEQUENCE_END)


def bit_stream_size(plan: VideoPlan) -> int | None:
    """Return the number of bytes that `bit_stream` is going to encode; `None` if the length is not known."""
    if not isinstance(plan.source, Copy):
        return None
    length = plan.source.length
    fragments = -(-length // (plan.fragment_size or max(length, 1)))
    total = len(total_element(0)) if plan.has_total else 0
    return total + len(basic_start()) + 8 * fragments + length + length % 2 + len(SEQUENCE_END)


def _ranges(source: Copy, size: int) -> Encoder[tuple[int, int]]:
    """Yield fragments of what need not be read; return the length of the stream and of the fragments."""
    encoded = 0
    for start in range(0, source.length, size or 1):
        length = min(size, source.length - start)
        yield ITEM + (length + length % 2).to_bytes(4, "little")
        yield replace(source, offset=source.offset + start, length=length)
        if length % 2:
            yield b"\0"
        encoded += 8 + length + length % 2
    return source.length, encoded


def _pieces(plan: VideoPlan) -> Encoder[tuple[int, int]]:
    """Yield fragments whose length is filled in at their end; return the length of the stream and of the fragments."""
    need = Need(CopySource(plan.source) if isinstance(plan.source, Copy) else plan.source)
    most = plan.fragment_size or MAX_LENGTH
    total = encoded = length = 0
    length_field = None
    while (piece := (yield need)) is not END and piece is not None:
        view = memoryview(piece)
        while len(view):
            if length_field is not None and length == most:
                yield Fill(length_field, length.to_bytes(4, "little"))
                encoded += 8 + length
                length_field = None
            if length_field is None:
                if total and plan.fragment_size is None:
                    raise LengthOverflowError(
                        f"the bit stream has more than the {MAX_LENGTH:,} bytes of one fragment; use a fragmentable "
                        "transfer syntax",
                        _LABEL,
                    )
                length_field, length = Reserve(4, label="the length of a fragment of the bit stream"), 0
                yield ITEM
                yield length_field
            part = view[: most - length]
            view = view[len(part) :]
            length += len(part)
            total += len(part)
            yield part
    if length_field is not None:
        if length % 2:
            yield b"\0"
        yield Fill(length_field, (length + length % 2).to_bytes(4, "little"))
        encoded += 8 + length + length % 2
    return total, encoded
