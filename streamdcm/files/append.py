"""More frames behind those of a file: it is written anew, what it has copied as ranges."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from operator import itemgetter
from typing import Any, Final, Unpack

from pydicom.dataelem import DataElement

from streamdcm.cleanup import afterwards
from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.body import sorted_body
from streamdcm.encode.header import sequence_header
from streamdcm.encode.layout import MAX_LENGTH, UNDEFINED_LENGTH
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import NUMBER_OF_FRAMES, PER_FRAME_GROUPS
from streamdcm.engine.aside import Aside
from streamdcm.engine.counted import content_size
from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.files.access import accessed
from streamdcm.files.notices import warn_of_signature
from streamdcm.files.present_frames import PresentFrames, present_frames
from streamdcm.files.scanned import scan_file
from streamdcm.instructions import Encoder
from streamdcm.options import AppendOptions, Options, check_options
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.frame_count import FrameCount
from streamdcm.pixels.frame_groups import set_aside, taking_items
from streamdcm.pixels.frame_plan import STALE, PixelPlan
from streamdcm.pixels.group_items import GroupItems
from streamdcm.pixels.native import native_header
from streamdcm.pixels.pixel_data import pixel_data
from streamdcm.pixels.stored_frames import StoredFrames, sliced, stored_encapsulated, stored_native
from streamdcm.pixels.table_plan import PixelsWritten, TablePlan
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.frame_groups import dimensions_of
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery
from streamdcm.write.answers import close_frames
from streamdcm.write.driver import write
from streamdcm.write.functions import refuse_async_frames
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Path, is_path, resolve_target

APPENDED: Final = frozenset(AppendOptions.__annotations__)
"""The options that have a meaning where frames follow those of a file."""

_EMPTY_START: Final = 12 + 8
"""Pixel Data and an empty offset table."""


def append(path: Path, frames: Any, /, **kwargs: Unpack[AppendOptions]) -> WriteResult:
    """Write more frames behind those of a file.

    The file that is there is not written to: what it has is copied within the kernel into a new one, which takes its
    name when it is complete. Number of Frames, offset tables, lengths, and the sequence of functional groups are made
    anew. The new frames are put aside first, in a temporary file where they are many.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file.
    frames : iterable of array or bytes-like
        The new frames; pairs of a frame and a Dataset where the file has functional groups of frames.
    **kwargs
        See `AppendOptions`.

    Returns
    -------
    WriteResult
        What was written.

    Raises
    ------
    PlanError
        If frames cannot follow those that are there; the file is as it was.
    EncodeError
        If the frames of the file cannot be told apart, or a new one is wrong; the file is as it was.
    SourceError
        If the file is damaged, or changes meanwhile.

    Examples
    --------
    >>> first = streamdcm.dcmwrite("live.dcm", ds, frames=camera())
    >>> streamdcm.append("live.dcm", camera()).bytes_written > first.bytes_written
    True
    """
    with Delivery(path) as delivery, afterwards(partial(close_frames, frames)):
        options = replace(append_options(path, dict(kwargs), "append"), frames=frames)
        refuse_async_frames(options)
        resolve_target(delivery, options)
        result, written = write(Appending(path, options).encode(), delivery, options, None)
    return with_frames(result, written)


def append_options(path: Any, given: dict[str, Any], function: str) -> Options:
    """Check the options of a function that writes more frames behind those of a file."""
    if not is_path(path):
        raise PlanError(f"frames follow those of a file, and {type(path).__name__} is no path; give one")
    return check_options(given, function)


class Appending:
    """What is decided about a file that gets more frames.

    Parameters
    ----------
    path : str, bytes or PathLike
        The file.
    options : Options
        `frames` gives the new ones, or stands for those that will be given.

    Raises
    ------
    PlanError, EncodeError, SourceError
        See `append`.
    """

    takes_frames = True
    number = None

    def __init__(self, path: Any, options: Options) -> None:
        with accessed(path) as access:
            self._present = present_frames(scan_file(access, force=False, hold_limit=options.hold_limit))
        if options.offset_table == "extended" and not self._present.frames.are_whole:
            raise PlanError("an extended offset table needs one fragment a frame; leave offset_table='extended' out")
        self._options = options
        self.plan = plan_file(
            self._present.dataset, replace(options, offset_table="auto"), Capabilities(patchable=False)
        )
        assert isinstance(self.plan.pixels, PixelPlan)
        self.pixels = replace(
            self.plan.pixels,
            number=FrameCount(None, None),
            table=TablePlan("empty", "") if self.plan.pixels.encapsulated else None,
            known=None,
            is_indexed=self.plan.pixels.encapsulated,
            first=self._present.count,
        )
        warn_of_signature({tag for tag, _ in self.plan.elements})

    def set(self, name: str | int, value: Any) -> None:
        """Refuse a value that comes late: what the file says stands."""
        raise PlanError("no fields are reserved for values that come late where frames follow those of a file")

    def encode(self) -> Encoder[PixelsWritten]:
        """Ask for all frames, and encode the file with them."""
        present, plan, pixels = self._present, self.plan, self.pixels
        scope = Scope(plan.dataset, plan.layout._replace(sequence_lengths="defined"))
        frames, items = self._aside(), self._aside()
        counted = CountedFrames(pixels)
        run = pixel_data(replace(pixels, has_total=False), plan.layout.encoding, plan.late_values(), counted)
        if present.items is not None:
            encoded = GroupItems(scope, dimensions_of(plan.dataset), present.count)
            run = taking_items(run, counted, encoded, items)
        written = yield from frames.run(run)
        new = yield from self._stored(frames, counted, written)
        elements = {tag: element for tag, element in elements_of(present.dataset).items() if tag not in STALE}
        elements[NUMBER_OF_FRAMES] = DataElement(NUMBER_OF_FRAMES, "IS", present.count + counted.count)
        yield from plan.head()
        result: PixelsWritten | None = None

        def pixel_element() -> Encoder[int]:
            nonlocal result
            result = yield from self._pixel_data([present.frames, new])
            return result.length

        inserted = {pixels.tag: pixel_element()}
        if present.items is not None:
            inserted[PER_FRAME_GROUPS] = self._sequence(present, items)
        ordered = sorted(((int(tag), element) for tag, element in elements.items()), key=itemgetter(0))
        yield from sorted_body(ordered, Scope(plan.dataset, plan.layout), None, False, inserted)
        assert result is not None
        return result

    def _aside(self) -> Aside:
        return set_aside(self._options.spool, self._options.hold_limit, "what follows the frames of a file")

    def _stored(self, frames: Aside, counted: CountedFrames, written: PixelsWritten) -> Encoder[StoredFrames]:
        """Return the new frames without what stands around them."""
        if not self.pixels.encapsulated:
            assert self.pixels.format is not None
            start = len(native_header(self.pixels, self.plan.layout.encoding))
            size = (self.pixels.format.length_in_bits * counted.count + 7) // 8
            return StoredFrames(list(sliced((yield from frames.pieces()), start, start + size)), size)
        size = frames.size - _EMPTY_START - 8
        pieces = list(sliced((yield from frames.pieces()), _EMPTY_START, _EMPTY_START + size))
        lengths = [(length, 8 + length + length % 2) for _, length in written.frames or ()]
        return StoredFrames(pieces, size, lengths)

    def _pixel_data(self, stored: list[StoredFrames]) -> Encoder[PixelsWritten]:
        if self.pixels.encapsulated:
            return stored_encapsulated(self.pixels, self.plan.dataset, stored, self._options.offset_table)
        return stored_native(self.pixels, self.plan.layout.encoding, stored)

    def _sequence(self, present: PresentFrames, items: Aside) -> Encoder[int]:
        """Encode the functional groups: the items that are there, and those that came."""
        encoding = self.plan.layout.encoding
        assert present.items is not None
        size = content_size(present.items) + items.size
        is_defined = size <= MAX_LENGTH
        header = sequence_header(PER_FRAME_GROUPS, size if is_defined else UNDEFINED_LENGTH, encoding)
        yield header
        yield present.items
        yield from items.released()
        if not is_defined:
            yield encoding.sequence_end
            size += len(encoding.sequence_end)
        return len(header) + size
