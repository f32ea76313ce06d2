"""``streamdcm copy``, run as a user runs it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file

from streamdcm.cli.app import main

CT = get_testdata_file("CT_small.dcm")


def run(*arguments, **options):
    command = [sys.executable, "-c", "import sys; from streamdcm.cli.app import main; sys.exit(main())", *arguments]
    return subprocess.run(command, capture_output=True, check=False, **options)


def test_a_file_is_copied_and_what_was_done_is_said(tmp_path, capsys):
    target = tmp_path / "out.dcm"
    assert main(["copy", CT, str(target)]) == 0
    assert pydicom.dcmread(target) == pydicom.dcmread(CT)
    assert f"{target}: {target.stat().st_size:,} bytes" in capsys.readouterr().err


def test_quiet_says_nothing(tmp_path, capsys):
    assert main(["copy", "--quiet", CT, str(tmp_path / "out.dcm")]) == 0
    assert capsys.readouterr() == ("", "")


def test_standard_input_and_output_are_files_too(tmp_path):
    main(["copy", "--quiet", CT, str(tmp_path / "out.dcm")])
    done = run("copy", "-", "-", input=Path(CT).read_bytes())
    assert done.stdout == (tmp_path / "out.dcm").read_bytes()
    assert b"keeping standard input in" in done.stderr
    spool = done.stderr.split()[5].decode()
    assert "streamdcm-" in spool
    assert not os.path.exists(spool)


def test_a_file_is_copied_over_itself(tmp_path):
    path = tmp_path / "ct.dcm"
    shutil.copy(CT, path)
    assert main(["copy", "--enforce-file-format", str(path), str(path)]) == 0
    assert pydicom.dcmread(path).file_meta.FileMetaInformationVersion == b"\0\1"


def test_lengths_are_written_as_asked_for(tmp_path):
    target = tmp_path / "out.dcm"
    main(["copy", "--sequence-lengths", "undefined", "--group-lengths", "write", CT, str(target)])
    again = pydicom.dcmread(target)
    assert again["OtherPatientIDsSequence"].is_undefined_length
    assert again[0x00080000].VR == "UL"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["copy", "/nowhere/in.dcm", "out.dcm"], b"No such file"),
        (["copy", __file__, "out.dcm"], b"is not a DICOM file"),
        (["copy", CT, "/nowhere/out.dcm"], b"No such file"),
        (["copy", "--no-overwrite", CT, "old.dcm"], b"File exists"),
    ],
)
def test_what_goes_wrong_is_one_line_and_exit_status_1(tmp_path, arguments, message):
    (tmp_path / "old.dcm").write_bytes(b"old")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["old.dcm"]


def test_wrong_arguments_are_exit_status_2():
    assert run("copy").returncode == 2
    assert run().returncode == 2


def test_a_reader_that_goes_away_is_no_traceback():
    done = subprocess.run(
        f"{sys.executable} -c 'import sys; from streamdcm.cli.app import main; sys.exit(main())' copy {CT} - | true",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
