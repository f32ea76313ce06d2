"""Frames of a source on their way into the instances of a concatenation: the twin of `Writing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol

from pydicom.dataset import Dataset

from streamdcm.cleanup import afterwards, noted
from streamdcm.engine.progress import Progress
from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.errors.translation import refuse_running_generator
from streamdcm.instructions import END, Answer, Need
from streamdcm.options import Options
from streamdcm.pixels.given_frames import check_frames
from streamdcm.sinks import Delivery
from streamdcm.sources import FrameSource, PushedSource, is_pushed
from streamdcm.write.answers import Sources
from streamdcm.write.concatenation import open_instances
from streamdcm.write.driver import DONE, Step
from streamdcm.write.instance import Resolve
from streamdcm.write.pushed_arrays import PushedArrays
from streamdcm.write.targets import resolve_target


class Steppable(Protocol):
    """A write that stops where it needs something from outside."""

    returned: Any
    """What the encoder returned, when it is exhausted."""

    def begin(self) -> Step:
        """Write up to the first need for what is outside."""

    def advance(self, answer: Answer = None) -> Step:
        """Answer the last need and write up to the next."""

    def fail(self, error: Exception) -> Step:
        """Tell that there is no answer to the last need, and go on."""

    def finish(self) -> WriteResult:
        """Commit what is written, when all is, unless the progress callback objects."""

    def close(self) -> None:
        """Close what is read."""

    def abandon(self, error: BaseException | None) -> None:
        """Close what is read, and leave everything as it was before."""

    def interrupt(self, error: BaseException) -> None:
        """Have a write raise an error that waits on another thread for others."""

    @property
    def deliveries(self) -> list[Delivery]:
        """The targets that there are."""


class Dividing:
    """Frames on their way into as many instances as they need.

    Parameters
    ----------
    dataset : Dataset
        All but the pixel data; only read.
    options : Options
        Those of the write, with `split`.
    delivery : Delivery
        What the caller gave as the target of all.
    progress : Progress
        Counts the bytes of all instances.
    outside : callable, optional
        Tells of a source whether its pieces come from outside: its needs are not answered but returned.
    resolve : callable, optional
        Finds out how to write to the target of an instance.
    arrays : PushedArrays, optional
        What encodes arrays that are given as frames of a compressed transfer syntax.

    Raises
    ------
    PlanError, EncodeError
        If the frames cannot be divided, or the first instance cannot be planned.
    """

    returned = None

    def __init__(
        self,
        dataset: Dataset,
        options: Options,
        delivery: Delivery,
        progress: Progress,
        outside: Callable[[Any], bool] = is_pushed,
        resolve: Resolve = resolve_target,
        arrays: PushedArrays | None = None,
    ) -> None:
        if options.frames is None:
            raise PlanError(
                "split= divides the frames that frames= gives; give it those of the dataset, for example "
                "pydicom.pixels.iter_pixels(dataset, raw=True)"
            )
        check_frames(options.frames)
        self.instances = open_instances(delivery, dataset, options, progress, resolve, arrays)
        """What takes the frames."""
        pushed = isinstance(options.frames, PushedSource)
        self._source = options.frames if pushed else FrameSource(options.frames, "frames")  # type: ignore[arg-type]
        self._is_outside = outside(self._source)
        self._progress = progress
        self._sources = Sources(options.chunk_size, progress)
        self._asked = 0

    def begin(self) -> Step:
        """Write what comes before the first frame, and frames up to the first that comes from outside."""
        self.instances.open()
        return self._go_on()

    def advance(self, answer: Answer = None) -> Step:
        """Write the frame that was needed, and go on."""
        if answer is END:
            return DONE
        self.instances.write(answer)
        return self._go_on()

    def fail(self, error: Exception) -> Step:
        """Raise the error of the source."""
        error.add_note(f"when frame {self._asked:,} was asked for")
        raise error

    def finish(self) -> WriteResult:
        """Complete all instances, and give them their names, unless the progress callback objects."""
        result = self.instances.finish()
        self._progress.tell()
        self.instances.commit()
        return result

    def close(self) -> None:
        """Close the frames."""
        self._sources.close()

    def abandon(self, error: BaseException | None) -> None:
        """Close the frames, and leave everything as it was before."""
        with afterwards(partial(self.instances.abort, error)), noted(error, "the sources could not be closed"):
            self.close()

    def interrupt(self, error: BaseException) -> None:
        """Have a write raise an error that waits on another thread for others."""
        self.instances.interrupt(error)

    @property
    def deliveries(self) -> list[Delivery]:
        """The targets that there are."""
        return self.instances.deliveries

    def _go_on(self) -> Step:
        for frame in self._frames():
            self.instances.write(frame)
        return Need(self._source) if self._is_outside else DONE

    def _frames(self) -> Iterator[Any]:
        """Give the frames that do not come from outside."""
        self._asked += 1
        while not self._is_outside and (frame := self._next()) is not END:
            yield frame
            self._asked += 1

    def _next(self) -> Answer:
        try:
            return self._sources.next_piece(self._source)
        except Exception as error:
            if isinstance(error, ValueError):
                refuse_running_generator(error)
            self.fail(error)
            raise


def write_divided(delivery: Delivery, dataset: Dataset, options: Options) -> WriteResult:
    """Write frames into the instances that ``split=`` makes of them, and commit them or leave everything as it was."""
    writing = Dividing(dataset, options, delivery, Progress(options.progress))
    try:
        writing.begin()
        return writing.finish()
    except BaseException as error:
        writing.abandon(error)
        raise
