"""Directories that are open for the sake of the names in them."""

import os
from contextlib import suppress
from weakref import WeakValueDictionary, finalize

from streamdcm import system
from streamdcm.sinks.hidden_files import share_lock


class Directory:
    """A directory that is open as long as somebody has use for it: many files that are complete may wait for it."""

    def __init__(self, path: str) -> None:
        assert system.DIRECTORY is not None
        self.descriptor = os.open(path, os.O_RDONLY | system.DIRECTORY | system.BINARY)
        finalize(self, _close, self.descriptor)

    def protect(self) -> bool:
        """Keep those who clean up from what is hidden in it, while it is open; tell whether that works."""
        return share_lock(self.descriptor)


def _close(descriptor: int) -> None:
    with suppress(OSError):  # nobody is left to be told
        os.close(descriptor)


_directories: WeakValueDictionary[tuple[int, int], Directory] = WeakValueDictionary()


def open_directory(path: str) -> Directory:
    """Open a directory, or return it if it is open."""
    status = os.stat(path)
    key = status.st_dev, status.st_ino
    found = _directories.get(key)
    if found is None:
        found = _directories[key] = Directory(path)
    return found
