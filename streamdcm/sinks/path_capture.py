"""A file that is being captured: under a name that nothing sweeps, until it is complete."""

from __future__ import annotations

import io
import os
import stat
from functools import partial

from streamdcm import system
from streamdcm.cleanup import afterwards, nothing
from streamdcm.sinks.descriptor import copy_all, move_tail
from streamdcm.sinks.hidden_files import hidden_path, try_lock
from streamdcm.sinks.path_atomic import AtomicOutput

SUFFIX = ".capture"
"""The end of the name of a capture; that of its log has one more."""

LOG_SUFFIX = f"{SUFFIX}.log"

_LONGEST_NAME = 255 - len(f"..01234567{LOG_SUFFIX}")
"""The most bytes of a name that has all of this around it; of a longer one the beginning is taken."""


class CaptureOutput(AtomicOutput):
    """A file that has the name ``.NAME.xxxxxxxx.capture`` until it takes that of the target.

    It stays where it is when the write is given up, unless that is before anything was captured.
    """

    is_kept = False
    """Whether the file stays when the write is given up."""

    _captured: tuple[io.FileIO, str] | None = None
    """The capture, once another file is written that has space for more."""

    @property
    def capture(self) -> str:
        """The path of the file, once it is open."""
        path = self._hidden if self._captured is None else self._captured[1]
        assert path is not None
        return path

    @property
    def log(self) -> str:
        """The path of what is written beside it."""
        return f"{self.capture[: -len(SUFFIX)]}{LOG_SUFFIX}"

    def flush(self) -> None:
        """Have what was written reach the disk."""
        system.to_disk(self.descriptor)

    def make_space(self, offset: int, size: int) -> None:
        """Go on with a copy that has the space: the capture stays what it is until that one is complete."""
        if self._captured is None:
            captured, self._captured = self._opened(), (self._opened(), self.capture)
            self._hidden = None
            status = os.fstat(captured.fileno())
            self._create_hidden(exists=True)
            system.set_mode(self.descriptor, self._hidden, stat.S_IMODE(status.st_mode))
            copy_all(captured.fileno(), self.descriptor)
        move_tail(self.descriptor, offset, size)

    def commit(self) -> None:
        """Give the file its name; the capture is removed if the file is another."""
        super().commit()
        if self._captured is not None:
            file, path = self._captured
            with afterwards(partial(self._remove, path)):  # some systems keep what is open from being removed
                file.close()

    def abort(self) -> None:
        """Close the file, and remove it if it has nothing that could be recovered."""
        if self._captured is not None:
            with afterwards(self._let_go_of_capture):
                super().abort()
        elif self.is_kept:
            self._close()
        else:
            super().abort()

    def _let_go_of_capture(self) -> None:
        assert self._captured is not None
        file, path = self._captured
        with afterwards(nothing if self.is_kept else partial(self._remove, path)):
            file.close()

    def _create_unnamed(self, *, exists: bool) -> os.stat_result | None:
        return None

    def _hidden_path(self) -> str:
        if self._captured is not None:
            return hidden_path(self._parent)
        name = os.path.basename(self._target)
        while len(os.fsencode(name)) > _LONGEST_NAME:
            name = name[:-1]
        return os.path.join(self._parent, f".{name}.{os.urandom(4).hex()}{SUFFIX}")


def is_being_written(path: str) -> bool:
    """Whether a process has a capture open.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    with open(path, "r+b", buffering=0) as file:
        if system.has_locks():
            return not try_lock(file.fileno())
    return system.is_in_use(path)
