"""One call at a time: whoever comes in between is refused, and changes nothing."""

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from streamdcm.errors import ReentryError
from streamdcm.write.writer import FrameWriter
from tests.support.images import template
from tests.support.targets import WriteOnly

SIZE = 70
INTRUSIONS: dict[str, Callable[[FrameWriter], Any]] = {
    "write_frame": lambda writer: writer.write_frame(bytes(SIZE)),
    "write": lambda writer: writer.write(bytes(SIZE)),
    "set": lambda writer: writer.set("ImageComments", "late"),
    "close": lambda writer: writer.close(),
    "abort": lambda writer: writer.abort(),
    "__del__": lambda writer: writer.__del__(),
    "__enter__": lambda writer: writer.__enter__(),
}
each_intrusion = pytest.mark.parametrize("intrude", INTRUSIONS.values(), ids=INTRUSIONS.keys())


@pytest.fixture
def hasty() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Slow(WriteOnly):
    """Takes nothing before it may; then all."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = threading.Event(), threading.Event()
        self.may.set()

    def write(self, data: bytes) -> int:
        self.asked.set()
        assert self.may.wait(20)
        return super().write(data)


def frames(count: int, size: int = SIZE) -> list[bytes]:
    return [bytes([number % 255]) * size for number in range(count)]


def in_background(function: Callable[..., Any], *arguments: Any) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result(20)


@pytest.mark.parametrize("attempt", range(3))
@pytest.mark.slow
def test_intruders_lose_no_frame_and_touch_no_other_file(attempt: int, tmp_path: Path, hasty: None) -> None:
    """What belongs to a descriptor that was closed too early would be written into the next file that is opened."""
    shape = {"rows": 400, "columns": 500, "bits": 8}
    given, done = frames(600, 200_000), threading.Event()
    intruders, others = 2, tmp_path / "others"
    others.mkdir()

    def intrude(writer: FrameWriter) -> int:
        taken = 0
        while not done.is_set():
            try:
                writer.write_frame(b"\xff" * 200_000)
                taken += 1
            except ReentryError:
                continue
        return taken

    def open_files() -> None:
        number = 0
        while not done.is_set():
            descriptors = [os.open(others / f"{number}-{part}", os.O_CREAT | os.O_WRONLY) for part in range(4)]
            number += 1
            for descriptor in descriptors:
                os.close(descriptor)

    path = tmp_path / "out.dcm"
    with ThreadPoolExecutor(intruders + 1) as pool:
        try:
            with streamdcm.open_writer(path, template(ExplicitVRLittleEndian, **shape)) as writer:
                counts = [pool.submit(intrude, writer) for _ in range(intruders)]
                opened = pool.submit(open_files)
                for frame in given:
                    while True:
                        try:
                            writer.write_frame(frame)
                            break
                        except ReentryError:  # an intruder was in
                            continue
                done.set()
                taken = sum(count.result(20) for count in counts)
        finally:
            done.set()
        opened.result(20)
    assert [file.name for file in others.iterdir() if file.stat().st_size] == []
    read = pydicom.dcmread(path)
    pixels = [read.PixelData[start : start + 200_000] for start in range(0, len(read.PixelData), 200_000)]
    assert [frame for frame in pixels if frame[0] != 0xFF] == given
    assert read.NumberOfFrames == len(given) + taken


@each_intrusion
def test_a_second_thread_is_refused_and_the_writer_stays_usable(intrude: Callable[[FrameWriter], Any]) -> None:
    sink, given = Slow(), frames(5, 100_000)
    dataset = template(ExplicitVRLittleEndian, rows=250, columns=400, bits=8)
    options: dict[str, Any] = {"late": {"ImageComments": 8}, "number_of_frames": 5}
    with streamdcm.open_writer(sink, dataset, **options) as writer, ThreadPoolExecutor(1) as pool:
        writer.set("ImageComments", "early")
        for frame in given[:4]:
            writer.write_frame(frame)
        sink.may.clear()
        sink.asked.clear()
        last = pool.submit(lambda: (writer.write_frame(given[4]), writer.close()))
        assert sink.asked.wait(20)
        for _ in range(3):
            with pytest.raises(ReentryError, match="another call on this writer is running"):
                intrude(writer)
        sink.may.set()
        last.result(20)
    read = pydicom.dcmread(io.BytesIO(sink.data))
    assert read.PixelData == b"".join(given)
    assert read.ImageComments == "early"


@each_intrusion
def test_a_progress_callback_is_refused_and_the_writer_stays_usable(
    intrude: Callable[[FrameWriter], Any], tmp_path: Path
) -> None:
    refused = []

    def progress(event: streamdcm.ProgressEvent) -> None:
        with pytest.raises(ReentryError):
            intrude(writer)
        refused.append(event)

    path, given = tmp_path / "out.dcm", frames(5)
    with streamdcm.open_writer(
        path, template(ExplicitVRLittleEndian, bits=16), progress=progress, late={"ImageComments": 8}
    ) as writer:
        writer.set("ImageComments", "early")
        for frame in given:
            writer.write_frame(frame)
    assert refused
    assert pydicom.dcmread(path).PixelData == b"".join(given)


@each_intrusion
def test_a_callback_that_lets_the_refusal_out_cancels_the_write(
    intrude: Callable[[FrameWriter], Any], tmp_path: Path
) -> None:
    path = tmp_path / "old.dcm"
    path.write_bytes(b"old")

    def progress(event: streamdcm.ProgressEvent) -> None:
        intrude(writer)

    with (
        pytest.raises(ReentryError),
        streamdcm.open_writer(path, template(ExplicitVRLittleEndian), progress=progress, late=[]) as writer,
    ):
        writer.write_frame(bytes(SIZE))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.dcm"]


def test_threads_may_take_turns(tmp_path: Path) -> None:
    with streamdcm.open_writer(tmp_path / "out.dcm", template(ExplicitVRLittleEndian)) as writer:
        for frame in frames(3):
            in_background(writer.write_frame, frame)
        in_background(writer.close)
    assert pydicom.dcmread(tmp_path / "out.dcm").PixelData == b"".join(frames(3))


def test_a_writer_is_entered_once(tmp_path: Path) -> None:
    with streamdcm.open_writer(tmp_path / "out.dcm", template(ExplicitVRLittleEndian)) as writer:
        writer.write_frame(bytes(SIZE))
        with pytest.raises(ReentryError, match="was entered before"):
            writer.__enter__()
    assert pydicom.dcmread(tmp_path / "out.dcm").NumberOfFrames == 1


class Pausing:
    """Frames, the second of which does not come before it may."""

    def __init__(self) -> None:
        self.asked, self.may = threading.Event(), threading.Event()

    def __call__(self) -> Iterator[bytes]:
        yield bytes(SIZE)
        self.asked.set()
        assert self.may.wait(20)
        yield bytes(SIZE)


@pytest.mark.parametrize("failure", [None, ZeroDivisionError])
def test_leaving_the_block_waits_for_a_call_that_another_thread_makes(
    failure: type[Exception] | None, tmp_path: Path
) -> None:
    path, pausing = tmp_path / "old.dcm", Pausing()
    path.write_bytes(b"old")
    dataset = template(ExplicitVRLittleEndian)
    dataset.EncapsulatedDocument = streamdcm.ByteStream(pausing())
    writer = streamdcm.open_writer(path, dataset)
    with ThreadPoolExecutor(1) as pool:
        entering = pool.submit(writer.__enter__)
        assert pausing.asked.wait(20)
        threading.Timer(0.2, pausing.may.set).start()
        with pytest.raises(ReentryError) if failure is None else pytest.raises(AssertionError, match="untouched"):
            writer.__exit__(failure, failure and failure(), None)
            raise AssertionError("untouched")
        assert entering.result(20) is writer
        with pytest.raises(ValueError, match="not open"):
            writer.write_frame(bytes(SIZE))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.dcm"]


@pytest.mark.parametrize("options", [{}, {"split": 1}], ids=str)
def test_frames_that_another_write_is_asking_for_are_refused(options: dict[str, Any], tmp_path: Path) -> None:
    pausing = Pausing()
    given = pausing()
    dataset = template(ExplicitVRLittleEndian, InstanceNumber=1, SharedFunctionalGroupsSequence=[pydicom.Dataset()])
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(streamdcm.dcmwrite, tmp_path / "first.dcm", dataset, frames=given)
        assert pausing.asked.wait(20)
        with pytest.raises(ReentryError, match="give each write its own"):
            streamdcm.dcmwrite(tmp_path / "second.dcm", dataset, frames=given, **options)
        pausing.may.set()
        first.result(20)
    assert pydicom.dcmread(tmp_path / "first.dcm").NumberOfFrames == 2
    assert os.listdir(tmp_path) == ["first.dcm"]


def test_chunks_that_another_thread_is_asking_for_are_refused() -> None:
    pausing = Pausing()
    chunks = streamdcm.iter_chunks(template(ExplicitVRLittleEndian), frames=pausing(), number_of_frames=2)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: b"".join(chunks))
        assert pausing.asked.wait(20)
        for intrude in (lambda: next(chunks), chunks.close):
            with pytest.raises(ReentryError):
                intrude()
        pausing.may.set()
        assert pydicom.dcmread(io.BytesIO(first.result(20))).NumberOfFrames == 2
