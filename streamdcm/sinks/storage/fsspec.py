"""Everything that fsspec reaches, written in order: URLs of any scheme, and universal_pathlib's UPath."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from streamdcm.cleanup import afterwards, nothing, take_all
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import MissingExtraError, SourceError, StreamdcmError, TargetTypeError
from streamdcm.instructions import Chunk
from streamdcm.sinks.handles import discard_handle
from streamdcm.sinks.locations import printable, printable_text
from streamdcm.sinks.output import Output
from streamdcm.sinks.storage.object_reader import ObjectReader
from streamdcm.sinks.storage.problems import Service
from streamdcm.sinks.storage.refusal import refuse

try:
    from fsspec.caching import BaseCache
    from fsspec.core import url_to_fs
    from fsspec.implementations.memory import MemoryFile
    from fsspec.spec import AbstractBufferedFile
except ImportError as error:
    raise MissingExtraError("this URL needs the library fsspec: pip install 'streamdcm[fsspec]'") from error


FSSPEC = Service(
    name="the file system",
    thing="file",
    container="bucket or directory",
    credentials="them in storage_options",
    errors=(Exception,),
)


def output_for(url: str, storage: StorageSettings, *, overwrite: bool) -> "FsspecOutput":
    """Return the output for a URL; the storage options are those of the file system.

    Raises
    ------
    TargetTypeError
        If fsspec does not know the scheme, or makes nothing of the URL and the options.
    StorageError
        If the server of the file system cannot be reached.
    MissingExtraError
        If the file system needs a library that is not installed.
    """
    refuse(storage, "client", "metadata", "resume")
    with FSSPEC.errors_of(printable(url)):
        system, path = _file_system(url, storage, TargetTypeError)
    return FsspecOutput(system, path, url, storage, overwrite=overwrite)


@contextmanager
def reader_for(url: str, storage: StorageSettings) -> Iterator[Any]:
    """Give the file of a URL, open; the storage options are those of the file system.

    Raises
    ------
    MissingExtraError
        If the file system needs a library that is not installed.
    FileNotFoundError
        If there is no such file.
    StorageError
        If it cannot be opened.
    """
    refuse(storage, "client")
    name = printable(url)
    with FSSPEC.errors_reading(name):
        system, path = _file_system(url, storage, SourceError)
        file = system.open(path, "rb")
    with file:
        yield _by_ranges(_ReadFile(file, name), file)


def _by_ranges(reader: "_ReadFile", file: Any) -> Any:
    """Return what reads a file in the ranges that are asked for.

    fsspec's own files read a block of some MiB with whatever is asked for. A file that is no larger is read by one
    request that way, and also from a server that does not know ranges; of a larger one that would be nearly all of it.
    """
    if not isinstance(file, AbstractBufferedFile) or not file.size or file.size <= file.blocksize:
        return reader
    file.cache = BaseCache(file.blocksize, file._fetch_range, file.size)

    def fetch(offset: int, size: int) -> bytes:
        reader.seek(offset)
        return reader.read(size)

    return ObjectReader(reader.name, file.size, fetch)


def _file_system(url: str, storage: StorageSettings, refusal: type[StreamdcmError]) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it; some connect to their server already."""
    name = printable(url)
    try:
        system, path = url_to_fs(url, **storage.storage_options)
    except ImportError as error:
        text = printable_text(str(error))
        raise MissingExtraError(f"{name}: fsspec needs another library for this URL: {text}") from error
    except (ValueError, TypeError, AttributeError, LookupError, NotImplementedError) as error:
        raise refusal(
            f"{name}: fsspec knows no file system for the scheme of this URL, or wants other storage_options "
            f"({type(error).__name__})"
        ) from error
    return system, path


class _ReadFile:
    """A file to read whose errors do not show what its URL says in confidence.

    Parameters
    ----------
    file : object
        The file, open.
    name : str
        What errors call it.
    """

    def __init__(self, file: Any, name: str) -> None:
        self.name = name
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        with FSSPEC.errors_reading(self.name):
            data: bytes = self._file.read(size)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        with FSSPEC.errors_reading(self.name):
            position: int = self._file.seek(offset, whence)
        return position

    def tell(self) -> int:
        """Return the place."""
        with FSSPEC.errors_reading(self.name):
            position: int = self._file.tell()
        return position

    def seekable(self) -> bool:
        """Whether one can go to a place."""
        return bool(self._file.seekable())

    def readable(self) -> bool:
        """Whether it can be read."""
        return True


class FsspecOutput(Output):
    """A file in a file system of fsspec, which appears when it is complete.

    Where the file system can, the file is committed or discarded; elsewhere it is written under another name and
    then moved.

    Parameters
    ----------
    system : fsspec.AbstractFileSystem
        The file system.
    path : str
        The path in it.
    location : str
        The URL, for people.
    storage : StorageSettings
        How to upload.
    overwrite : bool
        Whether a file with this name may be replaced; looked up before and after, but another writer may be faster.
    """

    def __init__(self, system: Any, path: str, location: str, storage: StorageSettings, *, overwrite: bool) -> None:
        self.location = printable(location)
        self._system = system
        self._path = path
        self._storage = storage
        self._overwrite = overwrite
        self._file: Any = None
        self._temporary: str | None = None

    def open(self) -> None:
        """Open the file, or one beside it.

        Raises
        ------
        ObjectExistsError
            If the file exists and must not be overwritten.
        """
        self._refuse_existing()
        beside = f"{self._path}.{os.urandom(6).hex()}.partial"
        with FSSPEC.errors_of(self.location):
            self._file = self._open(beside)
            if _commits(self._file):
                _discard(self._file)
                self._file = self._open(self._path)
            else:
                self._temporary = beside

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        with FSSPEC.errors_of(self.location):
            for buffer in buffers:
                self._file.write(bytes(buffer))

    def commit(self) -> None:
        """Make the file appear.

        Raises
        ------
        StorageError
            If the file system refuses it.
        """
        if self._file is None:
            return
        self._refuse_existing()
        with FSSPEC.errors_of(self.location):
            self._file.close()
            if self._temporary is None:
                self._file.commit()
            else:
                self._system.mv(self._temporary, self._path)
        self._file = self._temporary = None

    def abort(self) -> None:
        """Discard what was written."""
        if self._file is not None:
            file, self._file = self._file, None
            with FSSPEC.errors_of(self.location), afterwards(self._remove_temporary):
                _discard(file)

    def _remove_temporary(self) -> None:
        if self._temporary is not None and self._system.exists(self._temporary):
            self._system.rm(self._temporary)

    def _open(self, path: str) -> Any:
        return self._system.open(path, "wb", block_size=self._storage.part_size, autocommit=False)

    def _refuse_existing(self) -> None:
        with FSSPEC.errors_of(self.location):
            if not self._overwrite and self._system.exists(self._path):
                raise FSSPEC.exists(self.location)


def _discard(file: Any) -> None:
    """Throw away what was written to a file, so that closing it publishes nothing."""
    if isinstance(file, AbstractBufferedFile):
        discard_handle(file)
    else:
        take_all(file.close, getattr(file, "discard", nothing))


def _commits(file: Any) -> bool:
    """Tell whether a file that was opened with ``autocommit=False`` waits for its commit."""
    kind = type(file)
    discards = getattr(kind, "discard", AbstractBufferedFile.discard)
    return not isinstance(file, MemoryFile) and discards is not AbstractBufferedFile.discard
