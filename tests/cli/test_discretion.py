"""Nothing that the command line says has a patient's value or a secret in it."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file

import streamdcm
from streamdcm.cli.app import main
from streamdcm.errors import StreamdcmError
from tests.support.tools import package
from tests.support.web import Server

CT = Path(get_testdata_file("CT_small.dcm"))
NAME = "CompressedSamples^CT1"
SECRETS = ("secret", "user", "X-Amz-Signature", "token")
URL = "http://user:secret@127.0.0.1:9/in.dcm?X-Amz-Signature=token"


def mislabelled(path: Path, vr: str) -> Path:
    """A file whose Patient's Name has another VR."""
    data = CT.read_bytes()
    place = data.index(b"\x10\x00\x10\x00PN") + 4
    path.write_bytes(data[:place] + vr.encode() + data[place + 2 :])
    return path


VRS = ["AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "SH", "SL", "SS", "TM", "UI", "UL", "US", "XX"]


@pytest.mark.parametrize("vr", VRS)
@pytest.mark.parametrize("value", ["Doe^Jane", None, 7, object()], ids=["text", "deleted", "number", "nonsense"])
def test_a_mapping_that_replaces_an_element_quotes_neither_value(vr: str, value: Any, tmp_path: Path) -> None:
    source = mislabelled(tmp_path / "in.dcm", vr)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            streamdcm.rewrite(source, tmp_path / "out.dcm", edit={"PatientName": value})
            said = []
        except StreamdcmError as error:
            said = [str(error)]
    said += [str(warning.message) for warning in caught]
    assert not any(secret in text for text in said for secret in (NAME, "Doe"))


@pytest.mark.parametrize("vr", VRS)
@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "PatientName=Doe^Jane"],
        ["--delete", "PatientName"],
        ["--transfer-syntax", "ImplicitVRLittleEndian"],
        ["--sequence-lengths", "defined", "--enforce-file-format"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_the_command_line_shows_no_value_whatever_its_vr_is(
    vr: str, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = mislabelled(tmp_path / "in.dcm", vr)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["copy", *arguments, str(source), str(tmp_path / "out.dcm")]) in (0, 1)
    said = "".join(capsys.readouterr())
    assert NAME not in said
    assert "Doe" not in said
    assert "Traceback" not in said


def test_warnings_of_pydicom_are_told_in_our_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = mislabelled(tmp_path / "in.dcm", "UI")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        shown = warnings.showwarning
        command = ["copy", "--quiet", "--transfer-syntax", "ImplicitVRLittleEndian"]
        assert main([*command, str(source), str(tmp_path / "out.dcm")]) == 0
        assert warnings.showwarning is shown
    said = capsys.readouterr().err
    assert "streamdcm: warning: (0010,0010) PatientName: the value is not one that its VR can have" in said
    assert NAME not in said


def test_our_own_warnings_are_told_with_their_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = pydicom.dcmread(CT)
    dataset.DigitalSignaturesSequence = [pydicom.Dataset()]
    dataset.save_as(tmp_path / "signed.dcm")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        arguments = ["--set", "PatientID=1", str(tmp_path / "signed.dcm"), str(tmp_path / "out.dcm")]
        assert main(["copy", "--quiet", *arguments]) == 0
    assert "warning: (FFFA,FFFA) DigitalSignaturesSequence: what is signed may have" in capsys.readouterr().err


class Odd(Exception):
    """An error that nobody expects."""


@pytest.fixture
def http() -> Iterator[Any]:
    """Lets fsspec read http:// without a server; the test says what comes of opening a file."""
    fsspec = package("fsspec")
    local = fsspec.get_filesystem_class("file")

    class Web(local):  # type: ignore[misc, valid-type]
        protocol = "http"
        cachable = False
        file = CT

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path

        def open(self, path: str, *_: Any, **__: Any) -> Any:
            return self.file.open("rb")

    fsspec.register_implementation("http", Web, clobber=True)
    yield Web
    fsspec.register_implementation("http", fsspec.get_filesystem_class("https"), clobber=True)


class Failing:
    """A file that fails when it is read."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __enter__(self) -> "Failing":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def tell(self) -> int:
        return 0

    def seek(self, *_: Any) -> int:
        return 0

    def read(self, *_: Any) -> bytes:
        raise self._error


def test_a_url_is_told_without_its_secrets(http: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy", URL, str(tmp_path / "out.dcm")]) == 0
    said = capsys.readouterr().err
    assert "http://127.0.0.1:9/in.dcm -> " in said
    assert not any(secret in said.replace(str(tmp_path), "") for secret in SECRETS)


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(URL), FileNotFoundError(2, "missing", URL), OSError(f"403, url='{URL}'"), Odd(f"url='{URL}'")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("when", ["opened", "read"])
def test_errors_about_a_url_are_told_without_its_secrets(
    when: str, error: Exception, http: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(self: Any, path: str, *_: Any, **__: Any) -> Any:
        if when == "opened":
            raise error
        return Failing(error)

    http.open = fail
    assert main(["copy", URL, str(tmp_path / "out.dcm")]) == 1
    said = capsys.readouterr().err
    assert said
    assert not any(secret in said.replace(str(tmp_path), "") for secret in SECRETS)


def test_what_is_no_dicom_file_is_told_without_secrets(
    http: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    http.file = Path(__file__)
    assert main(["copy", URL, str(tmp_path / "out.dcm")]) == 1
    assert "http://127.0.0.1:9/in.dcm is not a DICOM file" in capsys.readouterr().err


def test_a_target_is_told_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    package("httpx2")
    with Server() as server:
        url = server.url.replace("http://", "http://user:secret@") + "/out.dcm?X-Amz-Signature=token"
        assert main(["copy", str(CT), url]) == 0
        server.status = 403
        assert main(["copy", str(CT), url]) == 1
    said = capsys.readouterr().err
    assert said.count(f"{server.url}/out.dcm") == 2
    assert not any(secret in said for secret in SECRETS)


@pytest.mark.parametrize("arguments", [["copy", "in", "out", URL], ["uploads", "--list", URL], [URL], ["copy", URL]])
def test_wrong_arguments_are_told_without_their_secrets(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        status: Any = main(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status in (1, 2)
    said = capsys.readouterr().err
    assert said
    assert not any(secret in said for secret in SECRETS)
