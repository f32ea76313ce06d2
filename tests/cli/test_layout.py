"""``streamdcm layout`` shows what is where, hides what patients are called, and says by its status what is wrong."""

import base64
import json
import re
import tracemalloc
from array import array
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import JPEGBaseline8Bit

import streamdcm
from streamdcm.cli.app import main
from streamdcm.cli.layout_text import bar
from streamdcm.files.layout import layout_of
from tests.support.images import compressed, template


def tiles(path: Path, count: int = 20) -> Path:
    frames = compressed([32 + 2 * number for number in range(count)])
    dataset = template(JPEGBaseline8Bit, bits=8)
    dataset.PatientName = "Doe^Jane"
    streamdcm.dcmwrite(path, dataset, frames=frames, enforce_file_format=True)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main(["layout", *map(str, arguments)]) == status
    return capsys.readouterr().out


def test_a_file_that_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, tiles(tmp_path / "tiles.dcm"))
    assert "JPEG Baseline (Process 1)" in said.splitlines()[0]
    assert "(7FE0,0010) OB  PixelData  [undefined length]" in said
    assert "Basic Offset Table: 20 entries, all right" in said
    assert "frames 1 to 20: smallest 34, median 53 bytes, largest 72 bytes" in said
    assert "wrong" not in said
    assert "Doe" not in said


def test_frames_that_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiles(tmp_path / "tiles.dcm")
    said = printed(capsys, path, "--frames", "3..4").splitlines()
    assert [line.split()[-2:] for line in said if " frame " in line] == [["frame", "3"], ["frame", "4"]]
    found = json.loads(printed(capsys, f"file://{path}", "--json", "--frames", "20"))
    [only] = found["frames"]["list"]
    assert only["frame"] == 20
    assert path.read_bytes()[only["offset"] :][:2] == b"\xff\xd8"


def test_json_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiles(tmp_path / "tiles.dcm")
    found = json.loads(printed(capsys, path, "--json"))
    assert sum(found["sections"].values()) == found["size"] == path.stat().st_size
    assert sum(piece["length"] for piece in found["pieces"]) == found["size"]
    assert found["frames"]["tables"] == [{"name": "Basic Offset Table", "entries": 20, "first_mismatch": None}]
    assert found["problems"] == []
    assert "Doe" not in json.dumps(found)
    names = {
        piece.get("name"): piece.get("value")
        for piece in json.loads(printed(capsys, path, "--json", "--values"))["pieces"]
    }
    assert names["PatientName"] == "'Doe^Jane'"
    assert names["BitsAllocated"] == "8"


def test_a_wrong_table_is_exit_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiles(tmp_path / "tiles.dcm")
    data = bytearray(path.read_bytes())
    data[data.index(b"\xfe\xff\x00\xe0") + 8 + 4 * 4] ^= 4
    path.write_bytes(data)
    assert main(["layout", str(path)]) == 1
    said = capsys.readouterr()
    assert "Basic Offset Table: 20 entries, wrong from entry 5 on" in said.out
    assert "1 problem found, the first: entry 5 of the Basic Offset Table" in said.err
    found = json.loads(printed(capsys, path, "--json", status=1))
    assert found["frames"]["tables"][0]["first_mismatch"] == 5


def test_a_capture_that_was_not_completed_is_said_to_be_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = tiles(tmp_path / "whole.dcm").read_bytes()
    capture = tmp_path / ".live.dcm.1f0c9a3b.capture"
    capture.write_bytes(whole[:-20])
    assert main(["layout", str(capture)]) == 1
    assert "'streamdcm recover FILE OUT' makes a file of it" in capsys.readouterr().err


def test_items_and_numbers_of_another_byte_order(capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(capsys, get_testdata_file("rtplan.dcm"), "--depth", "1")
    assert "    item 1" in said or "  item 1" in said
    assert "Rows  [64]" in printed(capsys, get_testdata_file("MR_small_bigendian.dcm"), "--values")


@pytest.mark.parametrize("frames", ["0..3", "4..3", "x", "1.."])
def test_no_range_of_frames(frames: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["layout", "--frames", frames, "in.dcm"])
    assert "range of frames" in capsys.readouterr().err


def test_the_bar_has_a_character_for_what_is_small() -> None:
    assert bar({"preamble": 1, "pixels": 10_000, "trailing": 2}, 30) == f"P{'F' * 28}B"
    assert bar({}, 3) == "   "


@pytest.mark.slow
def test_many_frames_take_16_bytes_each(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.dcm"
        frames = (b"\xff\xd8\xff\xdb" + bytes(40 + number % 100) + b"\xff\xd9" for number in range(count))
        streamdcm.dcmwrite(path, template(JPEGBaseline8Bit, bits=8), frames=frames, number_of_frames=count)
        tracemalloc.start()
        found = layout_of(path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert found.frames is not None
        assert len(found.frames.starts) == count
        return most

    few, many = peak(2_000), peak(170_000)
    assert (many - few) / 168_000 < 100


def page_data(path: Path) -> dict[str, Any]:
    page = path.read_text("utf-8")
    _, _, behind = page.partition('<script id="data" type="application/json">')
    found: dict[str, Any] = json.loads(behind.partition("</script>")[0])
    return found


def test_a_page_needs_no_network_and_has_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiles(tmp_path / "<script>.dcm")
    assert printed(capsys, path, "--html", tmp_path / "out.html") == ""
    text = (tmp_path / "out.html").read_text("utf-8")
    assert not re.findall(r"https?://|src=|href=|import ", text)
    assert "default-src 'none'" in text
    assert "Doe" not in text
    found = page_data(tmp_path / "out.html")
    assert found["name"] == str(path)
    assert sum(length for _, _, length in found["sections"]) == found["size"] == path.stat().st_size
    lengths = array("I", base64.b64decode(found["frames"]["lengths"]))
    assert list(lengths) == [34 + 2 * number for number in range(20)]
    (first, start), (second, gap) = found["frames"]["gaps"]
    assert (first, second, gap) == (0, 1, 8)
    assert path.read_bytes()[start:][:2] == b"\xff\xd8"
    assert found["frames"]["tables"] == [{"name": "Basic Offset Table", "entries": 20, "base": start - 8, "wrong": []}]


def test_a_page_of_a_wrong_table_shows_where_it_leads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiles(tmp_path / "tiles.dcm")
    data = bytearray(path.read_bytes())
    data[data.index(b"\xfe\xff\x00\xe0") + 8 + 4 * 4] ^= 4
    path.write_bytes(data)
    printed(capsys, path, "--html", tmp_path / "out.html", status=1)
    found = page_data(tmp_path / "out.html")
    [[index, _]] = found["frames"]["tables"][0]["wrong"]
    assert index == 4
    assert found["problems"]


def test_a_page_of_what_is_deflated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, get_testdata_file("image_dfl.dcm"), "--html", tmp_path / "out.html")
    found = page_data(tmp_path / "out.html")
    assert found["frames"] is None
    assert [piece for piece in found["pieces"] if piece.get("inflated")]
