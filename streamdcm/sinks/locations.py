"""Places as they may be shown to people: without what a URL says in confidence."""

from __future__ import annotations

import re
from typing import Final

_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)(?P<authority>[^/?#]*)(?P<path>.*)", re.DOTALL)
_CHAIN: Final = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_HOST: Final = re.compile(r"(\[[^\]]*\]|\[[0-9A-Fa-f:.]*|[^:]*)(:\d*)?")  # the bracket may have been left open


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
