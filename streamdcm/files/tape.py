"""What comes of a source that only goes forwards, asked for as it is needed."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, TypeAlias

from streamdcm.errors import SourceError, StreamdcmError
from streamdcm.files.scan_words import Scan, T, Where
from streamdcm.instructions import END, Chunk, Encoder, Need
from streamdcm.sources import StreamSource

_INFLATED: Final = 64 * 1024

Pieces: TypeAlias = Callable[[], Encoder[Chunk | None]]
"""Asks for the next piece of a source, and returns it, or `None` at the end."""


class Tape:
    """The bytes of a source at hand, from an offset on that only rises.

    Parameters
    ----------
    pieces : callable
        Asks for the next piece.
    where : Where
        The source, for errors.
    """

    def __init__(self, pieces: Pieces, where: Where) -> None:
        self._pieces = pieces
        self._where = where
        self._data = b""
        self._base = 0
        self._ended = False

    @property
    def end(self) -> int:
        """The offset behind what has come."""
        return self._base + len(self._data)

    def answer(self, scan: Scan[T]) -> Encoder[T]:
        """Answer what a scan asks for, and return what it found."""
        try:
            ask = next(scan)
            while True:
                ask = scan.send((yield from self.read(ask.offset, ask.size)))
        except StopIteration as stop:
            found: T = stop.value
            return found

    def read(self, offset: int, size: int) -> Encoder[bytes]:
        """Return at least `size` bytes from an offset on, fewer only at the end; what is before may be forgotten."""
        yield from self.drop(offset)
        pieces: list[Chunk] = [self._data]
        have = len(self._data)
        while have < size and (piece := (yield from self._next())) is not None:
            pieces.append(bytes(piece))
            have += len(piece)
        if len(pieces) > 1:
            self._data = b"".join(pieces)
        return self._data

    def drop(self, offset: int) -> Encoder[None]:
        """Forget what is before an offset, reading over what has not come."""
        while offset > self.end and (piece := (yield from self._next())) is not None:
            self._base, self._data = self.end, bytes(piece)
        if offset > self._base:
            self._data = self._data[offset - self._base :]
            self._base = offset

    def take(self, offset: int, length: int, start: int, tag: int) -> Encoder[None]:
        """Yield a range of the source, unheld: of the value of the element with a tag that begins at `start`.

        Raises
        ------
        SourceError
            If the source ends within it.
        """
        yield from self.drop(offset)
        left = length
        if self._data and left:
            piece: Chunk | None = memoryview(self._data)[:left]
            left -= len(piece)  # type: ignore[arg-type]
            yield piece  # type: ignore[misc]
        while left:
            piece = yield from self._next()
            if piece is None:
                raise self._where.ends_early(start, tag)
            view = memoryview(piece)
            if len(view) > left:
                self._base, self._data = offset + length, bytes(view[left:])
                yield view[:left]
                return
            left -= len(view)
            yield view
        at_hand = max(offset + length - self._base, 0)
        self._base, self._data = offset + length, self._data[at_hand:]

    def take_while(self, scan: Scan[T], offset: int, start: int, tag: int) -> Encoder[tuple[T, int]]:
        """Yield what a scan passes over from an offset on, unheld, as `take` does.

        Returns
        -------
        object
            What it found.
        int
            The offset up to which was yielded.
        """
        try:
            ask = next(scan)
            while True:
                yield from self.take(offset, ask.offset - offset, start, tag)
                offset = ask.offset
                ask = scan.send((yield from self.read(offset, ask.size)))
        except StopIteration as stop:
            return stop.value, offset

    def rest(self) -> Encoder[Chunk | None]:
        """Return the next piece of what is not at hand, what is at hand first; `None` at the end."""
        if self._data:
            data, self._data = self._data, b""
            self._base += len(data)
            return data
        piece = yield from self._next()
        if piece is not None:
            self._base += len(piece)
        return piece

    def finish(self) -> Encoder[None]:
        """Read to the end, and hold the source to what it said of its length.

        Raises
        ------
        SourceError
            If it ends somewhere else.
        """
        yield from self.drop(self.end)
        while (piece := (yield from self._next())) is not None:
            self._base, self._data = self.end + len(piece), b""
        size = self._where.size
        if size is not None and self.end != size:
            raise self._where.error(f"the file ends, and should have {size:,} bytes", self.end)

    def _next(self) -> Encoder[Chunk | None]:
        if self._ended:
            return None
        piece = yield from self._pieces()
        self._ended = piece is None
        return piece


def pieces_of(source: StreamSource, name: str) -> Pieces:
    """Return what asks for the pieces of a stream."""
    need = Need(source)

    def pieces() -> Encoder[Chunk | None]:
        try:
            piece = yield need
        except StreamdcmError:
            raise
        except Exception as error:
            raise SourceError(f"{name} cannot be read ({type(error).__name__})") from error
        return None if piece is END else piece

    return pieces


def inflated_pieces(deflated: Tape, name: str) -> Pieces:
    """Return what inflates what is left of a tape, at most 64 KiB at a time (PS3.5 §A.5, RFC 1951)."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def pieces() -> Encoder[Chunk | None]:
        while not inflater.eof:
            data: Chunk | None = inflater.unconsumed_tail or (yield from deflated.rest())
            try:
                block = inflater.decompress(data or b"", _INFLATED)
            except zlib.error as error:
                raise SourceError(
                    f"the deflated dataset of {name} is broken; get the file again from where it came"
                ) from error
            if block:
                return block
            if data is None and not inflater.eof:
                raise SourceError(
                    f"the deflated dataset of {name} ends too early; get the file again from where it came"
                )
        return None

    return pieces
