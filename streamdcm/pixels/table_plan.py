"""Which offset table encapsulated frames get, decided before the first byte (PS3.5 §A.4, PS3.3 §C.7.6.3.1.8)."""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.encode.tags import PADDING_GROUP
from streamdcm.engine.frame_index import FrameIndex
from streamdcm.engine.result import OffsetTableKind
from streamdcm.errors import PlanError

TableKind: TypeAlias = OffsetTableKind

_MOST_BASIC: Final = 0xFFFFFFFF


class TablePlan(NamedTuple):
    """The offset table that is to be written, and what is known of it.

    Attributes
    ----------
    kind : {"basic", "extended", "empty"}
        The table.
    reason : str
        Why that one.
    alternative : {"extended", "empty"} or None
        The table to write where a basic one turns out not to fit: a field is reserved for either.
    block : int
        The private block of group 7FDF for what is left of that field (PS3.5 §7.8.1); 0 if none is reserved.
    """

    kind: TableKind
    reason: str
    alternative: TableKind | None = None
    block: int = 0


class TableChoice(NamedTuple):
    """The offset table that was written, and why."""

    kind: TableKind
    reason: str


class PixelsWritten(NamedTuple):
    """What became of frames.

    Attributes
    ----------
    length : int
        The number of bytes of the pixel data, with the elements and headers before it.
    table : TableChoice or None
        The offset table of encapsulated frames.
    frames : FrameIndex or None
        Where each frame is, counted from the first of those bytes, if that was asked for.
    padding : int
        How many of those bytes are of a private element that stands before the group of the pixel data.
    """

    length: int
    table: TableChoice | None = None
    frames: FrameIndex | None = None
    padding: int = 0


def plan_table(
    asked: str,
    dataset: Dataset,
    *,
    count: int | None,
    max_frames: int | None,
    last_offset: int | None,
    likely_most: int,
    one_fragment: bool,
    patchable: bool,
) -> TablePlan:
    """Decide which offset table is written, or refuse the one that was asked for.

    Parameters
    ----------
    asked : {"auto", "basic", "extended", "empty"}
        The option ``offset_table``.
    dataset : Dataset
        What the private block of the padding must not be in.
    count, max_frames : int or None
        The number of frames, or the most that there may be.
    last_offset : int or None
        Where the last frame begins, if the lengths of the frames are known ahead.
    likely_most : int
        The most bytes that a frame can reasonably have.
    one_fragment : bool
        Whether each frame is one fragment, as the extended table needs it.
    patchable : bool
        Whether the sink can fill values in later.

    Raises
    ------
    PlanError
        If the table that was asked for cannot be written.
    """
    if asked == "extended" and not one_fragment:
        raise PlanError("an extended offset table needs one fragment a frame (PS3.3 §C.7.6.3.1.8); leave fragments out")
    if asked == "empty":
        return TablePlan("empty", "asked for")
    if count is None:
        return _for_unknown_count(asked, dataset, max_frames, one_fragment, patchable)
    if last_offset is not None:
        return _for_known_lengths(asked, count, last_offset, one_fragment)
    if asked == "extended":
        return TablePlan("extended", "asked for")
    surely_fits = count * (likely_most + 9) <= _MOST_BASIC
    if asked == "basic" and surely_fits:
        return TablePlan("basic", "asked for")
    if asked == "auto" and not patchable:
        return TablePlan("empty", "the lengths of the frames were not known and the target cannot seek")
    if surely_fits:
        return TablePlan("basic", f"{count:,} frames whose offsets fit 32 bits")
    if asked == "auto" and one_fragment:
        return TablePlan("extended", f"{count:,} frames whose offsets may not fit 32 bits")
    reason = f"a table was reserved for {count:,} frames whose offsets may not fit 32 bits"
    return TablePlan("basic", reason, "extended" if one_fragment else "empty", _free_block(dataset))


def _for_unknown_count(
    asked: str, dataset: Dataset, max_frames: int | None, one_fragment: bool, patchable: bool
) -> TablePlan:
    if max_frames is not None and patchable:
        reason = f"a table was reserved for {max_frames:,} frames"
        preferred: TableKind = "extended" if asked == "extended" else "basic"
        return TablePlan(preferred, reason, "extended" if one_fragment else "empty", _free_block(dataset))
    if asked != "auto":
        raise PlanError(
            f"offset_table={asked!r} needs the number of frames ahead: give frames that have a len(), or "
            "number_of_frames, or max_frames with a target that can seek"
        )
    return TablePlan("empty", "the number of frames was not known and no max_frames given, or the target cannot seek")


def _for_known_lengths(asked: str, count: int, last_offset: int, one_fragment: bool) -> TablePlan:
    fits = last_offset <= _MOST_BASIC
    if asked == "basic" and not fits:
        raise PlanError("the offsets of these frames do not fit the 32 bits of a basic offset table; use 'extended'")
    if asked != "auto":
        return TablePlan("basic" if asked == "basic" else "extended", "asked for")
    if fits:
        return TablePlan("basic", f"{count:,} frames whose offsets fit 32 bits")
    if one_fragment:
        return TablePlan("extended", f"{count:,} frames whose offsets do not fit 32 bits")
    return TablePlan("empty", "the offsets do not fit 32 bits, and an extended table needs one fragment a frame")


def _free_block(dataset: Dataset) -> int:
    """Return a block of group 7FDF behind all that are in use: the padding stands right before the pixel data."""
    used = [
        tag & 0xFF if tag & 0xFFFF < 0x100 else tag >> 8 & 0xFF
        for tag in map(int, dataset.keys())
        if tag >> 16 == PADDING_GROUP
    ]
    block = max(used, default=0x0F) + 1
    if block > 0xFF:
        raise PlanError("the private blocks of group 7FDF are all in use; leave max_frames out")
    return block
