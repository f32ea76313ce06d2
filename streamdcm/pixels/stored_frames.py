"""Pixel data of frames that are stored already as they will stand there: all that is known of them is known ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pydicom.dataset import Dataset

from streamdcm.encode.layout import Encoding
from streamdcm.instructions import Copy, Encoder
from streamdcm.pixels.encapsulated import SEQUENCE_END
from streamdcm.pixels.frame_plan import PixelPlan, check_native_total
from streamdcm.pixels.native import native_header
from streamdcm.pixels.offset_table import OffsetTable, known_opening
from streamdcm.pixels.table_plan import PixelsWritten, TableChoice, plan_table


class StoredFrames(NamedTuple):
    """Some frames, as pixel data have them: native ones side by side, encapsulated ones in their items.

    Attributes
    ----------
    pieces : sequence of bytes or Copy
        Where their bytes are.
    size : int
        The number of these.
    lengths : iterable of (int, int)
        Of each encapsulated frame the bytes in its fragments, and what they take with item headers and padding.
    are_whole : bool
        Whether each encapsulated frame is one fragment.
    """

    pieces: Sequence[bytes | Copy]
    size: int
    lengths: Iterable[tuple[int, int]] = ()
    are_whole: bool = True


def stored_native(plan: PixelPlan, encoding: Encoding, stored: Sequence[StoredFrames]) -> Encoder[PixelsWritten]:
    """Encode native frames that are stored already."""
    size = sum(frames.size for frames in stored)
    check_native_total(size, plan.label)
    header = native_header(plan, encoding)
    yield header[:-4] + encoding.pack_length(size + size % 2)
    yield from _pieces(stored)
    if size % 2:
        yield b"\0"
    return PixelsWritten(len(header) + size + size % 2)


def stored_encapsulated(
    plan: PixelPlan, dataset: Dataset, stored: Sequence[StoredFrames], asked: str
) -> Encoder[PixelsWritten]:
    """Encode encapsulated frames that are stored already, with the offset table that was `asked` for.

    Parameters
    ----------
    plan : PixelPlan
        How frames are written.
    dataset : Dataset
        All but the pixel data.
    stored : sequence of StoredFrames
        The frames.
    asked : {"auto", "basic", "extended", "empty"}
        The option ``offset_table``.
    """
    table = OffsetTable()
    for frames in stored:
        for length, encoded in frames.lengths:
            table.add(length, encoded)
    choice = plan_table(
        asked,
        dataset,
        count=len(table),
        max_frames=None,
        last_offset=table.last_offset,
        likely_most=0,
        one_fragment=all(frames.are_whole for frames in stored),
        patchable=False,
    )
    opening = 0
    for part in known_opening(choice.kind, table, plan.has_total).parts:
        assert isinstance(part, bytes)
        opening += len(part)
        yield part
    yield from _pieces(stored)
    yield SEQUENCE_END
    written = TableChoice(choice.kind, choice.reason)
    return PixelsWritten(opening + table.position + len(SEQUENCE_END), written)


def _pieces(stored: Iterable[StoredFrames]) -> Iterator[bytes | Copy]:
    for frames in stored:
        yield from frames.pieces


def sliced(pieces: Iterable[bytes | Copy], start: int, stop: int) -> Iterator[bytes | Copy]:
    """Give what stands between two offsets in what pieces are one behind the other."""
    position = 0
    for piece in pieces:
        size = piece.length if isinstance(piece, Copy) else len(piece)
        first, last = max(start - position, 0), min(stop - position, size)
        if first < last and isinstance(piece, Copy):
            yield Copy(piece.source, piece.offset + first, last - first)
        elif first < last:
            assert isinstance(piece, bytes)
            yield piece[first:last]
        position += size
