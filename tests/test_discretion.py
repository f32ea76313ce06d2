"""Secrets and names go in everywhere, and come out nowhere: not in errors and their notes, logs or warnings.

What comes from outside, the ``__cause__`` of an error of ours and exceptions of the caller's own objects, has a text of
its own.
"""

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom import DataElement, Dataset

import streamdcm
from streamdcm.errors import EncodeError, StreamdcmError
from streamdcm.errors.translation import reason_of
from streamdcm.sinks import Output
from tests.support.images import template
from tests.support.tools import package

SECRET, NAME = "hunter2", "Doe^Jane"
USER_INFO = f"user:{SECRET}@127.0.0.1:9"
SYNTAX = "1.2.840.10008.1.2.1"


def dataset(**elements: Any) -> Dataset:
    ds = template(SYNTAX, PatientName=NAME)
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


class Buffer(io.BytesIO):
    """A buffer whose errors quote what is secret."""

    def __init__(self, method: str) -> None:
        super().__init__(b"x" * 100_000)
        self.method = method

    def read(self, size: int | None = -1) -> bytes:
        self._fail("read")
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._fail("seek")
        return super().seek(offset, whence)

    def _fail(self, method: str) -> None:
        if method == self.method:
            raise OSError(5, f"{NAME} {SECRET}")


class Stubborn(Output):
    """An output that cannot take anything back, and says why."""

    location = f"https://{USER_INFO}/x?token={SECRET}"

    def open(self) -> None:
        raise ConnectionResetError(104, SECRET, SECRET)

    def write(self, buffers: Any) -> None:
        pass

    def commit(self) -> None:
        pass

    def abort(self) -> None:
        raise PermissionError(13, f"{SECRET} of {NAME}")


class Client:
    """Something that is no client of anything."""

    def __repr__(self) -> str:
        return SECRET


def put(url: str, **options: Any) -> Callable[[], object]:
    return lambda: streamdcm.dcmwrite(url, dataset(), **options)


def get(url: str, **options: Any) -> Callable[[], object]:
    return lambda: streamdcm.rewrite(url, io.BytesIO(), **options)


def write(ds: Dataset, **options: Any) -> Callable[[], object]:
    return lambda: streamdcm.dcmwrite(io.BytesIO(), ds, **options)


def element(vr: str, value: Any) -> Dataset:
    """A dataset whose Patient's Name is what it cannot be."""
    ds = dataset()
    ds[0x00100010] = DataElement(0x00100010, vr, value, already_converted=True)
    return ds


def s3(**options: Any) -> dict[str, Any]:
    config = package("botocore.config").Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    given = {"region_name": "us-east-1", "aws_access_key_id": SECRET, "aws_secret_access_key": SECRET}
    return given | {"endpoint_url": "http://127.0.0.1:9", "config": config} | options


HTTP = f"http://{USER_INFO}/study/1.dcm?X-Amz-Signature={SECRET}"
ENTRIES: dict[str, Callable[[], Callable[[], object]]] = {
    "http": lambda: put(HTTP),
    "https": lambda: put(HTTP.replace("http:", "https:")),
    "http, a port that is none": lambda: put(f"http://user:{SECRET}@host:{SECRET}/x"),
    "http, a host that is none": lambda: put(f"http://user:{SECRET}@a..b/x?{SECRET}"),
    "http, an address that is none": lambda: put(f"http://user:{SECRET}@[::1/x?{SECRET}"),
    "http, a header that is none": lambda: put(HTTP, storage_options={"headers": {"A": f"Bearer {SECRET}\n"}}),
    "http, options that are none": lambda: put(HTTP, storage_options={SECRET: SECRET}),
    "http, a proxy": lambda: put("http://host/x", storage_options={"proxy": f"http://{USER_INFO}"}),
    "http, a proxy that is none": lambda: put("http://host/x", storage_options={"proxy": f"{SECRET}://x"}),
    "http, a client that is none": lambda: put(HTTP, client=Client()),
    "http, a source": lambda: get(HTTP),
    "s3": lambda: put(f"s3://user:{SECRET}@bucket/1.dcm", storage_options=s3()),
    "s3, keys": lambda: put("s3://bucket/1.dcm", storage_options=s3()),
    "s3, an endpoint": lambda: put("s3://bucket/1.dcm", storage_options=s3(endpoint_url=f"http://{USER_INFO}")),
    "s3, an endpoint that is none": lambda: put("s3://bucket/1.dcm", storage_options=s3(endpoint_url=f"x {SECRET}")),
    "s3, a region that is none": lambda: put("s3://bucket/1.dcm", storage_options=s3(region_name=f"x {SECRET}")),
    "s3, options that are none": lambda: put("s3://bucket/1.dcm", storage_options=s3() | {"x": SECRET}),
    "s3, metadata": lambda: put("s3://bucket/1.dcm", storage_options=s3(), metadata={"a": f"{NAME}\n\u20ac"}),
    "s3, an upload": lambda: put("s3://bucket/1.dcm", storage_options=s3(), resume="id"),
    "s3, a client that is none": lambda: put("s3://bucket/1.dcm", client=Client()),
    "s3, a source": lambda: get("s3://bucket/1.dcm", source_options=s3()),
    "gs": lambda: put(f"gs://user:{SECRET}@bucket/1.dcm", storage_options={"google_service_account_key": SECRET}),
    "gs, options that are none": lambda: put("gs://bucket/1.dcm", storage_options={"x": SECRET}),
    "az": lambda: put(f"az://user:{SECRET}@bucket/1.dcm", storage_options={"connection_string": SECRET}),
    "az, an account": lambda: put(
        "az://bucket/1.dcm", storage_options={"account_url": f"http://{SECRET} x", "retry_total": 0}
    ),
    "ftp": lambda: put(f"ftp://{USER_INFO}/1.dcm"),
    "ftp, a source": lambda: get(f"ftp://{USER_INFO}/1.dcm"),
    "a scheme that is none": lambda: put(f"nonsense://{USER_INFO}/1.dcm", storage_options={"token": SECRET}),
    "a file on another host": lambda: put(f"file://{USER_INFO}/1.dcm"),
    "a value of another type": lambda: write(element("PN", {NAME: SECRET})),
    "a number that is none": lambda: write(element("DS", NAME)),
    "a number that is too large": lambda: write(element("US", 10**30)),
    "a date that is none": lambda: write(element("UI", [NAME, object()])),
    "bytes that are none": lambda: write(element("OB", NAME)),
    "a text out of its set": lambda: write(dataset(SpecificCharacterSet="ISO_IR 100", PatientName=f"{NAME}\u4e2d")),
    "a frame that is none": lambda: write(dataset(NumberOfFrames=1), frames=[NAME]),
    "a buffer that cannot be read": lambda: write(dataset(PixelData=Buffer("read"))),
    "an output that takes nothing back": lambda: lambda: streamdcm.dcmwrite(Stubborn(), dataset()),
}

LIBRARIES = {
    "http": "httpx2",
    "https": "httpx2",
    "s3": "boto3",
    "gs": "obstore",
    "az": "azure.storage.blob",
    "ftp": "fsspec",
    "a scheme that is none": "fsspec",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamdcm.sinks.storage.http_request._DELAYS", (0.0, 0.0))
    for name in ("AWS_PROFILE", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def said_of(error: BaseException) -> Iterator[str]:
    """All texts of ours about an error."""
    for each in chain(error):
        yield from getattr(each, "__notes__", ())
        if isinstance(each, StreamdcmError):
            yield from (str(each), repr(each), getattr(each, "path", ""), getattr(each, "problem", ""))


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_goes_in_does_not_come_out(entry, caplog, capfd):
    if library := LIBRARIES.get(entry.partition(",")[0]):
        package(library)
    caplog.set_level(logging.INFO, "streamdcm")
    call = ENTRIES[entry]()
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call()
        except (StreamdcmError, OSError, ValueError) as error:
            said += said_of(error)
    said += [*(str(warning.message) for warning in caught), *capfd.readouterr()]
    said += [record.getMessage() for record in caplog.records if record.name.startswith("streamdcm")]
    found = [text for text in said for secret in (SECRET, NAME, "Jane") if secret in text]
    assert not found


def test_the_place_that_decides_what_is_shown():
    assert reason_of(OSError(5, SECRET)) == "OSError: Input/output error"
    assert reason_of(ConnectionResetError(SECRET)) == "ConnectionResetError"
    assert reason_of(ValueError(NAME)) == "ValueError"
    assert reason_of(EncodeError("ours")) == "ours"
