"""Frames that are pushed: a write that waits for its caller between one frame and the next."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from threading import Lock
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.cleanup import CLOSING, afterwards, noted
from streamdcm.encode.tags import LOSSY_RATIO
from streamdcm.engine.progress import Progress
from streamdcm.engine.result import WriteResult
from streamdcm.errors import NotOpenError, PlanError, ReentryError, ValueTypeError
from streamdcm.instructions import Chunk, as_chunk
from streamdcm.options import Options, check_options, refuse_in_vain
from streamdcm.pixels.frame_count import FrameCount, warn_if_stale
from streamdcm.sinks import Delivery
from streamdcm.sources import Frame, PushedSource
from streamdcm.write.concatenation import Concatenation, open_instances
from streamdcm.write.instance import Instance
from streamdcm.write.pushed_arrays import PushedArrays

OpenInstances: TypeAlias = Callable[..., Instance | Concatenation]
"""Returns what takes frames: see `open_instances`."""


class TakesFrames(Protocol):
    """What frames, and values that come late, are given to."""

    @property
    def takes_frames(self) -> bool:
        """Whether it is given frames, and not pieces of the bit stream of a video."""

    @property
    def number(self) -> FrameCount | None:
        """How many frames there are; `None` for the bit stream of a video."""

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element."""


class PushedWrite:
    """What a caller may do between one frame and the next, whether or not it waits for them."""

    _taker: TakesFrames

    def __init__(self) -> None:
        self._is_new = True
        self._is_open = False
        self._frames = 0
        self.result: WriteResult | None = None
        """What was written, when all was."""

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of an element that a field was reserved for with ``late=``.

        Parameters
        ----------
        name : str or int
            The keyword or tag of the element.
        value : object
            What pydicom takes as its value; a later one takes the place of an earlier one.

        Raises
        ------
        PlanError
            If no field was reserved for the element.
        EncodeError
            If the value does not fit it.
        """
        with self._only_call():
            self._require_open()
            self._taker.set(name, value)

    def _set_ratio(self, arrays: PushedArrays) -> None:
        """Set the ratio of a lossy compression that was done here."""
        if arrays.ratio is not None and (value := arrays.ratio.value) is not None:
            self._taker.set(LOSSY_RATIO, value)

    def _only_call(self) -> AbstractContextManager[object]:
        """Give what keeps other calls out; refuse this one if another is running."""
        raise NotImplementedError

    def _warn_if_stale(self) -> None:
        """Warn of a dataset that had another Number of Frames, to which nobody was held: after the commit."""
        number = self._taker.number
        if number is not None and number.count is None:
            warn_if_stale(number, self._frames)

    def _require_frames(self) -> None:
        self._require_open()
        if not self._taker.takes_frames:
            raise PlanError("a video transfer syntax holds one bit stream, not frames; give its pieces to write()")

    def _require_video(self) -> None:
        self._require_open()
        if self._taker.takes_frames:
            raise PlanError("this transfer syntax holds frames; give them to write_frame() one by one")

    def _require_new(self) -> None:
        if not self._is_new:
            raise ReentryError("this writer was entered before; open another one")

    def _require_open(self) -> None:
        if not self._is_open:
            raise NotOpenError("the writer is not open: use it in a 'with' block, and not after an error")


class FrameWriter(PushedWrite):
    """Writes frames as they are given; made by `open_writer`, for use in a ``with`` block.

    Leaving the block completes the file. Leaving it by an exception, or an error while writing, leaves
    what was there before.

    Threads may take turns. A call that comes while another is running, from another thread or from a progress callback,
    is a `ReentryError` and changes nothing.

    Examples
    --------
    >>> with streamdcm.open_writer("cine.dcm", ds) as writer:
    ...     writer.write_frame(bytes(ds.PixelData))
    >>> isinstance(writer, streamdcm.FrameWriter)
    True
    """

    def __init__(
        self, delivery: Delivery, dataset: Dataset, options: Options, opened: OpenInstances = open_instances
    ) -> None:
        self._lock = Lock()
        self._progress = Progress(options.progress)
        self._arrays = PushedArrays(dataset, options)
        self._taker = self._instances = opened(delivery, dataset, options, self._progress, arrays=self._arrays)
        super().__init__()

    def __enter__(self) -> Self:
        with self._only_call():
            self._require_new()
            self._is_new, self._is_open = False, True
            try:
                self._instances.open()
            except BaseException as error:
                self._give_up(error)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._give_up_last(error)
            return
        try:
            self.close()
        except ReentryError as refused:
            self._give_up_last(refused)
            raise

    def __del__(self) -> None:
        if "_is_new" not in self.__dict__:
            return
        with self._only_call():
            if self._is_open:
                warnings.warn("a FrameWriter was dropped while it was open; its file is given up", ResourceWarning, 2)
            self._give_up(None)

    def write_frame(self, frame: Frame, *, groups: Dataset | None = None) -> None:
        """Write the next frame; its memory may be used again when this returns.

        Parameters
        ----------
        frame : array or bytes-like
            Native pixels as the dataset describes them, or a compressed frame. With a compressed transfer syntax an
            array is encoded; it is written a few frames later.
        groups : Dataset, optional
            The item of the Per-Frame Functional Groups Sequence (5200,9230) that is the frame's own; if one frame
            comes with its item, all do.

        Raises
        ------
        EncodeError
            If the frame is not what the dataset says, or one too many.
        NotOpenError
            If the writer is not open.
        """
        with self._only_call():
            self._require_frames()
            self._progress.count_frames()
            self._push(self._arrays.given(frame if groups is None else with_groups(frame, groups)))
            self._frames += 1

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
        NotOpenError, PlanError
            If the writer is not open, or the transfer syntax is not one of a video.
        """
        with self._only_call():
            self._require_video()
            self._push((piece_of_stream(data),))

    def close(self) -> WriteResult:
        """Complete the file; closing it again does nothing."""
        with self._only_call():
            if self.result is None:
                self.result = self._complete()
                self._warn_if_stale()
            return self.result

    def abort(self) -> None:
        """Give up: leave what was there before. Does nothing after `close`."""
        with self._only_call():
            self._give_up(None)

    def _only_call(self) -> AbstractContextManager[object]:
        if self._lock.locked():
            raise ReentryError("another call on this writer is running; it takes one after the other")
        return self._lock  # whoever comes between the two lines waits for the other, which is as good

    def _complete(self) -> WriteResult:
        self._require_open()
        try:
            for frame in self._arrays.rest():
                self._instances.write(frame)
            self._set_ratio(self._arrays)
            result = self._instances.finish()
            self._progress.tell()
            self._instances.commit()
        except BaseException as error:
            self._give_up(error)
            raise
        self._is_open = False
        return result

    def _give_up(self, error: BaseException | None) -> None:
        if self._is_new or self._is_open:
            self._is_new = self._is_open = False
            with afterwards(partial(self._instances.abort, error)), noted(error, CLOSING):
                self._arrays.close()

    def _give_up_last(self, error: BaseException) -> None:
        """Give up after the call that another thread is still making, if there is one: nobody else would."""
        with self._lock:
            self._give_up(error)

    def _push(self, pieces: Iterable[Any]) -> None:
        try:
            for piece in pieces:
                self._instances.write(piece)
        except BaseException as error:
            self._give_up(error)
            raise


def with_groups(frame: Any, groups: Any) -> tuple[Any, Dataset]:
    """Return a frame with the item of the functional groups that is its own, as a source of frames gives both.

    Raises
    ------
    ValueTypeError
        If it is no Dataset.
    """
    if not isinstance(groups, Dataset):
        raise ValueTypeError(f"groups= is the item of a frame, a Dataset, not of type {type(groups).__name__}")
    return frame, groups


def piece_of_stream(data: Any) -> Chunk:
    """Return a piece of the bit stream of a video as flat bytes.

    Raises
    ------
    ValueTypeError
        If it is not bytes-like and contiguous.
    """
    try:
        return as_chunk(data)
    except TypeError:
        raise ValueTypeError(f"a piece of a bit stream is bytes, not an object of type {type(data).__name__}") from None


def pushed_options(given: dict[str, Any], function: str) -> Options:
    """Check the options of a function whose frames are pushed."""
    options = check_options(given, function)
    if not options.recover:
        refuse_in_vain(options, ("sync_every",), "is about what can be recovered, and recover=True is not given")
    return replace(options, frames=PushedSource(is_live=options.split is None))
