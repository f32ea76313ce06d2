"""How many instances a batch has done, on standard error: in a line that changes on a terminal, in lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from streamdcm.batch import BatchProgress

_BETWEEN_LINES: Final = 3.0
"""Seconds between plain lines."""

Show = Callable[[BatchProgress], None]


@contextmanager
def counted(*, quiet: bool) -> Iterator[Show | None]:
    """Show the progress of the batch in a ``with`` block; gives what the ``progress`` of a run takes."""
    if quiet:
        yield None
        return
    if sys.stderr.isatty():
        try:
            from rich.console import Console
        except ImportError:
            pass
        else:
            with Console(stderr=True).status("looking for instances") as shown:
                yield lambda event: shown.update(_line(event))
            return
    yield _Lines().show


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _BETWEEN_LINES

    def show(self, event: BatchProgress) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _BETWEEN_LINES
            print(_line(event), file=sys.stderr, flush=True)


def _line(event: BatchProgress) -> str:
    skipped = f", {event.skipped:,} done before" if event.skipped else ""
    failed = f", {event.failed:,} failed" if event.failed else ""
    non_dicom = f", {event.non_dicom:,} skipped" if event.non_dicom else ""
    return f"{event.done:,} done{failed}{non_dicom}{skipped}"
