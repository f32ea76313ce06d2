"""What tells whether a source is still the same: its size and its time, or what a service says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from streamdcm.batch.remote import url_stamp
from streamdcm.sinks import scheme_of


def stamp_of(name: str, options: Mapping[str, Any]) -> str | None:
    """Return the stamp of a file or of an object; `None` if there is none.

    Parameters
    ----------
    name : str
        A path or a URL.
    options : mapping
        For a URL: keyword arguments for the library that talks to the service.

    Raises
    ------
    OSError
        If that cannot be found out.
    """
    if scheme_of(name) is not None:
        return url_stamp(name, options)
    try:
        status = os.stat(name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return file_stamp(status)


def file_stamp(status: os.stat_result) -> str:
    """Return the stamp of a file."""
    return f"{status.st_size}:{status.st_mtime_ns}"


def size_in(stamp: str | None) -> int:
    """Return the number of bytes that a stamp says; 0 if it is not known."""
    size = (stamp or "").partition(":")[0]
    return int(size) if size.isdecimal() else 0
