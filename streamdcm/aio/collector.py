"""What a write on a thread puts into the hands of the event loop, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from streamdcm.engine.release import Patch, Transfer, Write
from streamdcm.instructions import Chunk, Copy
from streamdcm.sinks.output import CallersOutput
from streamdcm.write.driver import Step
from streamdcm.write.reading import is_in_plain_file

Collected: TypeAlias = Write | Patch | Transfer

_FURTHER: Final = 16
"""How many further slices of a value count as much as one: they take no more memory, and each batch takes a while."""

_LEAST: Final = 256 * 1024
"""The bytes from which on a range is passed on unread: reading fewer is faster than a thread gets to send them."""


class Batch(NamedTuple):
    """What is to be written next, and what comes after it.

    Attributes
    ----------
    operations : list of Write, Patch or Transfer
        The operations, in order.
    frames : int
        How many frames were asked for in all.
    then : Need, Full, Done or Exception
        What the write waits for, or the error to be raised, after all was written.
    """

    operations: list[Collected]
    frames: int
    then: Step | BaseException


class Collector(CallersOutput):
    """An output that keeps what it is given until the loop writes it.

    Parameters
    ----------
    chunk_size : int
        From how many bytes on it is full.
    can_patch : bool
        Whether the target can be patched.
    takes_views : bool
        Whether the target takes memoryviews of `bytes`; all else that is not `bytes` is copied.
    takes_ranges : bool
        Whether the target takes ranges of plain files, unread.
    location : str or None
        The name of the target.
    """

    def __init__(
        self,
        chunk_size: int,
        *,
        can_patch: bool = False,
        takes_views: bool = False,
        takes_ranges: bool = False,
        location: str | None = None,
    ) -> None:
        self.can_patch = can_patch
        self._takes_ranges = takes_ranges
        self.location = location
        self._chunk_size = chunk_size
        self._takes_views = takes_views
        self._operations: list[Collected] = []
        self._size = 0
        self._value: object = None  # whose view came last

    @property
    def is_full(self) -> bool:
        """Whether there is a chunk."""
        return self._size >= self._chunk_size

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Keep all bytes of `buffers`, in order."""
        kept = tuple(lasting(buffer, self._takes_views) for buffer in buffers)
        self._operations.append(Write(kept))
        self._size += sum(map(self._cost, kept))

    def patch(self, offset: int, value: bytes) -> None:
        """Keep what overwrites bytes."""
        self._operations.append(Patch(offset, value))

    def asks_for(self, copy: Copy) -> bool:
        """Tell whether the bytes of a range are wanted, and not where they are."""
        return not self._takes_ranges or copy.length < _LEAST or not is_in_plain_file(copy)

    def transfer(self, copy: Copy) -> None:
        """Keep a range, unread."""
        self._operations.append(Transfer(copy))
        self._size += copy.length

    def _cost(self, kept: Chunk) -> int:
        """Return how many bytes a buffer counts: a further view of the same value takes no more memory."""
        value = kept.obj if isinstance(kept, memoryview) else None
        is_further = value is not None and value is self._value
        self._value = value
        return len(kept) // _FURTHER if is_further else len(kept)

    def taken(self) -> list[Collected]:
        """Return what has been collected, and begin anew."""
        operations, self._operations, self._size = self._operations, [], 0
        return operations


def lasting(buffer: Chunk, takes_views: bool) -> Chunk:
    """Return a buffer that does not change: itself, if it is `bytes`, or a view of them and the target takes views."""
    if buffer.__class__ is bytes:
        return buffer
    is_constant = takes_views and isinstance(buffer, memoryview) and buffer.obj.__class__ is bytes
    return buffer if is_constant else bytes(buffer)
