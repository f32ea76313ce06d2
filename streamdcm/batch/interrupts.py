"""Interrupts that wait until what workers said has been noted: else it would be lost, and done again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType

from streamdcm.cleanup import afterwards


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait for the end of a block, which is to be a short one.

    Only the main thread is interrupted by them, and only where they have a handler in Python.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[tuple[int, FrameType | None]] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    in_python = {number: handler for number, handler in handlers.items() if callable(handler)}
    with afterwards(*(partial(signal.signal, number, handler) for number, handler in in_python.items())):
        for number in in_python:
            signal.signal(number, lambda number, frame: held.append((number, frame)))
        yield
    for interrupt in held[:1]:
        in_python[signal.Signals(interrupt[0])](*interrupt)
