"""``streamdcm batch``: its arguments, what it says, and its exit statuses."""

import json
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
