"""A capture that survives: what was captured can be had after the process or the machine has died."""

from __future__ import annotations

import os
import time
from array import array
from contextlib import suppress
from functools import partial
from typing import Any

from pydicom.dataset import Dataset

from streamdcm import system
from streamdcm.cleanup import noted
from streamdcm.encode.tags import PER_FRAME_GROUPS
from streamdcm.engine.progress import Progress
from streamdcm.engine.result import WriteResult
from streamdcm.errors import EncodeError, PlanError
from streamdcm.errors.translation import element_name
from streamdcm.files.capture_log import CaptureFormat, opening, synced
from streamdcm.options import Options
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.given_frames import apart, comes_with_groups
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import Delivery
from streamdcm.sinks.path_capture import CaptureOutput
from streamdcm.write.chunks import Chunks
from streamdcm.write.instance import Instance
from streamdcm.write.pushed_arrays import PushedArrays
from streamdcm.write.pushed_plan import PushedPlan

_PRIVATE = 0o600
_MOST_WAITING = 4 * 1024 * 1024
"""The most bytes of items in memory: what comes between two syncs has no other bound."""


class CapturePlan(PushedPlan):
    """The plan of an instance that is captured: the items that come with its frames are kept for the log."""

    def __init__(
        self, dataset: Dataset, options: Options, arrays: PushedArrays | None, capabilities: Capabilities
    ) -> None:
        self.items: list[bytes] = []
        super().__init__(dataset, options, capabilities, arrays)

    def _decide(self) -> None:
        super()._decide()
        pixels = self.plan.pixels
        if not isinstance(pixels, PixelPlan) or self.plan.deflated:
            raise PlanError("recover=True is for frames, and not in a deflated dataset; leave it out")
        if pixels.format is not None and pixels.format.length_in_bits % 8:
            raise PlanError(
                "recover=True is not for frames of one bit a pixel that do not begin at a byte; leave it out"
            )
        if self.plan.groups is not None:
            self.plan = self.plan.with_kept_items(self.items)

    def late_default(self) -> list[tuple[int, bytes, bytes]]:
        """Return the values that stand as long as no others are set."""
        late = self.plan.late
        return [(each.tag, each.vr.encode(), each.default) for each in late if each.default is not None]

    def late_value(self, name: str | int) -> tuple[int, bytes, bytes]:
        """Return a value that was set, as it is written."""
        return self._late.encoded(name)


class Capture(Instance):
    """An instance that is given its frames one by one, and of which all can be had up to the last sync.

    Parameters
    ----------
    delivery : Delivery
        The capture.
    dataset : Dataset
        All but the pixel data.
    options : Options
        Those of the write.
    progress : Progress
        Counts the bytes.
    arrays : PushedArrays, optional
        What encodes arrays.
    """

    def __init__(
        self,
        delivery: Delivery,
        dataset: Dataset,
        options: Options,
        progress: Progress,
        arrays: PushedArrays | None = None,
    ) -> None:
        self._capture_plan: CapturePlan
        super().__init__(delivery, dataset, options, progress, planned=partial(self._decided, dataset, options, arrays))
        self._progress = progress
        self._lengths = array("Q")
        self._size = 0
        self._waiting = self._native_length = 0
        self._items = self._capture_plan.items
        self._values = self._capture_plan.late_default()
        self._log: int | None = None
        every = options.sync_every
        self._frames_between = every if isinstance(every, int) else None
        self._seconds_between = float(every)
        self._last = time.monotonic()

    def _begin_log(self) -> None:
        """Begin the log, when it is known what the frames are."""
        plan = self._capture_plan.plan
        assert isinstance(plan.pixels, PixelPlan)
        pixels = plan.pixels
        self._native_length = 0 if pixels.format is None else pixels.format.length
        form = CaptureFormat(
            pixels.encapsulated,
            self._native_length,
            pixels.fragments.per_frame,
            pixels.fragments.most,
        )
        whole = b"".join(Chunks(plan.without_frames().encode(), self._options, None))
        self._log = os.open(self._output.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | system.BINARY, _PRIVATE)
        self._write_log(opening(form, whole))

    def write(self, frame: Any) -> None:
        """Write the next frame, and see to it from time to time that all have reached the disk."""
        if self._log is None:
            self._require_field(frame)
        super().write(frame)
        if self._log is None:
            self._begin_log()
        encoded = length = self._native_length
        if not length:
            length, encoded = self._lengths_of(frame)
        self._lengths.append(length)
        self._size += encoded
        if self._items:
            self._waiting += len(self._items[-1])
        if self._is_due():
            self.sync()

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element."""
        super().set(name, value)
        self._values.append(self._capture_plan.late_value(name))

    def sync(self) -> None:
        """Have everything reach the disk, and then say so in the log."""
        self._writing.flush()
        self._output.flush()
        start = self._progress.bytes_written - self._size
        items = self._items[: len(self._lengths)]  # that of a frame that was refused came, too
        self._items.clear()
        self._write_log(synced(start, self._lengths, items, self._values))
        self._output.is_kept = True
        self._lengths, self._values, self._waiting = array("Q"), [], 0
        self._last = time.monotonic()

    def finish(self) -> WriteResult:
        """Write what comes after the last frame; only `commit` is left to do."""
        self.sync()
        return super().finish()

    def commit(self) -> None:
        """Give the instance its name, and remove the log."""
        log = self._output.log
        super().commit()
        self._close_log()
        _remove(log)

    def abort(self, error: BaseException | None) -> None:
        """Leave what was there before, and the capture with its log if it has frames."""
        log = self._output.log if self._log is not None else None
        with noted(error, "what was captured last may not be in the capture"):
            if self._log is not None and (self._lengths or self._values):
                self.sync()
        self._close_log()
        super().abort(error)
        if log is None:
            return
        if self._output.is_kept and error is not None:
            error.add_note(f"what was captured is in {self._output.capture}; streamdcm recover completes it")
        elif not self._output.is_kept:
            _remove(log)

    def _require_field(self, frame: Any) -> None:
        """Refuse functional groups that come with the first frame, and so with all, if they have no field."""
        groups = self._capture_plan.plan.groups
        if comes_with_groups(frame) and (groups is None or groups.most is None):
            raise EncodeError(
                "recover=True keeps functional groups that come with the frames only where a field is reserved for "
                "them; give max_frames=, and leave group_lengths='write' out",
                element_name(PER_FRAME_GROUPS),
            )

    def _lengths_of(self, frame: Any) -> tuple[int, int]:
        """Return how many bytes an encapsulated frame has, without and with what stands around them."""
        plan = self.pixels
        assert isinstance(plan, PixelPlan)
        length = len(plan.encoder.encode(apart(frame)[0]))
        return length, plan.fragments.encoded_length(length)

    @property
    def _output(self) -> CaptureOutput:
        output = self.delivery.output
        assert isinstance(output, CaptureOutput)
        return output

    def _decided(
        self, dataset: Dataset, options: Options, arrays: PushedArrays | None, capabilities: Capabilities
    ) -> CapturePlan:
        self._capture_plan = CapturePlan(dataset, options, arrays, capabilities)
        return self._capture_plan

    def _is_due(self) -> bool:
        if self._waiting >= _MOST_WAITING:
            return True
        if self._frames_between is not None:
            return len(self._lengths) >= self._frames_between
        return time.monotonic() - self._last >= self._seconds_between

    def _write_log(self, record: bytes) -> None:
        assert self._log is not None
        view = memoryview(record)
        while view:
            view = view[os.write(self._log, view) :]
        system.to_disk(self._log)

    def _close_log(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None


def _remove(log: str) -> None:
    """Remove a log, unless somebody did."""
    with suppress(FileNotFoundError):
        os.unlink(log)
