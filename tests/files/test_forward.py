"""`rewrite` from sources that only go forwards, judged by what it makes of the same files where it can seek."""

import http.server
import io
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import httpx
import pydicom
import pytest
import requests
from botocore.response import StreamingBody
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

import streamdcm
from streamdcm.errors import PlanError, SourceError
from tests.support.corpus import CORPUS, DATA, is_one_of_many, name
from tests.support.writing import written

FILES = DATA / "test_files"
CT, RLE, DEFLATED = FILES / "CT_small.dcm", FILES / "SC_rgb_rle_2frame.dcm", FILES / "image_dfl.dcm"
WHOLE = [path for path in CORPUS if not is_one_of_many(path)]
MAPPING = {"PatientName": "Doe^Jane", "PatientBirthDate": None, "SmallestImagePixelValue": 3, "AcquisitionNumber": 7}


def name_it(dataset: Dataset) -> None:
    dataset.PatientID = "named"


CHANGES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "mapping": {"edit": MAPPING},
    "no_pixels": {"edit": {"PixelData": None}},
    "function": {"edit": name_it},
    "implicit": {"transfer_syntax": ImplicitVRLittleEndian},
    "explicit": {"transfer_syntax": ExplicitVRLittleEndian},
    "big": {"transfer_syntax": ExplicitVRBigEndian},
    "utf8": {"edit": {"SpecificCharacterSet": "ISO_IR 192"}},
    "undefined": {"sequence_lengths": "undefined"},
}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        warnings.filterwarnings("ignore", message="Expected (im|ex)plicit VR")
        warnings.filterwarnings("ignore", message=".* has Rows and no pixel data")
        warnings.filterwarnings("ignore", message=".* the value is not one that its VR can have")
        yield


def rewritten(source: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    streamdcm.rewrite(source, target, **options)
    return target.getvalue()


def made(source: Any, **options: Any) -> bytes | type[Exception]:
    """What is made of a source, or the kind of error."""
    try:
        return rewritten(source, force=True, **options)
    except streamdcm.StreamdcmError as error:
        return type(error)


def check_made(streamed: bytes | type[Exception], path: Path, change: str) -> None:
    """Check that a stream gave what its file gives; frames of a stream are refused where they have to be coded."""
    expected = made(path, **CHANGES[change])
    syntax = pydicom.dcmread(path, force=True, stop_before_pixels=True).file_meta.get("TransferSyntaxUID")
    is_coded = syntax is not None and syntax.is_encapsulated and "transfer_syntax" in CHANGES[change]
    if is_coded and isinstance(expected, bytes) and streamed is streamdcm.errors.PlanError:
        return
    assert streamed == expected


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return iter([content[start : start + size] for start in range(0, len(content), size)])


def without_padding(path: Path) -> bool:
    """Whether nothing stands behind the pixel data, which a function does not get to see."""
    dataset = pydicom.dcmread(path, force=True)
    return max(map(int, dataset._dict), default=0) <= 0x7FE00010


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_a_stream_gives_the_bytes_of_the_file(path: Path, change: str) -> None:
    content, chance = path.read_bytes(), random.Random(f"{path.name} {change}")
    if change == "function" and not without_padding(path):
        pytest.skip("a function does not see what is behind the pixel data")
    source = pieces(content, chance.choice((77, 1000, 65536, len(content))))
    check_made(made(source, **CHANGES[change]), path, change)


@pytest.fixture(params=[200, 2000])
def small_bulk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let short values be bulk, so that small files have much of it."""
    for module in ("scan", "scan_walk", "forward", "access", "scanned"):
        monkeypatch.setattr(f"streamdcm.files.{module}.BLOCK", request.param)
    monkeypatch.setattr("streamdcm.files.scan.BULK", request.param)
    monkeypatch.setattr("streamdcm.files.scan._HELD", request.param)


@pytest.mark.usefixtures("small_bulk")
@pytest.mark.parametrize("change", [change for change in CHANGES if change != "function"])
@pytest.mark.parametrize(
    "path",
    [
        *(CT, RLE, DEFLATED, FILES / "MR_small_bigendian.dcm", FILES / "examples_palette.dcm", FILES / "rtplan.dcm"),
        *(FILES / "JPEG2000.dcm", FILES / "examples_overlay.dcm", FILES / "waveform_ecg.dcm", FILES / "test-SR.dcm"),
        *(FILES / "MR_small_implicit.dcm", FILES / "SC_rgb_small_odd_big_endian.dcm", FILES / "reportsi.dcm"),
    ],
    ids=name,
)
def test_bulk_that_passes_by_is_what_is_copied_from_a_file(path: Path, change: str, request: Any) -> None:
    content = path.read_bytes()
    streamed = made(pieces(content, 501), **CHANGES[change])
    check_made(streamed, path, change)
    request.getfixturevalue("monkeypatch").undo()
    check_made(streamed, path, change)


# --- Sources --------------------------------------------------------------------------------------------


@contextmanager
def from_pipe(content: bytes) -> Iterator[Any]:
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb") as file:
            file.write(content)

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(reading, "rb") as source:
        yield source
        assert not source.closed
    feeder.join()


@contextmanager
def from_named_pipe(content: bytes) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "pipe")
        os.mkfifo(path)
        feeder = threading.Thread(target=path.write_bytes, args=(content,))
        feeder.start()
        yield path
        feeder.join()


@contextmanager
def from_socket(content: bytes) -> Iterator[Any]:
    here, there = socket.socketpair()
    with here, there:

        def feed() -> None:
            there.sendall(content)
            there.shutdown(socket.SHUT_WR)

        feeder = threading.Thread(target=feed)
        feeder.start()
        yield here
        feeder.join()


@contextmanager
def from_process(content: bytes) -> Iterator[Any]:
    script = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(content)
        process.stdin.close()
        yield process.stdout


@contextmanager
def served(content: bytes, length: int | None) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextmanager
def from_urllib(content: bytes) -> Iterator[Any]:
    with served(content, len(content)) as url, urlopen(url) as response:
        yield response


@contextmanager
def from_httpx(content: bytes) -> Iterator[Any]:
    with served(content, len(content)) as url, httpx.stream("GET", url) as response:
        yield response


@contextmanager
def from_requests(content: bytes) -> Iterator[Any]:
    with served(content, len(content)) as url, requests.get(url, stream=True, timeout=60) as response:
        yield response


@contextmanager
def from_botocore(content: bytes) -> Iterator[Any]:
    yield StreamingBody(io.BytesIO(content), len(content))


@contextmanager
def from_list(content: bytes) -> Iterator[Any]:
    yield list(pieces(content, 5000))


@contextmanager
def from_views(content: bytes) -> Iterator[Any]:
    """Each piece is in the memory of the one before."""
    buffer = bytearray(3000)

    def views() -> Iterator[memoryview]:
        for piece in pieces(content, len(buffer)):
            buffer[: len(piece)] = piece
            yield memoryview(buffer)[: len(piece)]

    yield views()


SOURCES: list[Callable[[bytes], Any]] = [
    *(from_pipe, from_named_pipe, from_socket, from_process, from_urllib, from_httpx, from_botocore, from_list),
    *(from_requests, from_views),
]


@pytest.fixture(scope="module")
def large() -> bytes:
    """A file whose pixel data pass by."""
    dataset = pydicom.dcmread(CT)
    dataset.Rows, dataset.Columns = 512, 512
    del dataset.DataSetTrailingPadding
    dataset.PixelData = random.Random(1).randbytes(512 * 512 * 2)
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset)
    return target.getvalue()


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("change", ["mapping", "big"])
def test_every_source_gives_the_same(kind: Callable[[bytes], Any], change: str, large: bytes) -> None:
    with kind(large) as source:
        assert rewritten(source, **CHANGES[change]) == rewritten(io.BytesIO(large), **CHANGES[change])


def test_what_is_no_source_is_refused() -> None:
    for source in (7, None, bytearray(b"x")):
        with pytest.raises(
            TypeError, match="the source must be a path, a binary file, a socket or an iterable of bytes"
        ):
            rewritten(source)
    with pytest.raises(SourceError, match="gave an object of type str"):
        rewritten(iter(["text"]))

    async def asynchronous() -> Any:
        yield b""

    with pytest.raises(TypeError, match="the source is asynchronous; use the function of the same name that ends in"):
        rewritten(asynchronous())


def test_an_error_of_the_source_is_named_and_leaves_the_target(large: bytes, tmp_path: Path) -> None:
    def breaking() -> Iterator[bytes]:
        yield large[:300_000]
        raise ConnectionResetError("secret")

    (tmp_path / "out.dcm").write_bytes(b"old")
    with pytest.raises(SourceError, match=r"the stream cannot be read \(ConnectionResetError\)") as raised:
        streamdcm.rewrite(breaking(), tmp_path / "out.dcm")
    assert isinstance(raised.value.__cause__, ConnectionResetError)
    assert os.listdir(tmp_path) == ["out.dcm"]
    assert (tmp_path / "out.dcm").read_bytes() == b"old"


@pytest.mark.parametrize("stated", [-2, 2])
def test_a_source_is_held_to_the_length_that_it_says(stated: int, large: bytes, tmp_path: Path) -> None:
    class Unchecked(StreamingBody):
        def _verify_content_length(self) -> None: ...

    body = Unchecked(io.BytesIO(large), len(large) + stated)
    with pytest.raises(SourceError, match="of the Unchecked; the file is damaged or truncated"):
        streamdcm.rewrite(body, tmp_path / "out.dcm")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("sent", [200_000, 300_000])
def test_a_response_of_requests_that_breaks_off_is_an_error(sent: int, large: bytes, tmp_path: Path) -> None:
    with (
        served(large[:sent], len(large)) as url,
        requests.get(url, stream=True, timeout=60) as response,
        pytest.raises(SourceError, match=r"the Response cannot be read \(ChunkedEncodingError\)"),
    ):
        streamdcm.rewrite(response, tmp_path / "out.dcm")
    assert os.listdir(tmp_path) == []


# --- Elements ---------------------------------------------------------------------------------------------


def with_something_behind(syntax: str = ExplicitVRLittleEndian, **elements: Any) -> bytes:
    dataset = pydicom.dcmread(CT)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = bytes(100_000)
    if syntax == RLELossless:
        dataset.PixelData = encapsulate([bytes(100_000)])
    dataset.DataSetTrailingPadding = b"padding "
    block = dataset.private_block(0x7FE1, "ACME", create=True)
    if elements:
        block.add_new(0x01, "LO", elements["private"])
    else:
        del dataset[0x7FE10010]
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset)
    return target.getvalue()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, DeflatedExplicitVRLittleEndian])
def test_a_mapping_edits_what_stands_behind_the_pixel_data_when_it_comes(syntax: str) -> None:
    content = with_something_behind(syntax, private="old")
    edit = {"DataSetTrailingPadding": None, (0x7FE1, 0x1001): "new", "PatientID": "x"}
    after = rewritten(pieces(content, 10_000), edit=edit)
    if syntax != DeflatedExplicitVRLittleEndian:
        assert after == rewritten(io.BytesIO(content), edit=edit)
    dataset = pydicom.dcmread(io.BytesIO(after))
    assert (dataset[0x7FE1, 0x1001].value, dataset.PatientID) == ("new", "x")
    assert "DataSetTrailingPadding" not in dataset


def test_a_function_loses_padding_and_is_refused_where_there_is_more() -> None:
    edited = rewritten(pieces(with_something_behind(), 10_000), edit=name_it)
    assert "DataSetTrailingPadding" not in pydicom.dcmread(io.BytesIO(edited))
    content = with_something_behind(private="secret")
    with pytest.raises(SourceError, match=r"^\(7FE1,0010\).*give a mapping as edit, or a .*spooled_source") as raised:
        rewritten(pieces(content, 10_000), edit=name_it)
    assert "secret" not in str(raised.value)
    with streamdcm.spooled_source(pieces(content, 10_000)) as source:
        after = pydicom.dcmread(io.BytesIO(rewritten(source, edit=name_it)))
    assert (after[0x7FE1, 0x1001].value, after.PatientID) == ("secret", "named")


def test_a_function_cannot_see_pixel_data_that_have_not_come(large: bytes) -> None:
    def look(dataset: Dataset) -> None:
        assert "PixelData" in dataset
        _ = dataset.PixelData

    with pytest.raises(SourceError, match=r"^\(7FE0,0010\) PixelData: the value has not come yet"):
        rewritten(pieces(large, 10_000), edit=look)


@pytest.mark.parametrize("syntax", [None, ExplicitVRBigEndian])
def test_a_function_may_set_or_delete_pixel_data_that_have_not_come(large: bytes, syntax: str | None) -> None:
    def halve(dataset: Dataset) -> None:
        dataset.PixelData = bytes(1000)

    def delete(dataset: Dataset) -> None:
        del dataset.PixelData

    for edit in (halve, delete):
        options = {"edit": edit, "transfer_syntax": syntax}
        assert rewritten(pieces(large, 10_000), **options) == rewritten(io.BytesIO(large), **options)


def test_an_element_that_comes_too_late_is_an_error(large: bytes) -> None:
    late = b"\x10\0\x10\0PN\x06\0secret"
    with pytest.raises(
        SourceError, match=r"^\(0010,0010\) PatientName: stands behind \(7FE0,0010\).*spooled"
    ) as raised:
        rewritten(pieces(large + late, 10_000))
    assert "secret" not in str(raised.value)
    with streamdcm.spooled_source(pieces(large + late, 10_000)) as source:
        assert pydicom.dcmread(io.BytesIO(rewritten(source))).PatientName == "secret"


def test_what_has_to_be_held_has_a_limit(large: bytes) -> None:
    dataset = pydicom.dcmread(io.BytesIO(large))
    dataset.EncapsulatedDocument = bytes(300_000)
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset)
    content = target.getvalue()
    assert rewritten(pieces(content, 10_000), hold_limit=100_000) == rewritten(io.BytesIO(content))
    with pytest.raises(SourceError, match=r"EncapsulatedDocument: more than 100,000 bytes of .* would be held"):
        rewritten(pieces(content, 10_000), edit=name_it, hold_limit=100_000)
    assert rewritten(pieces(content, 10_000), edit=name_it) == rewritten(io.BytesIO(content), edit=name_it)


def test_group_lengths_need_a_source_that_can_seek(large: bytes) -> None:
    with pytest.raises(PlanError, match="group_lengths='write' needs lengths"):
        rewritten(pieces(large, 10_000), group_lengths="write")


def test_a_source_may_be_its_own_target() -> None:
    """A client sends a file, and gets it back edited on the same connection."""
    content = CT.read_bytes()
    here, there = socket.socketpair()
    with here, there:

        def client() -> None:
            there.sendall(content)
            there.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=client)
        sender.start()
        streamdcm.rewrite(here, here, edit=MAPPING)
        here.shutdown(socket.SHUT_WR)
        sender.join()
        with there.makefile("rb") as back:
            assert back.read() == rewritten(CT, edit=MAPPING)


def test_what_has_passed_is_not_held() -> None:
    dataset = pydicom.dcmread(CT)
    dataset.add_new(0x00990010, "LO", "TEST")
    for block in range(0x00991000, 0x00991600, 0x100):
        for number in range(10):
            dataset.add_new(block + number, "UT", "x" * 3000)
        dataset.add_new(block + 0xFF, "OB", bytes(70_000))
    data = written(dataset)
    pieces = (data[start : start + 5000] for start in range(0, len(data), 5000))
    target, expected = io.BytesIO(), io.BytesIO()
    streamdcm.rewrite(pieces, target, edit={"PatientID": "new"}, hold_limit="128 KiB")
    streamdcm.rewrite(io.BytesIO(data), expected, edit={"PatientID": "new"})
    assert target.getvalue() == expected.getvalue()
