"""SIGTERM ends a command as Ctrl-C does: nothing is left, and the exit status tells."""

import fcntl
import os
import signal
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from streamdcm.cli.app import main
from tests.support import python
from tests.support.open_files import open_files

pytestmark = pytest.mark.slow

MAIN = "import sys; from streamdcm.cli.app import main; sys.exit(main())"
CT = get_testdata_file("CT_small.dcm")
ENOUGH = 64 << 20
STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}


def begun(folder: Path, *arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
    """A command that has written a good deal of a file in a folder, and has more to write."""
    process = subprocess.Popen(python(MAIN, *arguments), stderr=subprocess.PIPE, **options)
    deadline = time.monotonic() + 60
    while sum(open_files(folder, process.pid)) < ENOUGH:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_a_gigabyte_that_is_being_written_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    target = tmp_path / "old.dcm"
    target.write_bytes(b"old")
    process = begun(tmp_path, "demo", "--size", "1 GiB", "--out", target)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == STATUS[number]
    assert b"nothing is left half-written" in said
    assert b"Traceback" not in said
    assert os.listdir(tmp_path) == ["old.dcm"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_the_folder_of_a_demo_without_a_name_is_removed(number: signal.Signals, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        python(MAIN, "demo", "--quiet", "--size", "1 GiB"), stderr=subprocess.PIPE, env=environment
    )
    deadline = time.monotonic() + 60
    while sum(open_files(tmp_path, process.pid)) < ENOUGH:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == STATUS[number]
    assert os.listdir(tmp_path) == []


def test_it_is_cleaned_up_once_however_often_it_is_told_to_end(tmp_path: Path) -> None:
    target = tmp_path / "old.dcm"
    target.write_bytes(b"old")
    process = begun(tmp_path, "demo", "--quiet", "--size", "1 GiB", "--out", target)
    while process.poll() is None:
        process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode in (143, -signal.SIGTERM)  # the latter if it had left main() already
    assert b"Traceback" not in said
    assert os.listdir(tmp_path) == ["old.dcm"]


def test_a_copy_that_waits_for_its_input_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen(
        python(MAIN, "copy", "-", tmp_path / "out.dcm"),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert process.stdin is not None
    process.stdin.write(Path(CT).read_bytes()[:20_000])
    process.stdin.flush()
    while int.from_bytes(fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)), sys.byteorder):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    assert os.listdir(tmp_path) == ["temporary"]
    assert os.listdir(folder) == []


def handler(number: int, frame: Any) -> None:
    """A handler that a program set before it ran a command."""


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN, handler])
@pytest.mark.parametrize("source", [CT, "/nowhere/in.dcm"])
def test_the_handler_is_that_of_before_when_a_command_is_over(before: Any, source: str, tmp_path: Path) -> None:
    old = signal.signal(signal.SIGTERM, before)
    try:
        main(["copy", "--quiet", source, str(tmp_path / "out.dcm")])
        assert signal.getsignal(signal.SIGTERM) is before
    finally:
        signal.signal(signal.SIGTERM, old)


def test_in_another_thread_a_command_leaves_signals_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(main, ["copy", "--quiet", CT, str(tmp_path / "out.dcm")]).result(60) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr() == ("", "")
