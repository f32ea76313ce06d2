"""Objects in S3 and in services that speak its protocol, through boto3 or aiobotocore: in parts, or by one PUT."""

import io
import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from streamdcm.cleanup import take_all
from streamdcm.engine.parts import PartSizes
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import ConnectionLostError, StorageError
from streamdcm.errors.telling import tell_of
from streamdcm.sinks.storage.parts_upload import PartsUpload
from streamdcm.sinks.storage.requests import Request, Requests, close_own
from streamdcm.sinks.storage.s3_client import (
    S3,
    bucket_and_key,
    code_of,
    is_asynchronous,
    is_missing,
    location_of,
    make_client,
)
from streamdcm.sinks.storage.s3_lost import TOKEN, heed_once, heed_once_no_more, is_lost, may_be_done, once
from streamdcm.sinks.storage.s3_parts import Sent, is_same, said_of
from streamdcm.sinks.storage.s3_uploads import abort_once, abort_persistently, list_uploads

_BEGIN_DELAYS = (0.5, 2.0)
"""The seconds before an upload is begun once more."""


def output_for(url: str, storage: StorageSettings, *, overwrite: bool) -> "S3Output":
    """Return the output for ``s3://BUCKET/KEY``."""
    bucket, key = bucket_and_key(url)
    return S3Output(bucket, key, storage, overwrite=overwrite)


class S3Output(PartsUpload[Sent]):
    """An object in S3.

    Parameters
    ----------
    bucket, key : str
        Where the object goes.
    storage : StorageSettings
        How to upload.
    overwrite : bool
        Whether an object with this key may be replaced.
    """

    def __init__(self, bucket: str, key: str, storage: StorageSettings, *, overwrite: bool) -> None:
        awaits = is_asynchronous(storage.client)
        super().__init__(location_of(bucket, key), PartSizes(storage.part_size), storage, awaits=awaits)
        self._object = {"Bucket": bucket, "Key": key}
        self._condition = {} if overwrite else {"IfNoneMatch": "*"}
        # Where nothing must be replaced, it tells our object from another's when an answer was lost.
        self._token = None if overwrite else os.urandom(16).hex()
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
        with S3.errors_of(self.location):
            self._client = make_client(self._storage)
            heed_once(self._client)
            if self._condition:
                yield from self._refuse_existing()
            if self._storage.resume:
                yield from self._find_upload(self._storage.resume)

    def begin(self) -> Requests[None]:
        """Begin an upload, or go on with one that was found."""
        if self._upload_id is not None:
            return
        request = partial(self._client.create_multipart_upload, **self._object, **self._about())
        lost = 0
        for delay in (*_BEGIN_DELAYS, None):
            try:
                self._upload_id = (yield once(request, awaits=self._performer.awaits))["UploadId"]
                break
            except S3.errors as error:
                lost += is_lost(error)
                problem = S3.translated(error, self.location)
                problem.__cause__ = error
            if delay is None or not isinstance(problem, ConnectionLostError):
                self._tell_of_lost(lost, problem)
                raise problem
            yield partial(self._performer.sleep, delay)
        self._tell_of_lost(lost, None)

    def send(self, number: int, data: bytearray) -> Requests[Sent]:
        """Send a part, if S3 does not have the same bytes under its number already."""
        there = self._there.get(number)
        if there is not None and is_same(there, data):
            return said_of(there)
        part = {"UploadId": self._upload_id, "PartNumber": number, "Body": self._body(data)}
        with S3.errors_of(self.location):
            return said_of((yield partial(self._client.upload_part, **self._object, **self._algorithm, **part)))

    def send_whole(self, data: bytearray) -> Requests[None]:
        """Send all that there is in one request."""
        about = self._about() | self._condition
        yield from self._appear(
            lambda: self._client.put_object(**self._object, **about, Body=self._body(data)),
        )
        yield from self._abort_upload()  # one to go on with turned out to be of no use

    def complete(self, sent: Mapping[int, Sent]) -> Requests[None]:
        """Put the parts together."""
        parts = {"Parts": [{"PartNumber": number, **said} for number, said in sent.items()]}
        yield from self._appear(
            partial(
                self._client.complete_multipart_upload,
                **self._object,
                **self._condition,
                UploadId=self._upload_id,
                MultipartUpload=parts,
            )
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
        if self._client is not None:
            client, self._client = self._client, None
            take_all(partial(heed_once_no_more, client), partial(close_own, client, self._storage))

    def _appear(self, request: Request) -> Requests[None]:
        """Make a request that makes the object appear; one that seems to fail may have done it."""
        try:
            yield request
            return
        except S3.errors as error:
            problem = error
        if may_be_done(problem) and (yield from self._is_ours()):
            return
        failed = S3.translated(problem, self.location)
        if is_lost(problem):
            tell_of(f"the answer of S3 was lost: {self.location} may be complete", failed)
        raise failed from problem

    def _is_ours(self) -> Requests[bool]:
        """Look whether the object that is there is the one that this write has made."""
        if self._token is None:
            return False
        try:
            about = yield partial(self._client.head_object, **self._object)
        except S3.errors:
            return False
        return bool(about.get("Metadata", {}).get(TOKEN) == self._token)

    def _tell_of_lost(self, count: int, error: Exception | None) -> None:
        if count:
            tell_of(
                f"{count} answer(s) of S3 were lost when an upload of {self.location} was begun; each may have left an "
                f"upload whose id is not known: streamdcm uploads --list {self.location}",
                error,
            )

    def _body(self, data: bytearray) -> Any:
        # aiohttp sends the bytes of a file piece by piece, and others all at once.
        return io.BytesIO(data) if self._performer.awaits else data

    def _refuse_existing(self) -> Requests[None]:
        try:
            yield partial(self._client.head_object, **self._object)
        except S3.errors as error:
            if not is_missing(error):
                raise
        else:
            raise S3.exists(self.location)

    def _find_upload(self, wanted: str | Literal[True]) -> Requests[None]:
        uploads = yield from list_uploads(self._client, self._object["Bucket"], self._object["Key"])
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
        token = {} if self._token is None else {TOKEN: self._token}
        about = {"ContentType": self._storage.content_type, "Metadata": dict(self._storage.metadata) | token}
        return about | self._algorithm

    def _abort_upload(self) -> Requests[None]:
        if self._upload_id is None:
            return
        upload_id, self._upload_id, problem = self._upload_id, None, ""
        try:
            yield from abort_persistently(self._client, self._object | {"UploadId": upload_id}, self._performer.sleep)
            if self._performer.awaits:  # a part whose sending was cancelled may have arrived meanwhile
                yield from abort_once(self._client, self._object | {"UploadId": upload_id})
        except S3.errors as error:
            problem = code_of(error)
        if problem:  # told here, where the error on its way to the caller is the current one again
            tell_of(
                f"the upload {upload_id} of {self.location} could not be aborted ({problem}); "
                f"remove it with: streamdcm uploads --abort {self.location}"
            )
