"""What has been encoded and not been released: pieces in order, some too large to be joined."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from streamdcm.instructions import Chunk, Copy, Encoder, Fill, Reserve


class Section(NamedTuple):
    """What is encoded only when it is released: the value of an element whose bytes have to be asked for.

    Parameters
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


class Pieces:
    """What has been encoded and not been released: pieces in order, some too large to be joined."""

    __slots__ = ("bulk", "parts")

    def __init__(self) -> None:
        self.parts: list[Piece] = []
        self.bulk: list[int] = []

    def add_apart(self, piece: Piece) -> None:
        """Add a piece that is not to be joined with its neighbours."""
        self.bulk.append(len(self.parts))
        self.parts.append(piece)

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

    def add_value(self, value: Piece, length: int) -> None:
        """Add the value of an element; a large one, or one that is not read yet, stays as it is."""
        if length >= BULK or value.__class__ is Copy or value.__class__ is Section:
            self.add_apart(value)
        else:
            self.parts.append(value)

    def released(self) -> Encoder[int]:
        """Yield the pieces, and forget them; return how much longer they were than what was counted for them."""
        surplus = 0
        for piece in self.joined():
            if piece.__class__ is Section:
                surplus += (yield from piece.encode()) - piece.length
            else:
                yield piece  # type: ignore[misc]
        return surplus

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


class Dropped(Pieces):
    """Pieces that are encoded only to be counted: what is released is dropped."""

    __slots__ = ()

    def released(self) -> Encoder[int]:
        """Forget the pieces."""
        self.parts, self.bulk = [], []
        yield from ()
        return 0
