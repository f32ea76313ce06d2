"""group_lengths="write": each group begins with its length, also where that is known only when the group ends."""

import io
import re

import anyio
import numpy as np
import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm.engine.parts import PartSizes
from streamdcm.errors import InvalidValueError, LengthOverflowError
from streamdcm.sinks import PartsOutput
from tests.support.group_lengths import check_group_lengths
from tests.support.images import compressed, pixels, template
from tests.support.oracle import inflated
from tests.support.targets import WriteOnly
from tests.support.tools import run

BIG = 300_000


class Parts(PartsOutput):
    """Takes parts of a few bytes, and keeps them."""

    part_sizes = PartSizes(5000, 1000, 10_000_000)

    def __init__(self):
        self.parts = {}

    def open(self): ...

    def put(self, number, data):
        self.parts[number] = bytes(data)

    def put_whole(self, data):
        self.parts[1] = bytes(data)

    def commit(self): ...

    def abort(self):
        self.parts = {}


def to_memory(dataset, **options):
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset, **options)
    return buffer.getvalue()


def to_what_only_writes(dataset, **options):
    target = WriteOnly()
    streamdcm.dcmwrite(target, dataset, **options)
    return bytes(target.data)


def to_a_file_for_what_is_held(dataset, **options):
    return to_what_only_writes(dataset, hold_limit=1000, **options)


def to_parts(dataset, **options):
    target = Parts()
    streamdcm.dcmwrite(target, dataset, **options)
    return b"".join(target.parts[number] for number in sorted(target.parts))


def to_chunks(dataset, **options):
    return b"".join(streamdcm.iter_chunks(dataset, **options))


def to_async_memory(dataset, **options):
    buffer = io.BytesIO()

    async def write():
        await streamdcm.dcmwrite_async(buffer, dataset, **options)

    anyio.run(write)
    return buffer.getvalue()


def to_async_chunks(dataset, **options):
    async def take():
        return b"".join([chunk async for chunk in streamdcm.iter_chunks_async(dataset, **options)])

    return anyio.run(take)


WAYS = [
    to_memory,
    to_what_only_writes,
    to_a_file_for_what_is_held,
    to_parts,
    to_chunks,
    to_async_memory,
    to_async_chunks,
]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


def dataset_with(value, syntax=ExplicitVRLittleEndian, *, depth=0, **elements):
    """A dataset with a value so many sequences deep, and groups on both sides of it."""
    dataset = Dataset()
    dataset.PatientID = "1"
    dataset.EncapsulatedDocument = value
    dataset.add_new(0x7FE10010, "LO", "BEHIND")
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([Dataset(), dataset])
        outer.PatientID = "1"
        dataset = outer
    dataset.file_meta = template(syntax).file_meta
    for keyword, given in elements.items():
        setattr(dataset, keyword, given)
    return dataset


def pieces(count=7, size=BIG // 7):
    return (bytes([number]) * size for number in range(count))


@each_way
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_native_frames_that_are_counted(way, syntax):
    frames = pixels(50, shape=(50, 70))
    data = way(template(syntax, rows=50, columns=70), frames=iter(frames), group_lengths="write")
    form = {"implicit": syntax == ImplicitVRLittleEndian, "little": syntax != ExplicitVRBigEndian}
    assert check_group_lengths(data, **form) == [0x0008, 0x0028, 0x7FE0]
    if syntax != ExplicitVRBigEndian:
        assert data.endswith(np.stack(frames).tobytes())


@each_way
@pytest.mark.parametrize("number", [{}, {"number_of_frames": 50}], ids=["list", "announced"])
def test_native_frames_of_known_number_hold_nothing_back(way, number):
    options = {"frames": iter(pixels(50)) if number else pixels(50), **number, "group_lengths": "write"}
    options |= {} if way is to_a_file_for_what_is_held else {"hold_limit": 0, "spool": "never"}
    data = way(template(ExplicitVRLittleEndian), **options)
    assert check_group_lengths(data) == [0x0008, 0x0028, 0x7FE0]
    assert len(data) == streamdcm.encoded_size(
        template(ExplicitVRLittleEndian), frames=pixels(50), group_lengths="write"
    )


@each_way
@pytest.mark.parametrize("bound", [{}, {"max_frames": 100}], ids=["unknown", "bounded"])
def test_a_group_with_encapsulated_pixel_data_has_none(way, bound):
    frames = compressed([1000, 1001, 3] * 10)
    dataset = template(JPEGBaseline8Bit, bits=8)
    dataset.add_new(0x7FDF0010, "LO", "SOMEBODY ELSE")
    data = way(dataset, frames=iter(frames), group_lengths="write", **bound)
    assert check_group_lengths(data) == [0x0008, 0x0028, 0x7FDF]


def test_what_is_left_of_an_offset_table_counts_for_its_own_group():
    frames = compressed([1000] * 30)
    data = to_memory(template(JPEGBaseline8Bit, bits=8), frames=iter(frames), max_frames=100, group_lengths="write")
    padding = data.index(b"STREAMDCM PADDING") + 18
    left = int.from_bytes(data[padding + 8 : padding + 12], "little")
    assert left > 1000
    assert data[padding - 38 : padding - 26] == b"\xdf\x7f\0\0UL\4\0" + (26 + 12 + left).to_bytes(4, "little")


@each_way
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_streams_of_unknown_length_at_any_depth(way, depth, syntax):
    stream = streamdcm.ByteStream(pieces())
    data = way(dataset_with(stream, syntax, depth=depth), group_lengths="write")
    form = {"implicit": syntax == ImplicitVRLittleEndian, "little": syntax != ExplicitVRBigEndian}
    paths = frozenset((0x00081115,) * length for length in range(1, depth + 1))
    groups = check_group_lengths(data, **form, paths=paths)
    assert groups == ([0x0008, 0x0010] if depth else [0x0010, 0x0042, 0x7FE1])
    known = dataset_with(b"".join(pieces()), syntax, depth=depth)
    if not depth:
        assert data == to_memory(known, group_lengths="write")


@each_way
def test_several_streams_in_one_item_and_one_behind_it(way):
    item = Dataset()
    item.EncapsulatedDocument = streamdcm.ByteStream(pieces(3, 11))
    item.add_new(0x00420013, "SQ", [Dataset()])
    item[0x00420013].value[0].EncapsulatedDocument = streamdcm.ByteStream(pieces(1, 70_000))
    dataset = dataset_with(streamdcm.ByteStream(pieces(2, 7)), ReferencedSeriesSequence=Sequence([item, Dataset()]))
    assert check_group_lengths(way(dataset, group_lengths="write")) == [0x0008, 0x0010, 0x0042, 0x7FE1]


@each_way
def test_late_values(way):
    dataset = dataset_with(b"12", ImageComments="known ahead")
    dataset.PatientName = "A^B"
    data = way(dataset, late={"ImageComments": 200, "PatientName": 64}, group_lengths="write")
    assert check_group_lengths(data) == [0x0010, 0x0020, 0x0042, 0x7FE1]


@each_way
def test_a_video(way):
    stream = streamdcm.ByteStream(b"\0\0\1" + piece for piece in pieces())
    dataset = template(MPEG4HP41, bits=8, samples=3, NumberOfFrames=25)
    data = way(dataset, frames=stream, group_lengths="write")
    assert check_group_lengths(data) == [0x0008, 0x0028]


@each_way
def test_deflated(way):
    dataset = template(DeflatedExplicitVRLittleEndian)
    data = way(dataset, frames=iter(pixels(50)), group_lengths="write")
    assert check_group_lengths(inflated(data)) == [0x0008, 0x0028, 0x7FE0]


def test_frames_that_are_pushed(tmp_path):
    path = tmp_path / "pushed.dcm"
    dataset = template(ExplicitVRLittleEndian)
    with streamdcm.open_writer(path, dataset, late={"ImageComments": 100}, group_lengths="write") as writer:
        for frame in pixels(50):
            writer.write_frame(frame)
        writer.set("ImageComments", "late")
    assert check_group_lengths(path.read_bytes()) == [0x0008, 0x0020, 0x0028, 0x7FE0]


@pytest.mark.parametrize("split", [7, "10000"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGBaseline8Bit])
@pytest.mark.parametrize("known", [True, False])
def test_each_instance_of_a_concatenation(split, syntax, known):
    targets = []

    def target(number):
        targets.append(io.BytesIO())
        return targets[-1]

    is_native = syntax == ExplicitVRLittleEndian
    frames = pixels(100, shape=(10, 10)) if is_native else compressed([200] * 100)
    dataset = template(syntax, rows=10, columns=10, bits=16 if is_native else 8)
    dataset.SharedFunctionalGroupsSequence = Sequence([Dataset()])
    streamdcm.dcmwrite(target, dataset, frames=frames if known else iter(frames), split=split, group_lengths="write")
    files = [target.getvalue() for target in targets]
    assert len(files) > 1
    for file in files:
        groups = check_group_lengths(file)
        assert (0x7FE0 in groups) is is_native
        assert {0x0008, 0x0020, 0x0028, 0x5200} <= set(groups)
    if split == "10000":
        assert max(map(len, files)) <= 10_000
        assert max(map(len, files)) > 9000 - 400


@each_way
def test_nothing_is_encoded_twice(way):
    asked = 0

    class Items(Sequence):
        def __len__(self):
            return 3000

        def __iter__(self):
            nonlocal asked
            for _ in range(3000):
                asked += 1
                item = Dataset()
                item.PatientComments = "x" * 100
                yield item

    dataset = dataset_with(b"12")
    dataset.add_new(0x00081115, "SQ", None)
    dataset[0x00081115]._value = Items()
    data = way(dataset, group_lengths="write")
    assert asked == 3000
    assert check_group_lengths(data) == [0x0008, 0x0010, 0x0042, 0x7FE1]
    assert len(data) == streamdcm.encoded_size(dataset, group_lengths="write")


@each_way
def test_large_values_in_memory_are_not_held_back(way):
    options = {} if way is to_a_file_for_what_is_held else {"hold_limit": 0, "spool": "never"}
    dataset = dataset_with(bytes(5_000_000), ReferencedSeriesSequence=Sequence([Dataset()]))
    dataset.ReferencedSeriesSequence[0].EncapsulatedDocument = bytes(3_000_000)
    assert check_group_lengths(way(dataset, group_lengths="write", **options)) == [0x0008, 0x0010, 0x0042, 0x7FE1]


@each_way
def test_a_group_of_many_texts_is_released_before_it_ends(way):
    dataset = dataset_with(b"12")
    dataset.add_new(0x00990010, "LO", "TEXTS")
    for number in range(240):
        dataset.add_new(0x00991000 + number, "UT", "x" * 10_000)
    assert check_group_lengths(way(dataset, group_lengths="write")) == [0x0010, 0x0042, 0x0099, 0x7FE1]


def test_a_group_that_no_ul_holds_is_an_error_that_names_it(tmp_path, monkeypatch):
    path = tmp_path / "out.dcm"
    stream = streamdcm.ByteStream(iter([b"never asked for"]), 0xFFFFFFFE)
    with pytest.raises(LengthOverflowError, match=r"^\(0042,0000\).*4,294,967,306 bytes.*leave out group_lengths"):
        streamdcm.dcmwrite(path, dataset_with(stream), group_lengths="write")
    monkeypatch.setattr("streamdcm.encode.header._MAX_UL", 100_000)
    with pytest.raises(LengthOverflowError, match=r"^\(7FE0,0000\)"):
        to_memory(
            template(ExplicitVRLittleEndian, rows=50, columns=70),
            frames=pixels(50, shape=(50, 70))[:15],
            group_lengths="write",
        )
    with pytest.raises(LengthOverflowError, match=r"^\(7FE0,0000\)"):
        to_chunks(
            template(ExplicitVRLittleEndian, rows=50, columns=70),
            frames=iter(pixels(50, shape=(50, 70))),
            group_lengths="write",
        )
    with pytest.raises(LengthOverflowError, match=r"^\(0008,1115\) ReferencedSeriesSequence\[1\] > \(0042,0000\)"):
        to_memory(dataset_with(streamdcm.ByteStream(pieces()), depth=1), group_lengths="write")
    assert list(tmp_path.iterdir()) == []


def test_functional_groups_that_come_with_frames_unannounced_are_refused():
    item = Dataset()
    item.FrameContentSequence = Sequence([Dataset()])
    frames = ((frame, item) for frame in pixels(3))
    with pytest.raises(InvalidValueError, match=r"nothing announced them, .* groups begin with their lengths"):
        to_memory(template(ExplicitVRLittleEndian), frames=frames, max_frames=3, group_lengths="write")
    announced = {"frames": [(frame, item) for frame in pixels(3)], "group_lengths": "write"}
    data = to_memory(template(ExplicitVRLittleEndian), **announced)
    assert check_group_lengths(data) == [0x0008, 0x0028, 0x5200, 0x7FE0]


def test_never_names_the_group(monkeypatch):
    options = {"frames": iter(pixels(50)), "hold_limit": 500, "spool": "never", "group_lengths": "write"}
    with pytest.raises(streamdcm.errors.HoldLimitError, match="NumberOfFrames"):
        to_chunks(template(ExplicitVRLittleEndian), **options)


@pytest.mark.slow
@pytest.mark.parametrize("way", [to_memory, to_a_file_for_what_is_held, to_parts])
def test_dcmtk_finds_the_same_lengths(way, tmp_path):
    """DCMTK reads them, and writes the same ones when it computes them anew, but for the spaces that it leaves out."""
    stream = streamdcm.ByteStream(pieces())
    dataset = dataset_with(stream, depth=2, **{"Rows": 50, "Columns": 70})
    for keyword in ("SOPClassUID", "SOPInstanceUID", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated"):
        setattr(dataset, keyword, template(ExplicitVRLittleEndian)[keyword].value)
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, 0
    ours, theirs = tmp_path / "ours.dcm", tmp_path / "theirs.dcm"
    options = {"frames": iter(pixels(20, shape=(50, 70))), "enforce_file_format": True, "group_lengths": "write"}
    ours.write_bytes(way(dataset, sequence_lengths="undefined", **options))
    assert run("dcmconv", "--group-length-recalc", "--length-undefined", ours, theirs).returncode == 0
    said = [_lengths_said(run("dcmdump", "-M", path).stdout) for path in (ours, theirs)]
    assert len(said[0]) > 8
    assert ("7fe0", str(12 + 20 * 50 * 70 * 2)) in said[0]
    said[1][said[1].index(("0028", "100"))] = "0028", str(100 + len("          "))  # behind the Number of Frames
    assert said[0] == said[1]


def _lengths_said(dump: str) -> list[tuple[str, str]]:
    return re.findall(r"^ *\((?!0002)([0-9a-f]{4}),0000\) UL (\d+)", dump, re.MULTILINE)
