"""A file of frames, and functional groups of frames, that are stored already."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter

from pydicom.dataelem import DataElement

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.body import sorted_body
from streamdcm.encode.groups import inserted_at
from streamdcm.encode.header import sequence_header
from streamdcm.encode.layout import MAX_LENGTH, UNDEFINED_LENGTH, Encoding
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import NUMBER_OF_FRAMES, PER_FRAME_GROUPS
from streamdcm.engine.counted import content_size
from streamdcm.instructions import Copy, Encoder
from streamdcm.pixels.frame_plan import STALE, PixelPlan
from streamdcm.pixels.stored_frames import StoredFrames, stored_encapsulated, stored_native
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.execution import Plan


def assembled(
    plan: Plan,
    pixels: PixelPlan,
    count: int,
    stored: Sequence[StoredFrames],
    items: Sequence[bytes | Copy] | None,
    offset_table: str,
) -> Encoder[PixelsWritten]:
    """Encode a file whose frames are stored already.

    Parameters
    ----------
    plan : Plan
        How its dataset is written.
    pixels : PixelPlan
        How frames are written.
    count : int
        The number of frames.
    stored : sequence of StoredFrames
        The frames.
    items : sequence of bytes or Copy, or None
        The items of the functional groups of the frames, if there are some.
    offset_table : {"auto", "basic", "extended", "empty"}
        The option of that name.
    """
    encoding = plan.layout.encoding
    elements = {int(tag): element for tag, element in elements_of(plan.dataset).items() if tag not in STALE}
    elements[NUMBER_OF_FRAMES] = DataElement(NUMBER_OF_FRAMES, "IS", count)
    result: PixelsWritten | None = None

    def pixel_data() -> Encoder[int]:
        nonlocal result
        if pixels.encapsulated:
            result = yield from stored_encapsulated(pixels, plan.dataset, stored, offset_table)
        else:
            result = yield from stored_native(pixels, encoding, stored)
        return result.length

    inserted = {pixels.tag: inserted_at(pixels.tag, pixel_data)}
    if items is not None:
        inserted[PER_FRAME_GROUPS] = inserted_at(PER_FRAME_GROUPS, partial(_sequence, items, encoding))
    yield from plan.head()
    ordered = sorted(elements.items(), key=itemgetter(0))
    yield from sorted_body(ordered, Scope(plan.dataset, plan.layout), pixels.encapsulated, False, inserted)
    assert result is not None
    return result


def _sequence(items: Sequence[bytes | Copy], encoding: Encoding) -> Encoder[int]:
    """Encode the Per-Frame Functional Groups Sequence."""
    size = sum(map(content_size, items))
    is_defined = size <= MAX_LENGTH
    header = sequence_header(PER_FRAME_GROUPS, size if is_defined else UNDEFINED_LENGTH, encoding)
    yield header
    yield from items
    if not is_defined:
        yield encoding.sequence_end
        size += len(encoding.sequence_end)
    return len(header) + size
