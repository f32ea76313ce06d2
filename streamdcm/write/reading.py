"""Reading lazy values, for the drivers. Async drivers do it in worker threads."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamdcm import system
from streamdcm.cleanup import afterwards, nothing
from streamdcm.errors import InstructionError, SourceError
from streamdcm.errors.translation import reason_of
from streamdcm.instructions import Chunk, Copy
from streamdcm.pixels.given_frames import each_frame
from streamdcm.sources import BufferSource, CopySource, FileSource, FrameSource, StreamSource, restored_position
from streamdcm.write.stream_reading import StreamReading, is_end


def pieces_of(source: Any, chunk_size: int) -> Iterator[Any]:
    """Give what answers the needs for a source, one piece after the other.

    Pieces are borrowed until the next one is asked for. Closing the iterator closes what it has opened.

    Raises
    ------
    SourceError
        If reading fails.
    InstructionError
        If `source` is nothing that can be read.
    """
    if isinstance(source, FrameSource):
        return each_frame(source.frames)
    if isinstance(source, StreamSource):
        return _stream_pieces(source, chunk_size)
    if isinstance(source, CopySource):
        return read(source.copy, chunk_size)
    raise InstructionError(f"a Need for {type(source).__name__}, which is nothing that can be read")


def read(copy: Copy, chunk_size: int) -> Iterator[Chunk]:
    """Read what a `Copy` describes, at most `chunk_size` bytes at a time.

    Chunks are borrowed until the next one is asked for. The position of a buffer is as it was
    whenever a chunk is given out.

    Raises
    ------
    SourceError
        If reading fails, or the source does not hold the bytes that it held when the write was planned.
    """
    if isinstance(copy.source, FileSource):
        return _read_file(copy, chunk_size)
    if isinstance(copy.source, StreamSource):
        return _read_stream(copy, chunk_size)
    return _read_buffer(copy, chunk_size)


def is_in_plain_file(copy: Copy) -> bool:
    """Whether `descriptor_of` gives the descriptor of a file."""
    source = copy.source
    return isinstance(source, FileSource) or (isinstance(source, BufferSource) and _is_plain_file(source.buffer))


@contextmanager
def descriptor_of(copy: Copy) -> Iterator[int | None]:
    """Give the descriptor of the plain file that a `Copy` is a range of, or `None` if there is no such file.

    Raises
    ------
    SourceError
        If the file is not the one that was read, before or after the block.
    """
    source = copy.source
    if isinstance(source, FileSource):
        with source.open() as file:
            yield file.fileno()
            source.check(file)
    elif isinstance(source, BufferSource) and _is_plain_file(source.buffer):
        yield source.buffer.fileno()
    else:
        yield None


def _read_file(copy: Copy, chunk_size: int) -> Iterator[bytes]:
    source: FileSource = copy.source
    offset, end = copy.offset, copy.offset + copy.length
    with source.open() as file:
        while offset < end:
            chunk = system.pread(file.fileno(), min(chunk_size, end - offset), offset)
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
            raise SourceError(f"its buffer cannot be read: {reason_of(error)}", source.label) from error
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
    if _is_plain_file(buffer):
        return system.pread(buffer.fileno(), size, offset)
    with restored_position(buffer):
        buffer.seek(offset)
        chunk: bytes = buffer.read(size)
    return chunk


def _is_plain_file(buffer: Any) -> bool:
    """Whether reading a descriptor gives what reading the buffer would: nothing in between transforms it."""
    return buffer.__class__ is io.FileIO or (
        buffer.__class__ is io.BufferedReader and buffer.raw.__class__ is io.FileIO
    )


def _read_stream(copy: Copy, chunk_size: int) -> Iterator[Chunk]:
    return _stream_pieces(copy.source, chunk_size, copy.length)


def _stream_pieces(source: StreamSource, chunk_size: int, length: int | None = None) -> Iterator[Chunk]:
    if source.stream.is_async:
        raise SourceError(
            "its source is asynchronous; write it with a function whose name ends in _async", source.label
        )
    reading = StreamReading(source, chunk_size, length)
    pieces = _read_pieces(reading) if source.stream.reads else iter(reading.stream)
    with afterwards(getattr(pieces, "close", nothing)):
        for piece in pieces:
            if view := reading.taken(piece):
                yield view
        reading.finish()


def _read_pieces(reading: StreamReading) -> Iterator[Any]:
    while (size := reading.size) and not is_end(piece := reading.stream.read(size)):
        yield piece
