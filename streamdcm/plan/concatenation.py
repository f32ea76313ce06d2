"""Concatenations: one instance divided into several (PS3.3 §7.5.1, §C.7.6.16.2.2.4). Decisions only."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import generate_uid

from streamdcm.encode._pydicom import elements_of, view_of
from streamdcm.encode.discreet import multiplicity_of, value_of
from streamdcm.encode.items import encode_item
from streamdcm.encode.layout import MAX_LENGTH, Layout
from streamdcm.encode.pieces import Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import (
    CONCATENATION_FRAME_OFFSET,
    CONCATENATION_UID,
    IN_CONCATENATION_NUMBER,
    IN_CONCATENATION_TOTAL,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    NUMBER_OF_FRAMES,
    PER_FRAME_GROUPS,
    SOP_INSTANCE_UID,
    SOURCE_UID,
)
from streamdcm.errors import InvalidValueError, LengthOverflowError, PlanError
from streamdcm.errors.telling import silenced
from streamdcm.errors.translation import element_name
from streamdcm.options import Split
from streamdcm.pixels.frame_count import FRAME_VECTORS, has_number_of_frames
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.plan.file_meta import copy_of_file_meta

_CONCATENATION: Final = frozenset(
    {CONCATENATION_UID, SOURCE_UID, IN_CONCATENATION_NUMBER, IN_CONCATENATION_TOTAL, CONCATENATION_FRAME_OFFSET}
)
_DIFFERENT: Final = _CONCATENATION | {SOP_INSTANCE_UID, PER_FRAME_GROUPS}

_MOST_INSTANCES: Final = 0xFFFF
"""In-concatenation Number has VR US."""

_NATIVE_HEADER: Final = 12
# Headers of Pixel Data and of the item with the basic offset table, and the delimiter (PS3.5 §A.4)
_ENCAPSULATED_HEADERS: Final = 12 + 8 + 8
# Bytes of an offset table by itself and for each frame
_TABLES: Final = {"empty": (0, 0), "basic": (0, 4), "extended": (24, 16)}
# An extended table, the header of a padding element, and its private creator
_TABLE_SIZE: Final = (24 + 12 + 26, 16)


@dataclass(frozen=True, slots=True)
class Part:
    """What an instance is in its concatenation.

    Parameters
    ----------
    number : int
        In-concatenation Number, from 1.
    total : int or None
        In-concatenation Total Number, if it is known.
    offset : int
        Concatenation Frame Offset Number: how many frames come before, from 0.
    count : int or None
        How many frames it has, if that is known.
    most : int or None
        How many it may have, if that is known.
    """

    number: int
    total: int | None
    offset: int
    count: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class Division:
    """Where one instance ends and the next one begins.

    Parameters
    ----------
    frames : int or None
        How many frames there are in all, if that is known.
    bound : int or None
        How many there may be.
    counts : tuple of int, optional
        How many frames each instance has, if that is known ahead.
    most : int, optional
        How many frames an instance may have, if their number is not known.
    space : int, optional
        How many bytes the frames of an instance may take, if their lengths are not known.
    """

    frames: int | None
    bound: int | None
    counts: tuple[int, ...] | None = None
    most: int | None = None
    space: int | None = None

    def part(self, number: int, offset: int) -> Part:
        """Return what is known of an instance before its first frame.

        Raises
        ------
        InvalidValueError
            If there are more instances than can be numbered.
        """
        if max(number, len(self.counts or ())) > _MOST_INSTANCES:
            raise InvalidValueError(
                f"the frames would be divided into more than {_MOST_INSTANCES:,} instances; give a larger split",
                element_name(IN_CONCATENATION_NUMBER),
            )
        if self.counts is not None:
            count = self.counts[number - 1]
            return Part(number, len(self.counts), offset, count, count)
        bounds = [self.most] if self.bound is None else [self.most, self.bound - offset]
        return Part(number, None, offset, None, min((bound for bound in bounds if bound is not None), default=None))


def source_of_concatenation(dataset: Dataset, late: Iterable[Any]) -> Dataset:
    """Return a view of a dataset that can be divided, with its functional groups parsed.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    late : iterable
        The elements whose values are set while writing.

    Raises
    ------
    PlanError
        If the standard does not let it be divided.
    """
    view = view_of(dataset)
    if any(tag in view for tag in _CONCATENATION):
        raise PlanError("the dataset is part of a concatenation already; join its instances before dividing them anew")
    groups = value_of(view, "PerFrameFunctionalGroupsSequence")
    if not has_number_of_frames(view) or (groups is None and "SharedFunctionalGroupsSequence" not in view):
        raise PlanError(
            "only instances with the Multi-frame Functional Groups module can be divided (PS3.3 §C.7.6.16): the "
            "dataset has neither SharedFunctionalGroupsSequence nor PerFrameFunctionalGroupsSequence, or a SOP Class "
            "of single-frame instances; leave split out"
        )
    if not value_of(view, "SOPInstanceUID"):
        raise PlanError(f"the dataset lacks {element_name(SOP_INSTANCE_UID)}, which its instances refer to; set it")
    vectors = [keyword for keyword in FRAME_VECTORS if multiplicity_of(view, keyword)]
    if vectors:
        raise PlanError(
            f"{', '.join(vectors)} has a value for each frame and cannot be divided; say it in the functional groups"
        )
    fixed = [element_name(tag) for tag in map(Tag, _known_names(late)) if tag in _DIFFERENT]
    if fixed:
        raise PlanError(f"{', '.join(fixed)} is set by split= and cannot come late; take it out of late")
    return view


def instance_dataset(source: Dataset, part: Part, split: Split) -> Dataset:
    """Return the dataset of an instance: all that `source` has but what must differ.

    Its UIDs are made from that of the source, its number, and how it was divided, so that the same
    input gives the same bytes.
    """
    uid = source.SOPInstanceUID
    own = generate_uid(entropy_srcs=[f"{uid} {split} {part.number}"])
    view = view_of(source)
    elements = elements_of(view)
    for tag, vr, value in (
        (SOP_INSTANCE_UID, "UI", own),
        (CONCATENATION_UID, "UI", generate_uid(entropy_srcs=[f"{uid} {split}"])),
        (SOURCE_UID, "UI", uid),
        (IN_CONCATENATION_NUMBER, "US", part.number),
        (IN_CONCATENATION_TOTAL, "US", part.total),
        (CONCATENATION_FRAME_OFFSET, "UL", part.offset),
        (NUMBER_OF_FRAMES, "IS", part.count),
    ):
        if value is not None:
            elements[BaseTag(tag)] = DataElement(tag, vr, value)
    if part.count is not None and value_of(view, "PerFrameFunctionalGroupsSequence"):
        groups = view[PER_FRAME_GROUPS]
        window = _Window(groups.value, part.offset, part.count)
        elements[BaseTag(PER_FRAME_GROUPS)] = DataElement(
            PER_FRAME_GROUPS, "SQ", window, is_undefined_length=groups.is_undefined_length, already_converted=True
        )
    meta = copy_of_file_meta(source)
    if MEDIA_STORAGE_SOP_INSTANCE_UID in meta:
        meta[MEDIA_STORAGE_SOP_INSTANCE_UID] = DataElement(MEDIA_STORAGE_SOP_INSTANCE_UID, "UI", own)
        vars(view)["file_meta"] = meta
    return view


def divide_by_frames(each: int, frames: int | None, bound: int | None) -> Division:
    """Divide into instances of `each` frames; there are `frames` in all, or at most `bound`."""
    if frames is None:
        return Division(None, bound, most=each)
    whole, rest = divmod(frames, each)
    return Division(frames, frames, counts=(each,) * whole + ((rest,) if rest else ()))


@dataclass(frozen=True, slots=True)
class Sizes:
    """What an instance takes of its file, apart from functional groups.

    Parameters
    ----------
    limit : int
        The most bytes of a file.
    header : int
        The bytes of all but pixel data and functional groups.
    pixels : PixelPlan
        How frames are written.
    offset_table : str
        The option of that name.
    item : int
        The bytes for the functional groups that come with a frame.
    """

    limit: int
    header: int
    pixels: PixelPlan
    offset_table: str
    item: int = 0

    def by_length(self, lengths: Iterable[int], items: Sequence[int]) -> Division:
        """Divide encapsulated frames of known lengths, with functional groups of known lengths."""
        start, entry = self._table()
        frames = (8 * (self.pixels.fragments.encoded_length(length) + entry + self.item) for length in lengths)
        return self._filled(self.limit - self.header - _ENCAPSULATED_HEADERS - start, frames, items)

    def by_format(self, frames: int | None, bound: int | None, items: Sequence[int]) -> Division:
        """Divide native frames, which all take the same, with functional groups of known lengths."""
        bits, space = self._native()
        if frames is not None:
            return self._filled(space, repeat(bits, frames), items)
        most = 16 * (space // 2) // bits
        if most < 1:
            raise self._too_large(1)
        return Division(None, bound, most=most)

    def by_need(self, frames: int | None, bound: int | None) -> Division:
        """Divide encapsulated frames whose lengths are known when they come."""
        space = self.limit - self.header - _ENCAPSULATED_HEADERS
        if bound is not None and self.offset_table != "empty":
            start, entry = _TABLE_SIZE
            space -= start + entry * bound
        if bound is not None:
            space -= self.item * bound
        return Division(frames, bound, space=space)

    def _native(self) -> tuple[int, int]:
        """Return the bits of a frame and the bytes that there are for frames."""
        form = self.pixels.format
        assert form is not None
        if not self.pixels.encapsulated:
            space = min(self.limit, MAX_LENGTH) - self.header - _NATIVE_HEADER
            return form.length_in_bits + 8 * self.item, space
        start, entry = _TABLE_SIZE
        bits = 8 * (self.pixels.fragments.encoded_length(form.length) + entry + self.item)
        return bits, self.limit - self.header - _ENCAPSULATED_HEADERS - start

    def _filled(self, space: int, frames: Iterable[int], items: Sequence[int]) -> Division:
        """Put as many frames into each instance as there is space for; `frames` are numbers of bits."""
        space = 16 * (space // 2)  # PS3.5 §8.1.1: the total is padded to whole words
        counts, count, used = array("L"), 0, 0
        for number, (frame, item) in enumerate(zip(frames, items or repeat(0), strict=False), start=1):
            bits = frame + 8 * item
            if bits > space:
                raise self._too_large(number)
            if used + bits > space:
                counts.append(count)
                count = used = 0
            count += 1
            used += bits
        counts.append(count)
        frames_in_all = sum(counts)
        return Division(frames_in_all, frames_in_all, counts=tuple(counts))

    def _table(self) -> tuple[int, int]:
        if self.offset_table != "auto":
            return _TABLES[self.offset_table]
        return _TABLES["basic" if self.limit <= MAX_LENGTH else "extended"]

    def _too_large(self, number: int) -> LengthOverflowError:
        return frame_too_large(self.pixels.label, number)


def frame_too_large(label: str, number: int) -> LengthOverflowError:
    """Return the error for a frame that no instance has space for."""
    return LengthOverflowError(
        "a file with this frame alone would have more bytes than split= allows; give a larger split",
        f"{label}, frame {number:,}",
    )


def group_lengths(source: Dataset, layout: Layout) -> array[int]:
    """Return the encoded length of each item of the per-frame functional groups, 8 bytes a frame."""
    scope = Scope(source, layout)
    items = value_of(source, "PerFrameFunctionalGroupsSequence", ())
    with silenced():
        return array(
            "Q", (encode_item(item, Pieces(), scope, (PER_FRAME_GROUPS, index)) for index, item in enumerate(items))
        )


class _Window:
    """Some of the items of a sequence, which are asked for when they are iterated over."""

    def __init__(self, items: Any, start: int, count: int) -> None:
        self._items = items
        self._range = range(start, start + count)

    def __len__(self) -> int:
        return len(self._range)

    def __iter__(self) -> Iterator[Dataset]:
        return map(self._items.__getitem__, self._range)


def _known_names(late: Mapping[Any, Any] | Iterable[Any]) -> Iterator[Any]:
    """Give the names that stand for an element; the others are refused where fields are reserved for them."""
    for name in late:
        try:
            Tag(name)
        except ValueError:
            continue
        yield name
