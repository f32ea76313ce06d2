"""Where the frames of a file begin: by their number, by tables that can be true, by end markers, never by a guess."""

import os
from pathlib import Path
from struct import pack

import pytest
from pydicom.encaps import generate_frames

from streamdcm.errors import EncodeError, SourceError
from streamdcm.instructions import Copy
from streamdcm.pixels.frame_format import FrameFormat
from streamdcm.sources import FileSource
from streamdcm.write.stored_frames import EncapsulatedFrames, NativeFrames

JPEG, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"


def item(value: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + pack("<L", len(value)) + value


def copy_of(tmp_path: Path, value: bytes) -> Copy:
    path = tmp_path / "value"
    path.write_bytes(b"HEADER" + value)
    return Copy(FileSource(str(path), path.stat().st_mtime, 0, b"HEADER", "PixelData"), 6, len(value))


def jpeg(content: bytes) -> bytes:
    data = b"\xff\xd8" + content + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


FRAMES = [jpeg(b"a" * 11), jpeg(b"b" * 30), jpeg(b"c" * 4)]


def halves(frame: bytes) -> list[bytes]:
    return [frame[:6], frame[6:]]


def in_halves(table: bytes) -> bytes:
    return item(table) + b"".join(item(half) for frame in FRAMES for half in halves(frame))


def offsets() -> list[int]:
    found, at = [], 0
    for frame in FRAMES:
        found.append(at)
        at += len(frame) + 16
    return found


def table(values: list[int]) -> bytes:
    return pack(f"<{len(values)}L", *values)


def frames(tmp_path: Path, value: bytes, count: int, syntax: str = JPEG, extended: tuple[int, ...] | None = None):
    return EncapsulatedFrames(copy_of(tmp_path, value), syntax, count, extended)


def test_a_fragment_for_each_frame(tmp_path: Path) -> None:
    wrong = table([0, 9999, 3])  # is not asked
    value = item(wrong) + b"".join(map(item, FRAMES))
    assert list(frames(tmp_path, value, 3, RLE)) == FRAMES


def test_one_frame_has_all_fragments(tmp_path: Path) -> None:
    assert list(frames(tmp_path, in_halves(b""), 1, RLE)) == [b"".join(FRAMES)]


@pytest.mark.parametrize(("name", "syntax"), [("JPEG", JPEG), ("RLE", RLE)])
def test_several_frames_that_are_said_to_be_one_are_refused(name: str, syntax: str, tmp_path: Path) -> None:
    rle = [pack("<16L", 1, 64, *[0] * 14) + bytes([254, each]) for each in range(3)]
    value = item(b"") + b"".join(map(item, [jpeg(b"\xff\xe0")] * 3 if name == "JPEG" else rle))
    with pytest.raises(EncodeError, match="has 3 fragments, each of which is a frame of its own"):
        frames(tmp_path, value, 1, syntax)


def test_an_empty_fragment_is_no_frame(tmp_path: Path) -> None:
    frame = jpeg(b"\xff\xe0")
    assert list(frames(tmp_path, item(b"") + item(frame) + item(b""), 1)) == [frame]


def test_the_basic_table(tmp_path: Path) -> None:
    value = in_halves(table(offsets()))
    assert list(frames(tmp_path, value, 3, RLE)) == FRAMES
    assert list(generate_frames(value, number_of_frames=3)) == FRAMES


def test_the_extended_table_comes_first(tmp_path: Path) -> None:
    value = in_halves(table([0, 14, 999]))
    assert list(frames(tmp_path, value, 3, RLE, tuple(offsets()))) == FRAMES


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 2],  # no fragments begin there
        [0, 99999, 100000],
        list(reversed(offsets())),
        [offsets()[1], offsets()[1], offsets()[2]],
        [0, offsets()[2], offsets()[2]],
        offsets()[:2],
        [*offsets(), 0],
        [],
    ],
    ids=str,
)
def test_a_damaged_table_is_not_believed(tmp_path: Path, values: list[int]) -> None:
    value = in_halves(table(values))
    assert list(frames(tmp_path, value, 3, JPEG)) == FRAMES  # by their end markers
    with pytest.raises(EncodeError, match="6 fragments for 3 frames"):
        frames(tmp_path, value, 3, RLE)
    assert list(frames(tmp_path, value, 3, RLE, tuple(offsets()))) == FRAMES


def test_a_table_of_odd_bytes(tmp_path: Path) -> None:
    value = in_halves(b"abc\0xy")
    assert list(frames(tmp_path, value, 3, JPEG)) == FRAMES


def test_markers_that_make_another_number_are_no_guess(tmp_path: Path) -> None:
    for count in (2, 4, 5):
        with pytest.raises(EncodeError, match="where frames begin"):
            frames(tmp_path, in_halves(b""), count, JPEG)


def test_the_last_codestream_must_end(tmp_path: Path) -> None:
    value = in_halves(b"") + item(b"more")
    with pytest.raises(EncodeError, match="where frames begin"):
        frames(tmp_path, value, 3, JPEG)


def test_fewer_fragments_than_frames(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="NumberOfFrames"):
        frames(tmp_path, in_halves(b""), 7)


@pytest.mark.parametrize(
    "value",
    [b"", b"nothing of items", item(b"")[:6], item(b"") + b"\xfe\xff\x00\xe0\xff\xff\xff\x7f", item(b"") + b"12345678"],
    ids=["empty", "no item", "cut", "too long", "garbage"],
)
def test_damaged_items(tmp_path: Path, value: bytes) -> None:
    with pytest.raises(SourceError):
        frames(tmp_path, value, 1)


def test_many_small_fragments(tmp_path: Path) -> None:
    parts = [bytes([number % 251]) * 2 for number in range(30_000)]
    value = item(b"") + b"".join(map(item, parts))
    assert list(frames(tmp_path, value, 30_000, RLE)) == parts


def test_large_fragments_are_not_read_to_find_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    value = item(b"") + b"".join(item(bytes(1 << 20)) for _ in range(8))
    copy = copy_of(tmp_path, value)
    taken: list[int] = []
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda file, size, at: taken.append(size) or pread(file, size, at))
    EncapsulatedFrames(copy, RLE, 8)
    assert sum(taken) < 64 * 1024


def form(rows: int, columns: int, bits: int) -> FrameFormat:
    return FrameFormat(rows, columns, 1, bits, "u", False, False, True, 1)


def test_native_frames(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, bytes(range(35)) + b"\0")
    assert list(NativeFrames(copy, form(1, 7, 8), 5)) == [bytes(range(at, at + 7)) for at in range(0, 35, 7)]
    with pytest.raises(SourceError, match="NumberOfFrames"):
        NativeFrames(copy, form(1, 7, 8), 6)


def test_native_frames_of_one_bit_a_pixel(tmp_path: Path) -> None:
    bits = [(number * 7 + 3) % 5 < 2 for number in range(45)]
    packed = sum(bit << index for index, bit in enumerate(bits)).to_bytes(6, "little")
    found = list(NativeFrames(copy_of(tmp_path, packed), form(3, 5, 1), 3))
    for number, frame in enumerate(found):
        pixels = int.from_bytes(frame, "little")
        assert [bool(pixels >> index & 1) for index in range(15)] == bits[15 * number : 15 * number + 15]


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    copy = copy_of(tmp_path, bytes(21))
    given = iter(NativeFrames(copy, form(1, 7, 8), 3))
    next(given)
    (tmp_path / "value").write_bytes(b"HEADER" + bytes(9))
    with pytest.raises(SourceError):
        list(given)
