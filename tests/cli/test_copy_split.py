"""``streamdcm copy --split``: the frames of one file over several."""

import os

import pydicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from tests.support.images import as_jpeg, pixels, template


def source(path, syntax):
    ds = template(syntax, rows=64, columns=64, SharedFunctionalGroupsSequence=Sequence([Dataset()]))
    native = pixels(7, shape=(64, 64))
    frames = [as_jpeg(frame.tobytes()[:999]) for frame in native] if syntax == JPEGBaseline8Bit else native
    streamdcm.dcmwrite(path, ds, frames=frames)
    return frames


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, JPEGBaseline8Bit])
def test_the_instances_are_those_of_dcmwrite(syntax, tmp_path, capsys):
    frames = source(tmp_path / "in.dcm", syntax)
    assert main(["copy", "--split", "3", str(tmp_path / "in.dcm"), str(tmp_path / "out.dcm")]) == 0
    assert "3 instances" in capsys.readouterr().err
    names = [f"out-{number:04}.dcm" for number in (1, 2, 3)]
    assert sorted(os.listdir(tmp_path)) == ["in.dcm", *names]
    parts = [pydicom.dcmread(tmp_path / name) for name in names]
    assert [part.NumberOfFrames for part in parts] == [3, 3, 1]
    if syntax == JPEGBaseline8Bit:
        found = [f for part in parts for f in generate_frames(part.PixelData, number_of_frames=part.NumberOfFrames)]
        assert [frame[: len(wanted)] for frame, wanted in zip(found, frames, strict=True)] == frames
    else:
        whole = pydicom.dcmread(tmp_path / "in.dcm").PixelData
        assert b"".join(part.PixelData for part in parts) == whole


def test_a_size_and_an_edit(tmp_path):
    source(tmp_path / "in.dcm", ExplicitVRLittleEndian)
    arguments = ["--quiet", "--split", "20 KB", "--set", "PatientID=5"]
    assert main(["copy", *arguments, str(tmp_path / "in.dcm"), str(tmp_path / "out.dcm")]) == 0
    parts = [path for path in tmp_path.iterdir() if path.name.startswith("out-")]
    assert len(parts) > 1
    assert max(path.stat().st_size for path in parts) <= 20_000
    assert {pydicom.dcmread(path).PatientID for path in parts} == {"5"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-", "out.dcm"], "give paths"),
        (["in.dcm", "-"], "give paths"),
        (["--transfer-syntax", "ImplicitVRLittleEndian", "in.dcm", "out.dcm"], "as they are"),
        (["in.dcm", "in.dcm", "out"], "is for one file"),
    ],
)
def test_arguments_that_go_not_with_dividing_are_2(arguments, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["copy", "--split", "2", *arguments])
    assert message in capsys.readouterr().err


def test_what_cannot_be_divided_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pydicom.examples.ct.save_as("in.dcm")
    assert main(["copy", "--split", "2", "in.dcm", "out.dcm"]) == 1
    assert "Multi-frame Functional Groups" in capsys.readouterr().err
    assert os.listdir() == ["in.dcm"]
