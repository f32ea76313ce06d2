"""Release policies: from instructions to what one class of sink can do, without any I/O.

`PatchPolicy` is for sinks that write, seek and tell: everything is released at once, and a late value
becomes a small `Patch`. It coalesces small pieces and hands large ones on uncopied, in slices.
`InOrderPolicy`, in `streamdcm.engine.in_order`, is for sinks that only write, `PartsPolicy`, in
`streamdcm.engine.parts`, for those that take numbered parts in any order.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from streamdcm.engine.spool import Keep
from streamdcm.errors import InstructionError
from streamdcm.instructions import Chunk, Copy, Fill, Insert, Instruction, Need, Reserve

COALESCE = 64 * 1024
"""Pieces below this size are joined; larger ones are passed on uncopied."""

SLICES = 16
"""How many slices of a large value one `Write` has: a file takes them in one system call."""


class Write(NamedTuple):
    """Write these buffers next. Those that are not exact `bytes` are borrowed."""

    buffers: tuple[Chunk, ...]


class Patch(NamedTuple):
    """Put `value` at `offset` bytes from the start of the stream, which was written before."""

    offset: int
    value: bytes


class Transfer(NamedTuple):
    """Write the bytes that `copy` describes next."""

    copy: Copy


class Part(NamedTuple):
    """Put these bytes as the part with this number, counted from 1, in any order. They are the sink's from now on."""

    number: int
    data: bytearray


class Whole(NamedTuple):
    """These bytes are all that there are. They are the sink's from now on."""

    data: bytearray


class Insertion(NamedTuple):
    """Put so many bytes between those before `offset` and those behind it, which were written before."""

    offset: int
    pieces: Sequence[bytes | Copy]
    size: int


Operation: TypeAlias = Write | Patch | Transfer | Insertion | Keep | Part | Whole


class ReleasePolicy(Protocol):
    """What the drivers and the stages need of a policy."""

    def feed(self, instruction: Instruction) -> Iterable[Operation]:
        """Take an instruction; return the operations to be performed now, in order."""

    def finish(self) -> Iterable[Operation]:
        """Return the operations that are left when the encoder is exhausted."""


class Coalescer:
    """Joins small pieces and slices large ones; `position` counts what came, `released` what went."""

    def __init__(self, chunk_size: int, slices: int) -> None:
        self._chunk_size = chunk_size
        self._at_once = chunk_size * slices
        self._limit = min(COALESCE, chunk_size)
        self._pieces: list[bytes | bytearray] = []
        self.position = 0
        self.released = 0

    def add(self, chunk: Chunk) -> Iterable[Write]:
        """Take a chunk; one that stays here and is borrowed is copied."""
        if chunk.__class__ is not bytes:
            chunk = memoryview(chunk).cast("B")
        size = len(chunk)
        if size < self._limit:
            return self._keep(chunk if chunk.__class__ is bytes else bytes(chunk), size)
        self.position += size
        return self._sliced(self._take(), memoryview(chunk))

    def add_bytes(self, chunk: bytes) -> Iterable[Write]:
        """Take what need not be copied: the shortest way for small chunks."""
        position = self.position + len(chunk)
        if position - self.released > self._limit:
            return self.add(chunk)
        self._pieces.append(chunk)
        self.position = position
        return ()

    def add_field(self, size: int) -> tuple[Iterable[Write], bytearray]:
        """Take a field of `size` bytes; its bytes can be set while it lies behind `released`."""
        field = bytearray(size)
        if size < self._limit:
            return self._keep(field, size), field
        return self.add(field), field

    def flush(self) -> Iterable[Write]:
        """Return what has been joined so far, as a new object that is never touched again."""
        joined = self._take()
        return (Write(joined),) if joined else ()

    def _keep(self, piece: bytes | bytearray, size: int) -> Iterable[Write]:
        writes = self.flush() if self.position - self.released + size > self._limit else ()
        self._pieces.append(piece)
        self.position += size
        return writes

    def _sliced(self, head: tuple[Chunk, ...], view: memoryview) -> Iterator[Write]:
        size = self._chunk_size
        for start in range(0, len(view), self._at_once):
            end = min(start + self._at_once, len(view))
            yield Write((*head, *[view[at : at + size] for at in range(start, end, size)]))
            head = ()

    def _take(self) -> tuple[Chunk, ...]:
        joined = b"".join(self._pieces)
        self._pieces.clear()
        self.released = self.position
        return (joined,) if joined else ()


def filling(fill: Fill) -> bytes:
    """Return the bytes of a `Fill`, checked against what was reserved."""
    value = fill.reserve.default if fill.value is None else fill.value
    if value is None:
        raise InstructionError("a Reserve without a default was filled without a value")
    if len(value) != fill.reserve.size:
        raise InstructionError(f"{len(value)} bytes do not fill a Reserve of {fill.reserve.size} bytes exactly")
    return bytes(value)


def no_instruction(thing: object) -> InstructionError:
    """Make the error for what a policy cannot take."""
    if isinstance(thing, Need):
        return InstructionError("a Need is answered by the driver, not by a release policy")
    return InstructionError(f"an encoder yielded {type(thing).__name__}, which is not an instruction")


def not_open() -> InstructionError:
    """Make the error for a `Fill` that has no Reserve."""
    return InstructionError("a Fill came for a Reserve that is not open: not yielded before, or filled twice")


def open_already() -> InstructionError:
    """Make the error for a `Reserve` that came twice."""
    return InstructionError("a Reserve was yielded again while it was open; yield a new one for each field")


def still_open(count: int) -> InstructionError:
    """Make the error for fields that are left open at the end."""
    return InstructionError(f"the encoder ended with {count} Reserve(s) that were never filled")


class PatchPolicy:
    """Release at once; a late `Fill` becomes a `Patch`, and none while its field is still coalescing.

    Parameters
    ----------
    chunk_size : int
        The most bytes in one slice of a large value.
    slices : int
        How many slices of a large value one `Write` has.
    """

    def __init__(self, chunk_size: int, slices: int = SLICES) -> None:
        self._buffer = Coalescer(chunk_size, slices)
        self._fields: dict[Reserve, tuple[int, bytearray | None]] = {}

    def feed(self, instruction: Instruction) -> Iterable[Operation]:
        """Take an instruction; return the operations to be performed now, in order."""
        if instruction.__class__ is bytes:
            return self._buffer.add_bytes(instruction)
        if isinstance(instruction, (memoryview, bytearray, bytes)):
            return self._buffer.add(instruction)
        if isinstance(instruction, Reserve):
            return self._reserve(instruction)
        if isinstance(instruction, Fill):
            return self._fill(instruction)
        if isinstance(instruction, Copy):
            writes = self._buffer.flush()
            self._buffer.position += instruction.length
            self._buffer.released = self._buffer.position
            return (*writes, Transfer(instruction))
        if isinstance(instruction, Insert):
            return self._insert(instruction)
        raise no_instruction(instruction)

    def finish(self) -> Iterable[Operation]:
        """Return the operations that are left when the encoder is exhausted."""
        if self._fields:
            raise still_open(len(self._fields))
        return self._buffer.flush()

    def flush(self) -> Iterable[Operation]:
        """Return the operations that release what was only joined so far."""
        return self._buffer.flush()

    def _reserve(self, reserve: Reserve) -> Iterable[Operation]:
        if reserve in self._fields:
            raise open_already()
        offset = self._buffer.position
        writes, field = self._buffer.add_field(reserve.size)
        if reserve.default is not None:
            field[:] = filling(Fill(reserve))
        # a field that is large was released at once: its bytes are not kept
        self._fields[reserve] = offset, field if offset >= self._buffer.released else None
        return writes

    def _insert(self, insert: Insert) -> Iterable[Operation]:
        if insert.mark not in self._fields:
            raise not_open()
        offset, _ = self._fields.pop(insert.mark)
        writes = self._buffer.flush()
        self._fields = {
            reserve: (start + insert.size if start >= offset else start, None)
            for reserve, (start, _) in self._fields.items()
        }
        self._buffer.position += insert.size
        self._buffer.released = self._buffer.position
        return (*writes, Insertion(offset, insert.pieces, insert.size))

    def _fill(self, fill: Fill) -> Iterable[Operation]:
        if fill.reserve not in self._fields:
            raise not_open()
        value = filling(fill)
        offset, field = self._fields.pop(fill.reserve)
        if field is not None and offset >= self._buffer.released:
            field[:] = value
            return ()
        written = fill.reserve.default if field is None else field
        return (Patch(offset, value),) if value != written else ()
