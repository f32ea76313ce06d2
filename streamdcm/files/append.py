"""More frames behind those of a file: it is written anew, what it has copied as ranges."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from functools import partial
from typing import Any, Final, Unpack

from streamdcm.cleanup import afterwards
from streamdcm.encode.scope import Scope
from streamdcm.engine.aside import Aside
from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.files.access import accessed
from streamdcm.files.assembled import assembled
from streamdcm.files.notices import warn_of_signature
from streamdcm.files.present_frames import PresentFrames, present_frames
from streamdcm.files.scanned import scan_file
from streamdcm.instructions import Encoder
from streamdcm.options import AppendOptions, Options, check_options
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.frame_count import FrameCount
from streamdcm.pixels.frame_groups import set_aside, taking_items
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.group_items import GroupItems
from streamdcm.pixels.native import native_header
from streamdcm.pixels.pixel_data import pixel_data
from streamdcm.pixels.stored_frames import StoredFrames, sliced
from streamdcm.pixels.table_plan import PixelsWritten, TablePlan
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.frame_groups import dimensions_of
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery
from streamdcm.write.answers import close_frames
from streamdcm.write.array_frames import with_coded_frames
from streamdcm.write.driver import write
from streamdcm.write.encoders import refuse_async_frames
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Path, refuse_remote_frames, resolve_target

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
        The new frames; pairs of a frame and a Dataset where the file has functional groups of frames. Arrays are
        encoded where the file is compressed.
    **kwargs
        Those of `AppendOptions`, each with its default:

        - `durable` (False): for paths: whether to wait until file and name are on the disk.
        - `checksum` (None): ``"sha256"`` gives the digest of what was written, in the result.
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `check_frames` (True): whether a compressed frame that does not begin as it has to is refused (PS3.5 §A.4).
        - `codec_workers` (None): how many frames are coded at a time; by default one for each core, at most 8.
        - `codec_options` (nothing): what is said to the codec, such as ``{"near": 3}``.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.

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
        options = append_options(path, frames, dict(kwargs), "append")
        refuse_async_frames(options)
        resolve_target(delivery, options)
        appending = with_frames_given(frames_in(path, options), options)
        result, written = write(appending.encode(), delivery, options, None)
    return with_frames(result, written)


def append_options(path: Any, frames: Any, given: dict[str, Any], function: str) -> Options:
    """Check the options of a function that writes more frames behind those of a file."""
    refuse_remote_frames(path)
    return replace(check_options(given, function), frames=frames, append=True)


def frames_in(path: Any, options: Options) -> PresentFrames:
    """Find what a file has that gets more frames.

    Raises
    ------
    PlanError, EncodeError, SourceError
        See `append`.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise PlanError("frames follow those of a regular file, and the path leads to something else")
    with accessed(path) as access:
        return present_frames(scan_file(access, force=False, hold_limit=options.hold_limit))


def with_frames_given(present: PresentFrames, options: Options) -> Appending:
    """Decide how frames that can be asked for follow those of a file."""
    _, options = with_coded_frames(present.dataset, options)
    return Appending(present, options)


class Appending:
    """What is decided about a file that gets more frames.

    Parameters
    ----------
    present : PresentFrames
        What it has.
    options : Options
        `frames` gives the new ones, or stands for those that will be given.

    Raises
    ------
    PlanError
        See `append`.
    """

    takes_frames = True
    number = None

    def __init__(self, present: PresentFrames, options: Options) -> None:
        self._present = present
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
        groups = None
        if present.items is not None:
            groups = [present.items, *(yield from items.pieces())]
        count = present.count + counted.count
        return (yield from assembled(plan, pixels, count, [present.frames, new], groups, self._options.offset_table))

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
