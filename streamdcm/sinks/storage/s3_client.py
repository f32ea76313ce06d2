"""Clients of S3, of boto3 or aiobotocore, their errors, and the names of what they are asked for."""

import re
import sys
from threading import Lock
from typing import Any

from streamdcm import system
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import MissingExtraError, TargetTypeError
from streamdcm.sinks.locations import printable
from streamdcm.sinks.storage.problems import Service
from streamdcm.sinks.storage.refusal import refused_by

try:
    from botocore.client import BaseClient
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as error:
    raise MissingExtraError("s3:// needs the library boto3: pip install 'streamdcm[s3]'") from error

_URL = re.compile(r"[sS]3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_MAKING_CLIENT = Lock()  # boto3's default session is not for several threads at a time


def _renew_lock() -> None:
    """Let a forked child wait for no thread of its parent."""
    global _MAKING_CLIENT
    _MAKING_CLIENT = Lock()


system.after_fork(_renew_lock)


def bucket_and_key(url: str) -> tuple[str, str]:
    """Take ``s3://BUCKET/KEY`` apart."""
    found = _URL.fullmatch(url)
    if not found or found["key"].endswith("/"):
        raise TargetTypeError("an object in S3 is named s3://BUCKET/KEY, and its key does not end with a slash")
    return found["bucket"], found["key"]


def location_of(bucket: str, key: str) -> str:
    """Return what messages call an object."""
    return printable(f"s3://{bucket}/{key}")


def make_client(storage: StorageSettings) -> Any:
    """Return the caller's client, or make one from the storage options."""
    if storage.client is not None:
        return storage.client
    try:
        import boto3
    except ImportError as error:
        raise MissingExtraError("s3:// without client= needs boto3: pip install 'streamdcm[s3]'") from error
    with _MAKING_CLIENT, refused_by("boto3.client('s3')", BotoCoreError):
        return boto3.client("s3", **storage.storage_options)


def is_asynchronous(client: Any) -> bool:
    """Tell whether the caller's client has to be awaited.

    Raises
    ------
    TargetTypeError
        If it is no client of S3.
    """
    if client is None:
        return False
    if not isinstance(client, BaseClient) or client.meta.service_model.service_name != "s3":
        kind = type(client)
        raise TargetTypeError(
            "client= takes what boto3.client('s3') returns, or what aioboto3's or aiobotocore's client gives to its "
            f"'async with' block, not an object of type {kind.__module__}.{kind.__qualname__}"
        )
    loaded = sys.modules.get("aiobotocore.client")
    return loaded is not None and isinstance(client, loaded.AioBaseClient)


def is_missing(error: Exception) -> bool:
    """Tell whether S3 has answered that there is no such object."""
    answer = error.response if isinstance(error, ClientError) else {}
    return bool(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404)


def code_of(error: Exception) -> str:
    """Return what S3 or botocore calls an error, which says nothing about what was sent."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    return str(error.response.get("Error", {}).get("Code", "") or "no code")


S3 = Service(
    name="S3",
    thing="object",
    container="bucket",
    credentials="them in storage_options, in the environment or in ~/.aws",
    errors=(ClientError, BotoCoreError),
    code=code_of,
)
