"""Objects in Google Cloud Storage, written in order through obstore."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import (
    ContainerNotFoundError,
    MissingExtraError,
    StorageError,
    TargetTypeError,
)
from streamdcm.instructions import Chunk
from streamdcm.sinks.locations import printable
from streamdcm.sinks.output import Output
from streamdcm.sinks.storage.object_reader import ObjectReader
from streamdcm.sinks.storage.problems import Service
from streamdcm.sinks.storage.refusal import refuse, refused_by

try:
    import obstore
    from obstore import exceptions
    from obstore.store import AzureStore, GCSStore, HTTPStore, LocalStore, MemoryStore, S3Store, from_url
except ImportError as error:
    raise MissingExtraError("gs:// needs the library obstore: pip install 'streamdcm[obstore]'") from error

OBSTORE = Service(
    name="the service",
    thing="object",
    container="bucket",
    credentials="them in storage_options or in the environment",
    errors=(exceptions.BaseError, OSError),
)

_STORES = (AzureStore, GCSStore, HTTPStore, LocalStore, MemoryStore, S3Store)
_URL = re.compile(r"(?P<root>[^:]+://[^/]+)/(?P<key>.*[^/])", re.DOTALL)


def output_for(url: str, storage: StorageSettings, *, overwrite: bool) -> "ObstoreOutput":
    """Return the output for ``gs://BUCKET/KEY``."""
    refuse(storage, "resume")
    found = _URL.fullmatch(url)
    if not found:
        raise TargetTypeError("an object is named SCHEME://BUCKET/KEY, and its key does not end with a slash")
    if storage.client is not None and not isinstance(storage.client, _STORES):
        kind = type(storage.client)
        raise TargetTypeError(
            f"client= takes a store of obstore for gs://, not an object of type {kind.__module__}.{kind.__qualname__}"
        )
    return ObstoreOutput(found["root"], found["key"], storage, overwrite=overwrite)


@contextmanager
def reader_for(url: str, storage: StorageSettings) -> Iterator[ObjectReader]:
    """Give the object ``gs://BUCKET/KEY``, to be read by ranged requests.

    Raises
    ------
    FileNotFoundError
        If there is no such object.
    StorageError
        If the service does not give it.
    """
    found = _URL.fullmatch(url)
    if not found:
        raise TargetTypeError("an object is named SCHEME://BUCKET/KEY, and its key does not end with a slash")
    key, location = found["key"], printable(url.partition("?")[0])
    with OBSTORE.errors_reading(location):
        store = _store(found["root"], storage)
        about = obstore.head(store, key)

    def fetch(offset: int, length: int) -> bytes:
        options = {"range": (offset, offset + length), "if_match": about["e_tag"]}
        with OBSTORE.errors_reading(location):
            return bytes(obstore.get(store, key, options=options).bytes())

    yield ObjectReader(location, about["size"], fetch)


def _store(root: str, storage: StorageSettings) -> Any:
    if storage.client is not None:
        return storage.client
    with refused_by(f"obstore.store.from_url({printable(root)!r})"):
        return from_url(root, **storage.storage_options)


class ObstoreOutput(Output):
    """An object that obstore uploads in order, and that appears when it is complete.

    Parameters
    ----------
    root : str
        The URL of the bucket.
    key : str
        The name of the object in it.
    storage : StorageSettings
        Its options are those of `obstore.store.from_url`; its client is an obstore store of the bucket.
    overwrite : bool
        Whether an object with this key may be replaced; looked up before and after, but another writer may be faster.
    """

    def __init__(self, root: str, key: str, storage: StorageSettings, *, overwrite: bool) -> None:
        self.location = printable(f"{root}/{key}")
        self._root = root
        self._key = key
        self._storage = storage
        self._overwrite = overwrite
        self._store: Any = None
        self._writer: Any = None

    def open(self) -> None:
        """Make the store and the writer; nothing is sent before there is enough for a part.

        Raises
        ------
        ObjectExistsError
            If the object exists and must not be overwritten.
        """
        storage = self._storage
        with OBSTORE.errors_of(self.location):
            self._store = _store(self._root, storage)
            self._refuse_existing()
            about = {"Content-Type": storage.content_type, **storage.metadata}
            self._writer = obstore.open_writer(
                self._store,
                self._key,
                attributes=None if isinstance(self._store, LocalStore) else about,  # which keeps none
                buffer_size=storage.part_size,
                max_concurrency=storage.workers,
            )

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Write all bytes of `buffers`, in order."""
        with OBSTORE.errors_of(self.location):
            for buffer in buffers:
                self._writer.write(buffer)

    def commit(self) -> None:
        """Make the object appear.

        Raises
        ------
        StorageError
            If the service refuses it.
        """
        if self._writer is None:
            return
        self._refuse_existing()
        with OBSTORE.errors_of(self.location):
            self._writer.close()
        self._writer = None

    def abort(self) -> None:
        """Have the upload aborted: only leaving a ``with`` block by an exception does that."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.__exit__(StorageError, StorageError("aborted"), None)

    def _refuse_existing(self) -> None:
        if self._overwrite:
            return
        try:
            with OBSTORE.errors_of(self.location):
                obstore.head(self._store, self._key)
        except ContainerNotFoundError:
            return
        raise OBSTORE.exists(self.location)
