"""How far a write is, on standard error: a bar on a terminal, plain lines elsewhere, nothing if quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, TextIO

from streamdcm.engine.progress import ProgressEvent
from streamdcm.options.sizes import binary_size

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

_PATIENCE: Final = 0.1
"""Seconds before a bar is drawn; what is done by then needs none."""
_BETWEEN_LINES: Final = 3.0
"""Seconds between plain lines."""
_WIDEST: Final = 100

Show = Callable[[ProgressEvent], None]


@contextmanager
def shown(
    *, quiet: bool, label: str, total: int | None = None, memory: Callable[[], int | None] | None = None
) -> Iterator[Show]:
    """Show the progress of the write in a ``with`` block.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    label : str
        What is being done, such as ``"copying"``.
    total : int, optional
        About how many bytes there will be, for writes that do not know it themselves.
    memory : callable, optional
        Returns the bytes of memory in use, to be shown too, if that is known.

    Yields
    ------
    callable
        What the ``progress`` of a write takes.
    """
    if quiet:
        yield lambda event: None
        return
    measure = _Measure(label, total, memory)
    with _display(measure, sys.stderr) as display:
        yield display.show


@dataclass(frozen=True, slots=True)
class _Standing:
    """How far a write is at one moment."""

    label: str
    bytes_written: int
    total: int | None
    frames: int | None
    seconds: float
    memory: int | None

    @property
    def share(self) -> str:
        return f"{100 * self.bytes_written // self.total:3} %" if self.total else ""

    @property
    def amounts(self) -> str:
        of_total = f" of {binary_size(self.total)}" if self.total else ""
        speed = self.bytes_written / self.seconds if self.seconds else 0
        said = f"{binary_size(self.bytes_written)}{of_total}, {binary_size(speed)}/s"
        return ", ".join(filter(None, (said, self.more)))

    @property
    def more(self) -> str:
        """What is said besides bytes and time."""
        frames = "" if self.frames is None else f"{self.frames:,} frames"
        memory = "" if self.memory is None else f"{binary_size(self.memory)} of memory"
        return ", ".join(filter(None, (frames, memory)))

    @property
    def times(self) -> str:
        elapsed = f"{timedelta(seconds=int(self.seconds))} elapsed"
        if not self.total or not 0 < self.bytes_written < self.total:
            return elapsed
        left = self.seconds * (self.total / self.bytes_written - 1)
        return f"{elapsed}, {timedelta(seconds=round(left))} left"

    @property
    def line(self) -> str:
        return ", ".join(filter(None, (self.share.lstrip(), self.amounts, self.times)))


class _Measure:
    """Turns events into standings."""

    def __init__(self, label: str, total: int | None, memory: Callable[[], int | None] | None) -> None:
        self.label = label
        self._total = total
        self._memory = memory
        self._start = time.monotonic()

    def __call__(self, event: ProgressEvent) -> _Standing:
        total = event.total if event.total is not None else self._total
        return _Standing(
            label=self.label,
            bytes_written=event.bytes_written,
            total=total and max(total, event.bytes_written),
            frames=event.frames,
            seconds=time.monotonic() - self._start,
            memory=self._memory() if self._memory is not None else None,
        )


class _Display(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, event: ProgressEvent) -> None: ...


def _display(measure: _Measure, stream: TextIO) -> _Display:
    if not stream.isatty():
        return _Lines(measure, stream)
    try:
        from rich.console import Console
    except ImportError:
        return _Lines(measure, stream, hint=" (streamdcm[cli] has a progress bar)")
    console = Console(file=stream)
    return _Lines(measure, stream) if console.is_dumb_terminal else _Bar(measure, console)


class _Lines:
    """A line every few seconds, and one at the end if there were any."""

    def __init__(self, measure: _Measure, stream: TextIO, hint: str = "") -> None:
        self._measure = measure
        self._stream = stream
        self._hint = hint
        self._said: _Standing | None = None
        self._next = _BETWEEN_LINES
        self._last: _Standing | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        last, said = self._last, self._said
        if kind is None and last is not None and said is not None and last.bytes_written != said.bytes_written:
            self._say(last)

    def show(self, event: ProgressEvent) -> None:
        self._last = self._measure(event)
        if self._last.seconds >= self._next:
            self._next = self._last.seconds + _BETWEEN_LINES
            self._say(self._last)

    def _say(self, standing: _Standing) -> None:
        self._said = standing
        print(f"{standing.label}: {standing.line}{self._hint}", file=self._stream, flush=True)
        self._hint = ""


class _Bar:
    """Two lines that change in place and are gone at the end."""

    def __init__(self, measure: _Measure, console: Console) -> None:
        from rich.console import Group
        from rich.constrain import Constrain
        from rich.live import Live

        self._measure = measure
        self._lines = _above(console), _below(console)
        self._tasks = [line.add_task(measure.label, total=None, more="") for line in self._lines]
        # a terminal writes ^C behind the second line: in a line that is full it would begin a new one
        shown = Constrain(Group(*self._lines), min(console.width - len("^C "), _WIDEST))
        # drawn at each event and by no thread of its own; a warning goes above the bar
        self._live = Live(shown, console=console, auto_refresh=False, transient=True, redirect_stdout=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, event: ProgressEvent) -> None:
        standing = self._measure(event)
        for line, task in zip(self._lines, self._tasks, strict=True):
            line.update(task, completed=standing.bytes_written, total=standing.total, more=standing.more)
        if standing.seconds >= _PATIENCE:
            self._live.start()
            self._live.refresh()


def _above(console: Console) -> Progress:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}", style="bold", markup=False),
        progress.BarColumn(None),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        console=console,
        expand=True,
    )


def _below(console: Console) -> Progress:
    from rich import progress

    return progress.Progress(
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TextColumn("{task.fields[more]}", style="dim", markup=False),
        console=console,
    )
