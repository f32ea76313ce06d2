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
from streamdcm.instructions import END, Chunk, Encoder
from streamdcm.options import TargetOptions, check_options
from streamdcm.plan import encode_file, late_values, plan_file
from streamdcm.progress import Progress
from streamdcm.result import WriteResult
from streamdcm.sources import PushedSource
from streamdcm.sync import Target, resolve_target, with_table
from streamdcm.tables import TableChoice
from streamdcm.video import VideoPlan


class PushedWrite:
    """What a caller may do between one frame and the next, whether or not it waits for them.

    Parameters
    ----------
    dataset : Dataset
        All but the pixel data.
    options : dict
        The options, not checked yet.
    function : str
        The name of the function that makes the writer.
    """

    def __init__(self, dataset: Dataset, options: dict[str, Any], function: str) -> None:
        checked = check_options(options, function)
        if checked.frames is not None:
            raise PlanError(f"{function}() gets its frames by write_frame(); leave frames out, or use dcmwrite()")
        self._options = replace(checked, frames=PushedSource())
        self._dataset = dataset
        self._is_open = False
        self.result: WriteResult | None = None
        """What was written, when all was."""

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

    def _encoder(self, patchable: bool) -> Encoder[TableChoice | None]:
        self._plan = plan_file(self._dataset, self._options, patchable=patchable)
        self._late = late_values(self._plan)
        return encode_file(self._plan, self._options, patchable=patchable, late=self._late)

    def _require_frames(self) -> None:
        self._require_open()
        if isinstance(self._plan.pixels, VideoPlan):
            raise PlanError("a video transfer syntax holds one bit stream, not frames; give its pieces to write()")

    def _require_video(self) -> None:
        self._require_open()
        if not isinstance(self._plan.pixels, VideoPlan):
            raise PlanError("this transfer syntax holds frames; give them to write_frame() one by one")

    def _require_open(self) -> None:
        if not self._is_open:
            raise ValueError("the writer is not open: use it in a 'with' block, and not after an error")


class FrameWriter(PushedWrite):
    """Writes frames as they are given; made by `open_writer`, for use in a ``with`` block.

    Leaving the block completes the file. Leaving it by an exception, or an error while writing, leaves
    what was there before.
    """

    def __init__(self, target: Target, dataset: Dataset, options: TargetOptions) -> None:
        super().__init__(dataset, dict(options), "open_writer")
        output = resolve_target(target, self._options)
        self._progress = Progress(self._options.progress)
        self._writing = Writing(self._encoder(output.can_patch), output, self._options, self._progress)

    def __enter__(self) -> Self:
        self._is_open = True
        try:
            self._writing.begin()
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
        self._require_frames()
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
        self._require_video()
        self._push(flat_view(data))

    def close(self) -> WriteResult:
        """Complete the file; closing it again does nothing."""
        if self.result is not None:
            return self.result
        self._require_open()
        try:
            self._writing.advance(END)
            written = self._writing.finish()
        except BaseException:
            self.abort()
            raise
        self._is_open = False
        self.result = with_table(written, self._writing.returned)
        return self.result

    def abort(self) -> None:
        """Give up: leave what was there before. Does nothing after `close`."""
        if self._is_open:
            self._is_open = False
            self._writing.abandon()

    def _push(self, piece: Any) -> None:
        try:
            self._writing.advance(piece)
        except BaseException:
            self.abort()
            raise


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
