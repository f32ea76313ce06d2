"""Uploads in parts that were begun in S3 and not completed: they are listed, gone on with, and aborted."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from streamdcm.cleanup import afterwards
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetTypeError
from streamdcm.sinks.locations import printable
from streamdcm.sinks.storage.parts_upload import PendingUpload
from streamdcm.sinks.storage.requests import Requests, close_own, performed
from streamdcm.sinks.storage.s3_client import S3, is_asynchronous, location_of, make_client

_PREFIX = re.compile(r"[sS]3://(?P<bucket>[^/]+)(/(?P<prefix>.*))?", re.DOTALL)
_ABORT_DELAYS = (0.0, 0.5, 2.0)  # each attempt has boto3's own retries in it


@contextmanager
def pending_uploads(url: str, storage: StorageSettings) -> Iterator[list[PendingUpload]]:
    """Give the uploads below ``s3://BUCKET/PREFIX`` that were never completed, the oldest first."""
    found = _PREFIX.fullmatch(url)
    if not found:
        raise TargetTypeError("uploads are looked for below s3://BUCKET or s3://BUCKET/PREFIX")
    bucket, prefix = found["bucket"], found["prefix"] or ""
    with S3.errors_of(printable(url)):
        if is_asynchronous(storage.client):
            raise TargetTypeError("uploads are listed and aborted by a synchronous client")
        client = make_client(storage)

    def pending(key: str, upload_id: str, begun: datetime) -> PendingUpload:
        location = location_of(bucket, key)

        def abort() -> None:
            with S3.errors_of(location):
                upload = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
                performed(abort_persistently(client, upload, time.sleep))

        return PendingUpload(location, upload_id, begun, abort)

    with afterwards(partial(close_own, client, storage)):
        with S3.errors_of(printable(url)):
            uploads = performed(list_uploads(client, bucket, prefix))
        yield [pending(upload["Key"], upload["UploadId"], upload["Initiated"]) for upload in uploads]


def list_uploads(client: Any, bucket: str, prefix: str) -> Requests[list[dict[str, Any]]]:
    """Ask for the uploads whose keys begin with `prefix`, the oldest first."""
    listed = (
        yield client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix).build_full_result
    )
    return sorted(listed.get("Uploads", ()), key=lambda upload: upload["Initiated"])


def abort_persistently(client: Any, upload: dict[str, str], sleep: Callable[[float], Any]) -> Requests[None]:
    """Remove an upload and its parts, and try again where that fails; `sleep` waits, as a request."""
    *first, last = _ABORT_DELAYS
    for delay in first:
        yield partial(sleep, delay)
        try:
            return (yield from abort_once(client, upload))
        except S3.errors:
            continue
    yield partial(sleep, last)
    return (yield from abort_once(client, upload))


def abort_once(client: Any, upload: dict[str, str]) -> Requests[None]:
    """Remove an upload and its parts."""
    try:
        yield partial(client.abort_multipart_upload, **upload)
    except client.exceptions.NoSuchUpload:
        return  # somebody else, or an attempt whose answer was lost, has done it
