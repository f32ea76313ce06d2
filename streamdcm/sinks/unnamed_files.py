"""Files that have no name yet, of which nothing is left when the process ends (Linux, ``O_TMPFILE``)."""

import io
import os

from streamdcm import system

_FLAGS = getattr(os, "O_TMPFILE", 0) | os.O_RDWR | system.BINARY


def open_unnamed(directory: str, mode: int) -> io.FileIO | None:
    """Create a file without a name, or return nothing where there are none such.

    Parameters
    ----------
    directory : str
        In whose file system, and where it may get its name later.
    mode : int
        Its permissions, less the umask.
    """
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        # No function of Python's is run between the two calls, in which an interrupt could lose the descriptor.
        return next(map(io.FileIO, map(os.open, (directory,), (_FLAGS,), (mode,)), ("r+b",)))
    except OSError:
        return None  # if that was for another reason, an ordinary file cannot be created there either


def give_name(descriptor: int, path: str) -> None:
    """Give a file its first name; one that exists is not replaced.

    Raises
    ------
    OSError
        If that is not possible, as without ``/proc``.
    """
    # With a descriptor of a directory, which an absolute path has no use for, Python has the link followed.
    system.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)


def flush_errors(descriptor: int) -> None:
    """Have the file system say now what it would say when the file is closed (NFS, quotas)."""
    next(map(os.close, map(os.dup, (descriptor,))))  # no function of Python's in between, as above
