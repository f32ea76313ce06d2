"""What waits for a value that comes late, on a target that cannot seek, goes to a temporary file past `hold_limit`."""

import gzip
import io
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian

import streamdcm
from streamdcm.errors import HoldLimitError, PlanError, SpoolError
from tests.aio.test_write import ct, multi_frame, reused
from tests.support.open_files import open_files
from tests.support.targets import WriteOnly
from tests.support.writing import in_order

COUNT = 17
LIMIT = 300_000  # of 17 frames of 131,072 bytes, two


@pytest.fixture
def expected() -> bytes:
    """What is written if nothing has to be held back."""
    return in_order(multi_frame(), frames=reused(COUNT), number_of_frames=COUNT)


@contextmanager
def drained(source: io.RawIOBase | socket.SocketIO) -> Iterator[bytearray]:
    """Read all that comes, on a thread that has ended behind the block."""
    data = bytearray()

    def read() -> None:
        while piece := source.read(1 << 20):
            data.extend(piece)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield data
    finally:
        thread.join()


def unknown(**options):
    return {"frames": reused(COUNT), "hold_limit": LIMIT, **options}


def normal(content: bytes) -> bytes:
    """The same with the Number of Frames as it is written that is known, for one that is reserved in 12 bytes."""
    return content.replace(b"\x28\x00\x08\x00IS\x0c\x0017          ", b"\x28\x00\x08\x00IS\x02\x0017")


@pytest.mark.parametrize("directory", ["auto", "given"])
def test_chunks(expected, directory, tmp_path):
    spool = {} if directory == "auto" else {"spool": tmp_path}
    assert normal(in_order(multi_frame(), **unknown(**spool))) == expected
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_can_only_write(expected):
    target = WriteOnly()
    streamdcm.dcmwrite(target, multi_frame(), **unknown())
    assert normal(bytes(target.data)) == expected


def test_a_gzip_file(expected, tmp_path):
    path = tmp_path / "out.dcm.gz"
    with gzip.open(path, "wb", compresslevel=1) as target:
        streamdcm.dcmwrite(target, multi_frame(), **unknown())
    assert normal(gzip.decompress(path.read_bytes())) == expected


def test_a_pipe_takes_it_within_the_kernel(expected, monkeypatch):
    sent = count_calls(monkeypatch, "sendfile")
    reading, writing = os.pipe()
    with io.FileIO(reading) as source, drained(source) as data, io.FileIO(writing, "w") as target:
        streamdcm.dcmwrite(target, multi_frame(), **unknown())
    assert normal(bytes(data)) == expected
    assert sum(sent) == len(data) - data.index(bytes(reused_frame(2)))


def test_a_socket_takes_it_within_the_kernel(expected, monkeypatch):
    sent = count_calls(monkeypatch, "sendfile")
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("rb", buffering=0) as source, drained(source) as data, ours:
        streamdcm.dcmwrite(ours, multi_frame(), **unknown())
    assert normal(bytes(data)) == expected
    assert sum(sent) > 14 * 131_072


def test_a_stream_of_unknown_length(tmp_path):
    pieces = [bytes([number]) * 50_000 for number in range(20)]
    dataset = ct(PixelData=streamdcm.ByteStream(iter(pieces)))
    expected = in_order(ct(PixelData=b"".join(pieces)))
    assert in_order(dataset, hold_limit=LIMIT, spool=tmp_path) == expected


def test_a_deflated_dataset():
    dataset = multi_frame(DeflatedExplicitVRLittleEndian)
    assert in_order(dataset, **unknown()) == in_order(dataset, frames=reused(COUNT))


def test_frames_that_are_pushed(expected, tmp_path):
    target = WriteOnly()
    with streamdcm.open_writer(target, multi_frame(), hold_limit=LIMIT, spool=tmp_path) as writer:
        for number, frame in enumerate(reused(COUNT)):
            writer.write_frame(frame)
            assert open_files(tmp_path) == ([] if number < 2 else [(number - 1) * 131_072])
    assert normal(bytes(target.data)) == expected
    assert open_files(tmp_path) == []


def test_a_concatenation():
    dataset = multi_frame()
    dataset.SharedFunctionalGroupsSequence = Sequence([Dataset()])
    targets = [WriteOnly() for _ in range(3)]
    result = streamdcm.dcmwrite(lambda number: targets[number - 1], dataset, split=8, **unknown())
    assert len(result.instances) == 3
    assert [len(target.data) // 131_072 for target in targets] == [8, 8, 1]


def test_chunks_that_are_left_before_the_end_leave_no_file_open(tmp_path):
    chunks = streamdcm.iter_chunks(multi_frame(), **unknown(spool=tmp_path))
    next(chunks)  # what comes before the Number of Frames
    next(chunks)  # which is known when all are held back
    assert open_files(tmp_path) == [15 * 131_072]
    chunks.close()
    assert open_files(tmp_path) == []


def test_a_source_that_fails_leaves_no_file_open(tmp_path):
    def failing():
        yield from reused(COUNT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        streamdcm.dcmwrite(WriteOnly(), multi_frame(), frames=failing(), hold_limit=LIMIT, spool=tmp_path)
    assert open_files(tmp_path) == []


def test_progress_can_object_while_nothing_reaches_the_target(monkeypatch):
    monkeypatch.setattr("streamdcm.engine.progress._INTERVAL", 0)
    told = []

    def object_to_ten(event):
        told.append(event)
        if event.frames == 10:
            raise InterruptedError

    target = WriteOnly()
    with pytest.raises(InterruptedError):
        streamdcm.dcmwrite(target, multi_frame(), progress=object_to_ten, **unknown())
    assert not any(event.bytes_written > 2000 for event in told)
    assert len(target.data) < 2000


@pytest.mark.parametrize(
    "write", [in_order, lambda *given, **options: streamdcm.dcmwrite(WriteOnly(), *given, **options)]
)
def test_a_full_disk_names_the_directory_and_the_way_out(write, monkeypatch, tmp_path):
    def full(descriptor, buffers):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(SpoolError, match=rf"{tmp_path}.*No space left on device.*spool=") as caught:
        write(multi_frame(), **unknown(spool=tmp_path))
    assert caught.value.errno == 28
    assert open_files(tmp_path) == []


def test_no_directory_for_temporary_files(monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: (_ for _ in ()).throw(FileNotFoundError(2, "No usable one")))
    with pytest.raises(SpoolError, match="the system's directories"):
        in_order(multi_frame(), **unknown())


@pytest.mark.parametrize("spool", ["sometimes", None, 5, "/no/such/directory", Path("/etc/hosts")])
def test_a_directory_that_is_not_there_is_refused_at_once(spool):
    with pytest.raises(PlanError, match="spool must be 'auto', 'never' or a directory that is there"):
        streamdcm.iter_chunks(multi_frame(), spool=spool)


def test_never_says_what_is_waited_for_and_what_fits_the_call():
    with pytest.raises(HoldLimitError) as caught:
        in_order(multi_frame(), **unknown(spool="never"))
    assert str(caught.value) == (
        "more than 300,000 bytes would be held back for (0028,0008) NumberOfFrames, which comes late; number_of_frames="
        " tells it ahead: leave out spool='never', so that they go to a temporary file, or raise hold_limit"
    )
    with pytest.raises(HoldLimitError, match=r"the length of \(7FE0,0010\) PixelData, which its ByteStream"):
        in_order(ct(PixelData=streamdcm.ByteStream(iter([bytes(LIMIT)]))), hold_limit=LIMIT, spool="never")


def reused_frame(number: int):
    return next(frame for index, frame in enumerate(reused(COUNT)) if index == number)


def count_calls(monkeypatch, name: str) -> list[int]:
    """Note what a function of `os` answers."""
    answers: list[int] = []
    function = getattr(os, name)

    def called(*arguments):
        answers.append(function(*arguments))
        return answers[-1]

    monkeypatch.setattr(os, name, called)
    return answers
