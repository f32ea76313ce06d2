"""What is where in a file: all of it, and what is wrong by name."""

import random
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import StreamdcmError
from streamdcm.files.index import index_file
from streamdcm.files.layout import layout_of
from streamdcm.files.piece import FileLayout, Piece
from tests.support.corpus import CORPUS, name
from tests.support.damage import damaged
from tests.support.images import compressed, pixels, template

pytestmark = pytest.mark.filterwarnings("ignore")


def top(found: FileLayout) -> list[Piece]:
    return [piece for piece in found.pieces if not piece.depth]


@pytest.mark.parametrize("path", CORPUS, ids=name)
@pytest.mark.parametrize("depth", [0, 9])
def test_each_byte_of_a_file_is_told_once(path: Path, depth: int) -> None:
    found = layout_of(path, force=True, depth=depth, with_values=True)
    assert sum(found.sections().values()) == found.size == path.stat().st_size
    at = 0
    for piece in top(found):
        if piece.section == "deflated":
            break
        assert piece.offset == at
        at += piece.length
    last: dict[int, Piece] = {}
    for piece in found.pieces:
        if piece.depth:
            sequence = last[piece.depth - 1]
            assert sequence.offset < piece.offset
            assert piece.offset + piece.length <= sequence.offset + sequence.length or found.problems
        last[piece.depth] = piece


@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_the_elements_are_those_that_pydicom_reads(path: Path) -> None:
    found = layout_of(path, force=True)
    if found.problems:
        pytest.skip("something is wrong with it")
    with path.open("rb") as file:
        dataset = dcmread(file, force=True)
    read = [int(tag) for tag in dataset.keys()]  # noqa: SIM118 (a dataset iterates over elements)
    sections = ("dataset", "tables", "pixels", "trailing", "reserved")
    assert [piece.tag for piece in top(found) if piece.section in sections and piece.tag is not None] == read
    tells = {int(element.tag): element.file_tell for element in dataset if element.file_tell}
    if any(piece.section == "deflated" for piece in found.pieces):
        return
    for piece in top(found):
        if piece.tag in tells and piece.section != "meta":
            assert piece.offset + piece.header == tells[piece.tag]


@pytest.mark.parametrize("table", ["basic", "extended", "empty"])
@pytest.mark.parametrize("sizes", [[32], [32, 70_000, 4, 56]], ids=len)
def test_frames_are_where_the_index_says(tmp_path: Path, table: Any, sizes: list[int]) -> None:
    path = tmp_path / "tiles.dcm"
    streamdcm.dcmwrite(
        path, template(JPEGBaseline8Bit, bits=8), frames=compressed(sizes), offset_table=table, enforce_file_format=True
    )
    found = layout_of(path)
    assert found.problems == []
    assert found.frames is not None
    assert list(zip(found.frames.starts, found.frames.lengths, strict=True)) == index_file(path).frames
    assert [(each.name, len(each.entries), each.mismatch) for each in found.frames.tables] == (
        [] if table == "empty" else [(f"{table.capitalize()} Offset Table", len(sizes), None)]
    )


def test_native_frames(tmp_path: Path) -> None:
    path = tmp_path / "cine.dcm"
    streamdcm.dcmwrite(path, template(ExplicitVRLittleEndian), frames=pixels(4), enforce_file_format=True)
    found = layout_of(path)
    assert found.frames is not None
    assert list(zip(found.frames.starts, found.frames.lengths, strict=True)) == index_file(path).frames
    assert found.problems == []


def tiles(path: Path, **options: Any) -> bytearray:
    streamdcm.dcmwrite(
        path, template(JPEGBaseline8Bit, bits=8), frames=compressed([32, 48, 64]), enforce_file_format=True, **options
    )
    return bytearray(path.read_bytes())


def wrong_entry(data: bytearray) -> None:
    at = data.index(b"\xfe\xff\x00\xe0") + 8
    data[at + 4 : at + 8] = struct.pack("<L", 44)


def wrong_extended_entry(data: bytearray) -> None:
    at = data.index(b"\xe0\x7f\x01\x00OV\0\0") + 12
    data[at + 8 : at + 16] = struct.pack("<Q", 44)


def wrong_length_entry(data: bytearray) -> None:
    at = data.index(b"\xe0\x7f\x02\x00OV\0\0") + 12
    data[at + 16 : at + 24] = struct.pack("<Q", 100)


def no_delimiter(data: bytearray) -> None:
    del data[-8:]


def cut(data: bytearray) -> None:
    del data[-30:]


def one_frame_more(data: bytearray) -> None:
    at = data.index(b"\x28\x00\x08\x00IS") + 8
    data[at : at + 1] = b"4"


def group_length(data: bytearray) -> None:
    data[140:144] = struct.pack("<L", 444)


def odd_fragment(data: bytearray) -> None:
    at = data.rindex(b"\xfe\xff\x00\xe0")
    data[at + 4] -= 1
    del data[at + 8 + data[at + 4]]


@pytest.mark.parametrize(
    ("damage", "table", "why"),
    [
        (wrong_entry, "basic", r"entry 2 of the Basic Offset Table is 44, and frame 2 begins at 42"),
        (wrong_extended_entry, "extended", r"entry 2 of the Extended Offset Table is 44, and frame 2 begins at 42"),
        (wrong_length_entry, "extended", r"entry 3 of Extended Offset Table Lengths is 100, and frame 3 has 66"),
        (no_delimiter, "basic", r"\(7FE0,0010\) PixelData ends without the delimiter"),
        (cut, "basic", r"no item where one should be"),
        (one_frame_more, "basic", r"3 fragments, and NumberOfFrames asks for 4"),
        (group_length, "basic", r"\(0002,0000\) says that the group has 444 bytes"),
        (odd_fragment, "basic", r"fragment 3 has an odd length"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_wrong_is_named(tmp_path: Path, damage: Callable[[bytearray], None], table: str, why: str) -> None:
    path = tmp_path / "tiles.dcm"
    data = tiles(path, offset_table=table)
    damage(data)
    path.write_bytes(data)
    found = layout_of(path)
    assert any(re.search(why, problem) for problem in found.problems), found.problems
    assert sum(found.sections().values()) == len(data)


def test_file_meta_information_that_is_not_complete_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cine.dcm"
    streamdcm.dcmwrite(path, template(ExplicitVRLittleEndian), frames=pixels(4))
    (problem,) = layout_of(path).problems
    assert re.search(r"lacks \(0002,0000\) .*, \(0002,0002\) MediaStorageSOPClassUID, .*enforce-file-format", problem)
    assert "(0002,0010)" not in problem


def test_what_was_reserved_and_not_used_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tiles.dcm"
    ds = template(JPEGBaseline8Bit, bits=8)
    with streamdcm.open_writer(path, ds, max_frames=1000, enforce_file_format=True) as writer:
        for frame in compressed([32, 48]):
            writer.write_frame(frame)
    found = layout_of(path)
    assert found.problems == []
    assert found.sections()["reserved"] > 7000


def test_items_are_looked_into(tmp_path: Path) -> None:
    dataset, item, inner = template(ExplicitVRLittleEndian), Dataset(), Dataset()
    inner.CodeValue = "T-1"
    item.PurposeOfReferenceCodeSequence = Sequence([inner])
    dataset.ReferencedImageSequence = Sequence([item] * 150)
    streamdcm.dcmwrite(tmp_path / "in.dcm", dataset, frames=pixels(1), enforce_file_format=True)
    found = layout_of(tmp_path / "in.dcm", depth=2, with_values=True)
    values = [piece.value for piece in found.pieces if piece.depth == 2 and piece.tag == 0x00080100]
    assert values == [b"T-1 "] * 100
    assert len([piece for piece in found.pieces if piece.depth == 1 and piece.number]) == 100
    assert layout_of(tmp_path / "in.dcm", depth=1).problems == []
    assert not [piece for piece in layout_of(tmp_path / "in.dcm", depth=1).pieces if piece.depth > 1]


def test_what_is_deflated(tmp_path: Path) -> None:
    streamdcm.dcmwrite(tmp_path / "in.dcm", template(DeflatedExplicitVRLittleEndian), frames=pixels(2))
    found = layout_of(tmp_path / "in.dcm")
    assert set(found.sections()) == {"preamble", "meta", "deflated"}
    assert 0x00280010 in [piece.tag for piece in found.pieces]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_damage_is_told_and_never_a_crash(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    data = damaged(chance.choice(CORPUS).read_bytes()[:200_000], chance)
    (tmp_path / "in.dcm").write_bytes(data)
    try:
        found = layout_of(tmp_path / "in.dcm", force=True, depth=5, with_values=True)
    except StreamdcmError:
        return
    if found.sections().get("deflated") is None:
        assert sum(found.sections().values()) >= found.size
