"""``streamdcm copy``, run as a user runs it."""

import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file

import streamdcm
from streamdcm.cli.app import main
from tests.support import python
from tests.support.images import template
from tests.support.open_files import open_files
from tests.support.tools import package

pytestmark = pytest.mark.slow

MAIN = "import sys; from streamdcm.cli.app import main; sys.exit(main())"
CT = get_testdata_file("CT_small.dcm")


def run(*arguments, **options):
    command = python(MAIN, *arguments)
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


def test_elements_are_set_and_deleted(tmp_path):
    target = tmp_path / "out.dcm"
    edits = (
        *("--set", "PatientName=Doe^Jane=x", "--set", "0010,0020=", "--set", r"ImageType=DERIVED\SECONDARY"),
        *("--set", "Rows=64", "--set", r"WindowCenter=1.5\2", "--set", "Columns="),
        *("--set", r"RedPaletteColorLookupTableDescriptor=1\0\8"),
        *("--set", "FrameIncrementPointer=00181063", "--set", "0009,1001=private", "--set", "SliceThickness=1"),
        *("--delete", "PatientBirthDate", "--delete", "(0008,0060)", "--delete", "SliceThickness"),
    )  # fmt: skip
    assert main(["copy", "--quiet", *edits, CT, str(target)]) == 0
    after = pydicom.dcmread(target)
    assert after.PatientName == "Doe^Jane=x"
    assert (after.PatientID, after.ImageType) == ("", ["DERIVED", "SECONDARY"])
    assert (after.Rows, after.Columns, after.WindowCenter) == (64, None, [1.5, 2])
    assert after.RedPaletteColorLookupTableDescriptor == [1, 0, 8]
    assert after.FrameIncrementPointer == 0x00181063
    assert after[0x00091001].value == "private"
    assert not {"PatientBirthDate", "Modality", "SliceThickness"} & set(after.dir())
    assert after.PixelData == pydicom.dcmread(CT).PixelData


@pytest.mark.parametrize("syntax", ["ImplicitVRLittleEndian", "1.2.840.10008.1.2.2", "DeflatedExplicitVRLittleEndian"])
def test_the_transfer_syntax_is_changed(tmp_path, syntax):
    target = tmp_path / "out.dcm"
    assert main(["copy", "--quiet", "--transfer-syntax", syntax, CT, str(target)]) == 0
    after = pydicom.dcmread(target)
    assert syntax in (after.file_meta.TransferSyntaxUID, after.file_meta.TransferSyntaxUID.keyword)
    assert after.PatientName == pydicom.dcmread(CT).PatientName


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "PatientNam=secret"], "'PatientNam' is neither a keyword nor a tag"),
        (["--set", "secret"], "KEYWORD=VALUE is expected"),
        (["--set", "PatientBirthDate=secret"], "PatientBirthDate: DA is YYYYMMDD, such as 19700131"),
        (["--set", "Rows=secret"], "(0028,0010) Rows: US is a whole number, such as 12"),
        (["--set", "FrameIncrementPointer=secret"], "FrameIncrementPointer: AT is a keyword or gggg,eeee"),
        (["--set", "PixelData=secret"], "(7FE0,0010) PixelData has VR OB or OW, which cannot be given as text"),
        (["--delete", "PatientNam"], "'PatientNam' is neither a keyword nor a tag"),
    ],
)
def test_wrong_edits_are_exit_status_2_and_do_not_repeat_the_value(tmp_path, arguments, message):
    done = run("copy", *arguments, CT, tmp_path / "out.dcm")
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert b"secret" not in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["copy", "--transfer-syntax", "MPEG2MPML", CT, "out.dcm"], b"frames cannot be encoded as 'MPEG2"),
        (["copy", "/nowhere/in.dcm", "out.dcm"], b"/nowhere/in.dcm: there is no folder /nowhere; make it"),
        (["copy", "missing.dcm", "out.dcm"], b"missing.dcm: there is no such file or folder; correct the name"),
        (["copy", __file__, "out.dcm"], b"is not a DICOM file"),
        (["copy", CT, "/nowhere/out.dcm"], b"/nowhere/out.dcm: there is no folder /nowhere; make it"),
        (["copy", CT, "old.dcm/out.dcm"], b"old.dcm/out.dcm: it is no folder, or a part of its path is none"),
        (["copy", "--no-overwrite", CT, "old.dcm"], b"old.dcm: it is there already; name another place"),
        (["layout", "."], b": it is a folder; name a file"),
        (["index", "missing.dcm"], b"missing.dcm: there is no such file or folder"),
        (["recover", ".missing.capture", "out.dcm"], b".missing.capture: there is no such file or folder"),
        (["clean", "missing"], b"missing: there is no such file or folder"),
        (["clean", "old.dcm"], b"old.dcm: it is no folder"),
        (["layout", "--trace", "missing"], b"missing: there is no such file or folder"),
        (["batch", "--status", "missing"], b"there is no journal missing; name the one that a run was given"),
    ],
)
def test_what_goes_wrong_is_one_line_and_exit_status_1(tmp_path, arguments, message):
    (tmp_path / "old.dcm").write_bytes(b"old")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert b"Errno" not in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert os.listdir(tmp_path) == ["old.dcm"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--transfer-syntax", "nonsense"], "'nonsense' is no transfer syntax; give a UID or a keyword"),
        (["--transfer-syntax", "JPEGLSLosless"], "did you mean 'JPEGLSLossless'?"),
        (["--transfer-syntax", "JPEGLSLossless", "--codec-option", "near=3"], "there is no codec option 'near' of"),
        (["--codec-option", "near=3"], "--codec-option is about frames that are coded, and no --transfer-syntax is"),
        (["--codec-workers", "2"], "--codec-workers is about frames that are coded, and no --transfer-syntax is"),
        (["--codec-workers", "0"], "is not a number of at least 1"),
        (["--edit", "no.module:edit"], "--edit 'no.module:edit' cannot be imported"),
        (["--split", "many"], "a size like '512 KiB'"),
        (["--split", "0"], "above 0"),
        (["--split", "2", "--transfer-syntax", "RLELossless"], "--split copies frames as they are"),
    ],
)
@pytest.mark.parametrize("sources", [["in.dcm"], ["in.dcm", "b.dcm"], ["--dry-run", "in.dcm", "b.dcm"]], ids=len)
def test_what_cannot_be_right_whatever_is_in_the_files_is_exit_status_2(arguments, message, sources, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["copy", *arguments, *sources, "out"])
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_wrong_arguments_are_exit_status_2():
    assert run("copy").returncode == 2
    assert run().returncode == 2


def test_a_full_disk_behind_standard_output_is_told():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(python(MAIN, "copy", CT, "-"), stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert done.stderr == b"streamdcm: <stdout>: no space is left on the device; make some, or name another place\n"


def test_a_reader_that_goes_away_is_no_traceback():
    done = subprocess.run(
        f"{shlex.join(python(MAIN, 'copy', CT, '-'))} | true",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr


def test_frames_are_encoded_as_said(tmp_path, capsys):
    package("imagecodecs")
    target = tmp_path / "out.dcm"
    arguments = ["--transfer-syntax", "JPEGLSNearLossless", "--codec-workers", "2", "--codec-option", "near=3"]
    assert main(["copy", "--quiet", *arguments, CT, str(target)]) == 0
    coded = pydicom.dcmread(target)
    assert coded.file_meta.TransferSyntaxUID.keyword == "JPEGLSNearLossless"
    assert coded.LossyImageCompression == "01"
    assert main(["copy", *arguments, str(target), str(tmp_path / "again.dcm")]) == 1
    assert "--codec-option is about frames that are coded, and none are" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["copy", "--codec-option", "near=much", CT, str(target)])


def test_codecs_are_listed(capsys):
    assert main(["codecs"]) == 0
    listed = capsys.readouterr().out
    assert "DeflatedImageFrame" in listed or "1.2.840.10008.1.2.8.1" in listed
    assert "JPEG2000Lossless (1.2.840.10008.1.2.4.90)\n  decode: " in listed
    assert main(["codecs", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == listed.count("  decode: ")
    assert {"transfer_syntax", "keyword", "decode", "encode"} == set(lines[0])


def codec_processes(parent: int) -> list[str]:
    """The processes that code frames for another."""
    children = Path(f"/proc/{parent}/task").glob("*/children")
    pids = [pid for child in children for pid in child.read_text().split()]
    return [pid for pid in pids if b"codec_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.mark.parametrize("codec", [("JPEG2000Lossless",), ("JPEG2000", "--codec-option", "ratio=4")], ids=len)
def test_an_interrupt_while_frames_are_coded_leaves_nothing(tmp_path, codec):
    package("imagecodecs")
    package("openjpeg")
    dataset = template(pydicom.uid.ExplicitVRLittleEndian, rows=1024, columns=1024, BitsStored=12, HighBit=11)
    noise = np.random.default_rng(1).integers(0, 4096, (1024, 1024), "u2")
    streamdcm.dcmwrite(tmp_path / "in.dcm", dataset, frames=itertools.repeat(noise, 150), number_of_frames=150)
    (tmp_path / "to").mkdir()
    command = python(
        MAIN, "copy", "--transfer-syntax", *codec, str(tmp_path / "in.dcm"), str(tmp_path / "to" / "out.dcm")
    )
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        while sum(open_files(tmp_path / "to", process.pid)) < 1 << 20:
            assert process.poll() is None
            time.sleep(0.05)
        codecs = codec_processes(process.pid)
        assert bool(codecs) is ("ratio=4" in codec)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        said = process.stderr.read()
    assert process.returncode == 130
    assert b"interrupted" in said
    assert b"Traceback" not in said
    assert list((tmp_path / "to").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert not [pid for pid in codecs if Path(f"/proc/{pid}").exists()]


def test_one_file_that_fails_is_a_line_of_json_as_one_of_several_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("no DICOM")
    assert main(["copy", "--json", str(note), str(tmp_path / "out.dcm")]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["source"], said["status"]) == (str(note), "failed")
    assert "lacks the prefix DICM" in said["error"]
    assert main(["copy", "--json", "--skip-non-dicom", str(note), str(tmp_path / "out.dcm")]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "skipped"
    assert not (tmp_path / "out.dcm").exists()
