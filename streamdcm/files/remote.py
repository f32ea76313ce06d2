"""Files to read that are not on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamdcm.errors import MissingExtraError, SourceError
from streamdcm.files.inputs import opened_pipe
from streamdcm.sinks import scheme_of


@contextmanager
def opened_input(source: Any) -> Iterator[Any]:
    """Give what can be read of a source: the file of a URL, a pipe that a path leads to; everything else as it is."""
    with opened(source) as file, opened_pipe(file) as readable:
        yield readable


@contextmanager
def opened(source: Any) -> Iterator[Any]:
    """Give the file of a URL, opened through fsspec; everything else as it is.

    Raises
    ------
    MissingExtraError
        If fsspec, or what it needs for this scheme, is not installed.
    SourceError
        If the file cannot be opened.
    """
    if scheme_of(source) is None:
        yield source
        return
    try:
        import fsspec

        file = fsspec.open(source, "rb").open()
    except ImportError as error:
        raise MissingExtraError(
            "a URL to read needs fsspec and its file system: pip install 'streamdcm[fsspec]', and for S3 s3fs"
        ) from error
    except Exception as error:
        raise SourceError(f"the URL cannot be opened for reading ({type(error).__name__})") from error
    with file:
        yield file
