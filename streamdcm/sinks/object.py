"""The caller's own objects with ``write()``: what they can do is found out, and their answers are checked."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import tempfile
from collections.abc import Iterator, Sequence
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import Any

from pydicom.filebase import DicomBytesIO, DicomFileLike, DicomIO

from streamdcm import system
from streamdcm.errors import SinkContractError, TargetTypeError
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import would_block
from streamdcm.sinks.handles import discard_handle, is_asynchronous_writer
from streamdcm.sinks.locations import printable
from streamdcm.sinks.output import CallersOutput
from streamdcm.sinks.writable import check_writable

_DELEGATING = (DicomIO, DicomFileLike, DicomBytesIO, tempfile._TemporaryFileWrapper)

# These have taken, copied or compressed all that they were given when write() returns. A member of a zip
# file is not among them: stored uncompressed, it hands what it is given to an object that can be any.
_TAKE_BORROWED = {
    *_DELEGATING,
    tempfile.SpooledTemporaryFile,
    io.BytesIO,
    io.FileIO,
    io.BufferedWriter,
    io.BufferedRandom,
    io.BufferedRWPair,
    gzip.GzipFile,
    bz2.BZ2File,
    lzma.LZMAFile,
}


# What asyncio, and the bindings of other languages to it, say to whoever begins something on a thread without a loop.
NEEDS_A_LOOP = re.compile("no (running|current) event loop")


_MOVED_AT_ONCE = 1024 * 1024


class ObjectOutput(CallersOutput):
    """An object with ``write()``, used by ``write``, ``seek`` and ``tell`` alone; it stays open.

    Parameters
    ----------
    sink : object
        The object. Where its earlier bytes are overwritten it needs ``seek`` and ``tell``.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; found out if not given.
    """

    def __init__(self, sink: Any, *, seekable: bool | None = None) -> None:
        if iscoroutinefunction(sink.write) or is_asynchronous_writer(sink):
            raise _is_asynchronous(sink)
        check_sink(sink, is_text(sink), seekable)
        layers = list(_delegates(sink))
        check_writable(layers[-1])
        self._sink = sink
        self._takes_borrowed = all(layer.__class__ in _TAKE_BORROWED for layer in layers)
        self._none_means_would_block = isinstance(layers[-1], io.RawIOBase)
        self._start = 0
        self._written = 0
        name = getattr(sink, "name", None)
        self.location = printable(name) if isinstance(name, str) else None
        self.can_patch = can_patch(sink) if seekable is None else seekable

    @property
    def can_read(self) -> bool:
        """Whether `read` works."""
        return self.can_patch and _can_read(self._sink)

    def open(self) -> None:
        """Note the position, which patches are relative to."""
        if self.can_patch:
            self._start = self._sink.tell()

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        for buffer in buffers:
            self._write_all(buffer)
            self._written += memoryview(buffer).nbytes

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began and return to the end.

        Raises
        ------
        SinkContractError
            If the position afterwards shows that the bytes went elsewhere.
        """
        position = self._start + offset
        self._sink.seek(position)
        self._write_all(value)
        check_position(self._sink, self._sink.tell(), position + len(value))
        self._sink.seek(self._start + self._written)

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written, and return to the end."""
        self._sink.seek(self._start + offset)
        pieces: list[bytes] = []
        while size and (piece := self._sink.read(size)):
            pieces.append(piece)
            size -= len(piece)
        self._sink.seek(self._start + self._written)
        if size:
            raise SinkContractError(f"{_kind(self._sink)} did not give back what was written to it")
        return b"".join(pieces)

    @property
    def can_grow(self) -> bool:  # type: ignore[override]
        """Whether what was written can be moved: it can be read."""
        return self.can_read

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written from `offset` on by `size` bytes, the last of it first, and return to the end."""
        end = self._written
        self._written += size
        while end > offset:
            start = max(offset, end - min(size, _MOVED_AT_ONCE))
            self._sink.seek(self._start + start)
            piece = self.read(start, end - start)
            self.patch(start + size, piece)
            end = start

    def abort(self) -> None:
        """Leave the object alone, except for a handle whose closing would publish what was written as if complete."""
        discard_handle(self._sink, self._written)

    def _write_all(self, buffer: Chunk) -> None:
        rest = buffer if self._takes_borrowed or buffer.__class__ is bytes else bytes(buffer)
        while size := memoryview(rest).nbytes:
            taken = self._write_some(rest, size)
            if taken == size:
                return
            rest = memoryview(rest).cast("B")[taken:]
            rest = rest if self._takes_borrowed else bytes(rest)

    def _write_some(self, data: Chunk, size: int) -> int:
        try:
            taken = self._sink.write(data)
        except BlockingIOError as error:
            raise would_block(_kind(self._sink)) from error
        except RuntimeError as error:
            if NEEDS_A_LOOP.search(str(error)):
                raise _is_asynchronous(self._sink) from error
            raise
        if isawaitable(taken):
            if iscoroutine(taken):
                taken.close()
            raise _is_asynchronous(self._sink)
        if taken is None and self._none_means_would_block:
            raise would_block(_kind(self._sink))
        return check_taken(self._sink, taken, size)


def check_sink(sink: object, takes_text: bool, seekable: bool | None) -> None:
    """Refuse a sink that takes text, or that is to be sought in and cannot.

    Raises
    ------
    TargetTypeError
        Says which.
    """
    if takes_text:
        raise TargetTypeError(f"{_kind(sink)} takes text and DICOM is bytes: open it in binary mode, such as 'wb'")
    if seekable and not has_seek_and_tell(sink):
        raise TargetTypeError(f"seekable=True, but {_kind(sink)} has no seek() and tell()")


def check_taken(sink: object, taken: Any, size: int) -> int:
    """Return how many of `size` bytes were taken, by what ``write()`` answered.

    Raises
    ------
    SinkContractError
        If the answer makes no sense.
    """
    if taken is None:
        return size
    if not isinstance(taken, int) or isinstance(taken, bool):
        raise SinkContractError(
            f"write() of {_kind(sink)} answered an object of type {type(taken).__name__}, "
            "not the number of bytes it took"
        )
    if not 0 < taken <= size:
        raise SinkContractError(f"write() of {_kind(sink)} answered {int(taken)} when it was given {size} bytes")
    return taken


def check_position(sink: object, position: Any, expected: int) -> None:
    """Check by ``tell()`` that bytes went where ``seek()`` had moved to.

    Raises
    ------
    SinkContractError
        If they did not.
    """
    if position != expected:
        raise SinkContractError(f"{_kind(sink)} did not write where seek() had moved to; give seekable=False")


def is_text(sink: object) -> bool:
    """Tell whether `sink` takes text in place of bytes."""
    return any(
        isinstance(layer, (io.TextIOBase, codecs.StreamWriter, codecs.StreamReaderWriter))
        or (isinstance(layer, tempfile.SpooledTemporaryFile) and "b" not in str(layer.mode))
        for layer in _delegates(sink)
    )


def _is_asynchronous(sink: object) -> TargetTypeError:
    return TargetTypeError(
        f"write() of {_kind(sink)} is asynchronous; use the function of the same name that ends in _async"
    )


def _kind(sink: object) -> str:
    cls = type(sink)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _delegates(sink: Any) -> Iterator[Any]:
    """Yield `sink`, then what it passes every call on to, the innermost last."""
    yield sink
    while isinstance(sink, _DELEGATING):
        sink = sink.parent if isinstance(sink, DicomIO) else sink.file
        yield sink


def can_patch(sink: Any) -> bool:
    """Find out whether earlier bytes of `sink` can be overwritten."""
    if not has_seek_and_tell(sink):
        return False
    try:
        for layer in _delegates(sink):
            if not _seeks_backwards(layer):
                return False
        position = sink.tell()
    except (OSError, NotImplementedError):
        return False
    return is_position(position)


def _can_read(sink: Any) -> bool:
    """Find out whether what was written to `sink` can be read from it."""
    *_, innermost = _delegates(sink)
    readable = getattr(innermost, "readable", None)
    return callable(getattr(sink, "read", None)) and (readable is None or bool(readable()))


def is_position(told: object) -> bool:
    """Tell whether what ``tell()`` answered is a position."""
    return isinstance(told, int) and not isinstance(told, bool) and told >= 0


def has_seek_and_tell(sink: object) -> bool:
    """Tell whether `sink` has what patching takes."""
    return callable(getattr(sink, "seek", None)) and callable(getattr(sink, "tell", None))


def _seeks_backwards(layer: Any) -> bool:
    seekable = getattr(layer, "seekable", None)
    if callable(seekable) and not seekable():
        return False
    innermost = layer.raw if isinstance(layer, (io.BufferedWriter, io.BufferedRandom)) else layer
    if isinstance(innermost, gzip.GzipFile):  # says that it is seekable, and only goes forwards
        return False
    return not appends(layer)


def appends(layer: Any) -> bool:
    """Tell whether whatever is written to a file goes to its end."""
    mode = getattr(layer, "mode", None)
    if isinstance(mode, str) and mode.startswith("a"):
        return True
    if isinstance(layer, tempfile.SpooledTemporaryFile):  # its fileno() would move it to disk
        return False
    try:
        return system.is_to_append(layer.fileno())
    except (AttributeError, NotImplementedError, OSError, TypeError, ValueError):
        return False  # there is no file descriptor behind it
