"""Frames that are coded while they are written: in order, on several cores, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Any, Final

from streamdcm import system
from streamdcm.cleanup import afterwards
from streamdcm.encode.late import LateValues
from streamdcm.encode.tags import LOSSY_RATIO
from streamdcm.engine.parts import MIB
from streamdcm.instructions import Encoder
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.given_frames import apart
from streamdcm.plan.execution import Plan
from streamdcm.write.codec_process import CodecProcesses
from streamdcm.write.ordered_pool import OrderedPool, OrderedWork

_ALONE: Final = 64 * MIB
"""The most bytes of pixels for which no process is started: an interpreter with its libraries costs seconds of CPU."""
_MOST_WORKERS: Final = 8


class CompressionRatio:
    """The ratio of what is encoded to what is written, where the compression loses something.

    Parameters
    ----------
    pixels : int
        The number of bytes that the pixels of a frame take.
    earlier : list of str or None
        The ratios of compressions that came before; `None` where nothing is lost.
    """

    def __init__(self, pixels: int, earlier: list[str] | None) -> None:
        self._pixels = pixels
        self._earlier = earlier
        self._encoded = self._written = 0
        self.late: LateValues | None = None
        """What takes the ratio when the last frame was encoded."""

    @property
    def value(self) -> list[str] | None:
        """The value of Lossy Image Compression Ratio, if it has one more."""
        if self._earlier is None or not self._written:
            return None
        return [*self._earlier, f"{self._encoded / self._written:.2f}"]

    def add(self, given: Any) -> None:
        """Count a frame as it is written."""
        frame, _ = apart(given)
        self._encoded += self._pixels
        self._written += len(frame)

    def tell(self) -> None:
        """Set the late value."""
        value = self.value
        if value is not None and self.late is not None and LOSSY_RATIO in self.late:
            self.late.set(LOSSY_RATIO, value)


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
        self._workers = workers
        self._count = count
        self.ratio = CompressionRatio(recoding.source.form.length, earlier)
        """What the compression comes to."""

    def __iter__(self) -> Iterator[Any]:
        pool = OrderedPool(iter(self._frames), coding_work(self._recoding, self._workers, self._count))
        with afterwards(pool.close):
            for frame in pool:
                self.ratio.add(frame)
                yield frame
        self.ratio.tell()


def coding_work(recoding: Recoding, workers: int | None, count: int | None) -> OrderedWork[Any, Any]:
    """Return what codes frames in order.

    Parameters
    ----------
    recoding : Recoding
        What becomes of each.
    workers : int or None
        How many are coded at a time; `None` for the cores that this process may use, at most 8.
    count : int or None
        The number of frames, if it is known.
    """
    workers = min(system.processors(), _MOST_WORKERS) if workers is None else workers
    if count is not None:
        workers = max(min(workers, count), 1)
    if recoding.is_parallel:
        return OrderedWork(_with_groups(recoding.code), workers)
    length = recoding.source.form.length
    if count is not None and count * length < _ALONE:
        return OrderedWork(_with_groups(recoding.code), 1)
    processes = CodecProcesses(recoding)
    code = _first_alone(recoding, processes, 0 if count is not None else _ALONE // length)
    return OrderedWork(_with_groups(code), max(workers, 2), stop=processes.stop, close=processes.close)


def _with_groups(code: Callable[[bytes, int], bytes]) -> Callable[[Any, int], Any]:
    """Return what codes a frame, and leaves the functional groups with it that it came with."""

    def code_with_groups(given: Any, number: int) -> Any:
        frame, item = apart(given)
        coded = code(frame, number)
        return coded if item is None else (coded, item)

    return code_with_groups


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
    frames = getattr(plan.pixels.source, "frames", None) if isinstance(plan.pixels, PixelPlan) else None
    ratio = getattr(frames, "ratio", None)
    if not isinstance(ratio, CompressionRatio):
        return plan.encode()
    ratio.late = late = plan.late_values()
    return plan.encode(late)
