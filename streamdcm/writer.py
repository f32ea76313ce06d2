"""Frames that are pushed: a write that waits for its caller between one frame and the next."""

from __future__ import annotations

import warnings
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, Unpack

from pydicom.dataset import Dataset

from streamdcm.driver import Writing
from streamdcm.errors import PlanError
from streamdcm.frames import flat_view
from streamdcm.instructions import END, Chunk
from streamdcm.options import TargetOptions, check_options
from streamdcm.plan import encode_file, late_values, plan_file
from streamdcm.progress import Progress
from streamdcm.result import WriteResult
from streamdcm.sources import PushedSource
from streamdcm.sync import Target, resolve_target, with_table
from streamdcm.video import VideoPlan


class FrameWriter:
    """Writes frames as they are given; made by `open_writer`, for use in a ``with`` block.

    Leaving the block completes the file. Leaving it by an exception, or an error while writing, leaves
    what was there before.
    """

    def __init__(self, target: Target, dataset: Dataset, options: TargetOptions) -> None:
        checked = check_options(dict(options), "open_writer")
        if checked.frames is not None:
            raise PlanError("open_writer() gets its frames by write_frame(); leave frames out, or use dcmwrite()")
        checked = replace(checked, frames=PushedSource())
        self._output = resolve_target(target, checked)
        self._plan = plan_file(dataset, checked, patchable=self._output.can_patch)
        self._late = late_values(self._plan)
        self._progress = Progress(checked.progress)
        encoder = encode_file(self._plan, checked, patchable=self._output.can_patch, late=self._late)
        self._writing = Writing(encoder, self._output, checked, self._progress)
        self._is_open = False
        self.result: WriteResult | None = None
        """What was written, when all was."""

    def __enter__(self) -> Self:
        self._is_open = True
        try:
            self._output.open()
            self._writing.advance()
        except BaseException:
            self.abort()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if self.__dict__.get("_is_open"):
            warnings.warn("a FrameWriter was dropped while it was open; its file is given up", ResourceWarning, 2)
            self.abort()

    def write_frame(self, frame: Any) -> None:
        """Write the next frame; its memory may be used again when this returns.

        Parameters
        ----------
        frame : array or bytes-like
            Native pixels as the dataset describes them, or a compressed frame.

        Raises
        ------
        EncodeError
            If the frame is not what the dataset says, or one too many.
        ValueError
            If the writer is not open.
        """
        self._require_open()
        if isinstance(self._plan.pixels, VideoPlan):
            raise PlanError("a video transfer syntax holds one bit stream, not frames; give its pieces to write()")
        self._progress.count_frames()
        self._push(frame)

    def write(self, data: Chunk) -> None:
        """Write the next piece of the bit stream of a video; its memory may be used again when this returns.

        Parameters
        ----------
        data : bytes-like
            Any number of bytes.

        Raises
        ------
        EncodeError
            If the stream becomes longer than its fragment holds.
        ValueError
            If the writer is not open, or the transfer syntax is not one of a video.
        """
        self._require_open()
        if not isinstance(self._plan.pixels, VideoPlan):
            raise PlanError("this transfer syntax holds frames; give them to write_frame() one by one")
        self._push(flat_view(data))

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of an element that room was made for with ``late=``.

        Parameters
        ----------
        name : str or int
            The keyword or tag of the element.
        value : object
            What pydicom takes as its value; a later one takes the place of an earlier one.

        Raises
        ------
        PlanError
            If no room was made for the element.
        EncodeError
            If the value does not fit it.
        """
        self._require_open()
        self._late.set(name, value)

    def close(self) -> WriteResult:
        """Complete the file; closing it again does nothing."""
        if self.result is not None:
            return self.result
        self._require_open()
        try:
            self._writing.advance(END)
            self._progress.tell()
            self._output.commit()
        except BaseException:
            self.abort()
            raise
        self._is_open = False
        written = WriteResult(self._progress.bytes_written, self._writing.patches, self._output.location)
        self.result = with_table(written, self._writing.returned)
        return self.result

    def abort(self) -> None:
        """Give up: leave what was there before. Does nothing after `close`."""
        if self._is_open:
            self._is_open = False
            try:
                self._writing.close()
            finally:
                self._output.abort()

    def _push(self, piece: Any) -> None:
        try:
            self._writing.advance(piece)
        except BaseException:
            self.abort()
            raise

    def _require_open(self) -> None:
        if not self._is_open:
            raise ValueError("the writer is not open: use it in a 'with' block, and not after an error")


def open_writer(target: Target, dataset: Dataset, /, **kwargs: Unpack[TargetOptions]) -> FrameWriter:
    """Open a writer that frames are given to one by one.

    Parameters
    ----------
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write.
    dataset : Dataset
        All but the pixel data; only read.
    **kwargs
        See `TargetOptions`.

    Returns
    -------
    FrameWriter
        For use in a ``with`` block.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree; nothing was written.
    """
    return FrameWriter(target, dataset, kwargs)
