"""What is asked of a stream, and what comes of it; whoever asks may have to await the answer."""

from __future__ import annotations

from typing import Any

from streamdcm.errors import SourceError
from streamdcm.instructions import Chunk, as_chunk
from streamdcm.sources import StreamSource


class StreamReading:
    """A stream that is read to its end, held to the number of bytes that were announced for it.

    Parameters
    ----------
    source : StreamSource
        The stream.
    chunk_size : int
        The most bytes to ask a reader for.
    length : int or None
        The number of bytes that were announced.

    Raises
    ------
    SourceError
        If the stream was read before and cannot be read again.
    """

    def __init__(self, source: StreamSource, chunk_size: int, length: int | None) -> None:
        try:
            self.stream: Any = source.stream.take()
        except ValueError as error:
            raise SourceError(str(error), source.label) from None
        self._label = source.label
        self._chunk_size = chunk_size
        self._length = self._left = length

    @property
    def size(self) -> int:
        """How many bytes to ask a reader for; none when all that were announced have come."""
        return self._chunk_size if self._left is None else min(self._chunk_size, self._left)

    def taken(self, piece: Any) -> Chunk:
        """Count a piece that came, and return it as flat bytes.

        Raises
        ------
        SourceError
            If it is not bytes-like, or more than there should be.
        """
        try:
            view = as_chunk(piece)
        except TypeError:
            raise SourceError(
                f"its source gave an object of type {type(piece).__name__}, not contiguous bytes", self._label
            ) from None
        if self._left is not None:
            self._left -= len(view)
            if self._left < 0:
                raise SourceError(
                    f"its source has more than the {self._length:,} bytes that were announced", self._label
                )
        return view

    def finish(self) -> None:
        """Check that all bytes have come.

        Raises
        ------
        SourceError
            If they have not.
        """
        if self._left:
            assert self._length is not None
            raise SourceError(
                f"its source ended after {self._length - self._left:,} of the {self._length:,} bytes that were "
                "announced",
                self._label,
            )


def is_end(piece: Any) -> bool:
    """Whether what a reader has given says that there is no more."""
    return piece is not None and len(piece) == 0
