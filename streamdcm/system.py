"""What operating systems have and lack, each difference in one place: Linux has all of it, Windows the least."""

import errno
import math
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ON_WINDOWS: Final = os.name == "nt"

OPEN_FILES_STAY: Final = ON_WINDOWS
"""Whether a file that is open can neither be removed nor renamed, nor be replaced by another."""

CASES_ARE_ALIKE: Final = ON_WINDOWS or sys.platform == "darwin"
"""Whether names that differ in the case of letters are, as a rule, those of one file."""

BINARY: Final[int] = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""What `os.open` is always given: nothing is inherited, and no line ends are translated."""

DIRECTORY: Final[int | None] = getattr(os, "O_DIRECTORY", None)
"""What opens a directory alone, where directories can be opened."""

_HAS_POSITIONS: Final = hasattr(os, "pread") and hasattr(os, "pwrite")
_position_locks: Final = [Lock() for _ in range(32)]

if hasattr(os, "sysconf"):
    MOST_BUFFERS: int = max(os.sysconf("SC_IOV_MAX"), 16)
    """How many buffers the system takes in one call."""
else:
    MOST_BUFFERS = 16


if _HAS_POSITIONS:

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        """Read at an offset; the position of the file stays where it is."""
        return os.pread(descriptor, size, offset)

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        """Write at an offset; the position of the file stays where it is."""
        return os.pwrite(descriptor, data, offset)

else:

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        """Read at an offset; the position of the file is where it was afterwards."""
        with _at(descriptor, offset):
            return os.read(descriptor, size)

    def pwrite(descriptor: int, data: memoryview, offset: int) -> int:
        """Write at an offset; the position of the file is where it was afterwards."""
        with _at(descriptor, offset):
            return os.write(descriptor, data)


@contextmanager
def _at(descriptor: int, offset: int) -> Iterator[None]:
    """Move the position of a file for a block in which nobody else who comes here does."""
    with _position_locks[descriptor % len(_position_locks)]:
        before = os.lseek(descriptor, 0, os.SEEK_CUR)
        try:
            os.lseek(descriptor, offset, os.SEEK_SET)
            yield
        finally:
            os.lseek(descriptor, before, os.SEEK_SET)


if hasattr(os, "writev"):

    def writev(descriptor: int, buffers: Sequence[memoryview]) -> int:
        """Write some of the bytes of several buffers, and return how many."""
        return os.writev(descriptor, buffers)

else:

    def writev(descriptor: int, buffers: Sequence[memoryview]) -> int:
        """Write some of the bytes of the first buffer, and return how many."""
        return os.write(descriptor, buffers[0])


def send_buffers(connection: socket.socket, buffers: Sequence[memoryview], flags: int = 0) -> int:
    """Send some of the bytes of several buffers, and return how many."""
    if hasattr(connection, "sendmsg"):
        return connection.sendmsg(buffers, [], flags)
    return connection.send(buffers[0], flags)


def duplicate(connection: socket.socket) -> socket.socket:
    """Return a socket of one's own for a connection, whose mode stays what it is where the system allows that."""
    if ON_WINDOWS:
        return connection.dup()
    return socket.socket(fileno=os.dup(connection.fileno()))


def copy_file_range(source: int, target: int, length: int, offset: int, to: int | None = None) -> int:
    """Copy bytes of a file to an offset of another, or to its position, within the kernel.

    Raises
    ------
    OSError
        ``ENOSYS`` where the system does not have that.
    """
    if not hasattr(os, "copy_file_range"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return os.copy_file_range(source, target, length, offset, to)


def can_send_files() -> bool:
    """Tell whether bytes of a file can be sent within the kernel."""
    return hasattr(os, "sendfile")


def send_file(target: int, source: int, offset: int, length: int) -> int:
    """Send bytes of a file to a file or socket within the kernel.

    Raises
    ------
    OSError
        ``ENOSYS`` where the system does not have that.
    """
    if not hasattr(os, "sendfile"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return os.sendfile(target, source, offset, length)


def wait_writable(descriptor: int, timeout: float) -> None:
    """Wait until a socket takes bytes; only where `can_send_files`.

    Raises
    ------
    TimeoutError
        If it takes none for so many seconds.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if not poll.poll(math.ceil(timeout * 1000)):
        raise TimeoutError("timed out")


def link(path: str, name: str, **options: Any) -> None:
    """Give a file one more name.

    Raises
    ------
    OSError
        ``ENOTSUP`` where the system does not have that.
    """
    if not hasattr(os, "link"):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    os.link(path, name, **options)


def set_mode(descriptor: int, path: str | None, mode: int) -> None:
    """Set the permissions of an open file; its path is used where the system asks for that."""
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)
    elif path is not None:
        os.chmod(path, mode)


def to_disk(descriptor: int) -> None:
    """Wait until what was written has reached the disk."""
    if hasattr(fcntl, "F_FULLFSYNC"):  # macOS, where fsync() leaves it in the cache of the disk
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
        except OSError:
            pass  # not every file system has it
    os.fsync(descriptor)


def is_to_append(descriptor: int) -> bool:
    """Tell whether what is written goes to the end, as far as the system says that of a descriptor."""
    return fcntl is not None and bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_APPEND)


def has_locks() -> bool:
    """Tell whether a file can be locked so that the lock ends with the process and keeps nobody from reading."""
    return fcntl is not None


def lock(descriptor: int, *, shared: bool = False) -> bool:
    """Lock a file or directory, and tell whether nobody else has it.

    Raises
    ------
    OSError
        If that cannot be locked.
    """
    if fcntl is None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claim(descriptor: int) -> bool:
    """Lock a file that is there for nothing else, and tell whether nobody else has it."""
    if fcntl is not None:
        return lock(descriptor)
    try:
        import msvcrt
    except ImportError:
        return True
    try:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def is_in_use(path: str) -> bool:
    """Tell whether a process has a file open, on systems where that keeps it from being renamed."""
    try:
        os.rename(path, path)
    except PermissionError:
        return True
    return False


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def comparable(path: str) -> str:
    """Return what is equal for two paths that name one file where only the case of their letters differs."""
    return path.casefold() if CASES_ARE_ALIKE else path


def process_apart() -> dict[str, Any]:
    """Return what `subprocess.Popen` is given to start a process that Ctrl-C does not reach."""
    if ON_WINDOWS:
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    return {"start_new_session": True}


def after_fork(function: Any) -> None:
    """Have a function called in each forked child, where there are such."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)
