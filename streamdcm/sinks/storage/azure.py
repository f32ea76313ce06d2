"""Blobs in Azure, through azure-storage-blob: blocks staged in any order, or a single PUT."""

import base64
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from streamdcm.cleanup import afterwards
from streamdcm.engine.parts import MIB, PartSizes
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import (
    MissingExtraError,
    TargetTypeError,
)
from streamdcm.sinks.locations import printable
from streamdcm.sinks.storage.object_reader import ObjectReader
from streamdcm.sinks.storage.parts_upload import PartsUpload
from streamdcm.sinks.storage.problems import Service
from streamdcm.sinks.storage.refusal import refuse, refused_by
from streamdcm.sinks.storage.requests import Requests, close_own

try:
    from azure.core import MatchConditions
    from azure.core import exceptions as azure
    from azure.storage.blob import BlobBlock, BlobServiceClient, ContentSettings
except ImportError as error:
    raise MissingExtraError("az:// needs the library azure-storage-blob: pip install 'streamdcm[azure]'") from error

_URL = re.compile(r"[aA][zZ]://(?P<container>[^/]+)/(?P<name>.*[^/])", re.DOTALL)
_MOST_BLOCKS = 50_000
_LARGEST_BLOCK = 4000 * 1024 * 1024


def output_for(url: str, storage: StorageSettings, *, overwrite: bool) -> "AzureOutput":
    """Return the output for ``az://CONTAINER/NAME``."""
    refuse(storage, "resume")
    found = _URL.fullmatch(url)
    if not found:
        raise TargetTypeError("a blob is named az://CONTAINER/NAME, and its name does not end with a slash")
    return AzureOutput(found["container"], found["name"], storage, overwrite=overwrite)


@contextmanager
def reader_for(url: str, storage: StorageSettings) -> Iterator[ObjectReader]:
    """Give the blob ``az://CONTAINER/NAME``, to be read by ranged requests.

    Raises
    ------
    FileNotFoundError
        If there is no such blob.
    StorageError
        If the service does not give it.
    """
    found = _URL.fullmatch(url)
    if not found:
        raise TargetTypeError("a blob is named az://CONTAINER/NAME, and its name does not end with a slash")
    location = printable(f"az://{found['container']}/{found['name']}")
    with AZURE.errors_reading(location):
        service = storage.client or _make_service(dict(storage.storage_options))
        blob = service.get_blob_client(found["container"], found["name"])
    with afterwards(partial(close_own, service, storage)):
        with AZURE.errors_reading(location):
            about = blob.get_blob_properties()

        def fetch(offset: int, length: int) -> bytes:
            same = {"etag": about.etag, "match_condition": MatchConditions.IfNotModified}
            with AZURE.errors_reading(location):
                data: bytes = blob.download_blob(offset, length, **same).readall()
            return data

        yield ObjectReader(location, about.size, fetch)


class AzureOutput(PartsUpload[str]):
    """A blob in Azure. Azure drops blocks that were not committed after a week, or with the next write of the blob.

    Parameters
    ----------
    container, name : str
        Where the blob goes.
    storage : StorageSettings
        Its options are those of `BlobServiceClient`, or a ``connection_string``; its client is one of these.
    overwrite : bool
        Whether a blob of this name may be replaced.
    """

    def __init__(self, container: str, name: str, storage: StorageSettings, *, overwrite: bool) -> None:
        sizes = PartSizes(storage.part_size, _MOST_BLOCKS, _LARGEST_BLOCK)
        super().__init__(printable(f"az://{container}/{name}"), sizes, storage, awaits=is_asynchronous(storage.client))
        self._container = container
        self._name = name
        self._overwrite = overwrite
        self._service: Any = None
        self._blob: Any = None
        self._upload = os.urandom(8).hex()  # so that two uploads of one blob do not mix their blocks

    def connect(self) -> Requests[None]:
        """Connect, and look for a blob that must not be replaced.

        Raises
        ------
        ObjectExistsError
            If the blob exists and must not be overwritten.
        """
        with AZURE.errors_of(self.location):
            self._service = self._storage.client or _make_service(dict(self._storage.storage_options))
            self._blob = self._service.get_blob_client(self._container, self._name)
            if not self._overwrite and (yield self._blob.exists):
                raise AZURE.exists(self.location)

    def begin(self) -> Requests[None]:
        """Do nothing: an upload begins with its first block."""
        yield from ()

    def send(self, number: int, data: bytearray) -> Requests[str]:
        """Stage a block and return its id."""
        block_id = base64.b64encode(f"{self._upload}-{number:05}".encode()).decode("ascii")
        with AZURE.errors_of(self.location):
            yield partial(self._blob.stage_block, block_id, bytes(data), length=len(data))
        return block_id

    def send_whole(self, data: bytearray) -> Requests[None]:
        """Send all that there is in one request."""
        with AZURE.errors_of(self.location):
            yield partial(self._blob.upload_blob, bytes(data), overwrite=self._overwrite, **self._about())

    def complete(self, sent: Mapping[int, str]) -> Requests[None]:
        """Commit the blocks in the order of their numbers."""
        condition = {} if self._overwrite else {"match_condition": MatchConditions.IfMissing}
        with AZURE.errors_of(self.location):
            blocks = [BlobBlock(block_id) for block_id in sent.values()]
            yield partial(self._blob.commit_block_list, blocks, **condition, **self._about())

    def discard(self) -> Requests[None]:
        """Do nothing: blocks that are not committed are not visible, and there is no request that removes them."""
        yield from ()

    def close(self) -> None:
        """Close the client if it is not the caller's."""
        if self._service is not None:
            close_own(self._service, self._storage)

    def _about(self) -> dict[str, Any]:
        return {
            "content_settings": ContentSettings(content_type=self._storage.content_type),
            "metadata": dict(self._storage.metadata),
        }


def is_asynchronous(client: Any) -> bool:
    """Tell whether the caller's client has to be awaited.

    Raises
    ------
    TargetTypeError
        If it is no `BlobServiceClient`.
    """
    loaded = sys.modules.get("azure.storage.blob.aio")
    if loaded is not None and isinstance(client, loaded.BlobServiceClient):
        return True
    if client is not None and not isinstance(client, BlobServiceClient):
        kind = type(client)
        raise TargetTypeError(
            "client= takes a BlobServiceClient of azure.storage.blob or azure.storage.blob.aio, not an object of type "
            f"{kind.__module__}.{kind.__qualname__}"
        )
    return False


def _make_service(options: dict[str, Any]) -> Any:
    # A single PUT is for what fits a part, whatever the size of that; the library would divide it again.
    sizes = {"max_single_put_size": 256 * MIB}
    connection = options.pop("connection_string", None) or os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    if connection and "account_url" not in options:
        return BlobServiceClient.from_connection_string(connection, **sizes, **options)
    if "account_url" not in options:
        raise ValueError("neither account_url nor connection_string")
    with refused_by("BlobServiceClient"):
        return BlobServiceClient(**sizes, **options)


def _code(error: Exception) -> str:
    if isinstance(error, ValueError):  # an account or a connection string that is not valid
        return "NoAuthenticationInformation"
    code = getattr(error, "error_code", None) or type(error).__name__
    return str(getattr(code, "value", code))


AZURE = Service(
    name="Azure",
    thing="blob",
    container="container",
    credentials="account_url and credential, or connection_string, in storage_options",
    errors=(azure.AzureError, ValueError),
    code=_code,
)
