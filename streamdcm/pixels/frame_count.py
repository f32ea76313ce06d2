"""How many frames there are, who says so, and whether all that say so agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import multiplicity_of, value_of
from streamdcm.encode.tags import NUMBER_OF_FRAMES, PER_FRAME_GROUPS
from streamdcm.errors import InvalidValueError, PlanError
from streamdcm.errors.telling import warn
from streamdcm.errors.translation import element_name
from streamdcm.options.checks import whole_number
from streamdcm.pixels.given_frames import number_given
from streamdcm.sources import is_pushed

# PS3.3 §C.7.6.5, §C.8.4.9, §C.8.6.4
FRAME_VECTORS: Final = (
    *("FrameTimeVector", "FrameLabelVector", "FramePrimaryAngleVector", "FrameSecondaryAngleVector"),
    *("SliceLocationVector", "DisplayWindowLabelVector"),
    *("EnergyWindowVector", "DetectorVector", "PhaseVector", "RotationVector", "RRIntervalVector", "TimeSlotVector"),
    *("SliceVector", "AngularViewVector", "TimeSliceVector"),
)
"""Elements with a value for each frame."""

# PS3.3: storage SOP Classes whose IOD has no Multi-frame module, so that they have no NumberOfFrames
_SINGLE_FRAME: Final = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{suffix}"
    for suffix in (
        *("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "2", "4", "6.1", "7", "128"),
        *("77.1.1", "77.1.2", "77.1.3", "77.1.4", "77.1.5.3", "9.1.1"),
    )
)


_SINGLE: Final = "the SOP Class is one of single-frame instances"
_REMEDY: Final = "number_of_frames='count' counts the frames"


@dataclass(frozen=True, slots=True)
class FrameCount:
    """How many frames there are.

    Parameters
    ----------
    count : int or None
        Their number, if it is known.
    most : int or None
        How many there may be, if that is known.
    by : str
        Who says so, for errors: a clause such as ``number_of_frames= says 5``. Empty if nobody does.
    stale : int or None
        What Number of Frames in the dataset says, where nobody is held to it.
    """

    count: int | None
    most: int | None
    by: str = ""
    stale: int | None = None


def frame_count(
    frames: Any, dataset: Dataset, stated: int | Literal["count"] | None, max_frames: int | None
) -> FrameCount:
    """Find out how many frames there are.

    The frames themselves tell it, `number_of_frames`, or what has one item or value for each frame: those must agree.
    Else Number of Frames in the dataset does, unless frames are pushed, or are to be counted: with ``"count"``, or
    `max_frames`.

    Parameters
    ----------
    frames : object
        What gives the frames.
    dataset : Dataset
        A view of the dataset, in which elements may be parsed.
    stated : int, "count" or None
        The option `number_of_frames`.
    max_frames : int or None
        The option `max_frames`.

    Raises
    ------
    PlanError
        If two numbers differ; if there are no frames, or too many for the SOP Class; if the Per-Frame Functional Groups
        Sequence is empty.
    """
    counts = dict(_who_counts(frames, dataset, stated))
    if len(set(counts.values())) > 1:
        raise PlanError(f"the numbers of frames differ: {', '.join(counts)}; make them agree")
    by, count = next(iter(counts.items()), ("", None))
    in_dataset = _number_in(dataset)
    if count is None and in_dataset is not None and stated is None and max_frames is None and not is_pushed(frames):
        by, count = f"{element_name(NUMBER_OF_FRAMES)} in the dataset says {in_dataset:,} ({_REMEDY})", in_dataset
    if count is not None and count < 1:
        raise PlanError("there are no frames to write; give at least one")
    if not has_number_of_frames(dataset):
        if count is not None and count > 1:
            raise PlanError(f"{by}, and {_SINGLE}; use a multi-frame SOP Class")
        return FrameCount(1, 1, _SINGLE)
    if count is None:
        by = "" if max_frames is None else f"max_frames= allows {max_frames:,}"
        return FrameCount(None, max_frames, by, None if stated == "count" else in_dataset)
    return FrameCount(count, count, by, in_dataset)


def warn_if_stale(number: FrameCount, count: int | None) -> None:
    """Warn of a dataset whose Number of Frames is not that of its frames, which is written in its place."""
    if count is not None and number.stale is not None and number.stale != count:
        warn(
            f"{element_name(NUMBER_OF_FRAMES)} in the dataset says {number.stale:,}, and {count:,} is written: that "
            "is how many frames there are"
        )


def has_number_of_frames(dataset: Dataset) -> bool:
    """Whether the IOD of the dataset has a Number of Frames, as far as the SOP Class tells."""
    return "NumberOfFrames" in dataset or value_of(dataset, "SOPClassUID", "") not in _SINGLE_FRAME


def one_too_many(number: FrameCount) -> InvalidValueError:
    """Return the error for a frame that nobody announced."""
    return InvalidValueError(f"is one too many: {number.by}")


def too_few(number: FrameCount, count: int) -> str:
    """Say that the frames ended early, and who announced more."""
    expected = number.by if number.count is not None else "there must be at least one"
    return f"the frames ended after {count:,}: {expected}"


def _who_counts(frames: Any, dataset: Dataset, stated: int | Literal["count"] | None) -> list[tuple[str, int]]:
    """Give the numbers that have to agree, each with the clause that says whose it is."""
    counts = []
    given = number_given(frames)
    if given is not None:
        counts.append((f"frames= gives {given:,}", given))
    if isinstance(stated, int):
        counts.append((f"number_of_frames= says {stated:,}", stated))
    groups = value_of(dataset, "PerFrameFunctionalGroupsSequence")
    if groups is not None and not len(groups):
        raise PlanError(
            f"{element_name(PER_FRAME_GROUPS)} has no items, and there is one for each frame (PS3.3 §C.7.6.16): it is "
            "written before the frames, so add its items before the write begins, or delete it"
        )
    if groups:
        counts.append((f"PerFrameFunctionalGroupsSequence has {len(groups):,} item(s)", len(groups)))
    for keyword in FRAME_VECTORS:
        if values := multiplicity_of(dataset, keyword):
            counts.append((f"{keyword} has {values:,} value(s)", values))
    return counts


def _number_in(dataset: Dataset) -> int | None:
    """Return Number of Frames as the dataset has it; `None` where it makes no sense."""
    try:
        number = whole_number(value_of(dataset, "NumberOfFrames"))
    except Exception:
        return None  # no number at all: it is written anew
    return number if number is not None and number > 0 else None
