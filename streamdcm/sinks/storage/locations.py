"""What a URL is called in texts: where it leads, without a user, a password, a signature or a token."""

import re

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/*)(.*)", re.DOTALL)


def location_of(url: str) -> str:
    """Return a URL as it may be shown, whether or not it is a valid one.

    Parameters
    ----------
    url : str
        The URL.

    Returns
    -------
    str
        The same without what stands before an ``@``, behind a ``?`` and behind a ``#``; what cannot be printed is
        escaped.
    """
    found = _URL.fullmatch(url)
    scheme, rest = found.groups() if found else ("", url)
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    if "@" in path and re.fullmatch(r"[^\[@]*:[^@]*[^@0-9][^@]*", authority):
        host, slash, path = "", "", path.rpartition("@")[2]  # a password with a slash, which it must not have
    return (scheme + host + slash + path).encode("utf-8", "backslashreplace").decode("utf-8")
