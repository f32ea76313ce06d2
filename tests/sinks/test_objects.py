import bz2
import gzip
import io
import lzma
import os
import socket
import subprocess
import tempfile
import textwrap
import zipfile

import pytest
from pydicom.filebase import DicomBytesIO, DicomFileLike, DicomIO

from streamdcm.errors import NotWritableError, SinkContractError, WouldBlockError
from streamdcm.sinks import resolve
from tests.support import python

LARGE = bytes(range(256)) * 1024


def opened(target, **options):
    output = resolve(target, **options)
    output.open()
    return output


class Sink:
    """Answers whatever it is told to."""

    def __init__(self, answer=None):
        self.answer = answer
        self.given = []

    def write(self, data):
        self.given.append(data)
        return self.answer


@pytest.mark.parametrize("answer", [0, -1, 5, True, False, 4.0, "4", b"4", [4], object()])
def test_nonsense_from_write_is_an_error_that_names_the_sink_and_the_answer(answer):
    with pytest.raises(SinkContractError) as caught:
        opened(Sink(answer)).write([b"data"])
    assert f"{__name__}.Sink" in str(caught.value)
    said = str(answer) if type(answer) is int else type(answer).__name__
    assert said in str(caught.value)
    assert "data" not in str(caught.value)


def test_nonsense_is_an_error_that_callers_catch_as_type_error_or_os_error():
    for kind in (TypeError, OSError):
        with pytest.raises(kind):
            opened(Sink(-1)).write([b"data"])


def test_an_answer_of_none_means_that_everything_was_taken():
    sink = Sink(None)
    opened(sink).write([b"one", b"two"])
    assert sink.given == [b"one", b"two"]


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_short_writes_are_completed(most):
    class ShortWrites(io.BytesIO):
        def write(self, data):
            return super().write(data[:most])

    sink = ShortWrites()
    output = opened(sink)
    output.write([b"....", b"rest"])
    output.patch(0, b"late")
    output.write([b"end"])
    assert sink.getvalue() == b"laterestend"


def test_unknown_sinks_get_bytes_of_their_own():
    sink = Sink()
    borrowed = bytearray(b"bytearray")
    exact = b"bytes"
    output = opened(sink)
    output.write([exact, borrowed, memoryview(borrowed)[:4]])
    borrowed[:] = bytes(9)
    assert sink.given == [b"bytes", b"bytearray", b"byte"]
    assert {type(data) for data in sink.given} == {bytes}
    assert sink.given[0] is exact


def test_a_subclass_of_a_known_class_is_unknown():
    class Keeping(io.BytesIO):
        def write(self, data):
            assert type(data) is bytes
            return super().write(data)

    opened(Keeping()).write([memoryview(b"data")])
    opened(DicomIO(Keeping())).write([memoryview(b"data")])


def test_a_stored_zip_member_over_an_unknown_object_hands_it_bytes():
    class Keeping(io.BytesIO):
        def write(self, data):
            assert type(data) is bytes
            return super().write(data)

    with zipfile.ZipFile(Keeping(), "w") as archive, archive.open("member", "w") as member:
        opened(member).write([memoryview(LARGE)])


def test_known_classes_are_given_views_uncopied(monkeypatch):
    view = memoryview(LARGE)
    given = []
    sink = DicomIO(io.BytesIO())
    sink.write = lambda data: given.append(data) or len(data)
    opened(sink).write([view])
    assert given[0] is view


def test_nothing_but_write_seek_and_tell_is_used():
    class Watched:
        def __init__(self):
            self.used = set()
            self.inner = io.BytesIO()

        def __getattr__(self, name):
            if name in ("close", "flush", "truncate", "read", "__enter__", "getvalue"):
                raise AssertionError(name)
            return getattr(self.inner, name)

    sink = Watched()
    output = opened(sink)
    output.write([b"....rest"])
    output.patch(0, b"late")
    output.commit()
    output.abort()
    assert sink.inner.getvalue() == b"laterest"


class Unwilling(io.BytesIO):
    """One that says no in its own way."""

    def __init__(self, **methods):
        super().__init__()
        self.__dict__.update(methods)


def raising(error):
    def method(*args):
        raise error

    return method


@pytest.mark.parametrize(
    "methods",
    [
        {"seekable": lambda: False},
        {"seekable": raising(NotImplementedError())},
        {"seekable": raising(OSError())},
        {"tell": raising(io.UnsupportedOperation())},
        {"tell": raising(NotImplementedError())},
        {"tell": raising(OSError(29, "Illegal seek"))},
        {"tell": lambda: None},
        {"tell": lambda: -1},
        {"tell": lambda: True},
        {"tell": None},
        {"seek": None},
        {"mode": "ab"},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_what_cannot_seek_is_not_patched(methods):
    assert not resolve(Unwilling(**methods)).can_patch


def test_an_object_without_seekable_is_asked_for_its_position():
    class Old:
        write = len

        def seek(self, offset):
            pass

        def tell(self):
            return 0

    assert resolve(Old()).can_patch


def test_a_closed_object_is_refused_as_by_its_write():
    sink = io.BytesIO()
    sink.close()
    with pytest.raises(NotWritableError, match="is closed; open it") as raised:
        resolve(sink)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("open_to_read", [open, gzip.open])
def test_a_file_for_reading_is_refused(open_to_read, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with open_to_read(tmp_path / "file", "rb") as file, pytest.raises(NotWritableError, match="reading only") as raised:
        resolve(file)
    assert isinstance(raised.value, io.UnsupportedOperation)
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("mode", ["ab", "a+b"])
def test_append_mode_is_found_through_wrappers(tmp_path, mode):
    with open(tmp_path / "file", mode) as file:
        for sink in (file, DicomIO(file), DicomFileLike(DicomIO(file))):
            assert not resolve(sink).can_patch
    with tempfile.NamedTemporaryFile(mode) as file:
        assert not resolve(file).can_patch
    with tempfile.SpooledTemporaryFile(mode=mode) as file:
        assert not resolve(file).can_patch
        assert not file._rolled


def test_gzip_is_found_through_wrappers(tmp_path):
    with gzip.open(tmp_path / "file", "wb") as file:
        assert file.seekable()
        assert not resolve(file).can_patch
        assert not resolve(DicomIO(file)).can_patch
        with io.BufferedWriter(file) as buffered:
            assert not resolve(buffered).can_patch
            assert not resolve(DicomIO(buffered)).can_patch


def test_bytes_that_land_elsewhere_are_an_error_and_no_silent_damage():
    class Appending:
        """As a file in append mode behind an object that does not say so."""

        def __init__(self):
            self.content, self.position = b"", 0

        def write(self, data):
            self.content += data
            self.position = len(self.content)

        def seek(self, offset):
            self.position = offset

        def tell(self):
            return self.position

    output = opened(Appending())
    output.write([b"....rest"])
    with pytest.raises(SinkContractError, match="seekable=False"):
        output.patch(0, b"late")


def test_would_block_of_a_raw_object_is_an_error():
    class Full(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            return None

    for sink in (Full(), DicomIO(Full())):
        with pytest.raises(WouldBlockError, match=r"Full|DicomIO"):
            opened(sink).write([b"data"])


def test_would_block_of_a_buffered_object_is_an_error():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    raw = io.FileIO(writing, "w")
    sink = io.BufferedWriter(raw)
    with os.fdopen(reading, "rb"), pytest.raises(WouldBlockError, match="BufferedWriter"):
        opened(sink).write([bytes(1024 * 1024)])
    raw.close()


def test_an_error_of_the_sink_passes_through_as_it_is():
    error = RuntimeError("of the sink")
    with pytest.raises(RuntimeError) as caught:
        opened(type("Failing", (), {"write": raising(error)})()).write([b"data"])
    assert caught.value is error


def test_a_buffered_random_file_that_was_read_from(tmp_path):
    (tmp_path / "file").write_bytes(b"0123456789")
    with open(tmp_path / "file", "r+b") as file:
        assert file.read(4) == b"0123"
        output = opened(file)
        output.write([b"abcd"])
        output.patch(1, b"X")
        output.write([b"e"])
        assert file.tell() == 9
    assert (tmp_path / "file").read_bytes() == b"0123aXcde9"


def test_dicom_bytes_io_is_patched():
    sink = DicomBytesIO(b"")
    output = opened(sink)
    output.write([b"....rest"])
    output.patch(0, b"late")
    assert sink.getvalue() == b"laterest"


@pytest.mark.parametrize("module", [gzip, bz2, lzma], ids=lambda module: module.__name__)
def test_compressed_files_read_back(tmp_path, module):
    with module.open(tmp_path / "file", "wb") as sink:
        output = opened(sink)
        output.write([b"head", memoryview(LARGE), bytearray(b"tail")])
        assert not output.can_patch
    with module.open(tmp_path / "file") as file:
        assert file.read() == b"head" + LARGE + b"tail"


def test_a_rw_pair_is_written_in_order():
    left, right = socket.socketpair()
    with left, right, right.makefile("rb") as reader:
        raw = left.makefile("rwb", buffering=0)
        with io.BufferedRWPair(raw, raw) as pair:
            output = opened(pair)
            assert not output.can_patch
            output.write([memoryview(b"data")])
            pair.flush()
            assert reader.read(4) == b"data"


@pytest.mark.parametrize("target", ["sys.stdout.buffer", "'/dev/stdout'", "sys.stdout.buffer.raw"])
@pytest.mark.parametrize("redirection", ["pipe", "file", "append"])
@pytest.mark.slow
def test_standard_output_wherever_it_goes(tmp_path, target, redirection):
    script = textwrap.dedent(
        f"""
        import sys
        from streamdcm.sinks import resolve
        output = resolve({target})
        assert output.can_patch is {redirection == "file"}, output.can_patch
        output.open()
        output.write([b"....rest" if output.can_patch else b"laterest"])
        if output.can_patch:
            output.patch(0, b"late")
        output.write([b"end"])
        output.commit()
        """
    )
    (tmp_path / "out").write_bytes(b"before")
    with open(tmp_path / "out", "ab" if redirection == "append" else "r+b") as out:
        out.seek(0, os.SEEK_END)
        stdout = subprocess.PIPE if redirection == "pipe" else out
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(python(script), env=environment, stdout=stdout, check=True)
    received = done.stdout if redirection == "pipe" else (tmp_path / "out").read_bytes().removeprefix(b"before")
    assert received == b"laterestend"
