"""What a lazy value is: descriptions, compared by identity, of something that the drivers read."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from threading import Lock, RLock
from typing import Any
from weakref import WeakKeyDictionary

from streamdcm.instructions import Copy

_locks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_locks_lock = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class BufferSource:
    """A readable and seekable buffer, the value of the element that `label` names."""

    buffer: BufferedIOBase
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class CopySource:
    """The bytes of a `Copy`, asked for piece by piece by a stage that must see them."""

    copy: Copy


@dataclass(frozen=True, slots=True, eq=False)
class FrameSource:
    """Frames that are asked for one by one, for the element that `label` names."""

    frames: Iterable[Any]
    label: str


@contextmanager
def restored_position(buffer: Any) -> Iterator[int]:
    """Hold a buffer for oneself and put its position, which is given, back at the end."""
    with _lock_of(buffer):
        position: int = buffer.tell()
        try:
            yield position
        finally:
            buffer.seek(position)


def describe(buffer: BufferedIOBase, label: str) -> Copy:
    """Describe what a buffer holds from its position to its end, without reading it.

    Raises
    ------
    ValueError
        If the buffer is closed, or cannot be read or sought in.
    """
    if buffer.closed:
        raise ValueError("the buffer has been closed; open it again and set the value anew")
    if not buffer.readable() or not buffer.seekable():
        raise ValueError("the buffer must be readable and seekable")
    with restored_position(buffer) as position:
        end = buffer.seek(0, os.SEEK_END)
    return Copy(BufferSource(buffer, label), position, max(end - position, 0))


def first_bytes(copy: Copy, count: int) -> bytes:
    """Return the first few bytes of what `describe` described."""
    buffer = copy.source.buffer
    with restored_position(buffer):
        buffer.seek(copy.offset)
        head: bytes = buffer.read(min(count, copy.length))
    return head


def _lock_of(buffer: Any) -> Any:
    with _locks_lock:
        try:
            return _locks.setdefault(buffer, RLock())
        except TypeError:  # not weakly referable, or without a hash
            return RLock()
