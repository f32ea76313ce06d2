"""One instance on its way into its output, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.engine.progress import Progress
from streamdcm.engine.result import WriteResult
from streamdcm.instructions import END, Encoder
from streamdcm.options import Options
from streamdcm.pixels.frame_count import FrameCount
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.pixels.video_plan import VideoPlan
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import Delivery, Output, PartsOutput, takes_size
from streamdcm.write.driver import Writing
from streamdcm.write.pushed_arrays import PushedArrays
from streamdcm.write.pushed_plan import PushedPlan
from streamdcm.write.targets import capabilities_of, resolve_target

Resolve: TypeAlias = Callable[[Delivery, Options], Output | PartsOutput]
"""Finds out how to write to a target, as the options say."""


class Planned(Protocol):
    """What was decided about an instance before its frames have come."""

    @property
    def pixels(self) -> PixelPlan | VideoPlan:
        """How the frames, or the bit stream of a video, are written."""

    @property
    def takes_frames(self) -> bool:
        """Whether it is given frames, and not pieces of the bit stream of a video."""

    @property
    def number(self) -> FrameCount | None:
        """How many frames there are; `None` for the bit stream of a video."""

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element."""

    def encode(self) -> Encoder[PixelsWritten | None]:
        """Encode the instance."""


class Instance:
    """An instance that is given its frames one by one; all of it is planned when it is made.

    Parameters
    ----------
    delivery : Delivery
        Where to write; given up if the instance cannot be planned.
    dataset : Dataset
        All but the pixel data; only read.
    options : Options
        `frames` stands for the frames that will be given: what is known of them ahead counts.
    progress : Progress
        Counts the bytes of this instance.
    resolve : callable, optional
        Finds out how to write to the target.
    arrays : PushedArrays, optional
        What encodes arrays that are given as frames of a compressed transfer syntax.
    first : int
        The number of frames in earlier instances of a concatenation.
    planned : callable, optional
        What decides how it is written, in place of what is usual.
    """

    def __init__(
        self,
        delivery: Delivery,
        dataset: Dataset,
        options: Options,
        progress: Progress,
        resolve: Resolve = resolve_target,
        arrays: PushedArrays | None = None,
        *,
        first: int = 0,
        planned: Callable[[Capabilities], Planned] | None = None,
    ) -> None:
        self.delivery = delivery
        self._options = options
        with delivery:
            output = resolve(delivery, options)
            capabilities = capabilities_of(output)
            self._planned: Planned
            if planned is not None:
                self._planned = planned(capabilities)
            else:
                self._planned = pushed = PushedPlan(dataset, options, capabilities, arrays, first=first)
                if takes_size(output) and (size := pushed.plan.size()) is not None:
                    output.expect(size)
        self._writing = Writing(self._planned.encode(), delivery, options, progress, self._is_given)

    @property
    def pixels(self) -> PixelPlan | VideoPlan:
        """How the frames, or the bit stream of a video, are written."""
        return self._planned.pixels

    @property
    def takes_frames(self) -> bool:
        """Whether it is given frames, and not pieces of the bit stream of a video."""
        return self._planned.takes_frames

    @property
    def number(self) -> FrameCount | None:
        """How many frames there are; `None` for the bit stream of a video."""
        return self._planned.number

    def open(self) -> None:
        """Write what comes before the first frame."""
        self._writing.begin()

    def write(self, frame: Any) -> None:
        """Write the next frame."""
        self._writing.advance(frame)

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element."""
        self._planned.set(name, value)

    def finish(self) -> WriteResult:
        """Write what comes after the last frame; only `commit` is left to do."""
        self._writing.advance(END)
        self.delivery.prepare()
        return with_frames(self._writing.result(), self._writing.returned)

    def commit(self) -> None:
        """Give the instance its name."""
        self._writing.commit()

    def end_trace(self, outcome: str) -> None:
        """Tell the trace, if there is one, what became of the instance."""
        self._writing.end_trace(outcome)

    def abort(self, error: BaseException | None) -> None:
        """Leave what was there before; what goes wrong is told with the error that led to it, if there is one."""
        self._writing.abandon(error)

    def interrupt(self, error: BaseException) -> None:
        """Have a write raise an error that waits on another thread for others."""
        self.delivery.interrupt(error)

    @property
    def deliveries(self) -> list[Delivery]:
        """The target."""
        return [self.delivery]

    def _is_given(self, source: object) -> bool:
        return source is self.pixels.source


def with_frames(result: WriteResult, written: PixelsWritten | None) -> WriteResult:
    """Add to a result which offset table was chosen, and why, and where frames are."""
    if written is None:
        return result
    if written.table is None:
        return replace(result, frames=written.frames)
    kind, reason = written.table
    return replace(result, offset_table=kind, offset_table_reason=reason, frames=written.frames)
