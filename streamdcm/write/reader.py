"""An encoded dataset as a readable object, for whoever reads what it sends."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any, Unpack

from pydicom.dataset import Dataset

from streamdcm.cleanup import CLOSING, afterwards, noted, on_error
from streamdcm.options import ChunkOptions, Options, check_options
from streamdcm.plan.plan import plan_file
from streamdcm.write.answers import close_frames
from streamdcm.write.array_frames import with_coded_frames
from streamdcm.write.chunks import Chunks
from streamdcm.write.coded_frames import encoded
from streamdcm.write.encoders import chunk_capabilities, refuse_async_frames


class DicomReader(io.BufferedIOBase):
    """A readable binary object that encodes a dataset as it is read; made by `open_reader`.

    Iterating over it gives chunks. It can seek if it can be encoded again: without `frames`, or with frames in a list
    or an array. Where only the size is known, its end can be sought, and the position after that, which is how
    libraries ask for the size. It is for one thread at a time.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    options : Options
        Those of `iter_chunks`, checked.

    Examples
    --------
    >>> with streamdcm.open_reader(ds) as reader:
    ...     head = reader.read(132)
    >>> head[-4:]
    b'DICM'
    """

    def __init__(self, dataset: Dataset, options: Options) -> None:
        super().__init__()
        self._frames: object = None
        self._chunks: Chunks | None = None  # `close` is called of what could not be made, too
        with on_error(partial(close_frames, options.frames)):
            refuse_async_frames(options)
            self._plan = plan_file(*with_coded_frames(dataset, options), chunk_capabilities(options))
        self._frames = options.frames  # not before: those that a refusal closed are not closed again
        self._dataset = dataset
        self._options = options
        self._can_repeat = not isinstance(options.frames, Iterator)
        self._rest = memoryview(b"")
        self._read = 0
        self._position = 0
        self._size = -1 if options.progress is None else self._plan.size()

    @property
    def content_length(self) -> int | None:
        """The number of bytes in all, for a Content-Length; `None` where only reading tells."""
        if self._size == -1:
            self._size = self._plan.size()
        return self._size

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Whether any place may be read again, which encodes all that is before it."""
        return self._can_repeat

    def tell(self) -> int:
        """Return the position, counted from the first byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to another position; what lies before it is encoded again when it is read.

        Raises
        ------
        io.UnsupportedOperation
            If the end is asked for and the size is not known.
        """
        if whence == os.SEEK_END:
            if self.content_length is None:
                raise io.UnsupportedOperation("the end of this stream is known only when it was read")
            offset += self.content_length
        elif whence == os.SEEK_CUR:
            offset += self._position
        self._position = max(offset, 0)
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next `size` bytes, or all that are left; fewer only at the end."""
        parts, wanted = [], None if size is None or size < 0 else size
        while wanted is None or wanted:
            part = self._next_part(wanted)
            if not part:
                break
            parts.append(part)
            wanted = None if wanted is None else wanted - len(part)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, as many as there are at once."""
        return bytes(self._next_part(None if size < 0 else size))

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes; return how many there were."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and (part := self._next_part(len(view) - filled)):
            view[filled : filled + len(part)] = part
            filled += len(part)
        return filled

    def __next__(self) -> bytes:
        chunk = self.read1()
        if not chunk:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Close what is read, the frames included."""
        if self.closed:
            return
        with afterwards(partial(close_frames, self._frames), super().close):
            if self._chunks is not None:
                self._chunks.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with noted(error, CLOSING):
            self.close()

    def _next_part(self, most: int | None) -> memoryview:
        """Return what comes next, at most so many bytes; nothing at the end."""
        if self.closed:
            raise ValueError("I/O operation on a closed reader")
        self._go_to_position()
        if not self._rest:
            self._rest = self._next_chunk()
        part = self._rest[:most]
        self._rest = self._rest[len(part) :]
        self._read += len(part)
        self._position = max(self._position, self._read)
        return part

    def _go_to_position(self) -> None:
        if self._position < self._read:
            if not self._can_repeat:
                raise io.UnsupportedOperation("frames that come once cannot be read again; give them in a list")
            assert self._chunks is not None
            self._chunks.close()
            self._chunks, self._rest, self._read = None, memoryview(b""), 0
            self._plan = plan_file(*with_coded_frames(self._dataset, self._options), chunk_capabilities(self._options))
        while self._read < self._position:
            self._rest = self._rest or self._next_chunk()
            if not self._rest:
                return  # behind the end, where there is nothing
            skipped = self._rest[: self._position - self._read]
            self._rest = self._rest[len(skipped) :]
            self._read += len(skipped)

    def _next_chunk(self) -> memoryview:
        if self._chunks is None:
            self._chunks = Chunks(encoded(self._plan), self._options, self._size if self._size != -1 else None)
        return memoryview(next(self._chunks, b""))


def open_reader(dataset: Dataset, /, **kwargs: Unpack[ChunkOptions]) -> DicomReader:
    """Open an encoded dataset as a readable binary object, for libraries that read what they send.

    Arguments and dataset are checked at once, the bytes are made as they are read.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        All are in `ChunkOptions` (`AsyncChunkOptions` on an event loop). Those used most, each with its default:

        - `transfer_syntax` (None): UID or keyword of the one to write (PS3.5 §10); by default that of the dataset.
        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `frames` (None): the pixel data, frame by frame: an iterable of arrays or of compressed frames.
        - `number_of_frames` (None): how many frames there will be, if that is known (PS3.3 §C.7.6.6).
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.

    Returns
    -------
    DicomReader
        For use in a ``with`` block.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree.

    Examples
    --------
    >>> import shutil
    >>> with streamdcm.open_reader(ds, frames=camera()) as reader, open("copy.dcm", "wb") as file:
    ...     shutil.copyfileobj(reader, file)
    """
    return DicomReader(dataset, check_options(dict(kwargs), "open_reader"))
