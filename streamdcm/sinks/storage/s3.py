"""Objects in S3 and in services that speak its protocol, through boto3 or aiobotocore: in parts, or by one PUT."""

import base64
import hashlib
import io
import os
import re
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, Literal, TypeAlias

from streamdcm.engine.parts import PartSizes
from streamdcm.errors import (
    AccessDeniedError,
    ConnectionLostError,
    ContainerNotFoundError,
    CredentialsError,
    MissingExtraError,
    ObjectExistsError,
    StorageError,
    TargetTypeError,
    WrongRegionError,
    tell_of,
)
from streamdcm.sinks.storage.object_reader import ObjectReader, has_changed, no_such_object
from streamdcm.sinks.storage.options import Storage
from streamdcm.sinks.storage.parts_upload import PartsUpload, PendingUpload
from streamdcm.sinks.storage.requests import Requests, performed

try:
    from botocore import exceptions as boto
    from botocore.client import BaseClient
except ImportError as error:
    raise MissingExtraError("s3:// needs the library boto3: pip install 'streamdcm[s3]'") from error

Sent: TypeAlias = dict[str, str]
"""What S3 says of a part: its ETag, and the checksum that it has found."""

_URL = re.compile(r"[sS]3://(?P<bucket>[^/]+)/(?P<key>.+)", re.DOTALL)
_PREFIX = re.compile(r"[sS]3://(?P<bucket>[^/]+)(/(?P<prefix>.*))?", re.DOTALL)
_CHECKSUMS = tuple(f"Checksum{name}" for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"))
_MAKING_CLIENT = Lock()  # boto3's default session is not for several threads at a time
_ABORT_DELAYS = (0.0, 0.5, 2.0)  # each attempt has boto3's own retries in it


def _renew_lock() -> None:
    """Let a forked child wait for no thread of its parent."""
    global _MAKING_CLIENT
    _MAKING_CLIENT = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def output_for(url: str, storage: Storage, *, overwrite: bool) -> "S3Output":
    """Return the output for ``s3://BUCKET/KEY``."""
    bucket, key = bucket_and_key(url)
    return S3Output(bucket, key, storage, overwrite=overwrite)


def bucket_and_key(url: str) -> tuple[str, str]:
    """Take ``s3://BUCKET/KEY`` apart."""
    found = _URL.fullmatch(url)
    if not found or found["key"].endswith("/"):
        raise TargetTypeError("an object in S3 is named s3://BUCKET/KEY, and its key does not end with a slash")
    return found["bucket"], found["key"]


def make_client(storage: Storage) -> Any:
    """Return the caller's client, or make one from the storage options."""
    if storage.client is not None:
        return storage.client
    try:
        import boto3
    except ImportError as error:
        raise MissingExtraError("s3:// without client= needs boto3: pip install 'streamdcm[s3]'") from error
    with _MAKING_CLIENT:
        return boto3.client("s3", **storage.options)


@contextmanager
def reader_for(url: str, storage: Storage) -> Iterator[ObjectReader]:
    """Give the object ``s3://BUCKET/KEY``, to be read by ranged requests.

    Raises
    ------
    FileNotFoundError
        If there is no such object.
    StorageError
        If the service does not give it.
    """
    bucket, key = bucket_and_key(url)
    named = {"Bucket": bucket, "Key": key}
    location = f"s3://{bucket}/{key}"
    if is_asynchronous(storage.client):
        raise TargetTypeError(
            "objects are read by synchronous clients: give source_client= what boto3.client('s3') returns"
        )
    with reading_errors(location):
        client = make_client(storage)
    try:
        with reading_errors(location):
            about = client.head_object(**named)

        def fetch(offset: int, length: int) -> bytes:
            wanted = {"Range": f"bytes={offset}-{offset + length - 1}", "IfMatch": about["ETag"]}
            with reading_errors(location):
                data: bytes = client.get_object(**named, **wanted)["Body"].read()
            return data

        yield ObjectReader(location, about["ContentLength"], fetch)
    finally:
        if storage.client is None:
            client.close()


@contextmanager
def reading_errors(location: str) -> Iterator[None]:
    """Let what goes wrong while S3 is read or asked be our error, or say that there is no such object."""
    try:
        yield
    except (boto.ClientError, boto.BotoCoreError) as error:
        code = _code(error)
        if code in ("404", "NoSuchKey", "NotFound"):
            raise no_such_object(location) from error
        if code in ("412", "PreconditionFailed"):
            raise has_changed(location) from error
        raise _translated(error, location) from error


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


class S3Output(PartsUpload[Sent]):
    """An object in S3.

    Parameters
    ----------
    bucket, key : str
        Where the object goes.
    storage : Storage
        How to upload.
    overwrite : bool
        Whether an object with this key may be replaced.
    """

    def __init__(self, bucket: str, key: str, storage: Storage, *, overwrite: bool) -> None:
        awaits = is_asynchronous(storage.client)
        super().__init__(f"s3://{bucket}/{key}", PartSizes(storage.part_size), storage, awaits=awaits)
        self._object = {"Bucket": bucket, "Key": key}
        self._condition = {} if overwrite else {"IfNoneMatch": "*"}
        self._algorithm = {"ChecksumAlgorithm": storage.checksum.upper()} if storage.checksum else {}
        self._client: Any = None
        self._upload_id: str | None = None
        self._there: dict[int, dict[str, Any]] = {}

    def connect(self) -> Requests[None]:
        """Connect; look for an object that must not be replaced, and for an upload to go on with.

        Raises
        ------
        ObjectExistsError
            If the object exists and must not be overwritten.
        StorageError
            If there is no upload with the id that was given.
        """
        with self._errors():
            self._client = make_client(self._storage)
            if self._condition:
                yield from self._refuse_existing()
            if self._storage.resume:
                yield from self._find_upload(self._storage.resume)

    def begin(self) -> Requests[None]:
        """Begin an upload, or go on with one that was found."""
        if self._upload_id is None:
            with self._errors():
                begun = yield partial(self._client.create_multipart_upload, **self._object, **self._about())
            self._upload_id = begun["UploadId"]

    def send(self, number: int, data: bytearray) -> Requests[Sent]:
        """Send a part, if S3 does not have the same bytes under its number already."""
        there = self._there.get(number)
        if there is not None and is_same(there, data):
            return _said(there)
        part = {"UploadId": self._upload_id, "PartNumber": number, "Body": self._body(data)}
        with self._errors():
            return _said((yield partial(self._client.upload_part, **self._object, **self._algorithm, **part)))

    def send_whole(self, data: bytearray) -> Requests[None]:
        """Send all that there is in one request."""
        about = self._about() | self._condition
        with self._errors():
            yield partial(self._client.put_object, **self._object, **about, Body=self._body(data))
        yield from self._abort_upload()  # one to go on with turned out to be of no use

    def complete(self, sent: Mapping[int, Sent]) -> Requests[None]:
        """Put the parts together."""
        parts = {"Parts": [{"PartNumber": number, **said} for number, said in sent.items()]}
        with self._errors():
            yield partial(
                self._client.complete_multipart_upload,
                **self._object,
                **self._condition,
                UploadId=self._upload_id,
                MultipartUpload=parts,
            )
        self._upload_id = None

    def discard(self) -> Requests[None]:
        """Remove the parts; where `resume` was asked for, keep them."""
        if self._upload_id is not None and self._storage.resume:
            tell_of(f"the upload {self._upload_id} of {self.location} was kept, to be resumed")
            self._upload_id = None
        yield from self._abort_upload()

    def close(self) -> None:
        """Close the client if it is not the caller's."""
        if self._client is not None and self._storage.client is None:
            self._client.close()

    def _body(self, data: bytearray) -> Any:
        # aiohttp sends the bytes of a file piece by piece, and others all at once.
        return io.BytesIO(data) if self._performer.awaits else data

    def _refuse_existing(self) -> Requests[None]:
        try:
            yield partial(self._client.head_object, **self._object)
        except boto.ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                raise
        else:
            raise ObjectExistsError(f"{self.location}: the object exists, and overwrite is off")

    def _find_upload(self, wanted: str | Literal[True]) -> Requests[None]:
        uploads = yield from _list_uploads(self._client, self._object["Bucket"], self._object["Key"])
        found = [
            upload["UploadId"]
            for upload in uploads
            if upload["Key"] == self._object["Key"] and wanted in (True, upload["UploadId"])
        ]
        if found:
            self._upload_id = found[-1]
            pages = self._client.get_paginator("list_parts").paginate(**self._object, UploadId=self._upload_id)
            listed = yield pages.build_full_result
            self._there = {part["PartNumber"]: part for part in listed.get("Parts", ())}
        elif wanted is not True:
            raise StorageError(f"{self.location}: there is no pending upload with the id that resume names")

    def _about(self) -> dict[str, Any]:
        about = {"ContentType": self._storage.content_type, "Metadata": dict(self._storage.metadata)}
        return about | self._algorithm

    def _abort_upload(self) -> Requests[None]:
        if self._upload_id is None:
            return
        upload_id, self._upload_id, problem = self._upload_id, None, ""
        try:
            yield from _abort_persistently(self._client, self._object | {"UploadId": upload_id}, self._performer.sleep)
            if self._performer.awaits:  # a part whose sending was cancelled may have arrived meanwhile
                yield from _abort_once(self._client, self._object | {"UploadId": upload_id})
        except (boto.ClientError, boto.BotoCoreError) as error:
            problem = _code(error)
        if problem:  # told here, where the error on its way to the caller is the current one again
            tell_of(
                f"the upload {upload_id} of {self.location} could not be aborted ({problem}); "
                f"remove it with: streamdcm uploads --abort {self.location}"
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with storage_errors(self.location):
            yield


@contextmanager
def pending_uploads(url: str, storage: Storage) -> Iterator[list[PendingUpload]]:
    """Give the uploads below ``s3://BUCKET/PREFIX`` that were never completed, the oldest first."""
    found = _PREFIX.fullmatch(url)
    if not found:
        raise TargetTypeError("uploads are looked for below s3://BUCKET or s3://BUCKET/PREFIX")
    bucket, prefix = found["bucket"], found["prefix"] or ""
    with storage_errors(url):
        if is_asynchronous(storage.client):
            raise TargetTypeError("uploads are listed and aborted by a synchronous client")
        client = make_client(storage)

    def pending(key: str, upload_id: str, begun: datetime) -> PendingUpload:
        location = f"s3://{bucket}/{key}"

        def abort() -> None:
            with storage_errors(location):
                upload = {"Bucket": bucket, "Key": key, "UploadId": upload_id}
                performed(_abort_persistently(client, upload, time.sleep))

        return PendingUpload(location, upload_id, begun, abort)

    try:
        with storage_errors(url):
            uploads = performed(_list_uploads(client, bucket, prefix))
        yield [pending(upload["Key"], upload["UploadId"], upload["Initiated"]) for upload in uploads]
    finally:
        if storage.client is None:
            client.close()


def _list_uploads(client: Any, bucket: str, prefix: str) -> Requests[list[dict[str, Any]]]:
    listed = (
        yield client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix).build_full_result
    )
    return sorted(listed.get("Uploads", ()), key=lambda upload: upload["Initiated"])


def _abort_persistently(client: Any, upload: dict[str, str], sleep: Callable[[float], Any]) -> Requests[None]:
    *first, last = _ABORT_DELAYS
    for delay in first:
        yield partial(sleep, delay)
        try:
            return (yield from _abort_once(client, upload))
        except (boto.ClientError, boto.BotoCoreError):
            continue
    yield partial(sleep, last)
    return (yield from _abort_once(client, upload))


def _abort_once(client: Any, upload: dict[str, str]) -> Requests[None]:
    try:
        yield partial(client.abort_multipart_upload, **upload)
    except client.exceptions.NoSuchUpload:
        return  # somebody else, or an attempt whose answer was lost, has done it


def is_same(there: dict[str, Any], data: bytearray) -> bool:
    """Tell by size and checksum whether a part that S3 has consists of these bytes."""
    if there["Size"] != len(data):
        return False
    for name, digest in _DIGESTS.items():
        if name in there:
            return bool(there[name] == base64.b64encode(digest(data)).decode("ascii"))
    return bool(there["ETag"].strip('"') == hashlib.md5(data, usedforsecurity=False).hexdigest())


_DIGESTS: dict[str, Callable[[bytearray], bytes]] = {
    "ChecksumSHA256": lambda data: hashlib.sha256(data).digest(),
    "ChecksumSHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "ChecksumCRC32": lambda data: zlib.crc32(data).to_bytes(4),
}


def _said(answer: dict[str, Any]) -> Sent:
    """Return what has to be said again to complete the upload."""
    return {name: answer[name] for name in ("ETag", *_CHECKSUMS) if name in answer}


@contextmanager
def storage_errors(location: str | None) -> Iterator[None]:
    """Translate the exceptions of boto3, the one place where that is done."""
    try:
        yield
    except (boto.ClientError, boto.BotoCoreError) as error:
        raise _translated(error, location) from error


def _translated(error: Exception, location: str | None) -> StorageError:
    code = _code(error)
    for kind, codes, problem in _TRANSLATIONS:
        if code in codes:
            return kind(f"{location}: {problem} ({code})")
    return StorageError(f"{location}: S3 does not take or give the object ({code})")


def _code(error: Exception) -> str:
    """Return what S3 or botocore calls an error, which says nothing about what was sent."""
    if not isinstance(error, boto.ClientError):
        return type(error).__name__
    return str(error.response.get("Error", {}).get("Code", "") or "no code")


_TRANSLATIONS: tuple[tuple[type[StorageError], frozenset[str], str], ...] = (
    (
        CredentialsError,
        frozenset(
            {
                *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoAuthTokenError"),
                *("ProfileNotFound", "TokenRetrievalError", "SSOTokenLoadError", "UnauthorizedSSOTokenError"),
                *(
                    "InvalidAccessKeyId",
                    "SignatureDoesNotMatch",
                    "ExpiredToken",
                    "InvalidToken",
                    "TokenRefreshRequired",
                ),
            }
        ),
        "there are no valid credentials; give them in storage_options, in the environment or in ~/.aws",
    ),
    (AccessDeniedError, frozenset({"AccessDenied", "403", "AllAccessDisabled"}), "the credentials do not allow this"),
    (ContainerNotFoundError, frozenset({"NoSuchBucket"}), "there is no such bucket"),
    (
        WrongRegionError,
        frozenset(
            {
                *("PermanentRedirect", "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
                *("InvalidRegionError", "NoRegionError", "TemporaryRedirect"),
            }
        ),
        "the bucket is in another region; give region_name in storage_options",
    ),
    (
        ObjectExistsError,
        frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"}),
        "the object exists, or is just being written, and overwrite is off",
    ),
    (
        ConnectionLostError,
        frozenset(
            {
                *("EndpointConnectionError", "ConnectionClosedError", "ConnectionError", "HTTPClientError", "SSLError"),
                *("ConnectTimeoutError", "ReadTimeoutError", "ProxyConnectionError", "ResponseStreamingError"),
                *("InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout", "500", "503"),
            }
        ),
        "S3 cannot be reached, or does not answer as it should; try again",
    ),
)
