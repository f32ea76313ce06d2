"""Files that cannot be written to: they are closed, or open for reading only."""

import io
from typing import Any

from streamdcm.errors import NotWritableError
from streamdcm.sinks.locations import printable


def check_writable(file: Any) -> None:
    """Refuse a file that says that it cannot be written to; objects other than Python's files do not say.

    Raises
    ------
    NotWritableError
        Says why.
    """
    if not isinstance(file, io.IOBase):
        return
    if file.closed:
        raise NotWritableError(f"{_name(file)} is closed; open it in mode 'wb', and give it while it is open")
    # What derives from IOBase and has a write() of its own often leaves the default of writable(), which says no.
    says = getattr(type(file), "writable", io.IOBase.writable) is not io.IOBase.writable
    if isinstance(file, io.BufferedReader) or (says and not file.writable()):
        raise NotWritableError(f"{_name(file)} is open for reading only; open it in mode 'wb' or 'r+b'")


def _name(file: Any) -> str:
    name = getattr(file, "name", None)
    return printable(name) if isinstance(name, str) else "the file"
