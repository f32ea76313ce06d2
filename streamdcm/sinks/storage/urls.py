"""URLs as targets: the scheme says which module writes there, and only that one is imported."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import MissingExtraError, TargetTypeError
from streamdcm.sinks.locations import printable
from streamdcm.sinks.output import AsyncOutput, Output, PartsOutput
from streamdcm.sinks.protocols import Call
from streamdcm.sinks.storage.parts_upload import PartsUpload, PendingUpload
from streamdcm.sinks.storage.refusal import refuse
from streamdcm.sinks.storage.requests import Performer

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_MODULES = {
    "s3": ("s3",),
    "az": ("azure",),
    "gs": ("obstore", "fsspec"),
    "http": ("http",),
    "https": ("http",),
}
_READERS = {"s3": ("s3_reader", "fsspec"), "az": ("azure", "fsspec"), "gs": ("obstore", "fsspec")}
_ELSE = ("fsspec",)
_HTTP = ("http", "https")
_DEFAULT_STORAGE = StorageSettings()


def scheme_of(target: Any) -> str | None:
    """Return the scheme of a URL in lower case, or `None` if `target` is none."""
    found = _URL.match(target) if isinstance(target, str) else None
    return found[1].lower() if found else None


def wants_size(target: Any) -> bool:
    """Tell whether a target has a use for the number of bytes before the first one."""
    if isinstance(target, str):
        return scheme_of(target) in _HTTP
    return getattr(target, "expect", None) is not None and isinstance(target, (Output, PartsOutput, AsyncOutput))


def async_url_output(target: Any, storage: StorageSettings, call: Call, *, overwrite: bool) -> AsyncOutput | None:
    """Find out how to write to a URL on an event loop; `None` if that is done in a thread, or it is no URL.

    Parameters
    ----------
    target : object
        The URL.
    storage : StorageSettings
        How to upload.
    call : callable
        Calls a function in a thread.
    overwrite : bool
        Whether what is there may be replaced.

    Raises
    ------
    TargetTypeError
        If the URL does not name a resource.
    MissingExtraError
        If no library for this scheme is installed.
    """
    if scheme_of(target) not in _HTTP:
        return None
    module = import_module("streamdcm.sinks.storage.http_async")
    output: AsyncOutput = module.output_for(target, storage, call, overwrite=overwrite)
    return output


def url_output(
    url: str, scheme: str, storage: StorageSettings, *, overwrite: bool, tasks: Callable[[], Performer] | None
) -> Output | PartsOutput:
    """Find out how to write to a URL: the first library that is installed for its scheme does it.

    Parameters
    ----------
    url : str
        The URL.
    scheme : str
        Its scheme, in lower case.
    storage : StorageSettings
        How to upload.
    overwrite : bool
        Whether what is there may be replaced.
    tasks : callable, optional
        Makes what awaits the requests of an asynchronous client.

    Raises
    ------
    TargetTypeError
        If the URL does not name an object, or its scheme is not known.
    MissingExtraError
        If no library for this scheme is installed.
    """
    _refuse_unsayable(url)
    first, *others = _MODULES.get(scheme, _ELSE)
    try:
        module = import_module(f"streamdcm.sinks.storage.{first}")
    except MissingExtraError:
        if not others:
            raise
        module = import_module(f"streamdcm.sinks.storage.{others[0]}")
    output: Output | PartsOutput = module.output_for(url, storage, overwrite=overwrite)
    if isinstance(output, PartsUpload):
        output.perform_by(tasks)
    return output


def _refuse_unsayable(url: str) -> None:
    """Refuse a name that no service can be told: the name of a file of this machine may be of any bytes."""
    try:
        url.encode("utf-8")
    except UnicodeEncodeError:
        raise TargetTypeError(f"{printable(url)}: this name is not in UTF-8; give the object another one") from None


@contextmanager
def url_reader(url: str, storage: StorageSettings = _DEFAULT_STORAGE) -> Iterator[Any]:
    """Give what is at a URL as a file that can seek: the first library that is installed for its scheme reads it.

    Raises
    ------
    MissingExtraError
        If no library for this scheme is installed.
    FileNotFoundError
        If there is nothing.
    StorageError, SourceError
        If it cannot be read.
    """
    missing: MissingExtraError | None = None
    for name in _READERS.get(scheme_of(url) or "", _ELSE):
        try:
            module = import_module(f"streamdcm.sinks.storage.{name}")
        except MissingExtraError as error:
            missing = missing or error
            continue
        with module.reader_for(url, storage) as file:
            yield file
        return
    assert missing is not None
    raise missing


@contextmanager
def pending_uploads(url: str, storage: StorageSettings = _DEFAULT_STORAGE) -> Iterator[list[PendingUpload]]:
    """Give the uploads of objects whose URL begins with `url` that were never completed, the oldest first.

    They can be aborted within the block.

    Raises
    ------
    TargetTypeError
        If it is not a URL of S3.
    StorageError
        If the service does not list them.
    """
    if scheme_of(url) != "s3":
        raise TargetTypeError("uploads can be listed and aborted where they have ids: give s3://BUCKET/PREFIX")
    with import_module("streamdcm.sinks.storage.s3_uploads").pending_uploads(url, storage) as uploads:
        yield uploads


def is_remote_path(target: Any) -> bool:
    """Tell whether `target` is a `UPath` of universal_pathlib whose file is not one of this machine."""
    return all(hasattr(target, name) for name in ("fs", "path", "protocol", "storage_options", "parts"))


def remote_path_output(target: Any, storage: StorageSettings, *, overwrite: bool) -> Output:
    """Return the output for such a path, in its own file system."""
    refuse(storage, "storage_options", "client", "metadata", "resume")
    output: Output = import_module("streamdcm.sinks.storage.fsspec").FsspecOutput(
        target.fs, target.path, str(target), storage, overwrite=overwrite
    )
    return output
