"""Deflated transfer syntaxes: the dataset body as one raw DEFLATE stream (PS3.5 §A.5, RFC 1951)."""

import zlib
from collections.abc import Iterator
from typing import TypeVar

from streamdcm.engine.in_order import DEFAULT_CHUNK_SIZE, DEFAULT_HOLD_LIMIT, in_order
from streamdcm.engine.spool import AUTO
from streamdcm.instructions import Chunk, Encoder, through

T = TypeVar("T")


def deflate(
    inner: Encoder[T],
    *,
    level: int = zlib.Z_DEFAULT_COMPRESSION,
    chunk_size: int = DEFAULT_CHUNK_SIZE,
    hold_limit: int = DEFAULT_HOLD_LIMIT,
    spool: str = AUTO,
) -> Encoder[T]:
    """Compress what an encoder yields, piece by piece, and pad the end to even length.

    Nothing can be patched inside a deflated stream, so what `inner` yields is put in order first.

    Parameters
    ----------
    inner : Encoder
        The encoder of the dataset body.
    level : int
        The level of compression, from 0 (none) to 9.
    chunk_size : int
        The most bytes that are compressed at a time.
    hold_limit : int
        The most bytes that may be held back in memory behind a value that is not known yet.
    spool : str
        What becomes of more; see `in_order`.

    Returns
    -------
    Encoder
        Returns what `inner` returns.

    Examples
    --------
    >>> import zlib
    >>> from streamdcm.stages import deflate
    >>> def text():
    ...     yield 1_000 * b"the same again "
    >>> compressed = b"".join(streamdcm.encoder_chunks(deflate(text(), level=9)))
    >>> len(compressed) < 100, len(zlib.decompressobj(-15).decompress(compressed))
    (True, 15000)
    """
    compressor = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    size = 0

    def on_chunk(chunk: Chunk) -> Iterator[bytes]:
        nonlocal size
        compressed = compressor.compress(chunk)
        size += len(compressed)
        if compressed:
            yield compressed

    def finish() -> Iterator[bytes]:
        last = compressor.flush()
        yield last
        if (size + len(last)) % 2:
            yield b"\0"

    ordered = in_order(inner, chunk_size=chunk_size, hold_limit=hold_limit, spool=spool)
    return through(ordered, on_chunk, finish)
