"""From what a caller gives as a target to what the drivers write to."""

import io
import os
import socket
import zipfile
from collections.abc import Callable, Generator
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydicom.dataset import Dataset

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetTypeError
from streamdcm.sinks.descriptor import choose_patching
from streamdcm.sinks.direct import FileOutput, SocketOutput
from streamdcm.sinks.hashed import HashedOutput
from streamdcm.sinks.locations import printable
from streamdcm.sinks.memory import MemoryOutput
from streamdcm.sinks.object import ObjectOutput
from streamdcm.sinks.output import Output, PartsOutput, PassingOutput
from streamdcm.sinks.path import path_output
from streamdcm.sinks.protocols import Checksummed
from streamdcm.sinks.storage.requests import Performer
from streamdcm.sinks.storage.urls import is_remote_path, remote_path_output, scheme_of, url_output

_DEFAULT_STORAGE = StorageSettings()


def resolve(
    target: Any,
    *,
    overwrite: bool = True,
    atomic: bool = True,
    durable: bool = False,
    seekable: bool | None = None,
    storage: StorageSettings = _DEFAULT_STORAGE,
    tasks: Callable[[], Performer] | None = None,
) -> Output | PartsOutput:
    """Find out how to write to `target`, without leaving a trace.

    Parameters
    ----------
    target : str, bytes, os.PathLike, Output, PartsOutput or object with write()
        A path; a URL; an output, which is passed on; a stream socket; or an object whose ``write()`` takes bytes.
        Objects stay open, and their position when the output is opened is the start.
    overwrite : bool
        For paths and URLs: whether what exists may be overwritten. If not, exactly one of several processes
        that write the same one succeeds.
    atomic : bool
        For paths: whether the file appears under its name only when it is complete.
    durable : bool
        For paths: whether to wait until file and directory have reached the disk.
    seekable : bool, optional
        Whether earlier bytes may be overwritten; found out if not given.
    storage : StorageSettings
        For URLs: how to upload.
    tasks : callable, optional
        For URLs: makes what awaits the requests of an asynchronous client; only the asynchronous functions have it.

    Returns
    -------
    Output or PartsOutput
        The resolved target, not open yet.

    Raises
    ------
    TargetTypeError
        If `target` is none of these, or takes text.
    MissingExtraError
        If a URL needs a library that is not installed.
    OSError
        If a path cannot be looked up.

    Examples
    --------
    >>> from streamdcm.sinks import resolve
    >>> output = resolve("out.dcm")
    >>> output.location, output.can_patch
    ('out.dcm', True)
    """
    output: Output | PartsOutput
    known = _BY_CLASS.get(type(target))
    scheme = scheme_of(target) if known is None else None
    if scheme == "file":
        target, scheme = path_of_url(target), None
    if known is not None:
        output = known(target, seekable=seekable)
    elif isinstance(target, (Output, PartsOutput)):
        output = _given(target, seekable)
    elif scheme is not None:
        output = url_output(target, scheme, storage, overwrite=overwrite, tasks=tasks)
    elif isinstance(target, (str, bytes, os.PathLike)):
        path = os.fsdecode(target)
        output = path_output(path, overwrite=overwrite, atomic=atomic, durable=durable, seekable=seekable)
    elif is_remote_path(target):
        output = remote_path_output(target, storage, overwrite=overwrite)
    else:
        output = _object_output(target, seekable)
    if storage.checksum and not isinstance(output, Checksummed):
        if isinstance(output, PartsOutput):
            raise TargetTypeError(
                "checksum= cannot follow parts in any order; compute one in the output, as `checksum`"
            )
        return HashedOutput(output)
    return output


def _given(output: Output | PartsOutput, seekable: bool | None) -> Output | PartsOutput:
    """Pass on an output that the caller made, in order if the caller wants that."""
    if isinstance(output, PartsOutput):
        return output
    wanted = choose_patching(output.can_patch, seekable, "the output")
    return output if wanted == output.can_patch else PassingOutput(output)


def path_of_url(url: str) -> str:
    """Return the path that a ``file:`` URL names: an absolute one, on this machine (RFC 8089 §2).

    Raises
    ------
    TargetTypeError
        If it names another machine, a path that is not absolute, or a query.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise TargetTypeError(f"{printable(url)}: this is not a valid URL") from error
    if parts.netloc.lower() not in {"", "localhost"} or not parts.path.startswith("/"):
        raise TargetTypeError(
            f"{printable(url)}: a URL of a file names no host but localhost, and an absolute path: file:///path"
        )
    if parts.query or parts.fragment:
        raise TargetTypeError(f"{printable(url)}: a URL of a file has no query; write ? as %3F and # as %23")
    return url2pathname(parts.path)


def _object_output(target: Any, seekable: bool | None) -> Output:
    if isinstance(target, Dataset):
        raise TargetTypeError(
            f"a {type(target).__name__} is nothing to write to: the target comes first, and then the dataset"
        )
    if isinstance(target, Generator):
        raise TargetTypeError("a generator is nothing to write to: an encoder comes first, and then the target")
    if isinstance(target, zipfile.ZipFile):
        raise TargetTypeError("a ZipFile holds members: give the one to write, zip.open('name.dcm', 'w')")
    if callable(getattr(target, "write", None)) and not isinstance(target, type):
        return ObjectOutput(target, seekable=seekable)
    raise TargetTypeError(
        f"cannot write to an object of type {type(target).__name__}: give a path (str, bytes or "
        "os.PathLike), a stream socket, or an object whose write() takes bytes, such as a file opened "
        "in mode 'wb'"
    )


def _memory_output(buffer: io.BytesIO, *, seekable: bool | None) -> Output:
    # An attribute of its own may be a name, or a write() in the place of the one that is known.
    return ObjectOutput(buffer, seekable=seekable) if vars(buffer) else MemoryOutput(buffer, seekable=seekable)


# Only the exact classes: a subclass may transform what is written (TLS) before it reaches the descriptor.
_BY_CLASS: Final[dict[type, Callable[..., Output]]] = {
    io.BytesIO: _memory_output,
    io.FileIO: FileOutput,
    socket.socket: SocketOutput,
}
