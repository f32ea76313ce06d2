"""Places as they may be shown to people: without what a URL says in confidence."""

from __future__ import annotations

import errno
import os
import re
from typing import Final

from streamdcm.errors import StreamdcmError

_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<authority>[^/?#]*)(?P<path>.*)", re.DOTALL)
_CHAIN: Final = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_HOST: Final = re.compile(r"(\[[^\]]*\]|\[[0-9A-Fa-f:.]*|[^:]*)(:\d*)?")  # the bracket may have been left open

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
"""What is said of errors of the system, with what to do; of others what the system says."""


def told(error: BaseException) -> str:
    """Return what is said of an error: of one of the system the file first, without its number, and what to do."""
    if not isinstance(error, OSError) or not isinstance(error.filename, (str, bytes)) or error.errno is None:
        return str(error)
    place = os.fsdecode(error.filename)
    if isinstance(error, StreamdcmError):
        return f"{place}: {error.strerror}"
    return f"{place}: {_missing(place) if error.errno == errno.ENOENT else _SAID.get(error.errno, error.strerror)}"


def _missing(place: str) -> str:
    folder = os.path.dirname(os.path.abspath(place))
    if not os.path.isdir(folder):
        return f"there is no folder {folder}; make it, or correct the name"
    return "there is no such file or folder; correct the name"


def printable(place: str) -> str:
    """Return a path as it is, and a URL without user and password (RFC 3986 §3.2.1), and of HTTP without its query.

    A query may be a signature, such as that of a presigned URL. URLs that fsspec chains by ``::`` are all treated so.
    """
    return "::".join(map(_without_secrets, _CHAIN.split(place)))


def printable_text(text: str) -> str:
    """Return a text in which each word with a URL in it is replaced by what is `printable` of it."""
    return re.sub(r"\S*://\S*", lambda word: printable(word[0]), text)


def _without_secrets(place: str) -> str:
    found = _URL.search(place)
    if found is None:
        return place
    authority, path = found["authority"].rpartition("@")[2], found["path"]
    if not _HOST.fullmatch(authority):  # a password with a slash in it, that should have been written as %2F
        authority, path = "", path.rpartition("@")[2]
    if found["scheme"].lower().startswith(("http", "file:")):  # elsewhere these are characters of a name
        path = re.split("[?#]", path, maxsplit=1)[0]
    shown = "".join((place[: found.start()], found["scheme"], authority, path))
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")  # a half of a surrogate pair cannot be printed
