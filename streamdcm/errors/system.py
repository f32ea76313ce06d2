"""What is said of errors of the system: the file first, and what to do."""

from __future__ import annotations

import errno
import os
from typing import Final

from streamdcm.errors.root import StreamdcmError

_SAID: Final = {
    errno.EACCES: "permission is denied; have it allowed to this user, or name another place",
    errno.EPERM: "permission is denied; have it allowed to this user, or name another place",
    errno.EEXIST: "it is there already; name another place",
    errno.EISDIR: "it is a folder; name a file",
    errno.ENOTDIR: "it is no folder, or a part of its path is none; correct the name",
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    errno.ELOOP: "symbolic links lead in a circle; correct them",
    errno.ENOSPC: "no space is left on the device; make some, or name another place",
    errno.EDQUOT: "no space is left in the quota; make some, or name another place",
    errno.EROFS: "the file system is read-only; name another place",
}
"""Of other errors, what the system says."""


def told(error: BaseException) -> str:
    """Return what is said of an error: of one of the system the file first, without its number, and what to do."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    if not isinstance(error.filename, (str, bytes)):
        known = None if isinstance(error, StreamdcmError) or error.filename is not None else _SAID.get(error.errno)
        return known or str(error)
    place = os.fsdecode(error.filename)
    if isinstance(error, StreamdcmError):
        return f"{place}: {error.strerror}"
    return f"{place}: {_missing(place) if error.errno == errno.ENOENT else _SAID.get(error.errno, error.strerror)}"


def _missing(place: str) -> str:
    folder = os.path.dirname(os.path.abspath(place))
    if not os.path.isdir(folder):
        return f"there is no folder {folder}; make it, or correct the name"
    return "there is no such file or folder; correct the name"
