"""Functional groups that come with their frames: the item of each stands before the pixels of all."""

import io
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

import streamdcm
from streamdcm.engine.parts import PartSizes
from streamdcm.errors import (
    EncodeError,
    HoldLimitError,
    InvalidValueError,
    LengthOverflowError,
    PlanError,
    ValueTypeError,
)
from streamdcm.sinks import PartsOutput
from tests.support.frames import frames_in, table_in
from tests.support.functional_groups import ROWS, check, enhanced, frames, groups_of
from tests.support.group_lengths import check_group_lengths
from tests.support.targets import WriteOnly
from tests.support.tools import package, run

PADDING = 0x52010010, 0x52011000
RLE = bytes.fromhex("01000000 40000000") + bytes(56) + b"\x81\x00"


def padding_of(ds: Dataset) -> list[int]:
    return [int(element.tag) for element in ds if element.tag.group % 2]


def errors_in(path: Path) -> list[str]:
    """What dciodvfy does not like in a file: in ours what it does not like in that of pydicom."""
    return [line for line in run("dciodvfy", path).stdout.splitlines() if "Error" in line]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_items_come_with_frames_and_what_is_left_of_the_field_is_private(syntax: UID, tmp_path: Path) -> None:
    path = tmp_path / "live.dcm"
    with streamdcm.open_writer(path, enhanced(syntax), max_frames=50) as writer:
        for pixels, item in frames(30):
            writer.write_frame(pixels, groups=item)
    ds = check(path, 30)
    assert padding_of(ds) == list(PADDING)
    assert ds[PADDING[0]].value == "STREAMDCM PADDING"
    assert ds[PADDING[1]].value == bytes(len(ds[PADDING[1]].value))
    assert not ds[0x52009230].is_undefined_length
    assert path.stat().st_size == writer.result.bytes_written  # type: ignore[union-attr]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_foreign_programs_read_it(syntax: UID, tmp_path: Path) -> None:
    path = tmp_path / "live.dcm"
    with streamdcm.open_writer(path, enhanced(syntax), max_frames=8) as writer:
        for pixels, item in frames(5):
            writer.write_frame(RLE if syntax == RLELossless else pixels, groups=item)
    assert run("dcmftest", path).stdout.startswith("yes: ")
    dump = run("dcmdump", "+P", "0020,9157", path).stdout
    assert dump.count("DimensionIndexValues") == 5
    assert "E: " not in dump
    assert "Enhanced MR Image Storage" in run("gdcminfo", path).stdout
    alone = dcmread(path)
    for tag in PADDING:
        del alone[tag]
    alone.save_as(tmp_path / "theirs.dcm")
    assert errors_in(path) == errors_in(tmp_path / "theirs.dcm")


def test_highdicom_finds_the_place_of_each_frame(tmp_path: Path) -> None:
    highdicom = package("highdicom")
    ds = enhanced()
    ds.FrameOfReferenceUID = "1.2.3"
    [index], [shared] = ds.DimensionIndexSequence, ds.SharedFunctionalGroupsSequence
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x00200032, 0x00209113  # Image Position (Patient)
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness = [1, 1], 1
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    with streamdcm.open_writer(tmp_path / "a.dcm", ds, max_frames=50) as writer:
        for pixels, item in frames(20):
            writer.write_frame(pixels, groups=item)
    image = highdicom.imread(tmp_path / "a.dcm", lazy_frame_retrieval=True)
    assert image.get_frame(20)[0, 0] == 19
    volume = highdicom.imread(tmp_path / "a.dcm").get_volume()
    assert list(volume.array[:, 0, 0]) == list(reversed(range(20)))
    assert volume.affine[:3, 3].tolist() == [0, 0.5, 19]


def as_list(count: int) -> dict[str, Any]:
    return {"frames": list(frames(count))}


def announced(count: int) -> dict[str, Any]:
    return {"frames": frames(count), "number_of_frames": count}


def bounded(count: int) -> dict[str, Any]:
    return {"frames": frames(count), "max_frames": count + 3, "frame_groups": 600}


@pytest.mark.parametrize("given", [as_list, announced, bounded])
def test_frames_are_pairs(given: Callable[[int], dict[str, Any]]) -> None:
    file = io.BytesIO()
    streamdcm.dcmwrite(file, enhanced(), **given(12))
    file.seek(0)
    check(file, 12)


WAYS: dict[str, Callable[[int], dict[str, Any]]] = {
    "list": as_list,
    "announced": lambda count: {**announced(count), "frame_groups": 1},
    "bounded": bounded,
    "unknown": lambda count: {"frames": frames(count)},
}


@pytest.mark.parametrize("hold_limit", ["64 MiB", 100])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("way", WAYS)
def test_frames_are_put_aside_for_what_cannot_seek(way: str, syntax: UID, hold_limit: Any) -> None:
    sink = WriteOnly()
    result = streamdcm.dcmwrite(sink, enhanced(syntax), hold_limit=hold_limit, **WAYS[way](200))
    ds = check(io.BytesIO(sink.data), 200)
    assert padding_of(ds) == []
    assert result.bytes_written == len(sink.data)
    if syntax != DeflatedExplicitVRLittleEndian:
        assert not ds[0x52009230].is_undefined_length
    chunks = streamdcm.iter_chunks(enhanced(syntax), hold_limit=hold_limit, **WAYS[way](200))
    assert b"".join(chunks) == sink.data


@pytest.mark.parametrize("hold_limit", ["64 MiB", 100])
def test_frames_of_unknown_number_are_put_aside_for_a_file(hold_limit: Any, tmp_path: Path) -> None:
    path = tmp_path / "live.dcm"
    with streamdcm.open_writer(path, enhanced(), hold_limit=hold_limit, frame_index=True) as writer:
        for pixels, item in frames(100):
            writer.write_frame(pixels, groups=item)
    assert padding_of(check(path, 100)) == []
    assert writer.result is not None
    assert writer.result.frames is not None
    data = path.read_bytes()
    for number, (offset, length) in enumerate(writer.result.frames):
        assert data[offset : offset + length] == np.full((ROWS, ROWS), number, "<u2").tobytes()
    sink = WriteOnly()
    streamdcm.dcmwrite(sink, enhanced(), frames=frames(100))
    assert sink.data == data


@pytest.mark.parametrize("table", ["basic", "extended", "empty"])
def test_encapsulated_frames_are_put_aside_with_their_table(table: Any) -> None:
    given = [(RLE + bytes(2 * number), groups_of(number)) for number in range(9)]
    sink = WriteOnly()
    syntax = enhanced(RLELossless)
    streamdcm.dcmwrite(sink, syntax, frames=iter(given), number_of_frames=9, offset_table=table, hold_limit=0)
    ds = dcmread(io.BytesIO(sink.data))
    assert table_in(ds) == table
    assert frames_in(ds) == [frame for frame, _ in given]
    assert list(ds.PerFrameFunctionalGroupsSequence) == [item for _, item in given]


def test_without_a_temporary_file_what_is_too_much_is_refused() -> None:
    streamdcm.dcmwrite(WriteOnly(), enhanced(), frames=frames(100), spool="never")
    with pytest.raises(HoldLimitError, match=r"PerFrameFunctionalGroupsSequence.*spool='never'"):
        streamdcm.dcmwrite(WriteOnly(), enhanced(), frames=frames(100), spool="never", hold_limit="10 KiB")


def test_a_size_that_may_have_been_told_is_kept() -> None:
    assert streamdcm.encoded_size(enhanced(), frames=frames(3), number_of_frames=3) > 0
    with pytest.raises(PlanError, match="the size is not known before"):
        streamdcm.encoded_size(enhanced(), frames=frames(3), number_of_frames=3, frame_groups=600)
    with pytest.raises(InvalidValueError, match="frame_groups="):
        streamdcm.dcmwrite(WriteOnly(), enhanced(), frames=frames(3), number_of_frames=3)


def test_the_size_of_an_item_is_a_bound_for_the_sum(tmp_path: Path) -> None:
    item, larger = groups_of(0), groups_of(1, comment=100)
    given = [(np.zeros((ROWS, ROWS), "u2"), each) for each in (item, larger, item, item, item)]
    streamdcm.dcmwrite(tmp_path / "a.dcm", enhanced(), frames=given)
    assert dcmread(tmp_path / "a.dcm").PerFrameFunctionalGroupsSequence[1] == larger


def test_a_field_that_is_full_to_the_last_byte_ends_with_an_empty_element() -> None:
    streamdcm.dcmwrite(file := io.BytesIO(), enhanced(), frames=frames(3), max_frames=3, frame_groups=1000)
    unused = len(check(io.BytesIO(file.getvalue()), 3)[PADDING[1]].value)
    each = (3000 - unused) // 3
    streamdcm.dcmwrite(file := io.BytesIO(), enhanced(), frames=frames(3), max_frames=3, frame_groups=each)
    assert not check(io.BytesIO(file.getvalue()), 3)[PADDING[1]].value


@pytest.mark.parametrize(("tag", "vr"), [(0x54000100, "SQ"), (0x60003000, "OW"), (0x52020010, "LO")])
def test_other_elements_stay_behind_the_private_block(tag: int, vr: str) -> None:
    ds = enhanced()
    ds.add_new(tag, vr, [Dataset()] if vr == "SQ" else b"1234" if vr == "OW" else "text")
    streamdcm.dcmwrite(file := io.BytesIO(), ds, frames=frames(2), max_frames=4)
    file.seek(0)
    tags = [int(element.tag) for element in check(file, 2)]
    assert tags == sorted(tags)
    assert tags[tags.index(PADDING[1]) + 1] == tag


def test_the_index_of_frames_counts_the_field(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    result = streamdcm.dcmwrite(path, enhanced(), frames=frames(7), max_frames=9, frame_index=True)
    data = path.read_bytes()
    for number, (offset, length) in enumerate(result.frames or ()):
        assert data[offset : offset + length] == np.full((ROWS, ROWS), number, "<u2").tobytes()


def test_an_instance_of_a_concatenation_has_the_items_of_its_frames(tmp_path: Path) -> None:
    for given in (as_list, bounded):
        result = streamdcm.dcmwrite(tmp_path / "a.dcm", enhanced(), split=4, **given(10))
        assert len(result.instances) == 3
        for start, instance in zip((0, 4, 8), result.instances, strict=True):
            check(instance.location, min(4, 10 - start), start)


@pytest.mark.parametrize("given", [as_list, bounded])
def test_instances_of_so_many_bytes_have_space_for_the_items(
    given: Callable[[int], dict[str, Any]], tmp_path: Path
) -> None:
    options = {**given(40), "frame_groups": 400}
    result = streamdcm.dcmwrite(tmp_path / "a.dcm", enhanced(), split="12 KiB", **options)
    assert len(result.instances) > 2
    start = 0
    for instance in result.instances:
        assert instance.bytes_written <= 12 * 1024
        count = int(dcmread(instance.location).NumberOfFrames)
        check(instance.location, count, start)
        start += count
    assert start == 40


def test_instances_of_so_many_bytes_want_to_know_what_an_item_takes(tmp_path: Path) -> None:
    with pytest.raises(EncodeError, match="give frame_groups="):
        streamdcm.dcmwrite(tmp_path / "a.dcm", enhanced(), split="12 KiB", **as_list(3))


@pytest.mark.parametrize("first", [0, 1])
def test_either_all_frames_come_with_theirs_or_none(first: int) -> None:
    pixels = np.zeros((ROWS, ROWS), "u2")
    given = [pixels, (pixels, groups_of(0))]
    with pytest.raises(InvalidValueError, match=r"frame 2: comes with"):
        streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=iter(given[first:] + given[:first]), max_frames=2)


def test_an_item_that_does_not_fit_the_dimensions_is_refused() -> None:
    given = ((pixels, groups_of(number, dimensions=1 + (number == 3))) for number, (pixels, _) in enumerate(frames(5)))
    with pytest.raises(InvalidValueError, match=r"\[3\] > .*DimensionIndexValues: has 2 value"):
        streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=given, max_frames=5)
    with pytest.raises(InvalidValueError, match="has 0 value"):
        streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=[(RLE, Dataset())])


def test_a_wrong_value_in_an_item_is_named_and_not_shown() -> None:
    item = groups_of(1)
    item.FrameContentSequence[0]["FrameAcquisitionDuration"]._value = "Muster^Max"
    with pytest.raises(EncodeError, match=r"PerFrameFunctionalGroupsSequence\[0\].*Duration") as caught:
        streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=[(RLE, item)])
    assert "Muster" not in str(caught.value)


def test_dimensions_that_others_have_are_not_those_of_a_frame() -> None:
    item = groups_of(0, dimensions=0)
    item.add_new(0x00480008, "SQ", [groups_of(0).FrameContentSequence[0]])
    with pytest.raises(InvalidValueError, match="has 0 value"):
        streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=[(RLE, item)])


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_groups_begin_with_their_lengths(syntax: UID, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    with streamdcm.open_writer(path, enhanced(syntax), max_frames=50, group_lengths="write") as writer:
        for pixels, item in frames(20):
            writer.write_frame(pixels, groups=item)
    ds = dcmread(path)
    values = [item.FrameContentSequence[0].DimensionIndexValues for item in ds.PerFrameFunctionalGroupsSequence]
    assert values == [number + 1 for number in range(20)]
    assert ds.NumberOfFrames == 20
    groups = check_group_lengths(path.read_bytes(), little=syntax == ExplicitVRLittleEndian)
    assert groups == [0x0008, 0x0020, 0x0028, 0x5200, 0x7FE0]


def test_a_dataset_that_has_the_sequence_takes_no_other() -> None:
    ds = enhanced()
    ds.PerFrameFunctionalGroupsSequence = [groups_of(0)]
    with pytest.raises(InvalidValueError, match=r"the dataset has .*PerFrameFunctionalGroupsSequence"):
        streamdcm.dcmwrite(io.BytesIO(), ds, frames=frames(1))


def test_groups_are_a_dataset(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueTypeError, match="not of type dict"),
        streamdcm.open_writer(tmp_path / "a.dcm", enhanced(), max_frames=3) as writer,
    ):
        writer.write_frame(np.zeros((ROWS, ROWS), "u2"), groups={})  # type: ignore[arg-type]


def test_frames_without_groups_are_as_before() -> None:
    alone = [pixels for pixels, _ in frames(3)]
    ways: list[dict[str, Any]] = [{"frames": alone}, {"frames": iter(alone), "number_of_frames": 3}]
    files = [io.BytesIO() for _ in ways]
    for file, way in zip(files, ways, strict=True):
        streamdcm.dcmwrite(file, enhanced(), **way)
    assert files[0].getvalue() == files[1].getvalue()
    assert padding_of(dcmread(io.BytesIO(files[0].getvalue()))) == []


def test_an_error_of_the_source_names_the_frame() -> None:
    def failing() -> Iterator[Any]:
        yield from frames(2)
        raise OSError

    for given, number in ((failing(), 3), (iter(failing_at_once()), 1)):
        with pytest.raises(OSError) as caught:
            streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=given, max_frames=3)
        assert any(f"frame {number} of" in note for note in caught.value.__notes__)


def failing_at_once() -> Iterator[Any]:
    raise OSError
    yield


def in_parts(count: int, first: int = 4096, **options: Any) -> bytes:
    """What an upload gets, in parts of another size than one can be told to have."""

    class Parts(PartsOutput):
        part_sizes = PartSizes(first=first)

        def __init__(self) -> None:
            self.parts: dict[int, bytes] = {}

        def open(self) -> None: ...

        def put(self, number: int, data: bytearray) -> None:
            self.parts[number] = bytes(data)

        def put_whole(self, data: bytearray) -> None:
            self.put(1, data)

        def commit(self) -> None: ...

        def abort(self) -> None: ...

    target = Parts()
    result = streamdcm.dcmwrite(target, enhanced(), frames=frames(count), **options)
    data = b"".join(target.parts[number] for number in sorted(target.parts))
    assert len(data) == result.bytes_written
    return data


def test_an_upload_in_parts_takes_them() -> None:
    check(io.BytesIO(in_parts(100, max_frames=200)), 100)


def to_a_path(folder: Path, **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    result = streamdcm.dcmwrite(folder / "a.dcm", enhanced(), **options)
    return (folder / "a.dcm").read_bytes(), result


def to_memory(folder: Path, **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    file = io.BytesIO(b"before")
    file.seek(6)
    result = streamdcm.dcmwrite(file, enhanced(), **options)
    assert file.getvalue()[:6] == b"before"
    assert file.tell() == len(file.getvalue())
    return file.getvalue()[6:], result


def to_a_file(folder: Path, buffering: int = -1, **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    with open(folder / "a.dcm", "w+b", buffering) as file:
        result = streamdcm.dcmwrite(file, enhanced(), **options)
        assert file.tell() == result.bytes_written
    return (folder / "a.dcm").read_bytes(), result


def to_a_bare_file(folder: Path, **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    return to_a_file(folder, 0, **options)


def in_place(folder: Path, **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    return to_a_path(folder, atomic=False, **options)


def without_the_kernel(folder: Path, **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(os, "copy_file_range")
        return to_a_path(folder, **options)


WAYS_TO_MOVE = [to_a_path, to_memory, to_a_file, to_a_bare_file, in_place, without_the_kernel]


@pytest.mark.parametrize("hold_limit", ["64 MiB", 0])
@pytest.mark.parametrize("write", WAYS_TO_MOVE)
def test_more_than_was_reserved_moves_the_pixels_once(write: Any, hold_limit: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"frame_groups": 16, "max_frames": 600, "hold_limit": hold_limit}
    data, result = write(tmp_path, frames=frames(500), frame_index=True, checksum="sha256", **options)
    ds = check(io.BytesIO(data), 500)
    assert padding_of(ds) == list(PADDING)
    assert result.bytes_written == len(data)
    assert result.checksum is not None
    assert result.checksum.digest == sha256(data).hexdigest()
    for number, (offset, length) in enumerate(result.frames or ()):
        assert data[offset : offset + length] == np.full((ROWS, ROWS), number, "<u2").tobytes()


@pytest.mark.parametrize("first", [1000, 4096, 1 << 20, 1 << 24])
@pytest.mark.parametrize("hold_limit", ["64 MiB", 0])
def test_more_than_was_reserved_makes_a_part_larger(hold_limit: Any, first: int) -> None:
    data = in_parts(500, first, frame_groups=16, max_frames=600, hold_limit=hold_limit)
    assert padding_of(check(io.BytesIO(data), 500)) == list(PADDING)


@pytest.mark.parametrize("value", [0, -1, "nothing", 1.5])
def test_what_is_no_size_of_an_item_is_refused(value: Any) -> None:
    with pytest.raises(PlanError, match="frame_groups must be"):
        streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=frames(1), frame_groups=value)


@pytest.mark.parametrize("options", [{"overflow": "refuse"}, {"split": "1 MiB"}])
def test_more_than_was_reserved_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(LengthOverflowError, match="frame_groups="):
        given = {"frames": frames(9), "max_frames": 9, "frame_groups": 100, **options}
        streamdcm.dcmwrite(tmp_path / "a.dcm", enhanced(), **given)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_read_back_cannot_be_moved(tmp_path: Path) -> None:
    with open(tmp_path / "a.dcm", "wb") as file, pytest.raises(LengthOverflowError, match=r"nothing .* can be moved"):
        streamdcm.dcmwrite(file, enhanced(), frames=frames(9), max_frames=9, frame_groups=100)
