"""What becomes of functional groups that come with their frames, decided before the first byte."""

from __future__ import annotations

from collections.abc import Set

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import value_of
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PER_FRAME_GROUPS
from streamdcm.options import Options
from streamdcm.pixels.frame_count import has_number_of_frames
from streamdcm.pixels.frame_groups import GroupsPlan
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.given_frames import may_come_with_groups
from streamdcm.pixels.native import native_size
from streamdcm.sources import FrameSource


def plan_groups(
    pixels: PixelPlan, options: Options, scope: Scope, tags: Set[int], *, patchable: bool, can_grow: bool
) -> GroupsPlan | None:
    """Decide what becomes of functional groups, should they come with the frames; `None` if they cannot.

    Parameters
    ----------
    pixels : PixelPlan
        How frames are written.
    options : Options
        `frame_groups`, `spool` and `hold_limit` count.
    scope : Scope
        The dataset, and how it is laid out.
    tags : set of int
        The tags of all elements, those included that come late.
    patchable : bool
        Whether the sink can fill values in later.
    can_grow : bool
        Whether it can move what was written.
    """
    is_one = not has_number_of_frames(scope.view())
    given = pixels.source.frames if isinstance(pixels.source, FrameSource) else None
    if PER_FRAME_GROUPS in tags or is_one or not may_come_with_groups(given):
        return None
    group = _free_group(tags | {pixels.tag})
    # the length of the group stands before the sequence, and is known only with all items: they wait for the last one
    has_field = patchable and group is not None and scope.layout.group_lengths == "omit"
    are_announced = given.__class__ in (list, tuple) or options.frame_groups is not None
    if scope.layout.group_lengths == "write" and not (are_announced or _has_others(tags)):
        return None  # a group that begins with its length is not to be empty
    if not patchable and not are_announced and native_size(pixels, scope.layout.encoding) is not None:
        return None  # whoever gets the bytes may be told their number before the first frame comes
    laid_out = Scope(scope.dataset, scope.layout._replace(sequence_lengths="defined"))
    return GroupsPlan(
        laid_out,
        pixels.number.most if has_field else None,
        options.frame_groups,
        group or 0,
        dimensions_of(scope.dataset),
        options.spool,
        options.hold_limit,
        are_announced,
        can_grow and options.overflow == "rewrite",
    )


def dimensions_of(dataset: Dataset) -> int:
    """Return the number of dimensions that a dataset has, and each of its frames (PS3.3 §C.7.6.17)."""
    return len(value_of(dataset, "DimensionIndexSequence") or ())


def _has_others(tags: Set[int]) -> bool:
    """Whether other elements are in the group of the sequence, as Shared Functional Groups Sequence is."""
    return any(tag >> 16 == PER_FRAME_GROUPS >> 16 for tag in tags)


def _free_group(tags: Set[int]) -> int | None:
    """Return the first odd group behind that of functional groups, if the next element is behind it."""
    group = (PER_FRAME_GROUPS >> 16) + 1
    return group if min(tag for tag in tags if tag > PER_FRAME_GROUPS) >> 16 > group else None
