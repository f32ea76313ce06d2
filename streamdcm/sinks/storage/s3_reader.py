"""Objects in S3, read by ranged requests."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from streamdcm.cleanup import afterwards
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import TargetTypeError
from streamdcm.sinks.storage.object_reader import ObjectReader
from streamdcm.sinks.storage.requests import close_own
from streamdcm.sinks.storage.s3_client import S3, bucket_and_key, is_asynchronous, location_of, make_client


@contextmanager
def reader_for(url: str, storage: StorageSettings) -> Iterator[ObjectReader]:
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
    location = location_of(bucket, key)
    if is_asynchronous(storage.client):
        raise TargetTypeError(
            "objects are read by synchronous clients: give source_client= what boto3.client('s3') returns"
        )
    with S3.errors_reading(location):
        client = make_client(storage)
    with afterwards(partial(close_own, client, storage)):
        with S3.errors_reading(location):
            about = client.head_object(**named)

        def fetch(offset: int, length: int) -> bytes:
            wanted = {"Range": f"bytes={offset}-{offset + length - 1}", "IfMatch": about["ETag"]}
            with S3.errors_reading(location):
                data: bytes = client.get_object(**named, **wanted)["Body"].read()
            return data

        yield ObjectReader(location, about["ContentLength"], fetch)
