"""The third release policy, for sinks that take numbered parts in any order (S3, Azure), without any I/O.

Only the parts that hold an open `Reserve` are held back; every other full part is released at once. So a value
that comes late costs the memory of the parts that it lies in.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from streamdcm.engine.release import Part, Whole, filling, no_instruction, not_open, open_already, still_open
from streamdcm.errors import PartLimitError
from streamdcm.instructions import Fill, Insert, Instruction, Reserve

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PartSizes:
    """How large each part of an upload is: twice as large after every tenth of the numbers that there are.

    So a stream of any length gets along with a limited number of parts, and a short one has small parts.

    Parameters
    ----------
    first : int
        The bytes of the first part, and of those in the first tenth.
    most_parts : int
        How many parts a service takes.
    largest : int
        The most bytes that it takes in one part.
    """

    first: int = 8 * MIB
    most_parts: int = 10_000
    largest: int = 5120 * MIB

    def size(self, number: int) -> int:
        """Return the bytes of the part with this number, which counts from 1; only the last part may have fewer.

        Raises
        ------
        PartLimitError
            If the service does not take as many parts.
        """
        if number > self.most_parts:
            raise PartLimitError(
                f"the stream does not fit {self.most_parts:,} parts, the first of {self.first:,} bytes; raise part_size"
            )
        return min(self.first << (number - 1) * 10 // self.most_parts, self.largest)


class PartBuffers:
    """The memory of parts that were sent, for those that follow: new memory costs more than what is copied into it."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """Return memory of so many bytes, whatever they are."""
        while self._free:
            data = self._free.pop()
            if len(data) == size:
                return data
        return bytearray(size)

    def give(self, data: bytearray) -> None:
        """Take the memory of a part that nobody needs any more; may be called from any thread."""
        self._free.append(data)

    def clear(self) -> None:
        """Let go of all memory."""
        self._free.clear()


class _Filling:
    """A part that is not released: how far it is filled, and how many reserved fields in it are open."""

    __slots__ = ("_buffers", "_bytes", "filled", "number", "open_fields", "size")

    def __init__(self, number: int, size: int, buffers: PartBuffers) -> None:
        self._buffers = buffers
        self.number = number
        self.size = size
        self.filled = 0
        self.open_fields = 0
        self._bytes: memoryview | None = None  # a part that is one reserved field takes no memory before it is filled

    def append(self, view: memoryview) -> int:
        """Copy as much of `view` as there is space for and return how much that is."""
        taken = min(self.size - self.filled, len(view))
        self.put(self.filled, view[:taken])
        self.filled += taken
        return taken

    def reserve(self, size: int) -> int:
        """Leave as many of `size` bytes open as there is space for and return how many those are."""
        taken = min(self.size - self.filled, size)
        self.filled += taken
        self.open_fields += 1
        return taken

    def put(self, start: int, view: memoryview) -> None:
        """Copy bytes to a place in the part."""
        if self._bytes is None:
            self._bytes = memoryview(self._buffers.take(self.size))
        self._bytes[start : start + len(view)] = view

    def insert(self, start: int, pieces: Iterable[bytes]) -> None:
        """Put bytes at a place in the part, which becomes so much larger."""
        before = b"" if self._bytes is None else bytes(self._bytes[start : self.filled])
        added = [*pieces, before]
        data = self.handed_over()
        del data[start:]
        for piece in added:
            data += piece
        self.size += len(data) - self.filled
        self.filled = len(data)
        data += bytes(self.size - self.filled)
        self._bytes = memoryview(data)

    def handed_over(self) -> bytearray:
        """Return the bytes; the part is not used again."""
        if self._bytes is None:
            return bytearray(self.filled)
        data = self._bytes.obj
        assert isinstance(data, bytearray)
        self._bytes.release()
        del data[self.filled :]
        return data


class _Span(NamedTuple):
    """The piece of a reserved field that lies in one part."""

    part: _Filling
    start: int
    stop: int


class PartsPolicy:
    """Divide a stream into parts; hold back only those in which a `Reserve` is open.

    Parameters
    ----------
    sizes : PartSizes
        How large each part is.
    buffers : PartBuffers, optional
        Where their memory comes from; who sends them gives it back there.
    """

    def __init__(self, sizes: PartSizes, buffers: PartBuffers | None = None) -> None:
        self._sizes = sizes
        self._buffers = PartBuffers() if buffers is None else buffers
        self._last = _Filling(1, sizes.size(1), self._buffers)
        self._fields: dict[Reserve, list[_Span]] = {}

    def feed(self, instruction: Instruction) -> Iterable[Part | Whole]:
        """Take an instruction; return the parts that are complete.

        A `Copy` has to be read into a part: give the encoder to ``read_copies`` first.
        """
        if isinstance(instruction, (bytes, memoryview, bytearray)):
            return self._append(memoryview(instruction).cast("B"))
        if isinstance(instruction, Reserve):
            return self._reserve(instruction)
        if isinstance(instruction, Fill):
            return self._fill(instruction)
        if isinstance(instruction, Insert):
            return self._insert(instruction)
        raise no_instruction(instruction)

    def finish(self) -> Iterable[Part | Whole]:
        """Return the last part, or the whole where it is the first part as well."""
        if self._fields:
            raise still_open(len(self._fields))
        data = self._last.handed_over()
        return (Whole(data) if self._last.number == 1 else Part(self._last.number, data),)

    def _append(self, view: memoryview) -> Iterator[Part]:
        while len(view):
            yield from self._make_space()
            view = view[self._last.append(view) :]

    def _make_space(self) -> Iterator[Part]:
        """Begin the next part where the last one is full: it may be the whole until more bytes come."""
        full = self._last
        if full.filled == full.size:
            number = full.number + 1
            self._last = _Filling(number, self._sizes.size(number), self._buffers)
            if not full.open_fields:
                yield Part(full.number, full.handed_over())

    def _reserve(self, reserve: Reserve) -> Iterator[Part]:
        if reserve in self._fields:
            raise open_already()
        spans = self._fields[reserve] = []
        left = reserve.size
        if not left:  # bytes may be inserted here, so that the part is held back as well
            spans.append(_Span(self._last, self._last.filled, self._last.filled))
            self._last.open_fields += 1
        while left:
            yield from self._make_space()
            part, start = self._last, self._last.filled
            left -= part.reserve(left)
            spans.append(_Span(part, start, part.filled))

    def _fill(self, fill: Fill) -> Iterator[Part]:
        if fill.reserve not in self._fields:
            raise not_open()
        value = memoryview(filling(fill))
        for part, start, stop in self._fields.pop(fill.reserve):
            part.put(start, value[: stop - start])
            value = value[stop - start :]
            yield from self._closed(part)

    def _insert(self, insert: Insert) -> Iterator[Part]:
        """Put bytes into the part with the mark, which has not been released yet; it may have any size."""
        if insert.mark not in self._fields:
            raise not_open()
        [(part, at, _)] = self._fields.pop(insert.mark)
        part.insert(at, [piece for piece in insert.pieces if isinstance(piece, bytes)])
        for spans in self._fields.values():
            spans[:] = [_moved(span, part, at, insert.size) for span in spans]
        yield from self._closed(part)

    def _closed(self, part: _Filling) -> Iterator[Part]:
        """Release a part if the last of its fields was filled."""
        part.open_fields -= 1
        if not part.open_fields and part is not self._last:
            yield Part(part.number, part.handed_over())


def _moved(span: _Span, part: _Filling, at: int, distance: int) -> _Span:
    is_behind = span.part is part and span.start >= at
    return _Span(part, span.start + distance, span.stop + distance) if is_behind else span
