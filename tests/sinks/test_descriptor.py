import fcntl
import io
import os
import socket
import threading
import time

import pytest

from streamdcm.errors import NotWritableError, TargetTypeError, WouldBlockError
from streamdcm.sinks import resolve
from streamdcm.sinks.descriptor import write_all
from streamdcm.system import MOST_BUFFERS


@pytest.fixture
def file(tmp_path):
    with io.FileIO(tmp_path / "file", "w+") as file:
        yield file


def opened(target, **options):
    output = resolve(target, **options)
    output.open()
    return output


def test_buffers_are_handed_on_uncopied():
    given = [b"bytes", bytearray(b"bytearray"), memoryview(b"view")[1:]]
    seen = []

    def send(views):
        seen.extend(view.obj for view in views)
        return sum(view.nbytes for view in views)

    write_all(send, given)
    assert seen[0] is given[0]
    assert seen[1] is given[1]
    assert seen[2] is given[2].obj


@pytest.mark.parametrize("most", [1, 2, 3, 7, 100])
def test_short_writes_are_completed(most):
    received = bytearray()

    def send(views):
        taken = b"".join(views)[:most]
        received.extend(taken)
        return len(taken)

    write_all(send, [b"", b"one", b"", memoryview(b"two"), bytearray(b"three"), b""])
    assert received == b"onetwothree"


def test_more_buffers_than_the_system_takes_at_once(file):
    pieces = [bytes([index % 251]) for index in range(3 * MOST_BUFFERS + 5)]
    opened(file).write(pieces)
    file.seek(0)
    assert file.read() == b"".join(pieces)


def test_a_device_that_takes_nothing_is_an_error_and_no_endless_loop():
    with pytest.raises(OSError, match="took none"):
        write_all(lambda views: 0, [b"data"])


def test_wide_items_count_as_bytes(file):
    wide = memoryview(bytes(range(80))).cast("d")
    opened(file).write([wide])
    file.seek(0)
    assert file.read() == bytes(range(80))


def test_patches_are_relative_to_the_position_at_entry_and_end_at_the_end(file):
    file.write(b"before")
    output = opened(file)
    output.write([b"....", b"rest"])
    output.patch(0, b"late")
    assert file.tell() == 14
    output.write([b"end"])
    file.seek(0)
    assert file.read() == b"beforelaterestend"


def test_a_file_that_is_only_read_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with (
        io.FileIO(tmp_path / "file") as file,
        pytest.raises(NotWritableError, match="file is open for reading only"),
    ):
        resolve(file)


def test_a_closed_file_is_refused_as_by_its_write(tmp_path):
    file = io.FileIO(tmp_path / "file", "w")
    file.close()
    with pytest.raises(NotWritableError, match="file is closed; open it in mode 'wb'"):
        resolve(file)


@pytest.mark.parametrize("flags", [0, os.O_APPEND])
def test_append_mode_is_found_out_from_the_descriptor(tmp_path, flags):
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT | flags)
    with io.FileIO(descriptor, "w") as raw, os.fdopen(os.dup(descriptor), "wb") as buffered:
        assert resolve(raw).can_patch is (flags == 0)
        assert resolve(buffered).can_patch is (flags == 0)


def test_a_pipe_cannot_be_made_to_seek():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), io.FileIO(writing, "w") as sink:
        assert not resolve(sink).can_patch
        with pytest.raises(TargetTypeError, match="seekable=True"):
            resolve(sink, seekable=True)


def test_a_full_non_blocking_pipe_is_an_error_that_says_so():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb"), io.FileIO(writing, "w") as sink:
        os.set_blocking(writing, False)
        with pytest.raises(WouldBlockError, match="non-blocking"):
            opened(sink).write([bytes(1024 * 1024)])


def test_a_slow_reader_gets_everything_in_small_gulps():
    sink, reader = socket.socketpair()
    content = os.urandom(2_000_000)
    received = bytearray()

    def read():
        while piece := reader.recv(30_000):
            received.extend(piece)
            time.sleep(0.0005)

    with sink, reader:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
        sink.settimeout(10)  # so that one call takes a part only
        thread = threading.Thread(target=read)
        thread.start()
        opened(sink).write([content[:3], content[3:1_000_000], memoryview(content)[1_000_000:]])
        sink.shutdown(socket.SHUT_WR)
        thread.join(10)
    assert received == content


def test_a_full_non_blocking_socket_is_an_error_that_says_so():
    sink, reader = socket.socketpair()
    with sink, reader:
        sink.setblocking(False)
        with pytest.raises(BlockingIOError, match="non-blocking"):
            opened(sink).write([bytes(10_000_000)])


def test_the_timeout_of_a_socket_passes_through():
    sink, reader = socket.socketpair()
    with sink, reader:
        sink.settimeout(0.01)
        with pytest.raises(TimeoutError):
            opened(sink).write([bytes(10_000_000)])


def test_a_reader_that_went_away_is_a_broken_pipe():
    sink, reader = socket.socketpair()
    reader.close()
    with sink, pytest.raises(BrokenPipeError):
        opened(sink).write([b"data"])


def test_what_was_sent_is_not_patched():
    sink, reader = socket.socketpair()
    with sink, reader:
        output = opened(sink)
        assert not output.can_patch
        with pytest.raises(io.UnsupportedOperation):
            output.patch(0, b"late")


def test_the_flags_of_the_descriptor_stay_as_they_were(file):
    before = fcntl.fcntl(file.fileno(), fcntl.F_GETFL)
    output = opened(file)
    output.write([b"data"])
    output.commit()
    assert fcntl.fcntl(file.fileno(), fcntl.F_GETFL) == before


def test_a_closed_socket_is_refused():
    one, other = socket.socketpair()
    other.close()
    one.close()
    with pytest.raises(NotWritableError, match="the socket is closed"):
        resolve(one)
