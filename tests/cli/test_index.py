"""``streamdcm index`` tells of any file what ``frame_index=True`` tells of one that is written."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from tests.support.images import compressed, pixels, template


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["index", *map(str, arguments)]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "options", [{}, {"offset_table": "extended"}, {"offset_table": "empty"}, {"fragment_size": 16}]
)
@pytest.mark.parametrize("sizes", [[32], [32, 70_000, 4, 56]], ids=len)
def test_compressed_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any], sizes: list[int]
) -> None:
    path = tmp_path / "tiles.dcm"
    dataset = template(JPEGBaseline8Bit, bits=8)
    result = streamdcm.dcmwrite(path, dataset, frames=compressed(sizes), frame_index=True, **options)
    found = json.loads(printed(capsys, path, "--json"))
    assert found == {"transfer_syntax": JPEGBaseline8Bit, "frames": [list(pair) for pair in result.frames or ()]}
    assert printed(capsys, f"file://{path}") == "".join(f"{at} {length}\n" for at, length in result.frames or ())


def test_native_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cine.dcm"
    result = streamdcm.dcmwrite(path, template(ExplicitVRLittleEndian), frames=pixels(4), frame_index=True)
    assert json.loads(printed(capsys, path, "--json"))["frames"] == [list(pair) for pair in result.frames or ()]


def test_files_that_are_indexed_already_have_one_frame(capsys: pytest.CaptureFixture[str]) -> None:
    path = get_testdata_file("CT_small.dcm")
    [[offset, length]] = json.loads(printed(capsys, path, "--json"))["frames"]
    content = Path(path).read_bytes()
    assert (length, content[offset - 12 : offset - 8]) == (32_768, b"\xe0\x7f\x10\x00")


@pytest.mark.parametrize("name", ["rtplan.dcm", "deflated"])
def test_what_has_no_frames_with_a_place_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = get_testdata_file(name) if name != "deflated" else str(tmp_path / "deflated.dcm")
    if name == "deflated":
        streamdcm.dcmwrite(path, template(DeflatedExplicitVRLittleEndian), frames=pixels(2))
    assert main(["index", path]) == 1
    error = capsys.readouterr().err
    assert "no (7FE0,0010)" in error or "deflated" in error


@pytest.mark.parametrize("command", ["index", "layout"])
def test_a_pipe_cannot_be_looked_at(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    reading, writing = os.pipe()
    try:
        assert main([command, f"/dev/fd/{reading}"]) == 1
        assert "only goes forwards, and is to be looked at here and there; save it" in capsys.readouterr().err
    finally:
        os.close(reading)
        os.close(writing)
