"""Ending by SIGTERM as by Ctrl-C: with everything cleaned up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Terminated(KeyboardInterrupt):
    """The process was told to end, by SIGTERM."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM raise `Terminated` in the block; a second one does not disturb the cleaning up.

    Only the main thread can do that (`signal.signal`); in another nothing changes, nor where SIGTERM is ignored.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    # not SIG_IGN, of which Python complains if a second signal came at the same moment
    signal.signal(number, _be_patient)
    raise Terminated


def _be_patient(number: int, frame: FrameType | None) -> None:
    """Let what is being cleaned up come to its end."""
