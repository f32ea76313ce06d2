"""One instance on its way into its output, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydicom.dataset import Dataset

from streamdcm.driver import Writing
from streamdcm.instructions import END
from streamdcm.options import Options
from streamdcm.pixels import PixelPlan
from streamdcm.plan import Plan, encode_file, late_values, plan_file
from streamdcm.progress import Progress
from streamdcm.result import WriteResult
from streamdcm.sinks import Output


class Instance:
    """An instance that is given its frames one by one; all of it is planned when it is made.

    Parameters
    ----------
    output : Output
        Where to write.
    dataset : Dataset
        All but the pixel data; only read.
    options : Options
        `frames` stands for the frames that will be given: what is known of them ahead counts.
    progress : Progress
        Counts the bytes of this instance.
    first : int
        The number of frames in earlier instances of a concatenation.
    """

    def __init__(
        self, output: Output, dataset: Dataset, options: Options, progress: Progress, *, first: int = 0
    ) -> None:
        self.output = output
        self._progress = progress
        self._plan = plan_file(dataset, options, patchable=output.can_patch)
        self._plan = replace(self._plan, pixels=replace(self.pixels, first=first))
        self._late = late_values(self._plan)
        self._encoder = encode_file(self._plan, options, patchable=output.can_patch, late=self._late)
        self._writing = Writing(self._encoder, output, options, progress)

    @property
    def pixels(self) -> PixelPlan:
        """How its frames are written."""
        assert self._plan.pixels is not None
        return self._plan.pixels

    def open(self) -> None:
        """Write what comes before the first frame."""
        self.output.open()
        self._writing.advance()

    def write(self, frame: Any) -> None:
        """Write the next frame."""
        self._writing.advance(frame)

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of a late element."""
        self._late.set(name, value)

    def finish(self) -> WriteResult:
        """Write what comes after the last frame; only `commit` is left to do."""
        self._writing.advance(END)
        self.output.prepare()
        written = WriteResult(self._progress.bytes_written, self._writing.patches, self.output.location)
        return with_table(written, self._plan)

    def commit(self) -> None:
        """Give the instance its name."""
        self.output.commit()

    def abort(self) -> None:
        """Leave what was there before."""
        try:
            self._encoder.close()
        finally:
            self.output.abort()


def pushed() -> Iterator[Any]:
    """Stand for frames that nobody iterates over."""
    yield from ()


def with_table(result: WriteResult, plan: Plan) -> WriteResult:
    """Add to a result which offset table was chosen, and why."""
    if plan.pixels is None or plan.pixels.table is None:
        return result
    return replace(result, offset_table=plan.pixels.table, reason=plan.pixels.reason)
