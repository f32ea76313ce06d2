"""Progress: immutable events, a few times a second."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

_INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How far a write is.

    Parameters
    ----------
    bytes_written : int
        The number of bytes that the sink has taken.
    total : int or None
        The number of bytes that there will be, where it can be known.
    frames : int or None
        The number of frames that were written, where frames are.

    Examples
    --------
    >>> events = []
    >>> result = streamdcm.dcmwrite("out.dcm", ds, progress=events.append)
    >>> events[-1].bytes_written == result.bytes_written
    True
    """

    bytes_written: int
    total: int | None = None
    frames: int | None = None

    @property
    def frame(self) -> int | None:
        """The earlier name of `frames`."""
        return self.frames


class Progress:
    """Counts bytes and tells a callback of it, not more often than makes sense.

    Parameters
    ----------
    callback : callable or None
        Takes a `ProgressEvent`.
    total : int, optional
        The number of bytes that there will be.
    """

    def __init__(self, callback: Callable[[ProgressEvent], object] | None, total: int | None = None) -> None:
        self._callback = callback
        self._total = total
        self._next = monotonic() + _INTERVAL
        self._frames: int | None = None
        self.bytes_written = 0

    @property
    def frames(self) -> int | None:
        """The number of frames that were taken from their source, if any were."""
        return self._frames

    def count_frames(self, count: int = 1) -> None:
        """Count frames that were taken from their source."""
        self._frames = (self._frames or 0) + count

    def add(self, count: int) -> None:
        """Count bytes that the sink has taken."""
        self.bytes_written += count
        if self._callback is not None and monotonic() >= self._next:
            self.tell()

    def tell(self) -> None:
        """Tell the callback how far it is now."""
        if self._callback is not None:
            self._callback(ProgressEvent(self.bytes_written, self._total, self._frames))
            self._next = monotonic() + _INTERVAL


class ProgressShare(Progress):
    """The share of one instance in the progress of several.

    Parameters
    ----------
    whole : Progress
        Counts the bytes of all of them, and tells of it.
    """

    def __init__(self, whole: Progress) -> None:
        super().__init__(None)
        self._whole = whole

    def add(self, count: int) -> None:
        """Count bytes that the sink has taken."""
        super().add(count)
        self._whole.add(count)
