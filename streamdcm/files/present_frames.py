"""The frames of a file and what is said of each, as ranges of it: for a file that has them and more."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import Element, elements_of
from streamdcm.encode.discreet import multiplicity_of, value_of
from streamdcm.encode.padding import PADDING_CREATOR, PADDING_GROUPS
from streamdcm.encode.tags import CONCATENATION_UID, NUMBER_OF_FRAMES, PER_FRAME_GROUPS, PIXEL_TAGS
from streamdcm.errors import PlanError, SourceError
from streamdcm.errors.translation import element_name
from streamdcm.files.access import performed
from streamdcm.files.dataset import dataset_of
from streamdcm.files.deferred import DeferredElement
from streamdcm.files.scan_walk import Walked, walk
from streamdcm.files.scan_words import Large, Where
from streamdcm.files.scanned import Scanned
from streamdcm.instructions import Copy
from streamdcm.pixels.frame_count import FRAME_VECTORS, has_number_of_frames
from streamdcm.pixels.frame_format import frame_format
from streamdcm.pixels.stored_frames import StoredFrames
from streamdcm.plan.nested_pixels import is_encapsulated
from streamdcm.write.stored_frames import EncapsulatedFrames, NativeFrames
from streamdcm.write.transcode import extended_table, frame_count_of

_GROUPS: Final = element_name(PER_FRAME_GROUPS)


@dataclass(frozen=True, slots=True)
class PresentFrames:
    """What a file has.

    Parameters
    ----------
    dataset : Dataset
        All of it but frames and functional groups of frames; large values stay in the file.
    count : int
        The number of frames.
    frames : StoredFrames
        The frames.
    items : bytes, Copy or None
        The items of the functional groups, if there are some.
    """

    dataset: Dataset
    count: int
    frames: StoredFrames
    items: bytes | Copy | None


def present_frames(scanned: Scanned) -> PresentFrames:
    """Find what a file has, without reading a frame or parsing an item.

    Raises
    ------
    PlanError
        If frames cannot follow those that are there.
    SourceError, EncodeError
        If it is damaged, or does not tell where frames begin.
    """
    if scanned.head.deflated:
        raise PlanError(f"{scanned.name} is deflated as a whole; write it in another transfer syntax first")
    groups, scanned = _without_groups(scanned)
    dataset = dataset_of(scanned)
    elements = elements_of(dataset)
    tag = next((tag for tag in PIXEL_TAGS if isinstance(elements.get(tag), DeferredElement)), None)
    if tag is None:
        raise PlanError(f"{scanned.name} has no pixel data that frames can follow")
    if not has_number_of_frames(dataset):
        raise PlanError("the SOP Class is one of single-frame instances; use a multi-frame SOP Class")
    if CONCATENATION_UID in dataset:
        raise PlanError("it is part of a concatenation, whose other instances say how many frames there are")
    vectors = [keyword for keyword in FRAME_VECTORS if multiplicity_of(dataset, keyword)]
    if vectors:
        raise PlanError(f"{', '.join(vectors)} has a value for each frame, and none for those that follow")
    element = elements[tag]
    assert isinstance(element, DeferredElement)
    copy: Copy = element.to_write().value
    count = frame_count_of(dataset)
    if groups.number is not None and groups.number != count:
        raise PlanError(
            f"{_GROUPS} has {groups.number:,} item(s), and NumberOfFrames says {count:,}: nothing tells which frames "
            "they are of; correct the file"
        )
    if is_encapsulated(element):
        syntax = str(value_of(dataset.file_meta, "TransferSyntaxUID", ""))
        encapsulated = EncapsulatedFrames(copy, syntax, count, extended_table(dataset))
        each = encapsulated.items
        frames = StoredFrames([each], each.length, encapsulated.lengths(), encapsulated.are_whole)
    else:
        form = frame_format(dataset, element.VR, little_endian=True)
        NativeFrames(copy, form, count)
        if form.length_in_bits * count % 8:
            raise PlanError("its last frame of one bit a pixel ends within a byte, behind which no other can be copied")
        size = form.length_in_bits * count // 8
        frames = StoredFrames([Copy(copy.source, copy.offset, size)], size)
    elements.pop(NUMBER_OF_FRAMES, None)
    drop_padding(elements)
    return PresentFrames(dataset, count, frames, groups.items)


class _Groups(NamedTuple):
    """The items of the functional groups of frames.

    Attributes
    ----------
    items : bytes, Copy or None
        They, without a delimiter behind them; `None` if there are none.
    number : int or None
        How many there are; `None` if there is no such sequence.
    """

    items: bytes | Copy | None = None
    number: int | None = None


def _without_groups(scanned: Scanned) -> tuple[_Groups, Scanned]:
    """Return the items of the functional groups, and what was scanned without them."""
    for part in scanned.parts:
        if isinstance(part, Large):
            if part.tag == PER_FRAME_GROUPS:
                if part.length is None:
                    raise SourceError("has no end", _GROUPS)
                walked = _walked(scanned, part.vr, part.value_at, part.length)
                items = scanned.access.range_of(part.value_at, walked.value_end - part.value_at, _GROUPS)
                others = [other for other in scanned.parts if other is not part]
                return _Groups(items, walked.items), scanned._replace(parts=others)
            continue
        for index, row in enumerate(part.rows):
            if row[0] == PER_FRAME_GROUPS:
                walked = _walked(scanned, row[1], part.base + row[3], row[4] - row[3])
                data = bytes(part.data[row[3] : walked.value_end - part.base])
                del part.rows[index]
                part.odd[:] = [other - (other > index) for other in part.odd if other != index]
                return _Groups(data or None, walked.items), scanned
    return _Groups(), scanned


def _walked(scanned: Scanned, vr: bytes | None, at: int, length: int) -> Walked:
    """Count the items that a value of some length has, up to a delimiter that writers leave in it."""
    if vr == b"UN" and not scanned.encoding.implicit_vr:
        raise PlanError(
            f"{_GROUPS} is a UN, whose items are in Implicit VR (PS3.5 §6.2.2); read the file by pydicom and write it "
            "anew, then others can follow"
        )
    end = at + length
    where = Where(scanned.name, end)
    return performed(
        walk(where, PER_FRAME_GROUPS, scanned.encoding, at, b"", at, holds_fragments=False, end=end), scanned.access
    )


def drop_padding(elements: MutableMapping[Any, Element]) -> None:
    """Leave out the private blocks that took up what was left of fields."""
    blocks = {
        (tag >> 16, tag & 0xFF)
        for tag, element in elements.items()
        if tag >> 16 in PADDING_GROUPS and 0x10 <= tag & 0xFFFF <= 0xFF and _is_padding(element)
    }
    for tag in list(elements):
        group, number = tag >> 16, tag & 0xFFFF
        if (group, number) in blocks or (group, number >> 8) in blocks:
            del elements[tag]


def _is_padding(element: Element) -> bool:
    value = element.value
    return (value.decode("latin-1") if isinstance(value, bytes) else str(value)).strip() == PADDING_CREATOR
