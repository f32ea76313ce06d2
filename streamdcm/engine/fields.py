"""Many bytes reserved as fields that stand one behind the other, and filled with what comes in pieces of any size."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from streamdcm.instructions import Chunk, Fill, Reserve

FIELD: Final = 256 * 1024
"""The most bytes in one field: many bytes need not be in memory as a whole when they are filled in."""

_ZEROS: Final = bytes(FIELD)


def fields_of(size: int, label: str) -> list[Reserve]:
    """Reserve so many bytes in fields that can be filled one after the other, with zeros where nothing is filled in.

    Parameters
    ----------
    size : int
        The number of bytes.
    label : str
        What they are for, in errors.
    """
    whole, rest = divmod(size, FIELD)
    fields = [Reserve(FIELD, _ZEROS, label) for _ in range(whole)]
    return [*fields, Reserve(rest, bytes(rest), label)] if rest else fields


class FieldsInTurn:
    """Fills fields, one after the other; keeps no more than what does not fill one yet.

    Parameters
    ----------
    fields : iterable of Reserve
        The fields, in order.
    """

    def __init__(self, fields: Iterable[Reserve]) -> None:
        self._left = deque(fields)
        self._ready = bytearray()

    def add(self, piece: Chunk) -> Iterable[Fill]:
        """Take the bytes that come next; what is filled in with them is yielded, most often nothing."""
        self._ready += piece
        return self._filled() if self._left and len(self._ready) >= self._left[0].size else ()

    def _filled(self) -> Iterator[Fill]:
        while self._left and len(self._ready) >= self._left[0].size:
            field = self._left.popleft()
            yield Fill(field, bytes(self._ready[: field.size]))
            del self._ready[: field.size]

    def finish(self) -> Iterator[Fill]:
        """Leave zeros in what nothing came for."""
        if self._ready:
            field = self._left.popleft()
            yield Fill(field, bytes(self._ready).ljust(field.size, b"\0"))
            self._ready.clear()
        while self._left:
            yield Fill(self._left.popleft())
