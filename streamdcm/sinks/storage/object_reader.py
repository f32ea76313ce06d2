"""An object in a storage as a file that can seek: it is read by ranges."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import Any, Final

from streamdcm.errors import SourceError

_MOST_AHEAD: Final = 8 * 1024 * 1024


class ObjectReader(io.RawIOBase):
    """What is in an object, asked for in ranges.

    A range that follows the one before is twice as long, up to 8 MiB, so that reading on takes few requests and reading
    here and there few bytes.

    Parameters
    ----------
    name : str
        The URL of the object, without secrets.
    size : int
        The number of its bytes.
    fetch : callable
        Takes an offset and a number of bytes, and returns these bytes.
    """

    def __init__(self, name: str, size: int, fetch: Callable[[int, int], bytes]) -> None:
        self.name = name
        self._size = size
        self._fetch = fetch
        self._position = 0
        self._kept = b""
        self._kept_at = 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that its position can be set."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position, which asks for nothing."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(start + offset, 0)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end.

        Raises
        ------
        SourceError
            If the object has changed since it was opened.
        StorageError
            If the service does not give it.
        """
        left = self._size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        pieces = []
        while wanted > 0 and (piece := self._piece(wanted)):
            pieces.append(piece)
            self._position += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _piece(self, wanted: int) -> bytes:
        """Return some of the bytes at the position."""
        start = self._position - self._kept_at
        if not 0 <= start < len(self._kept):
            follows = start == len(self._kept) > 0
            ahead = max(wanted, min(2 * len(self._kept), _MOST_AHEAD)) if follows else wanted
            self._kept = self._fetch(self._position, min(ahead, self._size - self._position))
            self._kept_at, start = self._position, 0
        return self._kept[start : start + wanted]


def no_such_object(location: str) -> FileNotFoundError:
    """Make the error for an object that is not there."""
    return FileNotFoundError(errno.ENOENT, "there is no such object", location)


def has_changed(location: str) -> SourceError:
    """Make the error for an object that was replaced while it was read."""
    return SourceError(f"{location} has changed since it was opened; read it again")
