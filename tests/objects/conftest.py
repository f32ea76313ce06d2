"""Object storages on loopback, started once for all tests: each test gets a prefix of its own in them."""

import logging
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

boto3 = pytest.importorskip("boto3")

BUCKET = "bucket"


class Bucket:
    """A place in an S3 service that one test has for itself."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.client = boto3.client("s3", **options)
        self.prefix = uuid.uuid4().hex

    def url(self, name: str = "1.dcm") -> str:
        return f"s3://{BUCKET}/{self.prefix}/{name}"

    def read(self, name: str = "1.dcm") -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")["Body"].read()

    def head(self, name: str = "1.dcm") -> dict[str, Any]:
        return self.client.head_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=self.prefix)
        return [entry["Key"].removeprefix(f"{self.prefix}/") for entry in listed.get("Contents", ())]

    def pending(self) -> list[str]:
        listed = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=self.prefix)
        return [upload["UploadId"] for upload in listed.get("Uploads", ())]


@pytest.fixture(scope="session")
def moto_options() -> Iterator[dict[str, Any]]:
    """What `boto3.client` takes to talk to moto, an S3 that is quick to start."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    options = {
        "endpoint_url": f"http://{host}:{port}",
        "region_name": "us-east-1",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
    }
    boto3.client("s3", **options).create_bucket(Bucket=BUCKET)
    yield options
    server.stop()


@pytest.fixture
def moto(moto_options: dict[str, Any]) -> Bucket:
    return Bucket(moto_options)
