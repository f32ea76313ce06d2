"""What a lazy value is: descriptions, compared by identity, of something that the drivers read."""

import os
from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BufferedIOBase, FileIO, RawIOBase, UnsupportedOperation
from threading import Lock, RLock
from typing import Any, Literal, Protocol, TypeAlias
from weakref import WeakKeyDictionary

from streamdcm import system
from streamdcm.cleanup import afterwards, on_error
from streamdcm.errors import SourceError, ValueTypeError
from streamdcm.instructions import Copy


class _Locks:
    """A lock for each buffer whose position is restored after it was read."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, as a child does after a fork: a thread that holds a lock does not go on in it."""
        self._of_buffer: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
        self._own = Lock()

    def of(self, buffer: Any) -> Any:
        """Return the lock of a buffer, the same one each time where that can be."""
        with self._own:
            try:
                return self._of_buffer.setdefault(buffer, RLock())
            except TypeError:  # not weakly referable, or without a hash
                return RLock()


_locks = _Locks()
system.after_fork(_locks.forget)


class BufferFrame(Protocol):
    """A frame that is bytes: compressed, or native as the dataset describes it."""

    def __buffer__(self, flags: int, /) -> memoryview:
        """Give its memory."""


class ArrayFrame(Protocol):
    """A frame that is an array of pixels, such as one of NumPy."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, of columns, and of samples if there are several (PS3.3 §C.7.6.3)."""

    @property
    def dtype(self) -> Any:
        """The type of its samples."""


class ImageFrame(Protocol):
    """A frame that tells NumPy where its pixels are, such as an image of Pillow."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What NumPy's array interface, version 3, says."""


class VideoFrame(Protocol):
    """A frame that PyAV decoded."""

    def to_ndarray(self, *, format: str | None = None) -> Any:
        """Give its pixels as an array of NumPy."""


class StoredArray(Protocol):
    """Frames that are an array of another library: dask, zarr, h5py."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of frames, and the shape of each."""

    @property
    def dtype(self) -> Any:
        """The type of the samples."""

    def __getitem__(self, index: Any, /) -> Any:
        """Give one frame, or several."""


Frame: TypeAlias = BufferFrame | ArrayFrame | ImageFrame | VideoFrame
"""What type checkers take for a frame."""


class ByteStream(BufferedIOBase):
    """The value of an element with VR OB, OD, OF, OL, OV or OW, whose bytes come one piece after the other.

    Parameters
    ----------
    source : iterable of bytes-like, or object with read()
        Where the bytes come from; for the functions whose names end in ``_async``, also an async iterable, or an
        object whose ``read()`` is awaited. A reader stays open, and is read from its position on. An iterator, and a
        reader that cannot seek, can be written once.
    length : int, optional
        The number of bytes. Without it, a reader that can seek tells it; else it is not known before the last byte
        has come, and is filled in then.

    Raises
    ------
    ValueTypeError
        If `source` is neither an iterable of bytes-like objects nor a reader.

    Notes
    -----
    It is a buffer only because pydicom takes no other lazy value; what it holds is read by streamdcm alone.

    Examples
    --------
    >>> import io
    >>> video = streamdcm.ByteStream(io.BytesIO(b"bytes of a video"), length=16)
    """

    def __init__(self, source: Any, length: int | None = None) -> None:
        self.is_async = isinstance(source, AsyncIterable)
        has_bytes = isinstance(source, Iterable) and not isinstance(source, (str, bytes, bytearray, memoryview))
        self.reads = callable(getattr(source, "read", None))
        if not has_bytes and not self.is_async and not self.reads:
            raise ValueTypeError(
                f"a ByteStream takes an iterable of bytes-like objects or an object with read(), not "
                f"{type(source).__name__}"
            )
        if length is not None and (not isinstance(length, int) or length < 0):
            raise ValueTypeError("the length of a ByteStream is a whole number of bytes")
        self.source = source
        self.length = length
        self._position = 0
        self._taken = False

    @property
    def can_be_taken(self) -> bool:
        """Whether it can be read from its beginning, now: it was not read yet, or is read as often as one likes."""
        if not self._taken:
            return True
        if self.reads:
            return False
        return (aiter if self.is_async else iter)(self.source) is not self.source

    def take(self) -> Any:
        """Return the source, for reading it to its end.

        Raises
        ------
        ValueError
            If it was taken before and cannot be read again.
        """
        if not self.can_be_taken:
            raise SourceError("it was read before and gives its bytes only once; make a new ByteStream")
        self._taken = True
        return self.source

    def readable(self) -> bool:
        """Say yes, as pydicom wants it of a value."""
        return True

    def seekable(self) -> bool:
        """Say yes, as pydicom wants it of a value."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to the start or the end, which is how pydicom asks for a length."""
        if offset or (whence == os.SEEK_END and self.length is None):
            raise UnsupportedOperation("the length of this ByteStream is not known, and it cannot be read at a place")
        self._position = (self.length or 0) if whence == os.SEEK_END else 0
        return self._position

    def tell(self) -> int:
        """Return the position that `seek` moved to."""
        return self._position


@dataclass(frozen=True, slots=True, eq=False)
class StreamSource:
    """Bytes that come one piece after the other, the value of the element that `label` names."""

    stream: ByteStream
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class BufferSource:
    """A readable and seekable buffer, the value of the element that `label` names."""

    buffer: BufferedIOBase | RawIOBase
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class FileSource:
    """A file that a dataset was read from, which must still be the same.

    Parameters
    ----------
    path : str
        Where it is.
    modified : float or None
        Its modification time when the dataset was read.
    header_offset : int
        Where the header of the element begins that `label` names.
    header : bytes
        That header.
    label : str
        Tag and keyword of the element.
    """

    path: str
    modified: float | None
    header_offset: int
    header: bytes
    label: str

    def open(self) -> FileIO:
        """Open the file and check it.

        Raises
        ------
        SourceError
            If the file is missing or not the one that was read.
        """
        try:
            file = FileIO(self.path)
        except OSError as error:
            raise SourceError(
                f"the file that holds its value cannot be opened: {error.strerror}; read the dataset again", self.label
            ) from error
        with on_error(file.close):
            self.check(file)
        return file

    def check(self, file: FileIO) -> None:
        """Check that the opened file is as it was when the dataset was read.

        Raises
        ------
        SourceError
            If it is not.
        """
        same_time = self.modified is None or os.fstat(file.fileno()).st_mtime == self.modified
        if not same_time or system.pread(file.fileno(), len(self.header), self.header_offset) != self.header:
            raise SourceError(
                "the file that holds its value has changed since the dataset was read; read it again", self.label
            )


@dataclass(frozen=True, slots=True, eq=False)
class CopySource:
    """The bytes of a `Copy`, asked for piece by piece by a stage that must see them."""

    copy: Copy


@dataclass(frozen=True, slots=True, eq=False)
class FrameSource:
    """Frames that are asked for one by one, for the element that `label` names."""

    frames: Iterable[Any] | AsyncIterable[Any] | StoredArray
    label: str


@dataclass(frozen=True, slots=True, eq=False)
class PushedSource:
    """What the caller of a writer brings, piece by piece: nobody reads it.

    Parameters
    ----------
    is_live : bool
        Whether the caller learns only at the end what it has brought, such as the ratio of a lossy compression.
    """

    is_live: bool = False


AnyFrames: TypeAlias = Iterable[Any] | AsyncIterable[Any] | StoredArray | PushedSource
"""What gives frames one by one, or stands for those that a caller will bring."""


def is_pushed(source: Any) -> bool:
    """Whether the pieces of a source are brought by the caller of a writer."""
    return isinstance(source, PushedSource)


def underlying(source: Any) -> Any:
    """Return what a source takes its bytes from, where that is another one."""
    return source.copy.source if isinstance(source, CopySource) else source


def is_async(source: Any) -> bool:
    """Whether the pieces of a source can only be had from an event loop."""
    source = underlying(source)
    if isinstance(source, FrameSource):
        return isinstance(source.frames, AsyncIterable)
    return isinstance(source, StreamSource) and source.stream.is_async


@contextmanager
def restored_position(buffer: Any) -> Iterator[int]:
    """Hold a buffer for oneself and put its position, which is given, back at the end."""
    with _locks.of(buffer):
        position: int = buffer.tell()
        with afterwards(partial(buffer.seek, position), what="the position of its buffer is not what it was"):
            yield position


def describe(buffer: BufferedIOBase, label: str) -> Copy | StreamSource:
    """Describe what a buffer holds from its position to its end, without reading it.

    Returns
    -------
    Copy or StreamSource
        The latter for a `ByteStream` whose length is not known.

    Raises
    ------
    ValueError
        If the buffer is closed, or cannot be read or sought in.
    """
    if isinstance(buffer, ByteStream):
        return _describe_stream(buffer, label)
    return _describe_buffer(buffer, label)


def _describe_stream(stream: ByteStream, label: str) -> Copy | StreamSource:
    if isinstance(stream.source, (BufferedIOBase, RawIOBase)) and stream.source.seekable():
        copy = _describe_buffer(stream.source, label)
        if stream.length is None or stream.length <= copy.length:
            return copy if stream.length is None else replace(copy, length=stream.length)
        raise SourceError(f"it holds {copy.length:,} bytes from its position on, and {stream.length:,} were announced")
    source = StreamSource(stream, label)
    return source if stream.length is None else Copy(source, 0, stream.length)


def _describe_buffer(buffer: BufferedIOBase | RawIOBase, label: str) -> Copy:
    if buffer.closed:
        raise SourceError("the buffer has been closed; open it again and set the value anew")
    if not buffer.readable() or not buffer.seekable():
        raise SourceError("the buffer must be readable and seekable")
    with restored_position(buffer) as position:
        end = buffer.seek(0, os.SEEK_END)
    return Copy(BufferSource(buffer, label), position, max(end - position, 0))


def describe_file(source: FileSource, length: int | None, item: bytes) -> Copy | None:
    """Describe the value behind the header of a file source, without reading it.

    Parameters
    ----------
    source : FileSource
        The file.
    length : int or None
        The number of bytes; `None` for a value that consists of items, up to their delimiter.
    item : bytes
        An item tag in the byte order of the file (PS3.5 §7.5).

    Returns
    -------
    Copy or None
        `None` for a value that the file does not have all of.

    Raises
    ------
    SourceError
        If the file is missing or not the one that was read.
    """
    offset = source.header_offset + len(source.header)
    with source.open() as file:
        if length is None:
            length = _length_of_items(file.fileno(), offset, item)
        is_complete = os.fstat(file.fileno()).st_size >= offset + length
    return Copy(source, offset, length) if is_complete else None


def _length_of_items(descriptor: int, start: int, item: bytes) -> int:
    order: Literal["little", "big"] = "little" if item[0] == 0xFE else "big"
    offset = start
    while len(header := system.pread(descriptor, 8, offset)) == 8 and header[:4] == item:
        offset += 8 + int.from_bytes(header[4:], order)
    return offset - start


def first_bytes(copy: Copy, count: int) -> bytes:
    """Return the first few bytes of what `describe` or `describe_file` described."""
    if isinstance(copy.source, FileSource):
        with copy.source.open() as file:
            return system.pread(file.fileno(), min(count, copy.length), copy.offset)
    buffer = copy.source.buffer
    with restored_position(buffer):
        buffer.seek(copy.offset)
        head: bytes = buffer.read(min(count, copy.length))
    return head
