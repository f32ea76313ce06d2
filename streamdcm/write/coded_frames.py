"""Frames that are coded while they are written: in order, on several cores, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Any, Final

from streamdcm import system
from streamdcm.encode.late import LateValues
from streamdcm.encode.tags import LOSSY_RATIO
from streamdcm.engine.parts import MIB
from streamdcm.instructions import Encoder
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.plan.execution import Plan
from streamdcm.write.codec_process import CodecProcesses
from streamdcm.write.ordered_pool import OrderedPool

_ALONE: Final = 64 * MIB
"""The most bytes of pixels for which no process is started: an interpreter with its libraries costs seconds of CPU."""
_MOST_WORKERS: Final = 8


class CodedFrames:
    """An iterable of coded frames.

    Parameters
    ----------
    frames : iterable of bytes
        The frames as they come.
    recoding : Recoding
        What becomes of each.
    workers : int or None
        How many are coded at a time; `None` for the cores that this process may use, at most 8.
    count : int or None
        The number of frames, if it is known.
    earlier : list of str or None
        Where the compression loses something: the ratios of those that came before.
    """

    def __init__(
        self,
        frames: Iterable[Any],
        recoding: Recoding,
        workers: int | None,
        *,
        count: int | None = None,
        earlier: list[str] | None = None,
    ) -> None:
        self._frames = frames
        self._recoding = recoding
        self._workers = min(system.processors(), _MOST_WORKERS) if workers is None else workers
        self._count = count
        self._earlier = earlier
        self.late: LateValues | None = None
        """What takes the ratio of the compression."""

    def __iter__(self) -> Iterator[bytes]:
        pool = self._pool()
        pixels = written = 0
        try:
            for frame in pool:
                pixels += self._recoding.source.form.length
                written += len(frame)
                yield frame
        finally:
            pool.close()
        if self._earlier is not None and self.late is not None and LOSSY_RATIO in self.late and written:
            self.late.set(LOSSY_RATIO, [*self._earlier, f"{pixels / written:.2f}"])

    def _pool(self) -> OrderedPool[Any, bytes]:
        workers = self._workers if self._count is None else max(min(self._workers, self._count), 1)
        length = self._recoding.source.form.length
        if self._recoding.is_parallel:
            return OrderedPool(iter(self._frames), self._recoding.code, workers)
        if self._count is not None and self._count * length < _ALONE:
            return OrderedPool(iter(self._frames), self._recoding.code, 1)
        processes = CodecProcesses(self._recoding)
        alone = 0 if self._count is not None else _ALONE // length
        code = _first_alone(self._recoding, processes, alone)
        return OrderedPool(iter(self._frames), code, max(workers, 2), stop=processes.stop, close=processes.close)


def _first_alone(recoding: Recoding, processes: CodecProcesses, alone: int) -> Callable[[bytes, int], bytes]:
    """Return what codes the first frames here, one at a time, and all others in processes."""
    lock = Lock()

    def code(frame: bytes, number: int) -> bytes:
        if number > alone:
            return processes.code(frame, number)
        with lock:
            return recoding.code(frame, number)

    return code


def encoded(plan: Plan) -> Encoder[Any]:
    """Encode what a plan says; frames that are coded tell the ratio of their compression."""
    late = plan.late_values()
    frames = getattr(plan.pixels.source, "frames", None) if isinstance(plan.pixels, PixelPlan) else None
    if isinstance(frames, CodedFrames):
        frames.late = late
    return plan.encode(late)
