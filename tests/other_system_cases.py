"""What streamdcm does where files are locked and names have no case: run by tests/test_other_systems.py, in a child."""

import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, examples

import streamdcm
from streamdcm import system
from streamdcm.batch.listing import Found, found_in
from streamdcm.batch.template import TargetTemplate, name_parts, normal
from streamdcm.errors import AtomicReplaceError
from streamdcm.sinks import path_atomic
from streamdcm.sinks.hidden_files import abandoned_files
from tests.support.other_system import SYSTEM

on_windows = pytest.mark.skipif(SYSTEM != "windows", reason="files that are open can be replaced elsewhere")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "out.dcm"
    target.write_bytes(b"what was there")
    return target


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_it_is_the_other_system() -> None:
    assert (SYSTEM == "windows") == system.ON_WINDOWS
    assert system.CASES_ARE_ALIKE
    assert system.has_locks() == (SYSTEM == "macos")


@on_windows
def test_a_file_that_a_program_has_open_stays_and_the_error_says_why(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_atomic, "_PAUSE", 0.0)
    with target.open("rb") as viewer, pytest.raises(AtomicReplaceError, match="here or in another program"):
        streamdcm.dcmwrite(target, examples.ct)
        viewer.read()
    assert target.read_bytes() == b"what was there"
    assert names(target.parent) == ["out.dcm"]


@on_windows
def test_a_file_that_a_program_has_open_for_a_moment_is_replaced(target: Path) -> None:
    viewer = target.open("rb")
    timer = threading.Timer(0.25, viewer.close)
    timer.start()
    streamdcm.dcmwrite(target, examples.ct)
    timer.join()
    assert dcmread(target) == examples.ct
    assert names(target.parent) == ["out.dcm"]


@on_windows
@pytest.mark.parametrize("atomic", [True, False])
def test_what_fails_leaves_no_file_though_open_ones_cannot_be_removed(tmp_path: Path, atomic: bool) -> None:
    def frames():
        yield bytes(examples.ct.PixelData)
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="camera"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", examples.ct, frames=frames(), atomic=atomic)
    assert names(tmp_path) == []


def test_no_line_end_is_translated(tmp_path: Path) -> None:
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    dataset = examples.ct
    dataset.PixelData = b"\r\n\n\r" * (len(dataset.PixelData) // 4)
    streamdcm.dcmwrite(source, dataset)
    streamdcm.rewrite(source, target, edit={"PatientName": "A"})
    assert dcmread(target).PixelData == dataset.PixelData


def test_a_name_is_taken_in_whatever_case_it_is_written(target: Path) -> None:
    with pytest.raises(FileExistsError):
        streamdcm.dcmwrite(target.with_name("OUT.DCM"), examples.ct, overwrite=False)
    streamdcm.dcmwrite(target.with_name("Out.dcm"), examples.ct)
    assert len(names(target.parent)) == 1
    assert normal(str(target)) == normal(str(target.with_name("OUT.dcm")))


def test_who_is_first_keeps_the_name(tmp_path: Path) -> None:
    target = tmp_path / "out.dcm"
    with (
        pytest.raises(FileExistsError),
        streamdcm.open_writer(target, examples.ct, number_of_frames=1, overwrite=False) as writer,
    ):
        writer.write_frame(bytes(examples.ct.PixelData))
        target.write_bytes(b"first")
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["out.dcm"]


@on_windows
def test_backslashes_and_drives_are_paths(tmp_path: Path) -> None:
    directory = str(tmp_path).replace("/", "\\")
    streamdcm.dcmwrite(f"C:{directory}\\one.dcm", examples.ct)
    streamdcm.dcmwrite(f"{directory}\\two.dcm", examples.ct)
    streamdcm.rewrite(f"c:{directory}\\ONE.dcm", f"{directory}/three.dcm")
    assert names(tmp_path) == ["one.dcm", "three.dcm", "two.dcm"]


@on_windows
def test_a_list_has_backslashes_too(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.dcm").write_bytes(b"")
    pattern = f"{tmp_path}/*/*.dcm".replace("/", "\\")
    (found,) = found_in([pattern], {})
    assert found.relative == "a/1.dcm"
    assert TargetTemplate("C:\\out/{parent}/{name}").expanded(found, {}, {}) == "C:\\out\\a\\1.dcm"


@on_windows
def test_no_value_is_the_name_of_a_device() -> None:
    dataset = Dataset()
    dataset.PatientID = "nul"
    part = name_parts(dataset, ["PatientID"])
    assert TargetTemplate("out/{PatientID}/x").expanded(Found("x", "x"), part, {}) == "out\\_nul\\x"


def test_a_file_is_rewritten_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    streamdcm.dcmwrite(path, examples.ct)
    streamdcm.rewrite(path, path, edit={"PatientName": "New"})
    assert dcmread(path).PatientName == "New"
    assert names(tmp_path) == ["file.dcm"]


@on_windows
def test_what_was_abandoned_is_old_and_open_nowhere(tmp_path: Path) -> None:
    new, old, open_ = (tmp_path / f".{name * 12}.partial" for name in "abc")
    for path in (new, old, open_):
        path.write_bytes(b"half")
    hours_ago = datetime.now(UTC).timestamp() - 7200
    os.utime(old, (hours_ago, hours_ago))
    os.utime(open_, (hours_ago, hours_ago))
    with open_.open("rb"):
        assert [Path(found.path.replace("\\", "/")) for found in abandoned_files(str(tmp_path))] == [old]


def test_reading_at_an_offset_moves_no_position(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    path.write_bytes(bytes(range(256)) * 16)
    with path.open("rb", buffering=0) as file:
        file.seek(7)
        wrong: list[int] = []

        def read(offset: int) -> None:
            for _ in range(200):
                if system.pread(file.fileno(), 1, offset) != bytes([offset]):
                    wrong.append(offset)

        threads = [threading.Thread(target=read, args=(offset,)) for offset in (3, 77, 200)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong
        assert file.tell() == 7
