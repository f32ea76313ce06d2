"""Writing to file descriptors and sockets: all buffers in one system call where possible, uncopied."""

import errno
import os
import socket
import stat
from collections.abc import Callable, Sequence
from functools import partial

from streamdcm import system
from streamdcm.errors import NotWritableError, TargetTypeError, WouldBlockError
from streamdcm.instructions import Chunk

# Another file system, no support for this kind of file, an append-only target, a socket that takes no more now
NOT_TOGETHER = frozenset(
    {
        *(errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EPERM),
        *(errno.ETXTBSY, errno.EAGAIN, errno.EOVERFLOW, errno.ENOTSOCK),
    }
)

_MOVED_AT_ONCE = 16 * 1024 * 1024


class Pending:
    """Buffers that are handed to a vectored write such as ``os.writev`` until all of their bytes were taken."""

    def __init__(self, buffers: Sequence[Chunk]) -> None:
        self._views = [view for buffer in buffers if (view := memoryview(buffer)).nbytes]

    def __bool__(self) -> bool:
        return bool(self._views)

    def next(self) -> list[memoryview]:
        """Return as many as the system takes at once."""
        return self._views[: system.MOST_BUFFERS]

    def take(self, size: int) -> None:
        """Take off the bytes that were taken."""
        if size == 0:
            raise OSError(errno.EIO, "the device took none of the bytes it was given")
        done = 0
        while done < len(self._views) and size >= self._views[done].nbytes:
            size -= self._views[done].nbytes
            done += 1
        del self._views[:done]
        if size:
            self._views[0] = self._views[0].cast("B")[size:]


def write_all(send: Callable[[list[memoryview]], int], buffers: Sequence[Chunk]) -> None:
    """Hand `buffers` to a vectored write until all of their bytes were taken."""
    pending = Pending(buffers)
    while pending:
        try:
            pending.take(send(pending.next()))
        except BlockingIOError as error:
            raise would_block("the target") from error


def copy_range(source: int, target: int, offset: int, length: int) -> int:
    """Move bytes from a file to the position of `target` within the kernel.

    Parameters
    ----------
    source, target : int
        Open descriptors, that of `source` of a plain file.
    offset, length : int
        The range in `source`.

    Returns
    -------
    int
        How many bytes were moved; 0 if the two do not go together, or at the end of the file.
    """
    for move in (_copy_file_range, _send_file):
        try:
            return move(source, target, offset, length)
        except OSError as error:
            if error.errno not in NOT_TOGETHER:
                raise
    return 0


def _copy_file_range(source: int, target: int, offset: int, length: int) -> int:
    return system.copy_file_range(source, target, length, offset)


def _send_file(source: int, target: int, offset: int, length: int) -> int:
    return system.send_file(target, source, offset, length)


def would_block(what: str) -> WouldBlockError:
    """Make the error for a sink that takes nothing now."""
    return WouldBlockError(
        errno.EAGAIN, f"{what} is in non-blocking mode and takes no more now: set it to blocking mode first"
    )


def write_descriptor(descriptor: int, buffers: Sequence[Chunk]) -> None:
    """Write all bytes of `buffers` at the position of `descriptor`."""
    write_all(partial(system.writev, descriptor), buffers)


def patch_descriptor(descriptor: int, position: int, value: bytes) -> None:
    """Overwrite bytes at an absolute `position`; that of `descriptor` stays where it is."""
    view = memoryview(value)
    while view:
        taken = system.pwrite(descriptor, view, position)
        position += taken
        view = view[taken:]


def read_descriptor(descriptor: int, position: int, size: int) -> bytes:
    """Read all bytes of a range of a file; the position of `descriptor` stays where it is."""
    pieces: list[bytes] = []
    while size and (piece := system.pread(descriptor, size, position)):
        pieces.append(piece)
        position += len(piece)
        size -= len(piece)
    if size:
        raise OSError(errno.EIO, "the file is shorter than what was written to it")
    return b"".join(pieces)


def copy_all(source: int, target: int) -> None:
    """Write all bytes of a file at the position of another, within the kernel where it can."""
    at, end = 0, os.fstat(source).st_size
    while at < end:
        size = min(_MOVED_AT_ONCE, end - at)
        if moved := copy_range(source, target, at, size):
            at += moved
            continue
        write_descriptor(target, (read_descriptor(source, at, size),))
        at += size


def move_tail(descriptor: int, offset: int, size: int) -> None:
    """Move all bytes of a file from `offset` on by `size` bytes, the last of them first, and seek to its new end."""
    end = os.fstat(descriptor).st_size
    os.lseek(descriptor, end + size, os.SEEK_SET)
    in_kernel = True
    while end > offset:
        start = max(offset, end - min(size, _MOVED_AT_ONCE))
        at, left = start, end - start  # not more than they move by, so that the two ranges do not overlap
        while in_kernel and left:
            try:
                moved = system.copy_file_range(descriptor, descriptor, left, at, at + size)
            except OSError as error:
                if error.errno not in NOT_TOGETHER:
                    raise
                in_kernel = False
            else:
                in_kernel = moved > 0
                at, left = at + moved, left - moved
        if left:
            patch_descriptor(descriptor, at + size, read_descriptor(descriptor, at, left))
        end = start


def is_patchable(descriptor: int) -> bool:
    """Tell whether written bytes can be overwritten: a regular file that is not in append mode."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode) and not system.is_to_append(descriptor)


def choose_patching(found: bool, wanted: bool | None, what: str) -> bool:
    """Combine what was found out about a target with the option `seekable`."""
    if wanted and not found:
        raise TargetTypeError(f"seekable=True, but {what} cannot seek, or only appends")
    return found if wanted is None else wanted


def check_socket(connection: socket.socket, seekable: bool | None) -> None:
    """Refuse a socket that does not keep bytes in order, or is to be sought in.

    Raises
    ------
    TargetTypeError
        Says which.
    NotWritableError
        If it is closed.
    """
    if connection.fileno() < 0:
        raise NotWritableError("the socket is closed; give it while it is open")
    if connection.type != socket.SOCK_STREAM:
        raise TargetTypeError("only a socket of type SOCK_STREAM keeps bytes in order")
    choose_patching(False, seekable, "a socket")
