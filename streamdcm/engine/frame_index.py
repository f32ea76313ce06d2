"""Where each frame is in what was written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload


class FrameIndex(Sequence[tuple[int, int]]):
    """Where each frame is: pairs of its offset and its length, read-only, 8 bytes a frame.

    An offset is that of the first byte of the codestream or of the pixels, behind the header of its item, counted from
    the first byte that was written. The length leaves out the byte that pads an odd frame; where a frame has several
    fragments, it reaches from the first byte of the first to the last byte of the last, with the item headers between.

    Parameters
    ----------
    marks : sequence of int
        For each frame twice the number of bytes before it, plus one if it is padded; `mark` makes it.
    end : int
        The number of bytes of all frames, counted in the same way.
    base : int
        The offset of the first frame.
    gap : int, optional
        How many bytes stand between one frame and the next, beside a byte that pads it.
    """

    __slots__ = ("_base", "_end", "_gap", "_marks")

    def __init__(self, marks: Sequence[int], end: int, base: int, gap: int = 0) -> None:
        self._marks = marks
        self._end = end
        self._base = base
        self._gap = gap

    def moved(self, distance: int) -> FrameIndex:
        """Return the same frames, `distance` bytes further on."""
        return FrameIndex(self._marks, self._end, self._base + distance, self._gap)

    def __len__(self) -> int:
        return len(self._marks)

    @overload
    def __getitem__(self, index: int) -> tuple[int, int]: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[int, int], ...]: ...

    def __getitem__(self, index: int | slice) -> tuple[int, int] | tuple[tuple[int, int], ...]:
        places = range(len(self))[index]
        return self._pair(places) if isinstance(places, int) else tuple(map(self._pair, places))

    def _pair(self, number: int) -> tuple[int, int]:
        mark = self._marks[number]
        following = self._marks[number + 1] >> 1 if number + 1 < len(self._marks) else self._end
        start = mark >> 1
        return self._base + start, following - start - self._gap - (mark & 1)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash((len(self), *self[:1]))

    def __repr__(self) -> str:
        return f"<FrameIndex of {len(self):,} frames>"
