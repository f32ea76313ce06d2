"""The caller's own `io.BytesIO`, of which everything is known: it takes all bytes at once, and can seek."""

import io
from collections.abc import Sequence

from streamdcm.instructions import Chunk
from streamdcm.sinks.output import CallersOutput
from streamdcm.sinks.writable import check_writable


class MemoryOutput(CallersOutput):
    """A buffer in memory; it stays open.

    Parameters
    ----------
    buffer : io.BytesIO
        The buffer, of exactly this class.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; they can.
    """

    def __init__(self, buffer: io.BytesIO, *, seekable: bool | None = None) -> None:
        if buffer.closed:
            check_writable(buffer)  # says so
        self._buffer = buffer
        self._start = 0
        self.can_patch = self.can_read = self.can_grow = seekable is not False

    def open(self) -> None:
        """Note the position, which patches are relative to."""
        self._start = self._buffer.tell()

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        for buffer in buffers:
            self._buffer.write(buffer)

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began, and return to the end."""
        end = self._buffer.tell()
        self._buffer.seek(self._start + offset)
        self._buffer.write(value)
        self._buffer.seek(end)

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written, and return to the end."""
        end = self._buffer.tell()
        self._buffer.seek(self._start + offset)
        data = self._buffer.read(size)
        self._buffer.seek(end)
        return data

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written from `offset` on by `size` bytes."""
        position = self._start + offset
        with self._buffer.getbuffer() as whole:
            tail = bytes(whole[position : self._buffer.tell()])
        self._buffer.seek(position + size)
        self._buffer.write(tail)
