"""What has been encoded and not been released: pieces in order, some too large to be joined."""

from __future__ import annotations

from bisect import insort
from typing import Final, TypeAlias

from streamdcm.instructions import Chunk, Copy, Fill, Reserve

Piece: TypeAlias = Chunk | Copy | Reserve | Fill

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
        if length >= BULK or value.__class__ is Copy:
            self.add_apart(value)
        else:
            self.parts.append(value)

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
