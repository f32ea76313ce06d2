"""What is read of a source before anybody asks for its bytes: a URL, a path to a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import PlanError
from streamdcm.files.access import Access, accessed
from streamdcm.files.inputs import incoming, opened_pipe
from streamdcm.options import Options
from streamdcm.sinks import scheme_of, url_reader
from streamdcm.sinks.resolve import path_of_url


@contextmanager
def opened_input(source: Any, storage: StorageSettings) -> Iterator[Any]:
    """Give what can be read of a source: the file of a URL, a pipe that a path leads to; everything else as it is.

    Parameters
    ----------
    source : object
        What the caller gave.
    storage : StorageSettings
        How to reach the service of a URL.

    Raises
    ------
    MissingExtraError
        If a library for the scheme is not installed.
    FileNotFoundError
        If there is nothing at the URL.
    StorageError, SourceError
        If it cannot be read.
    """
    scheme = scheme_of(source)
    if scheme is None or scheme == "file":
        with opened_pipe(source if scheme is None else path_of_url(source)) as file:
            yield file
        return
    with url_reader(source, storage) as file:
        yield file


@contextmanager
def opened_to_look_at(source: Any, storage: StorageSettings) -> Iterator[Access]:
    """Give access to a source that is looked at here and there.

    Raises
    ------
    PlanError
        If it only goes forwards.
    Exception
        As `opened_input` does.
    """
    with opened_input(source, storage) as file:
        comes = incoming(file)
        if comes is not None:
            raise PlanError(
                f"{comes.name} only goes forwards, and is to be looked at here and there; save it to a file"
            )
        with accessed(file) as access:
            yield access


def source_storage(source: Any, target: Any, options: Options) -> StorageSettings:
    """Return how to reach the service of a source: as that of the target, if it is the same and no other is given."""
    is_same = scheme_of(source) is not None and scheme_of(source) == scheme_of(target)
    if options.source_client is not None or options.source_options or not is_same:
        return StorageSettings(storage_options=options.source_options, client=options.source_client)
    return options
