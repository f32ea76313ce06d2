"""`rewrite_chunks`: the bytes that `rewrite` writes, for the bodies of requests and responses."""

import http.server
import io
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.errors import PlanError, SourceError
from tests.support.corpus import DATA, name

FILES = DATA / "test_files"
CT, RLE, DEFLATED = FILES / "CT_small.dcm", FILES / "SC_rgb_rle_2frame.dcm", FILES / "image_dfl.dcm"
CHANGES: list[dict[str, Any]] = [
    {},
    {"edit": {"PatientName": "Doe^Jane"}},
    {"edit": lambda dataset: setattr(dataset, "PatientName", "Doe^Jane")},
    {"edit": {"PixelData": None}, "transfer_syntax": ExplicitVRBigEndian},
    {"edit": {"PixelData": None}, "transfer_syntax": ImplicitVRLittleEndian},
]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        yield


def rewritten(source: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    streamdcm.rewrite(source, target, **options)
    return target.getvalue()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("path", [CT, RLE], ids=name)
def test_the_chunks_are_what_rewrite_writes_and_their_length_is_known(path: Path, change: dict[str, Any]) -> None:
    expected = rewritten(path, **change)
    with streamdcm.rewrite_chunks(path, chunk_size=1000, **change) as chunks:
        assert chunks.content_length == len(expected)
        parts = list(chunks)
    assert b"".join(parts) == expected
    assert max(map(len, parts)) <= 1000
    streamed = streamdcm.rewrite_chunks(iter([path.read_bytes()]))
    assert streamed.content_length is None
    assert b"".join(streamed) == rewritten(path)


def test_the_length_of_a_deflated_file_is_not_known() -> None:
    chunks = streamdcm.rewrite_chunks(DEFLATED)
    assert chunks.content_length is None
    assert b"".join(chunks)[132:] == rewritten(DEFLATED)[132:]
    inflated = streamdcm.rewrite_chunks(DEFLATED, transfer_syntax=ImplicitVRLittleEndian)
    assert inflated.content_length == len(b"".join(inflated))


def test_what_is_wrong_is_said_at_once() -> None:
    with pytest.raises(FileNotFoundError):
        streamdcm.rewrite_chunks("/nowhere/in.dcm")
    with pytest.raises(PlanError, match="neither a keyword nor a tag"):
        streamdcm.rewrite_chunks(CT, edit={"Nonsense": 1})
    with pytest.raises(SourceError):
        streamdcm.rewrite_chunks(io.BytesIO(CT.read_bytes()[:1000]))
    with pytest.raises(TypeError, match="does not take overwrite="):
        streamdcm.rewrite_chunks(CT, overwrite=False)  # type: ignore[call-arg]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors")
def test_what_was_opened_is_closed_when_it_is_left() -> None:
    before = os.listdir("/proc/self/fd")
    chunks = streamdcm.rewrite_chunks(f"file://{CT}", chunk_size=1000)
    next(chunks)
    chunks.close()
    chunks.close()
    list(streamdcm.rewrite_chunks(CT))
    assert os.listdir("/proc/self/fd") == before


def test_an_http_client_sends_them() -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            arrived.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    arrived: list[bytes] = []
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with streamdcm.rewrite_chunks(CT, edit={"PatientName": "Doe^Jane"}) as chunks:
            headers = {"Content-Length": str(chunks.content_length)}
            answer = httpx.put(f"http://127.0.0.1:{server.server_port}/", content=chunks, headers=headers)
    assert answer.status_code == 204
    assert arrived == [rewritten(CT, edit={"PatientName": "Doe^Jane"})]
