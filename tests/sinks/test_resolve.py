# ruff: noqa: SIM115 (the test closes what its generator opens)

import codecs
import io
import os
import socket
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest
from pydicom.filebase import DicomBytesIO, DicomIO

from streamdcm.errors import TargetTypeError
from streamdcm.sinks import Output, SeekableSink, Sink, Transactional, resolve
from streamdcm.sinks.direct import FileOutput, SocketOutput
from streamdcm.sinks.memory import MemoryOutput
from streamdcm.sinks.object import ObjectOutput
from streamdcm.sinks.path_atomic import AtomicOutput
from streamdcm.sinks.path_in_place import InPlaceOutput, SpecialOutput


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_every_kind_of_path_is_a_path(tmp_path, kind):
    target = kind(str(tmp_path / "café.dcm"))
    output = resolve(target)
    assert isinstance(output, AtomicOutput)
    assert output.location == str(tmp_path / "café.dcm")
    output.open()
    output.write([b"content"])
    output.commit()
    assert (tmp_path / "café.dcm").read_bytes() == b"content"


def test_a_path_that_is_no_text_works(tmp_path):
    target = os.fsencode(tmp_path) + b"/\xff\xfe.dcm"
    output = resolve(target)
    output.open()
    output.write([b"content"])
    output.commit()
    assert os.listdir(os.fsencode(tmp_path)) == [b"\xff\xfe.dcm"]


@pytest.mark.parametrize("atomic", [True, False])
def test_resolving_leaves_no_trace(tmp_path, atomic):
    resolve(tmp_path / "new", atomic=atomic)
    existing = tmp_path / "existing"
    existing.write_bytes(b"old")
    resolve(existing, atomic=atomic)
    assert os.listdir(tmp_path) == ["existing"]
    assert existing.read_bytes() == b"old"


def test_what_is_written_directly_is_chosen_by_its_exact_class(tmp_path):
    class Subclass(io.FileIO):
        pass

    left, right = socket.socketpair()
    with left, right, io.FileIO(tmp_path / "a", "w") as file, Subclass(tmp_path / "b", "w") as other:
        assert isinstance(resolve(file), FileOutput)
        assert isinstance(resolve(left), SocketOutput)
        assert isinstance(resolve(other), ObjectOutput)
    assert isinstance(resolve(io.BytesIO()), MemoryOutput)
    assert isinstance(resolve(DicomBytesIO()), ObjectOutput)
    assert isinstance(resolve(tmp_path / "c", atomic=False), InPlaceOutput)
    assert isinstance(resolve("/dev/null"), SpecialOutput)


def test_a_buffer_with_attributes_of_its_own_is_an_object_like_others():
    named, counted, calls = io.BytesIO(), io.BytesIO(), []
    named.name = "slice.dcm"
    counted.write = lambda data: calls.append(bytes(data)) or len(data)
    assert resolve(named).location == "slice.dcm"
    resolve(counted).write([b"bytes"])
    assert calls == [b"bytes"]


def text_targets(directory):
    yield io.StringIO()
    yield open(directory / "text", "w")
    yield codecs.StreamReaderWriter(io.BytesIO(), codecs.getreader("utf-8"), codecs.getwriter("utf-8"))
    yield codecs.getwriter("utf-8")(io.BytesIO())
    yield tempfile.NamedTemporaryFile("w", dir=directory)
    yield tempfile.TemporaryFile("w", dir=directory)
    yield tempfile.SpooledTemporaryFile(mode="w", dir=directory)
    yield DicomIO(io.StringIO())


def test_text_is_refused_before_the_first_byte(tmp_path):
    for target in text_targets(tmp_path):
        with pytest.raises(TargetTypeError, match="binary mode"):
            resolve(target)
        assert target.tell() == 0
        target.close()


def test_standard_output_is_text_and_its_buffer_is_not():
    with io.TextIOWrapper(io.BufferedWriter(io.BytesIO())) as stdout:
        with pytest.raises(TargetTypeError, match="binary mode"):
            resolve(stdout)
        assert isinstance(resolve(stdout.buffer), ObjectOutput)


@pytest.mark.parametrize("target", [None, 1, 1.5, object(), [], b"".join, io.BytesIO, {"write": print}])
def test_what_is_no_target_is_refused_with_what_is_accepted(target):
    with pytest.raises(TypeError, match=r"path \(str, bytes or os.PathLike\).*write\(\)"):
        resolve(target)


def test_a_socket_for_datagrams_is_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target, pytest.raises(TargetTypeError):
        resolve(target)


def test_a_path_with_a_nul_is_a_value_error():
    with pytest.raises(ValueError, match=r"null (byte|character)"):
        resolve("a\0b")


@pytest.mark.parametrize("target", [os.devnull, io.BytesIO(), "new"])
def test_the_option_can_forbid_patching(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not resolve(target, seekable=False).can_patch


def test_the_option_cannot_make_an_object_seek():
    with pytest.raises(TargetTypeError, match="seek"):
        resolve(type("OnlyWrite", (), {"write": len})(), seekable=True)


def test_the_option_overrides_what_was_found_out():
    class Cautious(io.BytesIO):
        def seekable(self):
            return False

    assert not resolve(Cautious()).can_patch
    assert resolve(Cautious(), seekable=True).can_patch


def test_outputs_and_sinks_have_the_capabilities_that_the_protocols_name():
    assert isinstance(io.BytesIO(), Sink)
    assert isinstance(io.BytesIO(), SeekableSink)
    assert not isinstance(io.BytesIO(), Transactional)
    output: Output = resolve(io.BytesIO())
    assert isinstance(output, Transactional)


def test_the_name_of_a_target_is_its_location(tmp_path):
    with open(tmp_path / "named", "wb") as file, tempfile.TemporaryFile() as unnamed:
        assert resolve(file).location == resolve(file.raw).location == str(tmp_path / "named")
        assert resolve(unnamed).location is None
    assert resolve(io.BytesIO()).location is None
    assert resolve(sys.__stdout__.buffer).location == "<stdout>"


def test_a_zip_file_is_refused_with_what_to_give_instead(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "x.zip", "w") as archive,
        pytest.raises(TargetTypeError, match=r"zip\.open\('name\.dcm', 'w'\)"),
    ):
        resolve(archive)


@pytest.mark.parametrize("host", ["", "localhost", "LOCALHOST"])
def test_a_file_url_names_an_absolute_path_of_this_machine(tmp_path, host):
    output = resolve(f"file://{host}{tmp_path}/a%20b.dcm")
    assert output.location == f"{tmp_path}/a b.dcm"


@pytest.mark.parametrize(
    "url",
    ["file://relative/x", "file://host/p", "file://", "file://user:secret@host/p", "file:///a?secret", "file://[/a"],
)
def test_any_other_file_url_is_refused(url):
    with pytest.raises(TargetTypeError, match=r"^file:") as raised:
        resolve(url)
    assert "secret" not in str(raised.value)
