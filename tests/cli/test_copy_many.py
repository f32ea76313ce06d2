"""Several files are copied into a folder, each failure is named at the end, and nothing is half done."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest
from pydicom import dcmread

from streamdcm.cli.app import main
from tests.network.test_dimse import CT_SMALL


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "in"
    for name in ("a/1.dcm", "a/2.dcm", "b/c/1.dcm"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CT_SMALL, tree / name)
    (tree / "b" / "notes.txt").write_text("no DICOM " * 40)
    return tree


def below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def said(captured: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in captured.splitlines()]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_folder_is_copied_with_what_is_below(tree: Path, workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tree.parent / "out"
    arguments = ["--skip-non-dicom", "--workers", workers, "--set", "PatientName=New^Name", "-r"]
    assert main(["copy", *arguments, str(tree), f"{out}/"]) == 0
    assert below(out) == ["a/1.dcm", "a/2.dcm", "b/c/1.dcm"]
    assert {str(dcmread(path).PatientName) for path in out.rglob("*.dcm")} == {"New^Name"}
    assert re.fullmatch(r"3 copied, 1 skipped; [\d.]+ s\n", capsys.readouterr().err)


def test_what_fails_is_named_at_the_end_and_the_others_are_copied(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tree.parent / "out"
    assert main(["copy", "-r", "--json", str(tree), str(out)]) == 1
    captured = capsys.readouterr()
    assert below(out) == ["a/1.dcm", "a/2.dcm", "b/c/1.dcm"]
    first, remedy, last = captured.err.splitlines()
    assert first.startswith(f"streamdcm: {tree}/b/notes.txt: NotDicomError")
    assert remedy == "streamdcm: --skip-non-dicom leaves out files without the prefix DICM"
    assert re.fullmatch(r"streamdcm: 3 copied, 1 failed; [\d.]+ s", last)
    statuses = {Path(each["source"]).name: each["status"] for each in said(captured.out)}
    assert statuses == {"1.dcm": "copied", "2.dcm": "copied", "notes.txt": "failed"}


def test_after_a_failure_none_is_begun_if_that_is_asked_for(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "a" / "0.dcm").write_bytes(b"no DICOM" * 100)
    for number in range(20):
        shutil.copy(CT_SMALL, tree / "b" / f"{number}.dcm")
    assert main(["copy", "-r", "--on-error", "stop", str(tree), str(tree.parent / "out")]) == 1
    assert "not begun" in capsys.readouterr().err.splitlines()[-1]


def test_a_dry_run_says_where_each_would_go(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tree.parent / "out"
    assert main(["copy", "--dry-run", str(tree / "a" / "*.dcm"), f"{out}"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"{tree}/a/{name} -> {out}/{name}" for name in ("1.dcm", "2.dcm")]
    assert not out.exists()


def test_two_files_never_get_one_name(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "b" / "notes.txt").unlink()
    assert main(["copy", "-r", "--flatten", str(tree), str(tree.parent / "out")]) == 1
    assert "would both be" in capsys.readouterr().err
    (tree / "b" / "c" / "1.dcm").rename(tree / "b" / "c" / "3.dcm")
    assert main(["copy", "-rq", "--flatten", str(tree), str(tree.parent / "out")]) == 0
    assert below(tree.parent / "out") == ["1.dcm", "2.dcm", "3.dcm"]


def test_a_folder_needs_r(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy", str(tree), str(tree.parent / "out")]) == 1
    assert "is a folder; -r copies" in capsys.readouterr().err


def test_one_file_goes_into_a_folder_that_is_named_as_one(tmp_path: Path) -> None:
    assert main(["copy", "-q", str(CT_SMALL), f"{tmp_path}/new/"]) == 0
    assert main(["copy", "-q", str(CT_SMALL), str(tmp_path / "new"), "--no-overwrite"]) == 1
    assert below(tmp_path) == [f"new/{os.path.basename(CT_SMALL)}"]


def test_a_list_names_files(tree: Path) -> None:
    names = tree.parent / "names"
    names.write_text(f"{tree}/a/1.dcm\n{tree}/a/2.dcm\n")
    assert main(["copy", "-q", f"@{names}", str(tree.parent / "out")]) == 0
    assert below(tree.parent / "out") == ["1.dcm", "2.dcm"]


def test_a_function_edits(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree.parent / "my_edit.py").write_text("def blank(dataset):\n    dataset.PatientName = 'By^Function'\n")
    monkeypatch.chdir(tree.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    out = tree.parent / "out"
    assert main(["copy", "-q", "--edit", "my_edit:blank", str(tree / "a" / "1.dcm"), str(out) + ".dcm"]) == 0
    assert main(["copy", "-q", "--edit", "my_edit:blank", str(tree / "a" / "*.dcm"), str(out)]) == 0
    for path in (f"{out}.dcm", out / "1.dcm", out / "2.dcm"):
        assert dcmread(path).PatientName == "By^Function"


def test_forced_files_begin_like_dicom(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes, bare = tree / "b" / "notes.txt", tree / "bare.dcm"
    bare.write_bytes(CT_SMALL.read_bytes()[132:])
    assert main(["copy", "--force", str(notes), str(tree / "out.dcm")]) == 1
    assert "does not begin with an element of group 0002 or 0008" in capsys.readouterr().err
    assert main(["copy", "-q", "--force", str(bare), str(tree / "out.dcm")]) == 0
    assert main(["copy", "-rq", "--force", "--skip-non-dicom", str(tree), str(tree.parent / "out")]) == 0
    assert "b/notes.txt" not in below(tree.parent / "out")


def test_nobody_waits_for_a_pipe_in_a_folder(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tree / "pipe")
    assert main(["copy", "-r", "--force", str(tree), str(tree.parent / "out")]) == 1
    assert f"{tree}/pipe is a named pipe, and no file; leave it out" in capsys.readouterr().err


def test_items_of_sequences_are_edited(tmp_path: Path) -> None:
    dataset = dcmread(CT_SMALL)
    dataset.OtherPatientIDsSequence = []
    target = tmp_path / "out.dcm"
    assert main(["copy", "-q", "--set", "OtherPatientIDsSequence[0].PatientID=7", str(CT_SMALL), str(target)]) == 0
    assert dcmread(target).OtherPatientIDsSequence[0].PatientID == "7"
    again = tmp_path / "again.dcm"
    assert main(["copy", "-q", "--delete", "OtherPatientIDsSequence[*].PatientID", str(target), str(again)]) == 0
    assert "PatientID" not in dcmread(again).OtherPatientIDsSequence[0]


@pytest.mark.parametrize(
    ("keyword", "wrong", "right", "hint"),
    [
        ("PatientBirthDate", "31.1.1970", "19700131", "DA is YYYYMMDD, such as 19700131"),
        ("PatientBirthDate", "19701331", "19701231", "DA is YYYYMMDD, such as 19700131"),
        ("StudyTime", "1:30pm", "133000", "TM is HHMMSS or HHMMSS.FFFFFF, such as 133005"),
        ("PatientAge", "old", "045Y", "AS is nnnD, nnnW, nnnM or nnnY, such as 045Y"),
        ("PatientWeight", "72,5", "72.5", "DS is a decimal number"),
        ("SeriesNumber", "one", "1", "IS is a whole number, such as 12"),
        ("StudyInstanceUID", "1.02", "1.2", "UI is numbers with dots between"),
        ("PatientSex", "female", "F", "CS is at most 16 of A-Z"),
        ("Rows", "many", "128", "US is a whole number"),
    ],
)
def test_a_wrong_value_is_told_how_it_is_written(
    keyword: str, wrong: str, right: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["copy", "--set", f"{keyword}={wrong}", str(CT_SMALL), str(tmp_path / "out.dcm")])
    said = capsys.readouterr().err
    assert hint in said
    assert wrong not in said
    assert main(["copy", "-q", "--set", f"{keyword}={right}", str(CT_SMALL), str(tmp_path / "out.dcm")]) == 0


def test_advice_is_for_a_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in.dcm").write_bytes(CT_SMALL.read_bytes()[132:])
    assert main(["copy", str(tmp_path / "in.dcm"), str(tmp_path / "out.dcm")]) == 1
    assert "--force" in (said := capsys.readouterr().err)
    assert "force=" not in said
