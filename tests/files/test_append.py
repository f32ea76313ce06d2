"""More frames behind those of a file: what it has is copied, and the file is replaced when the new one is complete."""

import io
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

import streamdcm
from streamdcm import system
from streamdcm.errors import EncodeError, InvalidValueError, PlanError, SourceError
from tests.support.frames import frames_in, table_in
from tests.support.functional_groups import ROWS, check, enhanced, frames, groups_of
from tests.support.targets import WriteOnly
from tests.support.tools import package, run

NATIVE = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]


def rle(number: int) -> bytes:
    return bytes.fromhex("01000000 40000000") + bytes(56) + bytes([2 * number, 0x81])


def jpeg(number: int) -> bytes:
    """What begins as JPEG and has no end marker by which frames could be told apart."""
    return b"\xff\xd8\xff" + bytes([number]) * 25


def without_groups(syntax: UID = ExplicitVRLittleEndian, **changes: Any) -> Dataset:
    ds = enhanced(syntax, dimensions=0)
    del ds.SharedFunctionalGroupsSequence
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("old", [3, 700])
def test_frames_and_their_groups_follow_those_of_a_file(syntax: UID, old: int, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    streamdcm.dcmwrite(path, enhanced(syntax), frames=frames(old), max_frames=1000)
    streamdcm.append(path, frames(2, old))
    with streamdcm.open_writer(path, append=True) as writer:
        for pixels, item in frames(300, old + 2):
            writer.write_frame(pixels, groups=item)
    ds = check(path, old + 302)
    assert not [element.tag for element in ds if element.tag.group % 2], "what took up space in the field"
    assert run("dcmftest", path).stdout.startswith("yes: ")
    assert "E: " not in run("dcmdump", path).stdout


@pytest.mark.parametrize("sequence_lengths", ["defined", "undefined"])
def test_the_result_is_what_is_written_at_once(sequence_lengths: Any, tmp_path: Path) -> None:
    grown, whole = tmp_path / "grown.dcm", WriteOnly()  # which has no field that something is left of
    first = enhanced()
    first.PerFrameFunctionalGroupsSequence = [item for _, item in frames(4)]
    streamdcm.dcmwrite(grown, first, frames=[pixels for pixels, _ in frames(4)], sequence_lengths=sequence_lengths)
    streamdcm.append(grown, frames(5, 4))
    streamdcm.dcmwrite(whole, enhanced(), frames=list(frames(9)))
    if sequence_lengths == "defined":
        assert grown.read_bytes() == whole.data
    check(grown, 9)


@pytest.mark.parametrize("asked", ["auto", "basic", "extended", "empty"])
@pytest.mark.parametrize("old", ["basic", "extended", "empty"])
def test_an_offset_table_is_made_anew(old: Any, asked: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    ds = without_groups(RLELossless)
    streamdcm.dcmwrite(path, ds, frames=[rle(n) for n in range(3)], offset_table=old)
    result = streamdcm.append(path, (rle(n) for n in range(3, 9)), offset_table=asked)
    again = dcmread(path)
    assert again.NumberOfFrames == 9
    assert table_in(again) == result.offset_table == ("basic" if asked == "auto" else asked)
    assert frames_in(again) == [rle(n) for n in range(9)]


def test_frames_of_several_fragments_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    streamdcm.dcmwrite(path, without_groups(JPEGBaseline8Bit), frames=[jpeg(1), jpeg(2)], fragments_per_frame=3)
    with pytest.raises(PlanError, match="one fragment a frame"):
        streamdcm.append(path, [jpeg(3)], offset_table="extended")
    streamdcm.append(path, [jpeg(3)])
    assert frames_in(dcmread(path)) == [jpeg(1), jpeg(2), jpeg(3)]


def test_frames_without_groups_follow_such(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    pixels = [each for each, _ in frames(5)]
    streamdcm.dcmwrite(path, without_groups(), frames=pixels[:2])
    streamdcm.append(path, pixels[2:])
    assert (dcmread(path).pixel_array == np.stack(pixels)).all()
    with pytest.raises(InvalidValueError, match="frame 6: comes with functional groups"):
        streamdcm.append(path, frames(1))


@pytest.mark.skipif(system.CASES_ARE_ALIKE, reason="Windows and macOS copy no ranges from file to file")
def test_what_is_there_is_copied_in_the_kernel(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    streamdcm.dcmwrite(path, without_groups(Rows=512, Columns=512), frames=[bytes(512 * 1024)] * 20)
    copied: list[int] = []

    def counted(source: int, target: int, length: int, offset: int, to: int | None = None) -> int:
        taken = original(source, target, length, offset, to)
        copied.append(taken)
        return taken

    original = system.copy_file_range
    with patch.object(system, "copy_file_range", counted):
        streamdcm.append(path, [bytes(512 * 1024)])
    assert sum(copied) == 20 * 512 * 1024


def failing(count: int) -> Iterator[Any]:
    yield from frames(count, 3)
    raise LookupError


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (lambda: failing(2), LookupError),
        (lambda: [bytes(3)], EncodeError),
        (lambda: [], PlanError),
        (lambda: [(np.zeros((ROWS, ROWS), "u2"), groups_of(3, dimensions=2))], EncodeError),
        (lambda: [np.zeros((ROWS, ROWS), "u2")], EncodeError),
    ],
)
def test_all_or_nothing(given: Any, error: type[Exception], tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    streamdcm.dcmwrite(path, enhanced(), frames=frames(3))
    before, status = path.read_bytes(), path.stat()
    with pytest.raises(error):
        streamdcm.append(path, given())
    assert path.read_bytes() == before
    assert os.path.samestat(path.stat(), status)
    assert list(tmp_path.iterdir()) == [path]


def test_frames_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    ds = without_groups(JPEGBaseline8Bit)
    streamdcm.dcmwrite(path, ds, frames=[jpeg(1), jpeg(2)], fragments_per_frame=3, offset_table="empty")
    with pytest.raises(EncodeError, match="tell where frames begin"):
        streamdcm.append(path, [jpeg(3)])


def deflated(path: Path) -> None:
    streamdcm.dcmwrite(path, enhanced(DeflatedExplicitVRLittleEndian), frames=frames(3))


def single(path: Path) -> None:
    path.write_bytes(Path(get_testdata_file("CT_small.dcm")).read_bytes())


def one_of_several(path: Path) -> None:
    streamdcm.dcmwrite(path, enhanced(), frames=frames(4), split=2)
    (path.parent / "a-0001.dcm").rename(path)


def with_vector(path: Path) -> None:
    ds = without_groups()
    ds.add(DataElement("FrameTimeVector", "DS", ["0", "1"]))
    streamdcm.dcmwrite(path, ds, frames=[each for each, _ in frames(2)])


def half_a_byte(path: Path) -> None:
    ds = without_groups(BitsAllocated=1, BitsStored=1, HighBit=0, Rows=3, Columns=3)
    streamdcm.dcmwrite(path, ds, frames=[np.ones((3, 3), bool)])


@pytest.mark.parametrize("write", [deflated, single, one_of_several, with_vector, half_a_byte])
def test_what_frames_cannot_follow_is_refused(write: Any, tmp_path: Path) -> None:
    write(path := tmp_path / "a.dcm")
    before = path.read_bytes()
    with pytest.raises(PlanError):
        streamdcm.append(path, frames(1))
    assert path.read_bytes() == before


@pytest.mark.parametrize("target", ["s3://bucket/a.dcm", "file:///tmp/a.dcm"])
def test_a_url_is_refused(target: str) -> None:
    with pytest.raises(PlanError, match="a URL is no path"):
        streamdcm.append(target, [b""])
    with pytest.raises(PlanError, match="a URL is no path"):
        streamdcm.open_writer(target, append=True)


def test_what_is_said_of_a_new_file_is_refused(tmp_path: Path) -> None:
    streamdcm.dcmwrite(path := tmp_path / "a.dcm", enhanced(), frames=frames(3))
    with pytest.raises(PlanError, match="leave the dataset out"):
        streamdcm.open_writer(path, enhanced(), append=True)
    with pytest.raises(PlanError, match="max_frames= is about a new file"):
        streamdcm.open_writer(path, append=True, max_frames=3)
    with pytest.raises(TypeError, match="needs the dataset"):
        streamdcm.open_writer(path)
    with pytest.raises(PlanError, match="of a local file"):
        streamdcm.append(io.BytesIO(), frames(1))  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_on_an_event_loop(tmp_path: Path) -> None:
    streamdcm.dcmwrite(path := tmp_path / "a.dcm", enhanced(), frames=frames(3))

    async def given() -> Any:
        for pair in frames(2, 3):
            yield pair

    await streamdcm.append_async(path, given())
    async with streamdcm.open_writer_async(path, append=True) as writer:
        for pixels, item in frames(4, 5):
            await writer.write_frame(pixels, groups=item)
    check(path, 9)
    with pytest.raises(PlanError):
        async with streamdcm.open_writer_async(path, append=True, max_frames=5):
            pass


def edited(path: Path, **changes: Any) -> bytes:
    """Change a file as others do, and return what it is then."""
    ds = dcmread(path)
    for keyword, value in changes.items():
        if value is None:
            delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    ds.save_as(path)
    return path.read_bytes()


@pytest.mark.parametrize("number", [2, None])
def test_native_frames_that_are_not_counted_are_not_lost(number: int | None, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    pixels = [each for each, _ in frames(4)]
    streamdcm.dcmwrite(path, without_groups(), frames=pixels[:3])
    old = edited(path, NumberOfFrames=number)
    with pytest.raises(SourceError, match="more frames than NumberOfFrames says"):
        streamdcm.append(path, pixels[3:])
    assert path.read_bytes() == old


def test_functional_groups_that_are_not_one_a_frame_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    for count in (5, 700):  # held, and left in the file
        streamdcm.dcmwrite(path, enhanced(), frames=frames(count))
        groups = dcmread(path).PerFrameFunctionalGroupsSequence
        old = edited(path, PerFrameFunctionalGroupsSequence=groups[:-1])
        with pytest.raises(PlanError, match=f"has {count - 1} item"):
            streamdcm.append(path, frames(1, count))
        assert path.read_bytes() == old


@pytest.mark.parametrize("count", [5, 700])
def test_a_delimiter_within_the_length_of_functional_groups_does_not_hide_those_that_follow(
    count: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    streamdcm.dcmwrite(path, enhanced(), frames=list(frames(count)))
    header = bytes.fromhex("00523092") + b"SQ\0\0"
    before, _, behind = path.read_bytes().partition(header)
    length = int.from_bytes(behind[:4], "little")
    items = behind[4 : 4 + length] + bytes.fromhex("feffdde000000000")
    path.write_bytes(before + header + len(items).to_bytes(4, "little") + items + behind[4 + length :])
    streamdcm.append(path, frames(2, count))
    check(path, count + 2)


def test_functional_groups_of_unknown_vr_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    streamdcm.dcmwrite(path, enhanced(), frames=list(frames(3)))
    path.write_bytes(path.read_bytes().replace(bytes.fromhex("00523092") + b"SQ", bytes.fromhex("00523092") + b"UN"))
    with pytest.raises(PlanError, match="in Implicit VR"):
        streamdcm.append(path, frames(2, 3))


def test_only_a_regular_file_at_a_local_path_gets_more_frames(tmp_path: Path) -> None:
    for target in ("s3://bucket/a.dcm", "file:///tmp/a.dcm", io.BytesIO()):
        with pytest.raises(PlanError, match="of a local file"):
            streamdcm.append(target, [b""])  # type: ignore[arg-type]
        with pytest.raises(PlanError, match="of a local file"):
            streamdcm.open_writer(target, append=True)
    with pytest.raises(PlanError, match="regular file"):
        streamdcm.append(tmp_path, [b""])
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(PlanError, match="regular file"):
            streamdcm.append(tmp_path / "pipe", [b""])


def noise(*numbers: int) -> list[np.ndarray]:
    """Frames that differ, of 12 bits."""
    return [np.random.default_rng(n).integers(0, 4096, (ROWS, ROWS)).astype("u2") for n in numbers]


def in_one(path: Path, frames: Any, **options: Any) -> None:
    streamdcm.append(path, frames, **options)


def one_by_one(path: Path, frames: Any, **options: Any) -> None:
    with streamdcm.open_writer(path, append=True, **options) as writer:
        for frame in frames:
            writer.write_frame(frame)


def in_one_async(path: Path, frames: Any, **options: Any) -> None:
    anyio.run(partial(streamdcm.append_async, path, frames, **options))


def from_loop(path: Path, frames: Any, **options: Any) -> None:
    async def given() -> Any:
        for frame in frames:
            yield frame

    anyio.run(partial(streamdcm.append_async, path, given(), **options))


def one_by_one_async(path: Path, frames: Any, **options: Any) -> None:
    async def push() -> None:
        async with streamdcm.open_writer_async(path, append=True, **options) as writer:
            for frame in frames:
                await writer.write_frame(frame)

    anyio.run(push)


WAYS = pytest.mark.parametrize("add", [in_one, one_by_one, in_one_async, from_loop, one_by_one_async])


@WAYS
@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_arrays_are_encoded_behind_compressed_frames(syntax: UID, add: Any, tmp_path: Path) -> None:
    package("imagecodecs")
    streamdcm.dcmwrite(path := tmp_path / "a.dcm", without_groups(syntax), frames=noise(0, 1))
    add(path, noise(2, 3, 4))
    assert (dcmread(path).pixel_array == np.stack(noise(0, 1, 2, 3, 4))).all()


@WAYS
def test_arrays_are_encoded_as_the_options_say(add: Any, tmp_path: Path) -> None:
    package("imagecodecs")
    ds = without_groups(JPEGLSNearLossless)
    streamdcm.dcmwrite(path := tmp_path / "a.dcm", ds, frames=noise(0, 1), codec_options={"near": 7})
    before = dcmread(path)
    add(path, noise(2), codec_options={"near": 30}, codec_workers=1)
    after = dcmread(path)
    error = np.abs(after.pixel_array.astype(int) - np.stack(noise(0, 1, 2)))
    assert error[:2].max() <= 7 < error[2].max() <= 30
    assert after.LossyImageCompressionRatio == before.LossyImageCompressionRatio
    with pytest.raises(PlanError, match="near"):
        add(path, noise(3), codec_options={"near": 1000})


@WAYS
def test_codec_options_are_refused_where_nothing_is_encoded(add: Any, tmp_path: Path) -> None:
    streamdcm.dcmwrite(path := tmp_path / "a.dcm", without_groups(RLELossless), frames=[rle(1)])
    with pytest.raises(PlanError, match="codec_workers="):
        add(path, [rle(2)], codec_workers=2)


@WAYS
@pytest.mark.parametrize(
    ("syntax", "keyword", "value"),
    [
        (JPEG2000Lossless, "PhotometricInterpretation", "RGB"),  # without the colour transform that arrays get
        (JPEGLSLossless, "PlanarConfiguration", 1),
        (JPEG2000, "LossyImageCompression", "00"),
        (JPEG2000, "LossyImageCompressionMethod", ["ISO_15444_1", "ISO_14495_1"]),
    ],
)
def test_arrays_of_which_the_file_would_not_be_true_are_refused(
    syntax: UID, keyword: str, value: Any, add: Any, tmp_path: Path
) -> None:
    package("imagecodecs")
    ds = without_groups(syntax, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    colours = [np.full((ROWS, ROWS, 3), n, "u1") for n in range(3)]
    streamdcm.dcmwrite(path := tmp_path / "a.dcm", ds, frames=colours[:2])
    add(path, colours[2:])
    assert dcmread(path).NumberOfFrames == 3
    old = edited(path, **{keyword: value})
    with pytest.raises(PlanError, match=keyword):
        add(path, colours)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_frames_that_could_not_follow_are_closed(tmp_path: Path) -> None:
    package("imagecodecs")
    closed = []

    def given() -> Iterator[Any]:
        try:
            yield from noise(0, 1)
        finally:
            closed.append(1)

    streamdcm.dcmwrite(path := tmp_path / "a.dcm", without_groups(JPEG2000), frames=noise(0))
    edited(path, LossyImageCompressionMethod=None)
    for add in (in_one, in_one_async):
        with pytest.raises(PlanError, match="LossyImageCompressionMethod"):
            add(path, given())
    assert len(closed) == 2
