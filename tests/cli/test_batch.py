"""``streamdcm batch``: its arguments, what it says, and its exit statuses."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from streamdcm.batch import status
from streamdcm.cli.app import main
from tests.batch.test_run import make_instances
from tests.support import python
from tests.support.tools import package

CT, REPORT = (Path(str(get_testdata_file(name))) for name in ("CT_small.dcm", "reportsi.dcm"))


def test_a_folder_is_edited_and_the_failures_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_instances(tmp_path / "in", range(3))
    (source / "note.txt").write_text("no DICOM")
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{{relative}}", "--journal", f"{tmp_path}/run.sqlite"]
    arguments += ["--delete", "PatientBirthDate", "--set", "PatientName=Doe^Jane", "--workers", "1"]
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert f"{source}/note.txt: NotDicomError" in said
    assert "3 done (0 of them before), 1 failed, 0 to do" in said
    assert pydicom.dcmread(tmp_path / "out" / "000" / "00000.dcm").PatientName == "Doe^Jane"

    (source / "note.txt").unlink()
    assert main([*arguments, "--json", "--quiet"]) == 1  # it is in the journal still
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"] for line in lines] == ["done"] * 3 + ["failed"]
    assert lines[3]["source"] == f"{source}/note.txt"
    assert lines[3]["error"].startswith("NotDicomError")
    assert lines[0]["target"] == f"{tmp_path}/out/000/00000.dcm"
    assert main(["batch", "--status", f"{tmp_path}/run.sqlite"]) == 1
    said = capsys.readouterr().err
    assert "\n3 done, 1 failed, 0 to do\n" in said  # a journal does not say what was done before, nor how long it took
    assert "1 instance failed; run the same again to try it again" in said


def test_it_can_stop_at_the_first_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_instances(tmp_path / "in", range(30))
    first = sorted(source.rglob("*.dcm"))[0]
    first.write_bytes(b"no DICOM")
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{{relative}}", "--journal", f"{tmp_path}/run.sqlite"]
    assert main([*arguments, "--workers", "1", "--on-error", "stop"]) == 1
    left = status(tmp_path / "run.sqlite")
    assert (left.failed, left.pending > 20) == (1, True)
    assert f"{left.pending} to do" in capsys.readouterr().err
    assert main([*arguments, "--workers", "1", "--on-error", "continue"]) == 1
    assert status(tmp_path / "run.sqlite")[:2] == (29, 1)


def test_all_done_is_0_and_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_instances(tmp_path / "in", range(2))
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{{name}}", "--journal", f"{tmp_path}/run.sqlite"]
    assert main([*arguments, "--quiet", "--workers", "1"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["folder"],
        ["--journal", "run.sqlite"],
        ["folder", "--journal", "run.sqlite", "--edit", "a:b", "--delete", "PatientName"],
        ["folder", "--journal", "run.sqlite", "--workers", "two"],
    ],
)
def test_wrong_arguments_are_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["batch", *arguments])


def test_a_journal_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["batch", "folder", "--to", "out/{name}"])
    assert "batch: --journal FILE is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "/out/{PatientNam}"], "did you mean PatientName"),
        (["--to", "/out/{name"], "has braces that do not fit"),
        (["--to", "/out/{name}", "--edit", "no.module:edit"], "--edit 'no.module:edit' cannot be imported"),
        (["--to", "/out/{name}", "--transfer-syntax", "JPEGLSLosless"], "did you mean 'JPEGLSLossless'?"),
        (["--to", "/out/{name}", "--codec-option", "near=3"], "--codec-option is about frames that are coded"),
        (["--to", "/out/{name}", "--transfer-syntax", "RLELossless", "--codec-option", "near=3"], "it takes none"),
        ([], "nothing says where instances go; give --to, --send, or a manifest"),
    ],
)
def test_a_plan_that_cannot_be_is_2_with_the_reason(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = tmp_path / "run.sqlite"
    with pytest.raises(SystemExit, match="2"):
        main(["batch", str(tmp_path), *arguments, "--journal", str(journal)])
    assert message in capsys.readouterr().err
    assert not journal.exists()


def test_the_codec_is_told_what_is_asked_for(tmp_path: Path) -> None:
    package("imagecodecs")
    (tmp_path / "in").mkdir()
    shutil.copy(CT, tmp_path / "in")
    shutil.copy(REPORT, tmp_path / "in")  # which has no frames
    sizes = []
    for near in (1, 9):
        arguments = ["batch", str(tmp_path / "in"), "--to", f"{tmp_path}/{near}/{{name}}", "--workers", "1", "-q"]
        arguments += ["--transfer-syntax", "JPEGLSNearLossless", "--codec-option", f"near={near}"]
        assert main([*arguments, "--journal", f"{tmp_path}/{near}.sqlite"]) == 0
        written = tmp_path / str(near) / CT.name
        assert pydicom.dcmread(written).file_meta.TransferSyntaxUID.keyword == "JPEGLSNearLossless"
        sizes.append(written.stat().st_size)
    assert sizes[1] < sizes[0]


def test_what_is_no_dicom_is_skipped_and_not_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_instances(tmp_path / "in", range(2))
    note = source / "note.txt"
    note.write_bytes(bytes(CT.stat().st_size))
    journal = tmp_path / "run.sqlite"
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{{relative}}", "--journal", str(journal)]
    arguments += ["--set", "PatientName=x", "--workers", "1"]
    assert main(arguments) == 1
    assert "--skip-non-dicom leaves out files without the prefix DICM" in capsys.readouterr().err
    assert main([*arguments, "--skip-non-dicom"]) == 0
    assert "2 done (2 of them before), 0 failed, 1 skipped, 0 to do" in capsys.readouterr().err
    assert status(journal).non_dicom == 1

    before = note.stat()
    note.write_bytes(CT.read_bytes())
    os.utime(note, ns=(before.st_atime_ns, before.st_mtime_ns))  # nothing says that it is another file now
    assert main([*arguments, "--skip-non-dicom", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out.splitlines()[-1]) == {"source": str(note), "target": None, "status": "skipped"}
    assert main(["batch", "--status", str(journal)]) == 0
    assert "2 done, 0 failed, 1 skipped, 0 to do" in capsys.readouterr().err

    note.touch()
    assert main([*arguments, "--skip-non-dicom"]) == 0
    assert "3 done (2 of them before), 0 failed, 0 to do" in capsys.readouterr().err
    (source / "other.txt").write_text("no DICOM")
    assert main([*arguments, "--skip-non-dicom", "-q"]) == 0
    assert main(arguments) == 1  # who does not ask for it any more is told
    assert "other.txt: NotDicomError" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["{name}", "{PatientID}/{name}"])
def test_what_is_no_dicom_is_skipped_whatever_names_the_target(target: str, tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1))
    (source / "note.txt").write_text("no DICOM")
    (source / "empty").touch()
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{target}", "--journal", f"{tmp_path}/run.sqlite"]
    assert main([*arguments, "--workers", "1", "-q", "--skip-non-dicom", "--on-error", "stop"]) == 0
    assert status(tmp_path / "run.sqlite")._replace(seconds=0) == (1, 0, 0, 0, 0, f"{tmp_path}/run.sqlite", 2)


def state_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    """What is in a folder, but for what SQLite keeps beside a database that is read."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


def test_a_dry_run_says_what_a_run_would_do_and_touches_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_instances(tmp_path / "in", range(3))
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{{name}}", "--set", "PatientName=x"]
    lines = [f"{source}/000/0000{number}.dcm -> {tmp_path}/out/0000{number}.dcm" for number in range(3)]
    assert main([*arguments, "--dry-run"]) == 0
    assert capsys.readouterr() == ("".join(f"{line}\n" for line in lines), "")
    assert main([*arguments, "--dry-run", "--journal", f"{tmp_path}/run.sqlite"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]

    arguments += ["--journal", f"{tmp_path}/run.sqlite"]
    assert main([*arguments, "-q", "--workers", "1"]) == 0
    (tmp_path / "out" / "00001.dcm").unlink()
    make_instances(source, range(3, 4))
    (tmp_path / "out" / "00003.dcm").write_text("precious")
    capsys.readouterr()
    before = state_of(tmp_path)
    assert main([*arguments, "--dry-run"]) == 1  # of what is done nothing is said
    said = capsys.readouterr()
    assert said.out == f"{lines[1]}\n"
    assert f"{source}/000/00003.dcm: TargetCollision: {tmp_path}/out/00003.dcm is there, and not of this" in said.err
    assert said.err.endswith("streamdcm: 1 instance would fail\n")
    assert main([*arguments, "--dry-run", "--json"]) == 1
    planned, failed = map(json.loads, capsys.readouterr().out.splitlines())
    assert planned == {
        "source": f"{source}/000/00001.dcm",
        "target": f"{tmp_path}/out/00001.dcm",
        "status": "planned",
    }
    assert failed["status"] == "failed"
    assert main([*arguments, "--dry-run", "--delete", "PatientID"]) == 1
    assert f"the journal {tmp_path}/run.sqlite is that of another plan" in capsys.readouterr().err
    assert state_of(tmp_path) == before


def test_a_dry_run_finds_targets_of_two_and_leaves_open_what_the_datasets_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_instances(tmp_path / "in", range(1))
    shutil.copytree(source / "000", source / "001")
    assert main(["batch", str(source), "--to", "out/{name}", "--dry-run"]) == 1
    assert f"out/00000.dcm is the target of {source}/000/00000.dcm already" in capsys.readouterr().err
    assert main(["batch", str(source), "--to", "out/{PatientID}/{source.PatientID}-{stem}", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{source}/{folder}/00000.dcm -> out/{{PatientID}}/{{source.PatientID}}-00000" for folder in ("000", "001")
    ]
    assert main(["batch", str(source / "000"), "--send", "dicom://STORE@nowhere.invalid:1", "--dry-run"]) == 0
    assert capsys.readouterr().out == f"{source}/000/00000.dcm -> dicom://nowhere.invalid:1\n"
    (tmp_path / "list").write_text(f"{source}/000/00000.dcm\n")
    assert main(["batch", f"@{tmp_path}/list", "--dry-run"]) == 1
    assert "PlanError: the manifest names no target for it" in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_is_130_within_seconds_and_the_journal_is_true(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1500))
    arguments = ["batch", str(source), "--to", f"{tmp_path}/out/{{relative}}", "--journal", f"{tmp_path}/run.sqlite"]
    arguments += ["--set", "PatientName=x", "--workers", "1", "--quiet"]
    program = f"import sys; from streamdcm.cli.app import main; sys.exit(main({arguments!r}))"
    process = subprocess.Popen(python(program), stderr=subprocess.PIPE)
    while not (tmp_path / "out").exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert b"give the same command again to go on" in said
    done = len(list((tmp_path / "out").rglob("*.dcm")))
    assert 0 < done < 1500
    assert status(tmp_path / "run.sqlite").done == done
    assert main(arguments) == 0
