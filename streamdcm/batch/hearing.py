"""What several processes say, in the order in which it comes: pipes cannot be waited for together on every system."""

from __future__ import annotations

import os
import queue
import threading
import time
from typing import IO, Final, Generic, Protocol, TypeVar


class Speaker(Protocol):
    """Somebody who says something through a pipe."""

    pause: float
    """The seconds for which what it says may gather before it is heard: to be woken each time costs more."""


T = TypeVar("T", bound=Speaker)

_MOST: Final = 1 << 16
_PATIENCE: Final = 1.0


class Hearing(Generic[T]):
    """Listens to pipes, on a thread for each, until each one ends."""

    def __init__(self) -> None:
        self._said: queue.SimpleQueue[tuple[T, bytes]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def listen(self, speaker: T, pipe: IO[bytes]) -> None:
        """Listen to a pipe, which is closed when all of it was heard.

        Parameters
        ----------
        speaker : object
            Who speaks, as `heard` names it.
        pipe : binary file object
            What it writes to.
        """
        thread = threading.Thread(target=self._listen, args=(speaker, pipe), name="streamdcm-batch", daemon=True)
        self._threads.append(thread)
        thread.start()

    def heard(self, seconds: float) -> list[tuple[T, bytes]]:
        """Wait until something is said, and return all of it; no bytes are the end of a pipe."""
        end = time.monotonic() + seconds
        said = []
        try:
            said.append(self._said.get(timeout=max(0.0, end - time.monotonic())))
            while True:
                said.append(self._said.get_nowait())
        except queue.Empty:
            return said

    def close(self) -> None:
        """Wait for the end of pipes whose processes have ended, unless others have them, too."""
        for thread in self._threads:
            thread.join(_PATIENCE)

    def _listen(self, speaker: T, pipe: IO[bytes]) -> None:
        with pipe:
            while data := os.read(pipe.fileno(), _MOST):
                self._said.put((speaker, data))
                if speaker.pause:
                    time.sleep(speaker.pause)
        self._said.put((speaker, b""))
