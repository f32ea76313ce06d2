"""Frames that are coded by processes: the same bytes, errors by name, and no process left."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streamdcm.errors import CodecError
from streamdcm.pixels.codecs import table
from streamdcm.pixels.codecs.recode import Recoding
from streamdcm.pixels.codecs.table import CODECS, Codec
from streamdcm.write import coded_frames
from streamdcm.write.codec_process import CodecProcesses
from streamdcm.write.coded_frames import CodedFrames
from tests.support import ROOT
from tests.support.coded import KINDS, arrays, image

pytestmark = pytest.mark.slow


def by_processes() -> Codec:
    """What keeps the interpreter's lock, and is always there."""
    [codec] = [codec for codec in CODECS if codec.syntax == table.RLE and codec.library == "pydicom: pydicom"]
    return codec


def recoding() -> Recoding:
    seen = image(KINDS[1])
    return Recoding(seen, seen, None, by_processes())


def frames(count: int) -> list[bytes]:
    return [frame.tobytes() for frame in arrays(KINDS[1], count)]


def children() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if int(text.rpartition(")")[2].split()[1]) == os.getpid() and b"codec_child" in command:
                found.append(int(entry.name))
    return found


@pytest.fixture(autouse=True)
def none_left() -> None:
    yield
    assert children() == []


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few frames be enough for processes."""
    monkeypatch.setattr(coded_frames, "_ALONE", 5000)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("count", [9, None])
def test_the_same_bytes(count: int | None) -> None:
    given = frames(9)
    alone = [recoding().code(frame, 1) for frame in given]
    assert list(CodedFrames(given, recoding(), 2, count=count)) == alone


def test_few_frames_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert len(list(CodedFrames(frames(9), recoding(), 2, count=9))) == 9


@pytest.mark.usefixtures("large")
def test_an_error_comes_back_by_its_number() -> None:
    given = frames(9)
    given[5] = given[5][:-2]
    with pytest.raises(CodecError, match="bytes of pixels") as caught:
        list(CodedFrames(given, recoding(), 2, count=9))
    assert caught.value.frame == 6


@pytest.mark.usefixtures("large")
def test_a_killed_process_is_an_error_that_names_the_frame() -> None:
    def killing():
        for number, frame in enumerate(frames(20)):
            if number == 10:
                for child in children():
                    os.kill(child, signal.SIGKILL)
            yield frame

    with pytest.raises(CodecError, match="SIGKILL") as caught:
        list(CodedFrames(killing(), recoding(), 2, count=20))
    assert caught.value.frame


@pytest.mark.usefixtures("large")
def test_no_process_is_left_when_nobody_asks_any_more() -> None:
    coded = iter(CodedFrames(frames(20), recoding(), 2, count=20))
    next(coded)
    assert children()
    coded.close()


def test_a_process_ends_with_its_input_and_not_by_an_interrupt() -> None:
    processes = CodecProcesses(recoding())
    frame = frames(1)[0]
    processes.code(frame, 1)
    [child] = children()
    os.kill(child, signal.SIGINT)
    assert processes.code(frame, 2)
    assert children() == [child]
    processes.stop()
    processes.close()


def test_a_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "print('run')\n"
        "from tests.write.test_codec_process import frames, recoding\n"
        "from streamdcm.write import coded_frames\n"
        "coded_frames._ALONE = 5000\n"
        "print(len(list(coded_frames.CodedFrames(frames(9), recoding(), 2, count=9))))\n"
    )
    (tmp_path / "pickle.py").write_text("raise RuntimeError('a module of the working directory')")
    done = subprocess.run(
        [sys.executable, "-P", str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == "run\n9\n", done.stderr
