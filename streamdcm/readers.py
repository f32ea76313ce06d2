"""Reading lazy values, for the drivers. Async drivers do it in worker threads."""

import io
import os
from collections.abc import Iterator
from typing import Any

from streamdcm.errors import SourceError
from streamdcm.instructions import Chunk, Copy
from streamdcm.sources import BufferSource, FileSource, restored_position


def read(copy: Copy, chunk_size: int) -> Iterator[Chunk]:
    """Read what a `Copy` describes, at most `chunk_size` bytes at a time.

    Chunks are borrowed until the next one is asked for. The position of a buffer is as it was
    whenever a chunk is given out.

    Raises
    ------
    SourceError
        If reading fails, or the source holds fewer bytes than it did when the write was planned.
    """
    if isinstance(copy.source, FileSource):
        return _read_file(copy, chunk_size)
    return _read_buffer(copy, chunk_size)


def _read_file(copy: Copy, chunk_size: int) -> Iterator[bytes]:
    source: FileSource = copy.source
    offset, end = copy.offset, copy.offset + copy.length
    with source.open() as file:
        while offset < end:
            chunk = os.pread(file.fileno(), min(chunk_size, end - offset), offset)
            if not chunk:
                raise SourceError("the file that holds its value ended before it did", source.label)
            yield chunk
            offset += len(chunk)
        source.check(file)


def _read_buffer(copy: Copy, chunk_size: int) -> Iterator[Chunk]:
    source: BufferSource = copy.source
    offset, end = copy.offset, copy.offset + copy.length
    while offset < end:
        try:
            chunk = _read_at(source.buffer, offset, min(chunk_size, end - offset))
        except (OSError, ValueError) as error:
            raise SourceError(f"its buffer cannot be read: {error}", source.label) from error
        if not chunk:
            raise SourceError(
                f"its buffer ended after {offset - copy.offset:,} of {copy.length:,} bytes; it must not change while "
                "it is being written",
                source.label,
            )
        yield chunk
        offset += len(chunk)


def _read_at(buffer: Any, offset: int, size: int) -> Chunk:
    if buffer.__class__ is io.BytesIO:
        return buffer.getbuffer()[offset : offset + size]
    # A BufferedReader over a plain file has nothing that the file itself does not have
    if buffer.__class__ is io.BufferedReader and buffer.raw.__class__ is io.FileIO:
        return os.pread(buffer.fileno(), size, offset)
    with restored_position(buffer):
        buffer.seek(offset)
        chunk: bytes = buffer.read(size)
    return chunk
