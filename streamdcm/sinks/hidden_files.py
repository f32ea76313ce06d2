"""Files under hidden names, which are not complete or wait for their name: whose they are, and which ones nobody has.

Whoever writes such a file holds a lock (``flock``) on it, which the system takes away when the process ends, however it
ends. One that waits and is closed, since a process has only so many open files, is protected by a shared lock on its
directory. Where there are no such locks (Windows) a file that is open cannot be removed; whether one that is closed is
waiting for its name nobody can tell, so that it is nobody's after an hour.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from streamdcm import system
from streamdcm.cleanup import afterwards
from streamdcm.errors import TargetError

_LONGEST_WAIT = timedelta(hours=1)
_NAME = re.compile(r"\.[0-9a-f]{12}\.partial")


def hidden_path(directory: str) -> str:
    """Return a name that nobody has; folder watchers import what ends in .dcm."""
    return os.path.join(directory, f".{os.urandom(6).hex()}.partial")


def try_lock(descriptor: int) -> bool:
    """Lock a file as one that is being written, and tell whether nobody else has it locked.

    Where the file system has no locks, nobody cleans up, and it is true as well.
    """
    try:
        return system.lock(descriptor)
    except OSError:
        return True


def share_lock(descriptor: int) -> bool:
    """Lock a directory as one that has complete files in it, which are not open; tell whether that works."""
    try:
        return system.lock(descriptor, shared=True)
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class AbandonedFile:
    """A hidden file that no process is writing.

    Parameters
    ----------
    path : str
        Where it is.
    size : int
        Its size in bytes.
    modified : datetime
        When it was written to last, in UTC.
    """

    path: str
    size: int
    modified: datetime

    def remove(self) -> None:
        """Remove it."""
        try:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        except OSError as error:
            raise TargetError(error.errno, f"it could not be removed ({error.strerror})", self.path) from error


def abandoned_files(directory: str) -> Iterator[AbandonedFile]:
    """Yield the hidden files in a directory that writes left there, killed before they could remove them.

    Each is locked until the next one is asked for, so that it is still nobody's when it is removed. What is not
    exactly named as streamdcm names its files, or is no plain file, is none of them.

    Parameters
    ----------
    directory : str
        The directory; those in it are not looked at.

    Raises
    ------
    TargetError
        If complete files wait in the directory for others that belong to them.
    OSError
        If the directory cannot be read; or, when all others have been yielded, if one of the files cannot be opened or
        locked, so that nobody knows whose it is.
    """
    if not system.has_locks():
        yield from _old_files(directory)
        return
    problem: OSError | None = None
    with _locked(directory, os.O_RDONLY | os.O_DIRECTORY) as whole:
        if whole is None:
            raise TargetError(
                errno.EWOULDBLOCK,
                "complete files wait here for others, to get their names together; try later",
                directory,
            )
        for path in sorted(_files_named_as_ours(directory)):
            try:
                with _locked(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK) as status:
                    if status is not None and os.path.samestat(status, os.lstat(path)):
                        yield AbandonedFile(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = problem or error
    if problem is not None:
        raise problem


def _old_files(directory: str) -> Iterator[AbandonedFile]:
    """Yield the hidden files that no process has open and that have waited for longer than any write does."""
    latest = datetime.now(UTC) - _LONGEST_WAIT
    for path in sorted(_files_named_as_ours(directory)):
        with suppress(FileNotFoundError):
            status = os.lstat(path)
            modified = datetime.fromtimestamp(status.st_mtime, UTC)
            if modified < latest and not system.is_in_use(path):
                yield AbandonedFile(path, status.st_size, modified)


def _files_named_as_ours(directory: str) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.path for entry in entries if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)]


@contextmanager
def _locked(path: str, flags: int) -> Iterator[os.stat_result | None]:
    """Open and lock what is at `path` and give its status, or nothing if another process has it locked."""
    descriptor = os.open(path, flags | system.BINARY)
    with afterwards(partial(os.close, descriptor)):
        try:
            mine = system.lock(descriptor)
        except OSError as error:
            raise TargetError(
                error.errno, f"it cannot be locked ({error.strerror}), so that nobody knows whose it is", path
            ) from error
        yield os.fstat(descriptor) if mine else None
