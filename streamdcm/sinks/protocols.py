"""What a sink or an output can do, each capability a small protocol."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeGuard, runtime_checkable

from streamdcm.engine.result import Checksum

Call = Callable[..., Awaitable[Any]]
"""Calls a function where it does not hold up the event loop."""


@runtime_checkable
class Sink(Protocol):
    """Anything that takes bytes in order.

    Examples
    --------
    >>> class Counter:
    ...     size = 0
    ...     def write(self, data):
    ...         self.size += len(data)
    ...         return len(data)
    >>> counter = Counter()
    >>> streamdcm.dcmwrite(counter, ds).bytes_written == counter.size
    True
    """

    def write(self, data: Any, /) -> int | None:
        """Write bytes and return how many were taken; `None` means all of them."""


@runtime_checkable
class SeekableSink(Sink, Protocol):
    """A sink whose earlier bytes can be overwritten.

    Examples
    --------
    >>> import io
    >>> from streamdcm.sinks import SeekableSink
    >>> isinstance(io.BytesIO(), SeekableSink)
    True
    >>> streamdcm.dcmwrite(io.BytesIO(), ds, frames=camera()).patches > 0  # the number of frames, known at the end
    True
    """

    def seek(self, offset: int, whence: int = ..., /) -> int:
        """Move to `offset`."""

    def tell(self) -> int:
        """Return the position."""


@runtime_checkable
class Transactional(Protocol):
    """Something whose bytes become visible all at once or not at all.

    Examples
    --------
    >>> from streamdcm.sinks import Transactional, resolve
    >>> isinstance(resolve("out.dcm"), Transactional)
    True
    """

    def commit(self) -> None:
        """Make what was written visible under its name."""

    def abort(self) -> None:
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


def takes_size(output: object) -> TypeGuard[TakesSize]:
    """Tell what ``isinstance(output, TakesSize)`` tells, in a hundredth of the time: every write asks."""
    return getattr(output, "expect", None) is not None
