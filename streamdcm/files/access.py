"""Files that are read at any offset: paths, and binary objects that can seek."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

from streamdcm import system
from streamdcm.cleanup import afterwards
from streamdcm.files.inflate import Inflated
from streamdcm.files.scan_words import BLOCK, Scan, T
from streamdcm.instructions import Copy
from streamdcm.sinks import printable
from streamdcm.sources import BufferSource, FileSource, restored_position

Source: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | BinaryIO

_HEADER_LENGTH: Final = 12
"""The most bytes before a value that can be its header (PS3.5 §7.1.2)."""


class Access(Protocol):
    """A source that is read at any offset from its start.

    Attributes
    ----------
    name : str
        What errors call it.
    size : int or None
        The number of its bytes; `None` if only reading tells.
    path : str or None
        Where it is, if it is a file that has a path.
    """

    name: str
    size: int | None
    path: str | None

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from an offset on, fewer only at the end."""

    def range_of(self, offset: int, length: Any, label: str) -> Copy:
        """Return what describes a range of bytes, the value of the element that `label` names."""


class PathAccess:
    """A file at a path, open for reading.

    Parameters
    ----------
    path : str
        Where it is.
    descriptor : int
        It, open.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self.path: str | None = path
        self.name = path
        self._descriptor = descriptor
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        self._modified = status.st_mtime
        self.size: int | None = status.st_size

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from an offset on, fewer only at the end."""
        data = system.pread(self._descriptor, size, offset)
        while len(data) < size and (more := system.pread(self._descriptor, size - len(data), offset + len(data))):
            data += more
        return data

    def range_of(self, offset: int, length: int, label: str) -> Copy:
        """Return what describes a range of bytes."""
        assert self.path is not None
        start = max(offset - _HEADER_LENGTH, 0)
        header = system.pread(self._descriptor, offset - start, start)
        return Copy(FileSource(self.path, self._modified, start, header, label), offset, length)


class BufferAccess:
    """A binary object that can seek, from its position on.

    Parameters
    ----------
    buffer : binary file object
        It, held for oneself meanwhile.
    start : int
        Its position.
    """

    def __init__(self, buffer: Any, start: int, name: str | None = None) -> None:
        named = getattr(buffer, "name", None) if name is None else name
        self.path: str | None = named if isinstance(named, str) else None
        self.name = printable(self.path or f"the {type(buffer).__name__}")
        self._buffer = buffer
        self._start = start
        self.size: int | None = max(buffer.seek(0, os.SEEK_END) - start, 0) if name is None else None

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from an offset on, fewer only at the end."""
        self._buffer.seek(self._start + offset)
        data: bytes = self._buffer.read(size)
        while len(data) < size and (more := self._buffer.read(size - len(data))):
            data += more
        return bytes(data)

    def range_of(self, offset: int, length: int, label: str) -> Copy:
        """Return what describes a range of bytes."""
        return Copy(BufferSource(self._buffer, label), self._start + offset, length)


class InflatedAccess(BufferAccess):
    """What is deflated in a source: what was read last is kept, because a step back inflates all from the start.

    Parameters
    ----------
    access : Access
        The source.
    offset : int
        Where the deflated bytes begin.
    """

    def __init__(self, access: Access, offset: int) -> None:
        assert access.size is not None
        deflated = access.range_of(offset, access.size - offset, "the deflated dataset")
        super().__init__(Inflated(deflated), 0, access.name)
        self._kept, self._kept_at = b"", 0

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes from an offset on, fewer only at the end."""
        kept = b""
        if self._kept_at <= offset <= self._kept_at + len(self._kept):
            kept = self._kept[offset - self._kept_at :]
        if len(kept) < size:
            kept += super().read(offset + len(kept), size - len(kept))
        self._kept, self._kept_at = kept, offset
        return kept[:size]


@contextmanager
def accessed(source: Any) -> Iterator[Access]:
    """Give access to a source; an object is held for oneself meanwhile, and has its position back at the end.

    Raises
    ------
    TypeError
        If it is neither a path nor a binary object that can seek.
    OSError
        If it cannot be opened.
    """
    if isinstance(source, (str, bytes, os.PathLike)):
        path = os.path.abspath(os.fsdecode(source))
        descriptor = os.open(path, os.O_RDONLY | system.BINARY)
        with afterwards(partial(os.close, descriptor)):
            yield PathAccess(path, descriptor)
        return
    if not all(callable(getattr(source, name, None)) for name in ("read", "seek", "tell")):
        raise TypeError(f"the source must be a path or a binary file that can seek, not {type(source).__name__}")
    with restored_position(source) as start:
        yield BufferAccess(source, start)


def performed(scan: Scan[T], access: Access) -> T:
    """Answer what a scan asks for, and return what it found."""
    try:
        ask = next(scan)
        while True:
            ask = scan.send(access.read(ask.offset, max(ask.size, BLOCK) if ask.size > 4096 else ask.size))
    except StopIteration as stop:
        found: T = stop.value
        return found
