"""What has been encoded and not been released: pieces in order, some too large to be joined."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from streamdcm.engine.counted import content_size
from streamdcm.instructions import Chunk, Copy, Encoder, Fill, Reserve


class Section(NamedTuple):
    """What is encoded only when it is released: the value of an element whose bytes have to be asked for.

    Attributes
    ----------
    encode : callable
        Makes the encoder, which returns the number of bytes.
    length : int
        The number of bytes that were counted for it; `UNKNOWN_LENGTH` if that is not known.
    """

    encode: Callable[[], Encoder[int]]
    length: int


Piece: TypeAlias = Chunk | Copy | Reserve | Fill | Section

BULK: Final = 64 * 1024
"""Values of this size and more stay pieces of their own, uncopied."""

GROUP_HOLD: Final = 1024 * 1024
"""A group with a length is held up to this size, so that its length stands before it."""


class Pieces:
    """What has been encoded and not been released: pieces in order, some too large to be joined.

    Attributes
    ----------
    parts : list of Piece
        All of them.
    bulk : list of int
        Where those are in it that are not to be joined with their neighbours.
    lent : int
        How many bytes of them take no memory, because they belong to the dataset or are read later.
    surplus : int
        By how much what was released was longer than what had been counted for it.
    position : int
        How many bytes were released; where a section begins, when it is encoded.
    """

    __slots__ = ("_field", "_group", "_reserve", "bulk", "lent", "parts", "position", "surplus")

    def __init__(self) -> None:
        self.parts: list[Piece] = []
        self.bulk: list[int] = []
        self.lent = self.surplus = self.position = 0
        self._group: int | None = None
        self._field: int | None = None
        self._reserve: Reserve | None = None

    def begin_group(self, number: int, header: bytes) -> None:
        """Add the header of the length of a group, and a place for the length."""
        self.parts.append(header)
        self._group, self._field = number, len(self.parts)
        self.parts.append(b"")

    def end_group(self, length: bytes) -> None:
        """Put the length in its place, or fill it in where that has been released."""
        if self._field is not None:
            self.parts[self._field] = length
        else:
            assert self._reserve is not None
            self.add_apart(Fill(self._reserve, length))
        self._group = self._field = self._reserve = None

    def is_due(self, size: int, lent: int) -> bool:
        """Whether it is time to release what has been encoded.

        Where a group is not released and its length can still be put in its place, there is some patience.

        Parameters
        ----------
        size : int
            How many bytes of it come from one run.
        lent : int
            What `lent` was when the run began, or when something was last released.
        """
        if self._field is None:
            return bool(self.bulk) or size >= BULK
        return size - (self.lent - lent) >= GROUP_HOLD

    def add_apart(self, piece: Piece, lent: int = 0) -> None:
        """Add a piece that is not to be joined with its neighbours; so many of its bytes take no memory."""
        self.bulk.append(len(self.parts))
        self.parts.append(piece)
        self.lent += lent

    def set_apart(self, index: int, piece: Piece) -> None:
        """Put a piece that is not to be joined in the place of the one at `index`."""
        insort(self.bulk, index)
        self.parts[index] = piece

    def collapse(self, start: int) -> None:
        """Join the pieces from index `start` on to one, if all of them can be joined."""
        if not self.bulk or self.bulk[-1] < start:
            piece = b"".join(self.parts[start:])  # type: ignore[arg-type]
            del self.parts[start:]
            self.add_value(piece, len(piece))

    def add_value(self, value: Piece, length: int, *, is_lent: bool = False) -> None:
        """Add the value of an element; a large one, or one that is not read yet, stays as it is.

        What is lent belongs to the dataset.
        """
        if value.__class__ is Copy or value.__class__ is Section:
            self.add_apart(value, length)
        elif length >= BULK:
            self.add_apart(value, length if is_lent else 0)
        else:
            self.parts.append(value)

    def released(self) -> Encoder[int]:
        """Yield the pieces, and forget them; return how much longer they were than what was counted for them."""
        if self._field is not None and self._group is not None:
            self._reserve = group_reserve(self._group)
            self.set_apart(self._field, self._reserve)
            self._field = None
        self.lent = 0
        before = self.surplus
        for piece in self.joined():
            if piece.__class__ is bytes:
                self.position += len(piece)
                yield piece
            elif piece.__class__ is Section:
                length = yield from piece.encode()
                self.surplus += length - piece.length
                self.position += length
            else:
                self.position += content_size(piece)  # type: ignore[arg-type]
                yield piece  # type: ignore[misc]
        return self.surplus - before

    def joined(self) -> list[Piece]:
        """Return the pieces with all small neighbours joined to one `bytes`, and forget them."""
        parts, bulk = self.parts, self.bulk
        self.parts, self.bulk = [], []
        if not bulk:
            return [b"".join(parts)] if parts else []  # type: ignore[arg-type]
        pieces: list[Piece] = []
        start = 0
        for index in (*bulk, len(parts)):
            if start < index:
                pieces.append(b"".join(parts[start:index]))  # type: ignore[arg-type]
            pieces.extend(parts[index : index + 1])
            start = index + 1
        return pieces


def group_reserve(number: int) -> Reserve:
    """Reserve the length of a group."""
    return Reserve(4, label=f"the length of group {number:04X}; group_lengths='omit' needs none")


class Dropped(Pieces):
    """Pieces that are encoded only to be counted: what is released is dropped."""

    __slots__ = ()

    def begin_group(self, number: int, header: bytes) -> None:
        """Do nothing: the length of a group takes no more and no less when it is known."""

    def end_group(self, length: bytes) -> None:
        """Do nothing."""

    def released(self) -> Encoder[int]:
        """Forget the pieces."""
        self.parts, self.bulk, self.lent = [], [], 0
        yield from ()
        return 0
