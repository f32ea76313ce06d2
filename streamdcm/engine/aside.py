"""What is encoded before its turn: put aside in memory, past a limit in a temporary file, until its place is known."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from streamdcm.engine.release import COALESCE, filling
from streamdcm.engine.spool import Keep, Spool
from streamdcm.errors import HoldLimitError, InstructionError
from streamdcm.instructions import Chunk, Content, Copy, Encoder, Fill, Insert, Need, Reserve, substitute

T = TypeVar("T")

_Part: TypeAlias = bytes | Copy | Reserve


class Aside:
    """Takes what an encoder yields, and gives it back when its turn has come.

    Parameters
    ----------
    spool : Spool or None
        Where the bytes go that exceed `limit`; without it they are an error.
    limit : int
        The most bytes to keep in memory.
    label : str
        What it is, for errors.
    """

    def __init__(self, spool: Spool | None, limit: int, label: str) -> None:
        self._spool = spool
        self._limit = limit
        self._label = label
        self._parts: list[_Part] = []
        self._values: dict[Reserve, bytes] = {}
        self._tail = bytearray()
        self._in_memory = 0
        self._spooled = 0
        self.size = 0
        """The number of bytes that were put aside."""

    def run(self, encoder: Encoder[T]) -> Encoder[T]:
        """Put aside all that an encoder yields; its needs are passed on."""
        return substitute(encoder, self.add)

    def add(self, content: Content) -> Encoder[None]:
        """Put aside what comes next."""
        if isinstance(content, Fill):
            self._values[content.reserve] = filling(content)
        elif isinstance(content, Reserve):
            yield from self._close_tail()
            self._parts.append(content)
            self.size += content.size
        elif isinstance(content, Copy):
            yield from self._close_tail()
            self._parts.append(content)
            self.size += content.length
        elif isinstance(content, Insert):
            raise InstructionError("nothing can be inserted into what is put aside")
        else:
            yield from self._add_bytes(content)

    def released(self) -> Encoder[None]:
        """Yield what was put aside, in order."""
        yield from (yield from self.pieces())

    def pieces(self) -> Encoder[list[bytes | Copy]]:
        """Return what was put aside, in order, and forget it."""
        yield from self._close_tail()
        parts, self._parts = self._parts, []
        return [self._values.pop(part) if isinstance(part, Reserve) else part for part in parts]

    def _add_bytes(self, chunk: Chunk) -> Encoder[None]:
        size = memoryview(chunk).nbytes
        self.size += size
        if size >= COALESCE:
            yield from self._close_tail()
            yield from self._put_away(chunk, size)
            return
        self._tail += chunk
        if len(self._tail) >= COALESCE:
            yield from self._close_tail()

    def _close_tail(self) -> Encoder[None]:
        if self._tail:
            tail, self._tail = bytes(self._tail), bytearray()
            yield from self._put_away(tail, len(tail))

    def _put_away(self, chunk: Chunk, size: int) -> Encoder[None]:
        if self._in_memory + size <= self._limit:
            self._in_memory += size
            self._parts.append(bytes(chunk))
            return
        if self._spool is None:
            raise HoldLimitError(
                f"{self._label} would hold back more than {self._limit:,} bytes: leave out spool='never', so that they "
                "go to a temporary file, give max_frames= and write to a target that can seek, or raise hold_limit"
            )
        last = self._parts[-1] if self._parts else None
        if isinstance(last, Copy) and last.source is self._spool and last.offset + last.length == self._spooled:
            self._parts[-1] = Copy(self._spool, last.offset, last.length + size)
        else:
            self._parts.append(Copy(self._spool, self._spooled, size))
        yield Need(Keep(self._spool, self._spooled, (chunk,)))
        self._spooled += size
