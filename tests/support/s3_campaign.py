"""S3 through a proxy that spoils one request after the other: what is there afterwards, and what was said of it."""

import gc
import os
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
from botocore.config import Config

import streamdcm
from streamdcm.errors import StorageError
from tests.support.faulty import Fault, Handler, Proxy, at_request
from tests.support.services import BUCKET
from tests.support.uploads import frames, in_memory, large, small

FAULTS: dict[str, Fault] = {
    "500": Handler.fail,
    "503": Handler.unavailable,
    "reset": Handler.reset,
    "stall": Handler.stall,
    "swallow": Handler.swallow,
}


class Case(NamedTuple):
    """One fault at one request of an upload."""

    fault: str
    request: int
    again: bool
    """Whether the request fails however often it is repeated."""
    in_parts: bool
    overwrite: bool

    def __str__(self) -> str:
        often = "always" if self.again else "once"
        return f"{self.fault} {often} at request {self.request}, {'parts' if self.in_parts else 'whole'}" + (
            "" if self.overwrite else ", not to be replaced"
        )


def cases() -> Iterator[Case]:
    """All faults at all requests."""
    for in_parts in (False, True):
        for overwrite in (True, False):
            for request in range((5 if in_parts else 1) + (not overwrite)):
                for fault in FAULTS:
                    for again in (False, True):
                        yield Case(fault, request, again, in_parts, overwrite)


class Outcome(NamedTuple):
    """What became of an upload."""

    failed: bool
    content: bytes | None
    pending: int
    told: str
    """The notes of the error."""


def run(case: Case, proxy: Proxy, options: dict[str, Any], key: str) -> Outcome:
    """Upload through the proxy, and look without it; nothing of the process may be left over."""
    client_options = options | {"endpoint_url": f"http://127.0.0.1:{proxy.server_port}"}
    # on a busy machine the service needs a while, and a second fault would end the write
    patience = 1 if case.fault == "stall" else 20
    retries = Config(retries={"total_max_attempts": 2, "mode": "legacy"}, read_timeout=patience, connect_timeout=5)
    descriptors, threads = _descriptors(), set(threading.enumerate())
    client = boto3.client("s3", config=retries, **client_options)
    proxy.fault = at_request(case.request, FAULTS[case.fault], again=case.again)
    failed, told = False, ""
    try:
        streamdcm.dcmwrite(
            f"s3://{BUCKET}/{key}",
            large(1) if case.in_parts else small(),
            frames=frames() if case.in_parts else None,
            client=client,
            workers=1,
            part_size="5 MiB",
            overwrite=case.overwrite,
        )
    except StorageError as error:  # whose traceback holds connections
        failed, told = True, "\n".join(getattr(error, "__notes__", ()))
    finally:
        client.close()
        gc.collect()
        proxy.fault = lambda request: False
        proxy.wait_until_idle()
    left = [thread.name for thread in set(threading.enumerate()) - threads if thread.name.startswith("streamdcm")]
    assert not left, f"threads are left: {left}"
    direct = boto3.client("s3", **options)
    try:
        listed = direct.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", ())
        content = direct.get_object(Bucket=BUCKET, Key=key)["Body"].read() if listed else None
        uploads = direct.list_multipart_uploads(Bucket=BUCKET, Prefix=key).get("Uploads", ())
        for upload in uploads:
            direct.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload["UploadId"])
        direct.delete_object(Bucket=BUCKET, Key=key)
    finally:
        direct.close()
    deadline = time.monotonic() + 30  # the service is in this process, and closes its own later, the busier it is
    while _descriptors() > descriptors:
        assert time.monotonic() < deadline, "file descriptors are left"
        gc.collect()
        time.sleep(0.01)
    return Outcome(failed, content, len(uploads), told)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def check(case: Case, outcome: Outcome, log: str) -> None:
    """Nothing is lost, nothing is left, and what may be is said."""
    expected = in_memory(large(1), frames=frames()) if case.in_parts else in_memory(small())
    assert outcome.content in (None, expected), "what is there is not what was written"
    if not outcome.failed:
        assert outcome.content == expected, "there is no error, and no object"
    elif outcome.content is not None:
        assert "may be complete" in outcome.told, "there is an object, and the error does not say so"
        assert case.overwrite, "there is our object, which can be told from another's, and an error"
    if outcome.pending:
        assert f"streamdcm uploads --list s3://{BUCKET}/" in log + outcome.told, "an upload was left, and nothing said"
    if not case.again:
        assert not outcome.failed, "a fault that passes ended the write"
