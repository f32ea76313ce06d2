"""PUT requests: by the synchronous functions, and on both event loops."""

import io
import logging
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import httpx2
import pytest
from pydicom import dcmread

import streamdcm
from streamdcm.errors import (
    AccessDeniedError,
    ConnectionLostError,
    CredentialsError,
    NoBucketError,
    ObjectExistsError,
    StorageError,
    TargetTypeError,
)
from tests.sinks.storage.conftest import BUCKET, Bucket
from tests.support import python, services
from tests.support.tools import need, package
from tests.support.uploads import SourceError, enhanced, failing_frames, frames, in_memory, large, small
from tests.support.web import Server

Write = Callable[..., Any]

pytestmark = pytest.mark.slow


def on(backend: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call an asynchronous function on an event loop of its own."""
    return anyio.run(partial(function, *arguments, **options), backend=backend)


WAYS: dict[str, Write] = {
    "sync": streamdcm.dcmwrite,
    "asyncio": partial(on, "asyncio", streamdcm.dcmwrite_async),
    "trio": partial(on, "trio", streamdcm.dcmwrite_async),
}


MEDIUM, LARGE = large(3), large(20)


@pytest.fixture(params=WAYS)
def write(request: pytest.FixtureRequest) -> Write:
    """Write as `dcmwrite` does."""
    return WAYS[request.param]


@pytest.fixture
def web() -> Iterator[Server]:
    """A server, at the end of which all connections are closed."""
    before = len(os.listdir("/proc/self/fd"))
    with Server() as server:
        yield server
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "streamdcm-http"]


class TestWhatIsSent:
    def test_a_dataset_has_a_content_length(self, web: Server, write: Write):
        result = write(f"{web.url}/study/1.dcm?signature=secret", small())
        [request] = web.requests
        assert request.path == "/study/1.dcm?signature=secret"
        assert request.body == in_memory(small())
        assert request.headers["Content-Length"] == str(len(request.body)) == str(result.bytes_written)
        assert request.headers["Transfer-Encoding"] is None
        assert request.headers["Content-Type"] == "application/dicom"
        assert result.location == f"{web.url}/study/1.dcm"

    def test_native_frames_of_a_known_number_have_a_content_length(self, web: Server, write: Write):
        options = {"number_of_frames": 3, "late": {"ImageComments": 10}}
        dataset = large(1)
        dataset.ImageComments = "comment"
        write(f"{web.url}/1.dcm", dataset, frames=frames(3), **options)
        assert web.requests[0].headers["Content-Length"] == str(len(web.requests[0].body))
        assert web.requests[0].body == in_memory(dataset, frames=frames(3), **options)

    def test_frames_of_an_unknown_number_are_sent_in_chunks(self, web: Server, write: Write):
        write(f"{web.url}/1.dcm", large(1), frames=frames(3))
        assert web.requests[0].headers["Content-Length"] is None
        assert web.requests[0].headers["Transfer-Encoding"] == "chunked"
        assert web.requests[0].body == in_memory(large(1), frames=frames(3))

    def test_what_is_large_arrives(self, web: Server, write: Write):
        result = write(f"{web.url}/1.dcm", LARGE, checksum="sha256")
        assert web.requests[0].body == in_memory(LARGE)
        assert result.checksum is not None

    def test_a_server_that_does_not_say_that_it_wants_a_body_gets_it(self, web: Server, write: Write):
        web.says_continue = False
        write(f"{web.url}/1.dcm", MEDIUM)
        assert web.requests[0].body == in_memory(MEDIUM)

    def test_a_server_that_knows_no_expectation_gets_the_body_without(self, web: Server, write: Write):
        web.says_continue = web.reads_first = False

        def answer(path: str) -> tuple[int, dict[str, str]]:
            web.reads_first = True
            return (417 if len(web.began) == 1 else 201), {}

        web.answer = answer
        write(f"{web.url}/1.dcm", MEDIUM)
        assert [headers["Expect"] for _, headers in web.began] == ["100-continue", None]
        assert web.requests[0].body == in_memory(MEDIUM)

    def test_a_user_and_headers_and_the_condition(self, web: Server, write: Write):
        url = web.url.replace("://", "://user:pass%20word@") + "/1.dcm"
        write(url, small(), overwrite=False, storage_options={"headers": {"X-Site": "A"}, "timeout": 5})
        headers = web.requests[0].headers
        assert headers["Authorization"] == "Basic dXNlcjpwYXNzIHdvcmQ="
        assert headers["If-None-Match"] == "*"
        assert headers["X-Site"] == "A"

    def test_pushed_frames(self, web: Server):
        with streamdcm.open_writer(f"{web.url}/1.dcm", large(1), number_of_frames=3) as writer:
            for frame in frames(3):
                writer.write_frame(frame)
            assert not web.requests
        assert web.requests[0].headers["Content-Length"] == str(len(web.requests[0].body))
        assert web.requests[0].body == in_memory(large(1), frames=frames(3), number_of_frames=3)

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_frames_pushed_on_an_event_loop(self, web: Server, backend: str):
        async def push() -> None:
            async with streamdcm.open_writer_async(f"{web.url}/1.dcm", large(1), number_of_frames=3) as writer:
                for frame in frames(3):
                    with anyio.fail_after(30):  # a scope that is not that of the block
                        await writer.write_frame(frame)
                assert not web.requests
                with anyio.fail_after(30):
                    await writer.close()

        on(backend, push)
        assert web.requests[0].headers["Content-Length"] == str(len(web.requests[0].body))
        assert web.requests[0].body == in_memory(large(1), frames=frames(3), number_of_frames=3)

    def test_instances_of_a_concatenation(self, web: Server):
        dataset = enhanced()
        streamdcm.dcmwrite(lambda number: f"{web.url}/{number}.dcm", dataset, frames=frames(3), split=2)
        assert [request.path for request in web.requests] == ["/1.dcm", "/2.dcm"]

    @pytest.mark.parametrize("backend", [None, "asyncio", "trio"])
    def test_a_file_is_rewritten_with_a_content_length(self, web: Server, backend: str | None, tmp_path: Path):
        streamdcm.dcmwrite(tmp_path / "in.dcm", MEDIUM)
        rewrite = streamdcm.rewrite if backend is None else partial(on, backend, streamdcm.rewrite_async)
        rewrite(tmp_path / "in.dcm", f"{web.url}/1.dcm", edit={"PatientName": "A"})
        assert web.requests[0].headers["Content-Length"] == str(len(web.requests[0].body))
        assert dcmread(io.BytesIO(web.requests[0].body)).PatientName == "A"


class TestRefusals:
    @pytest.mark.parametrize("reads_first", [True, False])
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            *((401, CredentialsError), (403, AccessDeniedError), (404, NoBucketError), (409, NoBucketError)),
            *((411, StorageError), (412, ObjectExistsError), (413, StorageError), (500, StorageError)),
            *((302, StorageError), (503, StorageError)),
        ],
    )
    def test_a_status_is_an_error(self, web: Server, write: Write, status: int, error: Any, reads_first: bool):
        web.status, web.reads_first = status, reads_first
        with pytest.raises(error, match=rf"127.*HTTP status {status}") as raised:
            write(f"{web.url}/1.dcm?signature=secret", LARGE, overwrite=False)
        assert "secret" not in str(raised.value)

    def test_nothing_is_sent_to_a_server_that_does_not_want_it(self, web: Server, write: Write):
        web.status, web.reads_first, asked = 413, False, []

        def counted() -> Iterator[Any]:
            for frame in frames(40):
                asked.append(frame)
                yield frame

        with pytest.raises(StorageError, match="too large"):
            write(f"{web.url}/1.dcm", large(1), frames=counted())
        assert not asked

    def test_success_before_the_end_is_none(self, web: Server, write: Write):
        web.reads_first = False
        with pytest.raises(StorageError, match="before it had everything"):
            write(f"{web.url}/1.dcm", LARGE)

    def test_a_server_that_is_busy_is_asked_again(self, web: Server, write: Write):
        web.answer = lambda path: (503 if len(web.began) == 1 else 201, {})
        write(f"{web.url}/1.dcm", small())
        assert [request.body for request in web.requests] == [in_memory(small())] * 2

    def test_a_connection_that_is_lost_at_once_is_tried_again(self, web: Server, write: Write):
        web.hangs_up, web.says_continue = 1, False
        write(f"{web.url}/1.dcm", MEDIUM)
        assert len(web.began) == 2
        assert web.requests[0].body == in_memory(MEDIUM)

    def test_an_answer_that_is_lost_is_asked_for_again_only_where_that_is_harmless(self, web: Server, write: Write):
        web.loses_answers = 1
        write(f"{web.url}/1.dcm", small())
        assert [request.body for request in web.requests] == [in_memory(small())] * 2
        web.loses_answers = 1
        with pytest.raises(ConnectionLostError):
            write(f"{web.url}/1.dcm", small(), overwrite=False)
        assert len(web.requests) == 3

    def test_nobody_is_there(self, write: Write):
        with pytest.raises(ConnectionLostError, match="ConnectError"):
            write("http://127.0.0.1:9/1.dcm", small())

    def test_a_server_that_does_not_answer_in_time(self, web: Server, write: Write):
        web.stalls = True
        with pytest.raises(ConnectionLostError, match="in time"):
            write(f"{web.url}/1.dcm", small(), storage_options={"timeout": 0.2})
        assert not web.gave_up


class TestRedirects:
    @pytest.fixture
    def other(self) -> Iterator[Server]:
        with Server() as server:
            yield server

    @pytest.mark.parametrize("dataset", [small(), LARGE], ids=["small", "large"])
    @pytest.mark.parametrize("status", [307, 308])
    def test_they_are_followed_before_the_first_byte(self, web: Server, write: Write, status: int, dataset: Any):
        def answer(path: str) -> tuple[int, dict[str, str]]:
            web.reads_first = True
            return (status, {"Location": "/moved/1.dcm"}) if path == "/1.dcm" else (201, {})

        web.answer, web.reads_first = answer, False
        write(f"{web.url}/1.dcm", dataset, storage_options={"headers": {"Authorization": "secret"}})
        assert web.requests[-1].path == "/moved/1.dcm"
        assert web.requests[-1].body == in_memory(dataset)
        assert web.requests[-1].headers["Authorization"] == "secret"

    def test_another_host_sees_no_secret(self, web: Server, other: Server, write: Write):
        web.answer = lambda path: (307, {"Location": f"{other.url}/2.dcm"})
        options = {"headers": {"X-Token": "secret", "Cookie": "secret"}, "auth": ("user", "secret")}
        write(f"{web.url}/1.dcm", small(), overwrite=False, storage_options=options)
        assert "Authorization" in web.requests[0].headers
        [request] = other.requests
        assert request.body == in_memory(small())
        assert request.headers["If-None-Match"] == "*"
        assert request.headers["Host"] == other.url.removeprefix("http://")
        assert not {"Authorization", "X-Token", "Cookie"} & set(request.headers)

    def test_too_late_they_are_an_error(self, web: Server, write: Write):
        web.answer = lambda path: (307, {"Location": "/moved/1.dcm"})
        with pytest.raises(StorageError, match="give the address"):
            write(f"{web.url}/1.dcm", LARGE)

    def test_in_circles_they_are_an_error(self, web: Server, write: Write):
        web.answer = lambda path: (307, {"Location": path})
        with pytest.raises(StorageError, match="circles"):
            write(f"{web.url}/1.dcm", small())


class TestAborted:
    """A body that was broken off never comes to its end."""

    def fail(self, write: Write, url: str) -> None:
        with pytest.raises(SourceError):
            write(url, large(1), frames=failing_frames(3), number_of_frames=9)
        with pytest.raises(SourceError):
            write(url, large(1), frames=failing_frames(3))

    def test_the_server_has_no_request(self, web: Server, write: Write):
        self.fail(write, f"{web.url}/1.dcm")
        web.finish()
        assert len(web.began) == 2
        assert not web.requests

    @pytest.mark.parametrize("name", ["moto", "seaweed"])
    def test_s3_stores_nothing(self, request: pytest.FixtureRequest, write: Write, name: str):
        bucket: Bucket = request.getfixturevalue(name)
        self.fail(write, presigned(bucket))
        assert not bucket.names()

    def test_a_web_application_sees_that_its_client_is_gone(self, write: Write):
        ended: list[str] = []
        with application(ended) as url:
            self.fail(write, f"{url}/1.dcm")
            write(f"{url}/2.dcm", MEDIUM)
        assert ended == ["gone", "gone", f"{len(in_memory(MEDIUM))}"]

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    @pytest.mark.parametrize("count", [0, 20])
    def test_a_cancelled_write(self, web: Server, backend: str, count: int):
        """The server reads nothing, or answers nothing."""
        web.stalls = True

        async def write() -> bool:
            with anyio.move_on_after(0.5) as scope:
                await streamdcm.dcmwrite_async(f"{web.url}/1.dcm", large(count) if count else small())
            return scope.cancelled_caught

        assert on(backend, write)
        assert not web.gave_up
        web.finish()
        assert len(web.requests) == (count == 0)  # all of that was sent

    def test_an_interrupted_write(self, web: Server):
        web.stalls = True

        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        before = signal.signal(signal.SIGALRM, interrupt)
        try:
            for dataset in (large(1), LARGE):
                signal.setitimer(signal.ITIMER_REAL, 0.5)
                with pytest.raises(KeyboardInterrupt):
                    streamdcm.dcmwrite(f"{web.url}/1.dcm", dataset)
        finally:
            signal.signal(signal.SIGALRM, before)
        assert not web.gave_up
        web.finish()
        assert not web.requests


class TestClients:
    @pytest.mark.parametrize("library", [httpx, httpx2])
    def test_a_client_of_the_caller_stays_open_and_is_used_again(self, web: Server, library: Any):
        with library.Client() as client:
            for _ in range(3):
                streamdcm.dcmwrite(f"{web.url}/1.dcm", MEDIUM, client=client)
            assert not client.is_closed
            with pytest.raises(SourceError):
                streamdcm.dcmwrite(f"{web.url}/1.dcm", large(1), client=client, frames=failing_frames(3))
        assert [request.body for request in web.requests] == [in_memory(MEDIUM)] * 3
        assert len(web.clients) == 1

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    @pytest.mark.parametrize("library", [httpx, httpx2])
    def test_an_asynchronous_one_too(self, web: Server, library: Any, backend: str):
        async def write() -> None:
            async with library.AsyncClient() as client:
                for _ in range(3):
                    await streamdcm.dcmwrite_async(f"{web.url}/1.dcm", MEDIUM, client=client)
                assert not client.is_closed
                with pytest.raises(SourceError):
                    await streamdcm.dcmwrite_async(
                        f"{web.url}/1.dcm", large(1), client=client, frames=failing_frames(3)
                    )

        on(backend, write)
        assert [request.body for request in web.requests] == [in_memory(MEDIUM)] * 3
        assert len(web.clients) == 1

    @pytest.mark.parametrize("library", [httpx, httpx2])
    def test_one_of_the_wrong_kind_is_refused_before_the_first_byte(self, web: Server, library: Any):
        url = f"{web.url}/1.dcm"
        with pytest.raises(TargetTypeError, match="AsyncClient; give a Client"):
            streamdcm.dcmwrite(url, small(), client=library.AsyncClient())
        for backend in ("asyncio", "trio"):
            with library.Client() as client, pytest.raises(TargetTypeError, match="give an AsyncClient"):
                on(backend, streamdcm.dcmwrite_async, url, small(), client=client)
        for write in WAYS.values():
            with pytest.raises(TargetTypeError, match="type object"):
                write(url, small(), client=object())
        assert not web.began

    def test_a_fragment_is_refused(self, web: Server, write: Write):
        """It is not sent: all names that differ by it alone would be one resource."""
        for place in ("/a#1.dcm", "/a?b=c#secret"):
            with pytest.raises(TargetTypeError, match="as %23") as raised:
                write(f"{web.url}{place}", small())
            assert "secret" not in str(raised.value)
        assert not web.began

    def test_what_a_client_does_not_take_is_refused(self, web: Server, write: Write):
        for options in ({"no_such": 1}, {"proxy": "nonsense://secret"}):
            with pytest.raises(TargetTypeError, match="storage_options") as raised:
                write(f"{web.url}/1.dcm", small(), storage_options=options)
            assert "secret" not in str(raised.value)
        for option in ({"metadata": {"a": "b"}}, {"resume": True}):
            with pytest.raises(TargetTypeError, match="no effect"):
                write(f"{web.url}/1.dcm", small(), **option)

    def test_a_proxy_of_the_environment_is_used(self, web: Server, write: Write, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("HTTP_PROXY", web.url)
        write("http://not-there.example/1.dcm", small())
        assert [request.path for request in web.requests] == ["http://not-there.example/1.dcm"]

    def test_certificates_are_verified(self, write: Write):
        trust = package("trustme").CA()
        ended: list[str] = []
        with application(ended, trust.issue_cert("127.0.0.1")) as url:
            with pytest.raises(ConnectionLostError):
                write(f"{url}/1.dcm", small())
            context = ssl.create_default_context()
            trust.configure_trust(context)
            write(f"{url}/1.dcm", MEDIUM, storage_options={"verify": context})
        assert ended == [f"{len(in_memory(MEDIUM))}"]

    def test_without_a_library_the_error_names_the_extra(self):
        program = """
            import sys
            sys.modules["httpx"] = sys.modules["httpx2"] = None
            import anyio, io, streamdcm
            from pydicom import dcmread
            from pydicom.data import get_testdata_file
            ds = dcmread(get_testdata_file("CT_small.dcm"))
            for write in (streamdcm.dcmwrite, lambda *given: anyio.run(streamdcm.dcmwrite_async, *given)):
                try:
                    write("https://example.org/1.dcm", ds)
                except streamdcm.errors.MissingExtraError as error:
                    assert "streamdcm[http]" in str(error)
                else:
                    raise AssertionError
        """
        lines = "\n".join(line[12:] for line in program.splitlines())
        subprocess.run(python(lines), check=True, timeout=60)


class TestSecrets:
    def test_no_signature_is_in_a_log(self, web: Server, write: Write, caplog: pytest.LogCaptureFixture):
        caplog.set_level(logging.DEBUG)
        logging.getLogger("httpcore2").setLevel(logging.INFO)  # what it logs below that, headers, is for who asks
        url = web.url.replace("://", "://user:secret@") + "/1.dcm?signature=secret"
        write(url, small())
        web.answer = lambda path: (307, {"Location": "/2.dcm?signature=secret"} if path.startswith("/1.dcm") else {})
        with pytest.raises(StorageError) as raised:
            write(url, small())
        assert "1.dcm" in caplog.text
        assert "secret" not in caplog.text
        assert "secret" not in str(raised.value)


def test_a_webdav_server(write: Write, tmp_path: Path):
    with services.webdav(need("rclone"), tmp_path) as url:
        write(f"{url}/1.dcm", MEDIUM)
        write(f"{url}/2.dcm", large(1), frames=frames(3))
        with pytest.raises(NoBucketError):
            write(f"{url}/no/folder/3.dcm", small())
    assert (tmp_path / "1.dcm").read_bytes() == in_memory(MEDIUM)
    assert (tmp_path / "2.dcm").read_bytes() == in_memory(large(1), frames=frames(3))
    assert sorted(os.listdir(tmp_path)) == ["1.dcm", "2.dcm"]


def presigned(bucket: Bucket) -> str:
    """A URL that allows one object to be put, for some time."""
    parameters = {"Bucket": BUCKET, "Key": f"{bucket.prefix}/1.dcm", "ContentType": "application/dicom"}
    return bucket.client.generate_presigned_url("put_object", parameters)


@pytest.mark.parametrize("name", ["moto", "seaweed"])
@pytest.mark.parametrize("known", [True, False])
def test_a_presigned_url_of_s3(request: pytest.FixtureRequest, write: Write, name: str, known: bool):
    bucket: Bucket = request.getfixturevalue(name)
    url = presigned(bucket)
    options = {"number_of_frames": 3} if known else {}
    if known or name == "moto":
        write(url, large(1), frames=frames(3), **options)
        assert bucket.read() == in_memory(large(1), frames=frames(3), **options)
    if name == "seaweed":
        with pytest.raises(AccessDeniedError) as raised:
            write(url.replace("Signature=", "Signature=x"), small())
        assert "Signature" not in str(raised.value)


def application(ended: list[str], certificate: Any = None) -> Any:
    """Run a web application that tells how each request has ended."""
    return services.application(_Application(ended), certificate)


class _Application:
    def __init__(self, ended: list[str]) -> None:
        self._ended = ended

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        size = 0
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            if not message["more_body"]:
                self._ended.append(f"{size}")
                await send({"type": "http.response.start", "status": 201, "headers": []})
                await send({"type": "http.response.body"})
                return
        self._ended.append("gone")
