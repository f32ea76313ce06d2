"""What a sink can do, each capability a small protocol, and what the drivers need of all of them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from streamdcm.engine.parts import PartSizes
from streamdcm.engine.result import Checksum
from streamdcm.instructions import Chunk

Call = Callable[..., Awaitable[Any]]
"""Calls a function where it does not hold up the event loop."""


@runtime_checkable
class Sink(Protocol):
    """Anything that takes bytes in order."""

    def write(self, data: Any, /) -> int | None:
        """Write bytes and return how many were taken; `None` means all of them."""


@runtime_checkable
class SeekableSink(Sink, Protocol):
    """A sink whose earlier bytes can be overwritten."""

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Move to `offset`."""

    def tell(self) -> int:
        """Return the position."""


@runtime_checkable
class Transactional(Protocol):
    """Something whose bytes become visible all at once or not at all."""

    def commit(self) -> None:
        """Make what was written visible under its name."""

    def abort(self) -> None:
        """Leave everything as it was before; may be called at any time and more than once."""


class Output(Transactional, Protocol):
    """A target that has been resolved: what a driver performs a policy's operations on.

    For the caller's own objects `commit` and `abort` do nothing.
    """

    location: str | None
    """Where the bytes go, for people: a path; `None` for objects without a name."""

    can_patch: bool
    """Whether `patch` works."""

    def open(self) -> None:
        """Make ready to write; the first step that can leave a trace."""

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order, before returning."""

    def take(self, descriptor: int, offset: int, length: int) -> int:
        """Take up to `length` bytes at `offset` of an open file without reading them; 0 where that cannot be done."""

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began and return to its end."""

    def prepare(self) -> None:
        """Do what can fail and is not visible yet, and leave little to `commit`; nothing is written after it."""


class AsyncOutput(Protocol):
    """A resolved target on the event loop, the twin of `Output`.

    For the caller's own objects `commit` and `abort` do nothing.
    """

    location: str | None
    """The name of the target, for people, if it has one."""

    can_patch: bool
    """Whether `patch` works."""

    takes_views: bool
    """Whether it takes memoryviews of `bytes`, which do not change; others get `bytes`."""

    async def open(self) -> None:
        """Make ready to write; the first step that can leave a trace."""

    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order, before returning."""

    async def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began and return to its end."""

    async def commit(self) -> None:
        """Make what was written visible under its name."""

    async def abort(self) -> None:
        """Leave everything as it was before; may be called at any time and more than once."""


@runtime_checkable
class ReadableOutput(Protocol):
    """An output from which can be read what was written to it."""

    can_read: bool
    """Whether `read` works."""

    def read(self, offset: int, size: int) -> bytes:
        """Return all bytes of a range that was written, counted from where the write began."""


@runtime_checkable
class Checksummed(Protocol):
    """An output that computes a digest of what it takes."""

    checksum: Checksum | None
    """The digest, after `prepare` or `commit` and if it was asked for."""


@runtime_checkable
class Interruptible(Protocol):
    """An output whose methods may wait long for others, and can be told not to."""

    def interrupt(self, error: BaseException) -> None:
        """Have the method that waits, or the next one that would, raise an error; called from any thread."""


@runtime_checkable
class Uploading(Protocol):
    """An output that makes requests, perhaps with an asynchronous client."""

    awaits: bool
    """Whether the client is asynchronous, so that the event loop has to run for them."""


@runtime_checkable
class TakesSize(Protocol):
    """An output that has a use for the number of bytes before the first one."""

    def expect(self, size: int) -> None:
        """Be told how many bytes there will be, before it is opened."""


@runtime_checkable
class PartsOutput(Transactional, Protocol):
    """A resolved target that takes numbered parts in any order, as object storages do."""

    location: str | None
    """Where the bytes go, for people: a URL without secrets."""

    can_patch: bool
    """True: a value that comes late finds its place, because the part with the field for it goes last."""

    part_sizes: PartSizes
    """How large the parts are to be."""

    def open(self) -> None:
        """Make ready to upload; the first step that can leave a trace."""

    def put(self, number: int, data: bytearray) -> None:
        """Take a part, counted from 1, perhaps to send it later; raise what sending an earlier one raised."""

    def put_whole(self, data: bytearray) -> None:
        """Take all that there is, in place of parts."""

    def prepare(self) -> None:
        """Do what can fail and is not visible yet, and leave little to `commit`; nothing is put after it."""
