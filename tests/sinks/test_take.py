"""Ranges of plain files go from file to file within the kernel, and come out as if they had been read."""

import errno
import io
import os
import socket
import threading

import pytest

import streamdcm
from streamdcm.sinks import descriptor
from tests.encode.test_byte_stream import dataset_with

DATA = os.urandom(3 << 20)


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").write_bytes(b"skip" + DATA + b"rest")
    with open(tmp_path / "source", "rb") as file:
        file.seek(4)
        yield dataset_with(streamdcm.ByteStream(file, len(DATA)))


@pytest.fixture
def expected():
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset_with(DATA))
    return buffer.getvalue()


def fail(number):
    def move(*arguments):
        raise OSError(number, os.strerror(number))

    return move


def never(*arguments):
    raise AssertionError("the range was read")


@pytest.mark.parametrize("working", ["copy_file_range", "sendfile", "neither"])
def test_whichever_works_on_the_pair_is_used(tmp_path, source, expected, working, monkeypatch):
    if working != "copy_file_range":
        monkeypatch.setattr(descriptor, "_copy_file_range", fail(errno.EXDEV))
    if working == "neither":
        monkeypatch.setattr(descriptor, "_send_file", fail(errno.EINVAL))
    else:
        monkeypatch.setattr("streamdcm.write.driver.read", never)
    streamdcm.dcmwrite(tmp_path / "out.dcm", source)
    assert (tmp_path / "out.dcm").read_bytes() == expected


def test_a_caller_s_plain_file_takes_ranges_at_its_position(tmp_path, source, expected, monkeypatch):
    monkeypatch.setattr("streamdcm.write.driver.read", never)
    with io.FileIO(tmp_path / "out.dcm", "w") as file:
        file.write(b"before")
        streamdcm.dcmwrite(file, source)
        file.write(b"after")
    assert (tmp_path / "out.dcm").read_bytes() == b"before" + expected + b"after"


def test_a_file_that_only_appends_is_written_all_the_same(tmp_path, source, expected):
    with open(tmp_path / "out.dcm", "ab", buffering=0) as file:
        streamdcm.dcmwrite(file, source)
    assert (tmp_path / "out.dcm").read_bytes() == expected


@pytest.mark.parametrize("timeout", [None, 30])
def test_a_socket_takes_ranges(source, expected, timeout, monkeypatch):
    monkeypatch.setattr("streamdcm.write.driver.read", never)
    ours, theirs = socket.socketpair()
    ours.settimeout(timeout)
    received = []
    reader = threading.Thread(target=lambda: received.extend(iter(lambda: theirs.recv(1 << 20), b"")))
    reader.start()
    with ours:
        streamdcm.dcmwrite(ours, source)
    reader.join()
    theirs.close()
    assert b"".join(received) == expected


def test_a_wrapper_around_a_descriptor_is_never_bypassed(tmp_path, source, expected):
    class Counting(io.FileIO):
        written = 0

        def write(self, data):
            self.written += len(data)
            return super().write(data)

    with Counting(tmp_path / "out.dcm", "w") as file:
        streamdcm.dcmwrite(file, source)
        assert file.written == len(expected)


def test_a_full_disk_is_an_error_and_not_a_reason_to_read(tmp_path, source, monkeypatch):
    monkeypatch.setattr(descriptor, "_copy_file_range", fail(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left") as caught:
        streamdcm.dcmwrite(tmp_path / "out.dcm", source)
    assert caught.value.filename == str(tmp_path / "out.dcm")
    assert not (tmp_path / "out.dcm").exists()


def test_a_source_that_was_cut_off_meanwhile_is_an_error(tmp_path, source):
    os.truncate(tmp_path / "source", 1 << 20)
    with pytest.raises(ValueError, match="EncapsulatedDocument"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", source)
    assert not (tmp_path / "out.dcm").exists()


def test_a_socket_that_takes_nothing_for_too_long_is_an_error(source):
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    with theirs, ours, pytest.raises(TimeoutError):
        streamdcm.dcmwrite(ours, source)
