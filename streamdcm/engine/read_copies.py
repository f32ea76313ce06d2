"""Copies read by whoever must see their bytes: sinks that take nothing else, and stages that transform them."""

from collections.abc import Generator
from typing import TypeVar

from streamdcm.errors import InstructionError
from streamdcm.instructions import END, Answer, Content, Copy, Encoder, Insert, Need, substitute
from streamdcm.sources import CopySource

T = TypeVar("T")


def read_copies(inner: Encoder[T]) -> Encoder[T]:
    """Run an encoder and read what it copies, for sinks that take nothing but bytes.

    Parameters
    ----------
    inner : Encoder
        The encoder.

    Returns
    -------
    Encoder
        Yields no `Copy`, and returns what `inner` returns.

    Examples
    --------
    >>> import io
    >>> from streamdcm.sources import BufferSource
    >>> from streamdcm.stages import read_copies
    >>> def digits():
    ...     yield streamdcm.Copy(BufferSource(io.BytesIO(b"0123456789"), "digits"), 2, 3)
    >>> b"".join(streamdcm.encoder_chunks(read_copies(digits())))
    b'234'
    """

    def on_content(content: Content) -> Encoder[None]:
        if isinstance(content, Copy):
            yield from read_copy(content)
        elif isinstance(content, Insert):
            yield (yield from _read_insert(content))
        else:
            yield content

    return (yield from substitute(inner, on_content))


def read_copy(copy: Copy) -> Encoder[None]:
    """Ask for the bytes of a `Copy`, piece by piece, and yield them.

    Raises
    ------
    InstructionError
        If it is answered with fewer bytes, or more.
    """
    need = Need(CopySource(copy))
    left = copy.length
    while (piece := (yield need)) is not END and piece is not None:
        left -= len(piece)
        yield piece
    if left:
        raise InstructionError(f"a Copy of {copy.length:,} bytes was answered with {copy.length - left:,}")


def _read_insert(insert: Insert) -> Generator[Need, Answer, Insert]:
    pieces: list[bytes] = []
    for piece in insert.pieces:
        if isinstance(piece, bytes):
            pieces.append(piece)
            continue
        need = Need(CopySource(piece))
        while (read := (yield need)) is not END and read is not None:
            pieces.append(bytes(read))
    return Insert(insert.mark, pieces, insert.size)
