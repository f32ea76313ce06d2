"""A file that is being captured: under a name that nothing sweeps, until it is complete."""

from __future__ import annotations

import os

from streamdcm import system
from streamdcm.sinks.hidden_files import try_lock
from streamdcm.sinks.path_atomic import AtomicOutput

SUFFIX = ".capture"
"""The end of the name of a capture; that of its log has one more."""

LOG_SUFFIX = f"{SUFFIX}.log"


class CaptureOutput(AtomicOutput):
    """A file that has the name ``.NAME.xxxxxxxx.capture`` until it takes that of the target.

    It stays where it is when the write is given up, unless that is before anything was captured.
    """

    is_kept = False
    """Whether the file stays when the write is given up."""

    @property
    def capture(self) -> str:
        """The path of the file, once it is open."""
        assert self._hidden is not None
        return self._hidden

    @property
    def log(self) -> str:
        """The path of what is written beside it."""
        return f"{self.capture[: -len(SUFFIX)]}{LOG_SUFFIX}"

    def flush(self) -> None:
        """Have what was written reach the disk."""
        system.to_disk(self.descriptor)

    def abort(self) -> None:
        """Close the file, and remove it if it has nothing that could be recovered."""
        if self.is_kept:
            self._close()
        else:
            super().abort()

    def _create_unnamed(self, *, exists: bool) -> os.stat_result | None:
        return None

    def _hidden_path(self) -> str:
        return os.path.join(self._parent, f".{os.path.basename(self._target)}.{os.urandom(4).hex()}{SUFFIX}")


def is_being_written(descriptor: int) -> bool:
    """Whether a process has a capture open."""
    return not try_lock(descriptor)
