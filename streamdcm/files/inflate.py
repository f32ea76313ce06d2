"""A deflated dataset, read as if it were not (PS3.5 §A.5, RFC 1951), in flat memory."""

import io
import os
import zlib
from collections.abc import Iterator
from typing import Any, Final

from streamdcm.errors import SourceError
from streamdcm.instructions import Chunk, Copy
from streamdcm.sources import FileSource
from streamdcm.write.reading import read

_BLOCK: Final = 64 * 1024
"""How much is read and inflated at a time, and kept, so that a short step back costs nothing."""


class Inflated(io.BufferedIOBase):
    """What a deflated stream holds, to be read from any position.

    Inflating only goes forwards: what lies before the block at hand is inflated again from the start.
    Seeking by itself inflates nothing, so that a position can be left and restored for free.

    Parameters
    ----------
    deflated : Copy
        Where the deflated bytes are.
    """

    def __init__(self, deflated: Copy) -> None:
        self._deflated = deflated
        self._position = 0
        self._input: Iterator[Chunk] = iter(())
        self._start_again()

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that its position can be set."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position; relative to the end, all has to be inflated once."""
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            while self._next_block():
                pass
            offset += self._end
        self._position = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end.

        Raises
        ------
        SourceError
            If the deflated bytes are broken, end too early, or have changed.
        """
        left = size if size is not None and size >= 0 else None
        pieces = []
        while left != 0 and (piece := self._bytes_from(self._position)):
            pieces.append(piece[:left])
            self._position += len(pieces[-1])
            if left is not None:
                left -= len(pieces[-1])
        return b"".join(pieces)

    def close(self) -> None:
        """Close the file that the deflated bytes are read from."""
        self._input = iter(())
        super().close()

    @property
    def _end(self) -> int:
        return self._start + len(self._block)

    def _start_again(self) -> None:
        self._input = read(self._deflated, _BLOCK)
        self._inflater: Any = zlib.decompressobj(-zlib.MAX_WBITS)
        self._start = 0
        self._block = b""

    def _bytes_from(self, position: int) -> memoryview:
        """Return what the block has from a position on; nothing behind the end."""
        if position < self._start:
            self._start_again()
        while position >= self._end and self._next_block():
            pass
        return memoryview(self._block)[max(position - self._start, 0) :]

    def _next_block(self) -> bool:
        """Inflate the next block in the place of the one at hand; at the end that one stays."""
        while not self._inflater.eof:
            deflated = self._inflater.unconsumed_tail or self._next_input()
            try:
                block = self._inflater.decompress(deflated, _BLOCK)
            except zlib.error as error:
                raise SourceError("the deflated dataset is broken; get the file again from where it came") from error
            if block:
                self._start, self._block = self._end, block
                return True
            if not deflated and not self._inflater.eof:
                raise SourceError("the deflated dataset ends too early; get the file again from where it came")
        return False

    def _next_input(self) -> Chunk:
        """Read the next deflated bytes; nobody may get to their end, so the file is checked each time."""
        deflated = next(self._input, b"")
        if isinstance(self._deflated.source, FileSource):
            self._deflated.source.open().close()
        return deflated
