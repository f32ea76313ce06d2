"""From what a caller gives as a target to what the drivers write to."""

import io
import os
import socket
import zipfile
from typing import Any

from streamdcm.errors import TargetTypeError
from streamdcm.sinks.descriptor import FileOutput, SocketOutput
from streamdcm.sinks.object import ObjectOutput
from streamdcm.sinks.path import path_output
from streamdcm.sinks.protocols import Output


def resolve(
    target: Any,
    *,
    overwrite: bool = True,
    atomic: bool = True,
    durable: bool = False,
    seekable: bool | None = None,
) -> Output:
    """Find out how to write to `target`, without leaving a trace.

    Parameters
    ----------
    target : str, bytes, os.PathLike or object with write()
        A path; a stream socket; or an object whose ``write()`` takes bytes. Objects stay open, and
        their position when the output is opened is the start.
    overwrite : bool
        For paths: whether what exists may be overwritten. If not, exactly one of several processes
        that write the same path succeeds.
    atomic : bool
        For paths: whether the file appears under its name only when it is complete.
    durable : bool
        For paths: whether to wait until file and directory have reached the disk.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; found out if not given.

    Returns
    -------
    Output
        The resolved target, not open yet.

    Raises
    ------
    TargetTypeError
        If `target` is none of these, or takes text.
    OSError
        If a path cannot be looked up.
    """
    if isinstance(target, (str, bytes, os.PathLike)):
        path = os.fsdecode(target)
        return path_output(path, overwrite=overwrite, atomic=atomic, durable=durable, seekable=seekable)
    # Only the exact classes: a subclass may transform what is written (TLS) before it reaches the descriptor.
    if type(target) is io.FileIO:
        return FileOutput(target, seekable=seekable)
    if type(target) is socket.socket:
        return SocketOutput(target, seekable=seekable)
    if isinstance(target, zipfile.ZipFile):
        raise TargetTypeError("a ZipFile holds members: give the one to write, zip.open('name.dcm', 'w')")
    if callable(getattr(target, "write", None)) and not isinstance(target, type):
        return ObjectOutput(target, seekable=seekable)
    raise TargetTypeError(
        f"cannot write to an object of type {type(target).__name__}: give a path (str, bytes or "
        "os.PathLike), a stream socket, or an object whose write() takes bytes, such as a file opened "
        "in mode 'wb'"
    )
