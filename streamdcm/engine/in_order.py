"""The second release policy, for sinks that only write: from the first open `Reserve` on everything is held back.

What is held back is in memory up to a limit, and in a temporary file past that. The policy says so, without any I/O.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

from streamdcm.engine.read_copies import read_copy
from streamdcm.engine.release import (
    COALESCE,
    SLICES,
    Coalescer,
    Operation,
    Transfer,
    Write,
    filling,
    no_instruction,
    not_open,
    open_already,
    still_open,
)
from streamdcm.engine.spool import AUTO, Keep, Spool, spool_for
from streamdcm.errors import HoldLimitError
from streamdcm.instructions import Chunk, Content, Copy, Encoder, Fill, Instruction, Need, Reserve, substitute

T = TypeVar("T")

DEFAULT_CHUNK_SIZE = 1024 * 1024
DEFAULT_HOLD_LIMIT = 64 * 1024 * 1024


class _Field:
    """Held back: a field whose value is not known yet."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: bytes | None = None


class InOrderPolicy:
    """Release everything up to the first open `Reserve` and hold back the rest.

    Parameters
    ----------
    chunk_size : int
        The most bytes in one slice of a large value.
    hold_limit : int
        The most bytes to hold back in memory; a `Copy` that is held back costs nothing.
    slices : int
        How many slices of a large value one `Write` has.
    spool : Spool, optional
        Where the bytes go that exceed `hold_limit`; without it they are an error.
    """

    def __init__(
        self,
        chunk_size: int,
        hold_limit: int,
        slices: int = SLICES,
        *,
        spool: Spool | None = None,
    ) -> None:
        self._buffer = Coalescer(chunk_size, slices)
        self._hold_limit = hold_limit
        self._spool = spool
        self._held: deque[_Field | Chunk | Copy] = deque()
        self._tail = bytearray()  # the last of what is held: small pieces, joined
        self._in_memory = 0
        self._spooled = 0
        self._fields: dict[Reserve, _Field] = {}

    def feed(self, instruction: Instruction) -> Iterable[Operation]:
        """Take an instruction; return the operations to be performed now, in order.

        Raises
        ------
        HoldLimitError
            If more than `hold_limit` bytes would have to be held back, and there is no temporary file for them.
        """
        if isinstance(instruction, (bytes, memoryview, bytearray)):
            return self._hold(instruction) if self._fields else self._buffer.add(instruction)
        if isinstance(instruction, Reserve):
            return self._reserve(instruction)
        if isinstance(instruction, Fill):
            return self._fill(instruction)
        if isinstance(instruction, Copy):
            if not self._fields:
                return self._transfer(instruction)
            operations = self._put_tail_away()
            self._held.append(instruction)
            return operations
        raise no_instruction(instruction)

    def finish(self) -> Iterable[Operation]:
        """Return the operations that are left when the encoder is exhausted."""
        if self._fields:
            raise still_open(len(self._fields))
        return self._buffer.flush()

    def _reserve(self, reserve: Reserve) -> Iterable[Operation]:
        if reserve in self._fields:
            raise open_already()
        operations = self._put_tail_away()
        self._in_memory += reserve.size
        field = self._fields[reserve] = _Field()
        if self._spool is None and self._in_memory > self._hold_limit:
            raise self._too_much()
        self._held.append(field)
        return operations

    def _hold(self, chunk: Chunk) -> Iterable[Operation]:
        if chunk.__class__ is not bytes:
            chunk = memoryview(chunk).cast("B")
        size = len(chunk)
        if self._spool is None and self._in_memory + size > self._hold_limit:
            raise self._too_much()
        if size >= COALESCE:
            return (*self._put_tail_away(), *self._put_away(chunk, size))
        self._tail += chunk
        self._in_memory += size
        return self._put_tail_away() if len(self._tail) >= COALESCE else ()

    def _put_tail_away(self) -> Iterable[Operation]:
        """Let no more be joined to the small pieces that came last."""
        if not self._tail:
            return ()
        tail, self._tail = self._tail, bytearray()
        self._in_memory -= len(tail)
        return self._put_away(tail, len(tail))

    def _put_away(self, chunk: Chunk, size: int) -> Iterable[Operation]:
        """Keep a chunk in memory if it may be there, else in the temporary file."""
        if self._spool is None or self._in_memory + size <= self._hold_limit:
            self._in_memory += size
            self._held.append(bytes(chunk))
            return ()
        start, last = self._spooled, self._held[-1]
        if isinstance(last, Copy) and last.source is self._spool:  # it ends where this one begins
            self._held[-1] = Copy(last.source, last.offset, last.length + size)
        else:
            self._held.append(Copy(self._spool, start, size))
        self._spooled += size
        return (Keep(self._spool, start, (chunk,)),)

    def _fill(self, fill: Fill) -> Iterable[Operation]:
        if fill.reserve not in self._fields:
            raise not_open()
        self._fields[fill.reserve].value = filling(fill)
        del self._fields[fill.reserve]
        return self._release()

    def _release(self) -> Iterator[Operation]:
        while self._held:
            thing = self._held[0]
            if isinstance(thing, _Field):
                if thing.value is None:
                    return
                thing = thing.value
            self._held.popleft()
            if isinstance(thing, Copy):
                yield from self._transfer(thing)
            else:
                self._in_memory -= len(thing)
                yield from self._buffer.add(thing)
        tail, self._tail = self._tail, bytearray()
        self._in_memory -= len(tail)
        self._spooled = 0
        yield from self._buffer.add(bytes(tail))

    def _transfer(self, copy: Copy) -> Iterable[Operation]:
        return (*self._buffer.flush(), Transfer(copy))

    def _too_much(self) -> HoldLimitError:
        awaited = next(iter(self._fields), None)
        what = (awaited and awaited.label) or "a value that comes late"
        return HoldLimitError(
            f"more than {self._hold_limit:,} bytes would be held back for {what}: leave out spool='never', so that "
            "they go to a temporary file, or raise hold_limit"
        )


def in_order(
    inner: Encoder[T],
    *,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    hold_limit: int = DEFAULT_HOLD_LIMIT,
    spool: str = AUTO,
) -> Encoder[T]:
    """Run an encoder through the in-order policy, for stages that must see every byte once and in order.

    Parameters
    ----------
    inner : Encoder
        The encoder.
    chunk_size : int
        The most bytes in one chunk.
    hold_limit : int
        The most bytes that may be held back in memory behind a value that is not known yet.
    spool : str
        What becomes of more: ``"auto"``, a temporary file; a directory for it; ``"never"``, an error.

    Returns
    -------
    Encoder
        Yields chunks and needs only, and returns what `inner` returns. Chunks are borrowed.

    Raises
    ------
    HoldLimitError
        If more than `hold_limit` bytes would have to be held back, and `spool` is ``"never"``.

    Examples
    --------
    >>> from streamdcm.stages import in_order
    >>> length = streamdcm.Reserve(1)
    >>> def known_late():
    ...     yield length
    ...     yield b"content"
    ...     yield streamdcm.Fill(length, b"7")
    >>> [bytes(chunk) for chunk in in_order(known_late())]
    [b'7content']
    """
    policy = InOrderPolicy(chunk_size, hold_limit, spool=spool_for(spool))

    def on_content(content: Content) -> Encoder[None]:
        for operation in policy.feed(content):
            yield from _released(operation)

    result = yield from substitute(inner, on_content)
    for operation in policy.finish():
        yield from _released(operation)
    return result


def _released(operation: Operation) -> Encoder[None]:
    if isinstance(operation, Write):
        yield from operation.buffers
    elif isinstance(operation, Transfer):
        yield from read_copy(operation.copy)
    elif isinstance(operation, Keep):
        yield Need(operation)  # answered when it is done
