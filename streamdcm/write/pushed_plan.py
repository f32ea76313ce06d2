"""The plan of an instance whose frames somebody brings, which the first of them may change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from pydicom.dataset import Dataset

from streamdcm.cleanup import afterwards
from streamdcm.instructions import Answer, Encoder, Instruction, Need
from streamdcm.options import Options
from streamdcm.pixels.frame_count import FrameCount
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.pixels.video_plan import VideoPlan
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.execution import Plan
from streamdcm.plan.plan import plan_file
from streamdcm.write.pushed_arrays import PushedArrays


class PushedPlan:
    """What is decided about an instance before its frames have come.

    Where frames may be arrays that are encoded, the first is asked for before anything is written: then the header says
    what they become.

    Parameters
    ----------
    dataset : Dataset
        All but the pixel data; only read.
    options : Options
        `frames` stands for the frames that will be given.
    capabilities : Capabilities
        What the target can do.
    arrays : PushedArrays, optional
        What encodes arrays; without it frames are written as they are.
    first : int
        The number of frames in earlier instances of a concatenation.
    """

    def __init__(
        self,
        dataset: Dataset,
        options: Options,
        capabilities: Capabilities,
        arrays: PushedArrays | None = None,
        *,
        first: int = 0,
    ) -> None:
        self._dataset = dataset
        self._options = options
        self._capabilities = capabilities
        self._arrays = arrays
        self._first = first
        self._values: dict[str | int, Any] = {}
        self._decide()

    @property
    def pixels(self) -> PixelPlan | VideoPlan:
        """How the frames, or the bit stream of a video, are written."""
        assert self.plan.pixels is not None
        return self.plan.pixels

    @property
    def takes_frames(self) -> bool:
        """Whether it is given frames, and not pieces of the bit stream of a video."""
        return isinstance(self.pixels, PixelPlan)

    @property
    def number(self) -> FrameCount | None:
        """How many frames there are; `None` for the bit stream of a video."""
        return self.pixels.number if isinstance(self.pixels, PixelPlan) else None

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element."""
        self._late.set(name, value)
        self._values[name] = value

    def encode(self) -> Encoder[PixelsWritten | None]:
        """Encode the instance."""
        if self._arrays is None or self._arrays.is_decided:
            return self.plan.encode(self._late)
        return self._encode_by_first_frame(self._arrays)

    def _encode_by_first_frame(self, arrays: PushedArrays) -> Encoder[PixelsWritten | None]:
        first = yield Need(self.pixels.source)
        if arrays.are_encoded:
            self._decide()
        return (yield from _with_answer(self.plan.encode(self._late), self.pixels.source, first))

    def _decide(self) -> None:
        dataset, options = self._dataset, self._options
        if self._arrays is not None:
            dataset, options = self._arrays.header(dataset, options)
        plan = plan_file(dataset, options, self._capabilities)
        if isinstance(plan.pixels, PixelPlan):
            plan = plan._replace(pixels=replace(plan.pixels, first=self._first))
        self.plan: Plan = plan
        self._late = plan.late_values()
        for name, value in self._values.items():
            self._late.set(name, value)


def _with_answer(run: Encoder[PixelsWritten | None], source: object, answer: Answer) -> Encoder[PixelsWritten | None]:
    """Run an encoder whose first need for a source has been answered already."""
    step: Callable[[], Instruction] = partial(next, run)
    is_answered = False
    with afterwards(run.close):
        while isinstance(thing := step(), Need) or not is_answered:
            if not is_answered and isinstance(thing, Need) and thing.source is source:
                is_answered, step = True, partial(run.send, answer)
                continue
            try:
                step = partial(run.send, (yield thing))
            except Exception as error:
                step = partial(run.throw, error)
        yield thing
        return (yield from run)
