"""Every decision on frames that is made before the first byte."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.context import MAX_LENGTH, Encoding
from streamdcm.errors import LengthOverflowError, PlanError, element_name
from streamdcm.frames import FrameFormat, flat_view, frame_format
from streamdcm.sources import FrameSource

TableKind: TypeAlias = Literal["basic", "extended", "empty", "room"]

PIXEL_DATA: Final = 0x7FE00010
FLOAT_PIXEL_DATA: Final = 0x7FE00008
DOUBLE_FLOAT_PIXEL_DATA: Final = 0x7FE00009
STALE: Final = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003, FLOAT_PIXEL_DATA, DOUBLE_FLOAT_PIXEL_DATA, PIXEL_DATA})
"""What frames take the place of."""

ENCAPSULATED_UNCOMPRESSED: Final = "1.2.840.10008.1.2.1.98"
# PS3.5 §8.2.2, §8.2.16, §A.4.12: these have exactly one fragment for each frame
_ONE_FRAGMENT: Final = frozenset({"1.2.840.10008.1.2.5", ENCAPSULATED_UNCOMPRESSED, "1.2.840.10008.1.2.8.1"})

# PS3.5 §8.2.5 to §8.2.11: MPEG2, MPEG-4 and HEVC, whole or fragmentable
_VIDEO: Final = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?$")

# PS3.3: storage SOP Classes whose IOD has no Multi-frame module, so that they have no NumberOfFrames
_SINGLE_FRAME: Final = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{suffix}"
    for suffix in (
        *("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "4", "6.1", "7", "128"),
        *("77.1.1", "77.1.2", "77.1.3", "77.1.4", "77.1.5.3", "9.1.1"),
    )
)


@dataclass(frozen=True, slots=True)
class PixelPlan:
    """How frames are to be written.

    Parameters
    ----------
    source : FrameSource
        Where they come from.
    tag : int
        Pixel Data, Float Pixel Data or Double Float Pixel Data.
    vr : str
        The VR of that element.
    encapsulated : bool
        Whether each frame becomes items of its own.
    count : int or None
        The number of frames, if it is known.
    most : int or None
        The most frames that there may be.
    format : FrameFormat or None
        The format of native frames; `None` for compressed ones.
    table : {"basic", "extended", "empty", "room"} or None
        The offset table; "room" is decided when all frames are there; `None` for native frames.
    only_table : {"basic", "extended"} or None
        The table that was asked for, where room is made for either.
    reason : str
        Why that table was chosen.
    lengths : list of int or None
        The lengths of compressed frames, if they are known ahead.
    block : int
        The private block of group 7FDF for what is left of the room.
    fragments_per_frame : int
        The number of fragments that a frame is divided into.
    fragment_size : int or None
        The most bytes in a fragment.
    """

    source: FrameSource
    tag: int
    vr: str
    encapsulated: bool
    count: int | None
    most: int | None
    format: FrameFormat | None
    table: TableKind | None
    only_table: Literal["basic", "extended"] | None
    reason: str
    lengths: list[int] | None
    block: int
    fragments_per_frame: int
    fragment_size: int | None


def plan_pixels(
    frames: Iterable[Any],
    dataset: Dataset,
    encoding: Encoding,
    options: Any,
    *,
    encapsulated: bool,
    syntax: str,
    patchable: bool,
) -> PixelPlan:
    """Decide how frames are written, or refuse them.

    Parameters
    ----------
    frames : iterable of array or bytes-like
        The frames.
    dataset : Dataset
        A view of the dataset, in which elements may be parsed.
    encoding : Encoding
        VR and byte order.
    options : Options
        `offset_table`, `number_of_frames`, `max_frames`, `fragments_per_frame`, `fragment_size`.
    encapsulated : bool
        Whether the transfer syntax is one of compressed frames.
    syntax : str
        The Transfer Syntax UID.
    patchable : bool
        Whether the sink can fill values in later.

    Raises
    ------
    PlanError
        If the frames cannot be written as asked.
    LengthOverflowError
        If native frames would take more than a length field holds.
    """
    if isinstance(frames, (str, bytes, bytearray, memoryview)) or not isinstance(frames, Iterable):
        raise PlanError(f"frames must be an iterable of arrays or bytes-like objects, not {type(frames).__name__}")
    if _VIDEO.match(syntax):
        raise PlanError("a video transfer syntax holds one bit stream, not frames; frames cannot be written with it")
    count = _count(frames, dataset, options.number_of_frames)
    tag, vr = _element(dataset, encoding, encapsulated)
    native = not encapsulated or syntax == ENCAPSULATED_UNCOMPRESSED
    if not encapsulated and options.offset_table in ("basic", "extended"):
        raise PlanError(f"native frames have no offset table; leave offset_table={options.offset_table!r} out")
    form = frame_format(dataset, vr if not encapsulated else "OB", encoding.little_endian) if native else None
    lengths = _known_lengths(frames) if encapsulated else None
    table, reason = _table(options, count, lengths, _likely_most(dataset), patchable) if encapsulated else (None, "")
    _check_fragments(options, table, syntax)
    if form is not None and not encapsulated and count is not None:
        _check_native_length(form, count, tag)
    return PixelPlan(
        source=FrameSource(frames, element_name(tag)),
        tag=tag,
        vr=vr,
        encapsulated=encapsulated,
        count=count,
        most=_most(count, dataset, options.max_frames),
        format=form,
        table=table,
        only_table=options.offset_table if table == "room" and options.offset_table != "auto" else None,
        reason=reason,
        lengths=lengths,
        block=_free_block(dataset),
        fragments_per_frame=options.fragments_per_frame,
        fragment_size=options.fragment_size,
    )


def has_number_of_frames(dataset: Dataset) -> bool:
    """Whether the IOD of the dataset has a Number of Frames, as far as the SOP Class tells."""
    return "NumberOfFrames" in dataset or dataset.get("SOPClassUID", "") not in _SINGLE_FRAME


def check_native_total(length: int, tag: int) -> None:
    """Refuse native pixel data that do not fit a 32-bit length field.

    Raises
    ------
    LengthOverflowError
        Names the ways out.
    """
    if length + length % 2 > MAX_LENGTH:
        raise LengthOverflowError(
            f"{length:,} bytes of native frames do not fit a 32-bit length field; use a compressed transfer syntax or "
            f"Encapsulated Uncompressed Explicit VR Little Endian ({ENCAPSULATED_UNCOMPRESSED}), or write several "
            "instances",
            element_name(tag),
        )


def _count(frames: Any, dataset: Dataset, stated: int | None) -> int | None:
    """Find out how many frames there are, and whether all that say so agree."""
    counts: dict[str, int] = {}
    if hasattr(frames, "__len__"):
        counts["the frames themselves"] = len(frames)
    if stated is not None:
        counts["number_of_frames"] = stated
    groups = dataset.get("PerFrameFunctionalGroupsSequence", None)
    if groups:
        counts["PerFrameFunctionalGroupsSequence"] = len(groups)
    for keyword in ("FrameTimeVector", "RRIntervalVector", "TimeSlotVector", "SliceVector"):
        if keyword in dataset and dataset[keyword].VM:
            counts[keyword] = dataset[keyword].VM
    if len(set(counts.values())) > 1:
        stated_counts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        raise PlanError(f"the numbers of frames differ: {stated_counts}; make them agree")
    count = next(iter(counts.values()), None)
    if count is not None and count < 1:
        raise PlanError("there are no frames to write; give at least one")
    if count is not None and count > 1 and not has_number_of_frames(dataset):
        raise PlanError(f"{count:,} frames for a SOP Class of single-frame instances; use a multi-frame SOP Class")
    return count


def _most(count: int | None, dataset: Dataset, max_frames: int | None) -> int | None:
    if count is not None:
        return count
    return max_frames if has_number_of_frames(dataset) else 1


def _element(dataset: Dataset, encoding: Encoding, encapsulated: bool) -> tuple[int, str]:
    if encapsulated:
        return PIXEL_DATA, "OB"  # PS3.5 §A.4
    if "FloatPixelData" in dataset:
        return FLOAT_PIXEL_DATA, "OF"
    if "DoubleFloatPixelData" in dataset:
        return DOUBLE_FLOAT_PIXEL_DATA, "OD"
    # PS3.5 §A.1 and §A.2
    return PIXEL_DATA, "OW" if encoding.implicit_vr or dataset.get("BitsAllocated", 16) > 8 else "OB"


def _known_lengths(frames: Any) -> list[int] | None:
    """Return the lengths of compressed frames that are there already."""
    if not isinstance(frames, (list, tuple)):
        return None
    return [flat_view(frame).nbytes for frame in frames]


def _table(
    options: Any, count: int | None, lengths: list[int] | None, likely_most: int, patchable: bool
) -> tuple[TableKind, str]:
    asked = options.offset_table
    if asked == "extended" and (options.fragments_per_frame > 1 or options.fragment_size is not None):
        raise PlanError("an extended offset table needs one fragment a frame (PS3.3 §C.7.6.3.1.8); leave fragments out")
    if asked in ("basic", "extended") and count is None and not (options.max_frames and patchable):
        raise PlanError(
            f"offset_table={asked!r} needs the number of frames ahead: give frames that have a len(), or "
            "number_of_frames, or max_frames with a target that can seek"
        )
    if count is None and asked != "empty":
        if options.max_frames and patchable:
            return "room", f"room for {options.max_frames:,} frames, decided when all were there"
        return "empty", "the number of frames was not known and no max_frames given, or the target cannot seek"
    if asked == "basic" and lengths is not None and sum(lengths[:-1]) > 0xFFFFFFFF:
        raise PlanError("the offsets of these frames do not fit the 32 bits of a basic offset table; use 'extended'")
    if asked != "auto":
        return asked, "asked for"
    assert count is not None
    if lengths is None and not patchable:
        return "empty", "the lengths of the frames were not known and the target cannot seek"
    upper = count * (likely_most + 9) if lengths is None else sum(lengths) + 9 * count
    if upper <= 0xFFFFFFFF or options.fragments_per_frame > 1 or options.fragment_size is not None:
        return "basic", f"{count:,} frames whose offsets fit 32 bits"
    return "extended", f"{count:,} frames whose offsets may not fit 32 bits"


def _free_block(dataset: Dataset) -> int:
    """Return a block of group 7FDF behind all that are in use (PS3.5 §7.8.1)."""
    used = [
        tag & 0xFF if tag & 0xFFFF < 0x100 else tag >> 8 & 0xFF
        for tag in map(int, dataset.keys())
        if tag >> 16 == 0x7FDF
    ]
    return max(used, default=0x0F) + 1


def _likely_most(dataset: Dataset) -> int:
    """Return the most bytes that a compressed frame will have: twice what it has uncompressed."""
    try:
        return 2 * frame_format(dataset, "OW", little_endian=True).length
    except PlanError:
        return MAX_LENGTH


def _check_fragments(options: Any, table: TableKind | None, syntax: str) -> None:
    if options.fragments_per_frame == 1 and options.fragment_size is None:
        return
    if table is None:
        raise PlanError("native frames have no fragments; leave fragments_per_frame and fragment_size out")
    if options.fragments_per_frame > 1 and options.fragment_size is not None:
        raise PlanError("fragments_per_frame and fragment_size exclude each other; leave one of them out")
    if syntax in _ONE_FRAGMENT:
        raise PlanError("this transfer syntax has exactly one fragment a frame (PS3.5 §A.4); leave fragments out")


def _check_native_length(form: FrameFormat, count: int, tag: int) -> None:
    check_native_total((form.length_in_bits * count + 7) // 8, tag)
