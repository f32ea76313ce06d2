"""The caller's own files and sockets whose descriptor is used directly: nothing stands in front of it."""

import io
import os
import socket
from collections.abc import Sequence
from functools import partial

from streamdcm import system
from streamdcm.instructions import Chunk
from streamdcm.sinks.descriptor import (
    check_socket,
    choose_patching,
    is_patchable,
    move_tail,
    patch_descriptor,
    read_descriptor,
    write_all,
    write_descriptor,
)
from streamdcm.sinks.output import CallersOutput
from streamdcm.sinks.writable import check_writable


class FileOutput(CallersOutput):
    """The caller's own `io.FileIO`, which has no buffer that could be bypassed; it stays open.

    Parameters
    ----------
    file : io.FileIO
        The file, open for writing.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; found out if not given.
    """

    def __init__(self, file: io.FileIO, *, seekable: bool | None = None) -> None:
        check_writable(file)
        self._file = file
        self._start = 0
        self.location = file.name if isinstance(file.name, str) else None
        self.can_patch = choose_patching(
            is_patchable(file.fileno()) and not file.mode.startswith("a"), seekable, "the file"
        )
        self.can_read = file.readable()
        self.can_grow = self.can_read and self.can_patch

    @property
    def descriptor(self) -> int:
        """That of the file."""
        return self._file.fileno()

    def open(self) -> None:
        """Note the position, which patches are relative to."""
        if self.can_patch:
            self._start = os.lseek(self._file.fileno(), 0, os.SEEK_CUR)

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        write_descriptor(self._file.fileno(), buffers)

    def patch(self, offset: int, value: bytes) -> None:
        """Overwrite bytes at `offset` from where the write began."""
        patch_descriptor(self._file.fileno(), self._start + offset, value)

    def read(self, offset: int, size: int) -> bytes:
        """Read back what was written."""
        return read_descriptor(self._file.fileno(), self._start + offset, size)

    def make_space(self, offset: int, size: int) -> None:
        """Move what was written from `offset` on by `size` bytes, within the kernel where it can."""
        move_tail(self._file.fileno(), self._start + offset, size)


class SocketOutput(CallersOutput):
    """The caller's own connected stream socket; it stays open.

    Parameters
    ----------
    connection : socket.socket
        A stream socket in blocking mode or with a timeout.
    seekable : bool, optional
        What the caller says; a socket cannot seek.
    """

    def __init__(self, connection: socket.socket, *, seekable: bool | None = None) -> None:
        check_socket(connection, seekable)
        self._connection = connection

    @property
    def descriptor(self) -> int:
        """That of the socket."""
        return self._connection.fileno()

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Send all bytes of `buffers`, in order."""
        write_all(partial(system.send_buffers, self._connection), buffers)

    def copy_range(self, descriptor: int, offset: int, length: int) -> int:
        """Send bytes of a file within the kernel.

        Raises
        ------
        TimeoutError
            If the socket has a timeout, and takes nothing for that long.
        """
        timeout = self._connection.gettimeout()
        if timeout and system.can_send_files():  # which its methods heed, and the kernel does not know
            system.wait_writable(self._connection.fileno(), timeout)
        return super().copy_range(descriptor, offset, length)
