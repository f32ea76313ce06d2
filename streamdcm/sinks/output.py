"""What targets derive from: ours, and those of others."""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Sequence

from streamdcm.engine.parts import PartBuffers, PartSizes
from streamdcm.engine.policies import Release, policy_for
from streamdcm.engine.release import SLICES, ReleasePolicy
from streamdcm.engine.spool import NEVER
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import copy_range
from streamdcm.sinks.protocols import Call, takes_size


class Transaction(ABC):
    """What all outputs have in common: one write, from `open` to `commit` or `abort`.

    An output that is given as a target is used for one write. The calls are `open`, then those that bring the bytes,
    then `prepare` and `commit`; where something fails, at any point and before `open` too, `abort`.
    """

    location: str | None = None
    """Where the bytes go, for people: a path, or a URL without secrets; `None` for what has no name."""

    can_patch: bool = False
    """Whether bytes that were written can be overwritten, so that a value that comes late finds its place."""

    part_sizes: PartSizes | None = None
    """How large parts are to be, where there are parts."""

    part_buffers: PartBuffers | None = None
    """Where the memory of parts comes from, and goes back to when they were sent, if it does."""

    can_grow: bool = False
    """Whether what was written can be moved, for bytes that belong before it."""

    @property
    @abstractmethod
    def release(self) -> Release:
        """In which order bytes are released to this output."""

    @abstractmethod
    def open(self) -> None:
        """Make ready to write; the first step that can leave a trace."""

    def prepare(self) -> None:  # noqa: B027 (most outputs have nothing to prepare)
        """Do what can fail and is not visible yet, and leave little to `commit`; may be called more than once.

        Nothing is written after it. Where several targets belong together, all are prepared before the first is
        committed. Does nothing unless overridden.
        """

    @abstractmethod
    def commit(self) -> None:
        """Make what was written visible under its name; a second call does nothing."""

    @abstractmethod
    def abort(self) -> None:
        """Leave everything as it was before; may be called at any time and more than once, and after `commit`."""


class Output(Transaction):
    """A target that takes bytes in order. Derive from it to write to something of your own.

    `open`, `write`, `commit` and `abort` have to be overridden, and `patch` where `can_patch` is true. An instance is a
    target for every function of streamdcm that writes.

    Examples
    --------
    >>> from streamdcm.sinks import Output
    >>> class Lines(Output):
    ...     def __init__(self):
    ...         self.pieces = []
    ...     def open(self): ...
    ...     def write(self, buffers):
    ...         self.pieces += map(bytes, buffers)  # which borrow their memory
    ...     def commit(self): ...
    ...     def abort(self):
    ...         self.pieces = []
    >>> lines = Lines()
    >>> streamdcm.dcmwrite(lines, ds).bytes_written == len(b"".join(lines.pieces))
    True
    """

    @property
    def release(self) -> Release:
        """``"patch"`` where bytes can be overwritten, else ``"in_order"``."""
        return "patch" if self.can_patch else "in_order"

    @property
    def descriptor(self) -> int | None:
        """The file descriptor that the bytes go to unchanged and without a buffer in front of it, if there is one."""
        return None

    @abstractmethod
    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order, before returning.

        What is not exactly `bytes` is borrowed: copy what is to be kept.
        """

    def copy_range(self, descriptor: int, offset: int, length: int) -> int:
        """Take up to `length` bytes at `offset` of an open file, unread, as the next ones.

        Parameters
        ----------
        descriptor : int
            That of a plain file.
        offset, length : int
            The range in it, in bytes.

        Returns
        -------
        int
            How many bytes were taken. After 0 the rest is read, and comes by `write`: so always, unless this output
            has a descriptor.
        """
        return 0 if self.descriptor is None else copy_range(descriptor, self.descriptor, offset, length)

    def take(self, descriptor: int, offset: int, length: int) -> int:
        """Do the same as `copy_range`, which is its name today."""
        return self.copy_range(descriptor, offset, length)

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began, and return to its end.

        Raises
        ------
        io.UnsupportedOperation
            Unless overridden.
        """
        raise io.UnsupportedOperation("what was written to this target cannot be overwritten")

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written from `offset` on by `size` bytes; what lies between is written by `patch` then.

        Raises
        ------
        io.UnsupportedOperation
            Unless overridden, as it is to be where `can_grow` is true.
        """
        raise io.UnsupportedOperation("what was written to this target cannot be moved")


class PartsOutput(Transaction):
    """A target that takes numbered parts in any order, as object storages do, beside `Output`.

    A value that comes late finds its place, because the part with the field for it goes last.

    Examples
    --------
    >>> from streamdcm.sinks import PartsOutput
    >>> class Parts(PartsOutput):
    ...     def __init__(self):
    ...         self.parts = {}
    ...     def open(self): ...
    ...     def put(self, number, data):
    ...         self.parts[number] = data
    ...     def put_whole(self, data):
    ...         self.parts[1] = data
    ...     def commit(self): ...
    ...     def abort(self):
    ...         self.parts.clear()
    >>> parts = Parts()
    >>> streamdcm.dcmwrite(parts, ds, frames=camera()).bytes_written == len(parts.parts[1])
    True
    """

    can_patch = True
    can_grow = True

    part_sizes: PartSizes = PartSizes()
    """How large the parts are to be."""

    @property
    def release(self) -> Release:
        """``"parts"``."""
        return "parts"

    @abstractmethod
    def put(self, number: int, data: bytearray) -> None:
        """Take a part, counted from 1, perhaps to send it later; raise what sending an earlier one raised.

        The bytes are this output's from now on.
        """

    @abstractmethod
    def put_whole(self, data: bytearray) -> None:
        """Take all that there is, in place of parts; the bytes are this output's from now on."""


class CallersOutput(Output):
    """What is the caller's: open before the write and after it, never committed."""

    def open(self) -> None:
        """Do nothing: it is open."""

    def commit(self) -> None:
        """Do nothing: it is the caller's."""

    def abort(self) -> None:
        """Do nothing: it is the caller's."""


class PassingOutput(Output):
    """Passes on to another output what is written, in order and read.

    Parameters
    ----------
    output : Output
        Where the bytes go.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self.location = output.location

    def expect(self, size: int) -> None:
        """Tell the output how many bytes there will be, if it has a use for that."""
        if takes_size(self._output):
            self._output.expect(size)

    def open(self) -> None:
        """Open the output."""
        self._output.open()

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        self._output.write(buffers)

    def prepare(self) -> None:
        """Prepare the output."""
        self._output.prepare()

    def commit(self) -> None:
        """Commit the output."""
        self._output.commit()

    def abort(self) -> None:
        """Abort the output."""
        self._output.abort()


class AsyncOutput(ABC):
    """A target on the event loop, as `Output` is off it. Instances are targets for the ``*_async`` functions.

    Examples
    --------
    >>> import asyncio
    >>> from streamdcm.sinks import AsyncOutput
    >>> class Queued(AsyncOutput):
    ...     def __init__(self):
    ...         self.queue = asyncio.Queue()
    ...     async def open(self): ...
    ...     async def write(self, buffers):
    ...         for buffer in buffers:
    ...             await self.queue.put(bytes(buffer))  # which borrow their memory
    ...     async def commit(self): ...
    ...     async def abort(self): ...
    >>> asyncio.run(streamdcm.dcmwrite_async(Queued(), ds)).bytes_written > 32_768
    True
    """

    location: str | None = None
    """The name of the target, for people, if it has one."""

    can_patch: bool = False
    """Whether bytes that were written can be overwritten."""

    takes_views: bool = False
    """Whether it takes memoryviews of `bytes`, which do not change; others get `bytes`."""

    takes_ranges: bool = False
    """Whether `copy_range` may take bytes; else nobody asks."""

    @property
    def release(self) -> Release:
        """``"patch"`` where bytes can be overwritten, else ``"in_order"``."""
        return "patch" if self.can_patch else "in_order"

    @abstractmethod
    async def open(self) -> None:
        """Make ready to write; the first step that can leave a trace."""

    @abstractmethod
    async def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order, before returning."""

    async def copy_range(self, descriptor: int, offset: int, length: int, call: Call) -> int:
        """Take up to `length` bytes at `offset` of an open file, unread, as the next ones.

        Parameters
        ----------
        descriptor : int
            That of a plain file.
        offset, length : int
            The range in it, in bytes.
        call : callable
            Calls a function in a thread: the file may be slow.

        Returns
        -------
        int
            How many bytes were taken. After 0, which it is unless overridden, the rest is read, and comes by `write`.
        """
        return 0

    async def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began, and return to its end.

        Raises
        ------
        io.UnsupportedOperation
            Unless overridden.
        """
        raise io.UnsupportedOperation("what was written to this target cannot be overwritten")

    @abstractmethod
    async def commit(self) -> None:
        """Make what was written visible under its name; a second call does nothing."""

    @abstractmethod
    async def abort(self) -> None:
        """Leave everything as it was before; may be called at any time and more than once."""


class AsyncCallersOutput(AsyncOutput):
    """What is the caller's: never closed, never committed."""

    async def commit(self) -> None:
        """Do nothing: the object is the caller's."""

    async def abort(self) -> None:
        """Do nothing: the object is the caller's."""


def policy_of(
    output: Output | PartsOutput,
    *,
    chunk_size: int,
    hold_limit: int,
    slices: int = SLICES,
    spool: str = NEVER,
) -> ReleasePolicy:
    """Return the policy that an output asks for; see `policy_for`."""
    return policy_for(
        output.release,
        chunk_size=chunk_size,
        hold_limit=hold_limit,
        part_sizes=output.part_sizes,
        part_buffers=output.part_buffers,
        slices=slices,
        spool=spool,
    )
