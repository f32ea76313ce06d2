"""The size of what is going to be written, known before a frame is asked for."""

import io
import random
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import anyio
import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm import ByteStream
from streamdcm.errors import EncodeError, PlanError, ValueTypeError
from tests.support.images import as_jpeg, compressed, pixels, template
from tests.support.tools import package
from tests.support.web import Server

ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"


def untouched() -> Iterator[Any]:
    """Frames that nobody may ask for."""
    raise AssertionError("a frame was asked for")
    yield


def sizes(dataset: Dataset, frames: Any, **options: Any) -> tuple[int, int, int]:
    """What is said ahead, and what a target that can seek and one that cannot get."""
    said = streamdcm.encoded_size(dataset, frames=frames, **options)
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset, frames=frames, **options)
    return said, len(target.getvalue()), sum(map(len, streamdcm.iter_chunks(dataset, frames=frames, **options)))


NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, ENCAPSULATED_UNCOMPRESSED]


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize(("bits", "rows", "columns"), [(16, 5, 7), (8, 5, 7), (1, 3, 3)])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_of_native_frames(syntax, bits, rows, columns, count):
    dataset = template(syntax, bits=bits, rows=rows, columns=columns)
    size = (rows * columns * bits + 7) // 8
    assert len(set(sizes(dataset, [bytes(size)] * count))) == 1


@pytest.mark.parametrize("given", ["number_of_frames", "dataset", "groups"])
def test_of_native_frames_that_nobody_asks_for(given):
    dataset = template(ExplicitVRLittleEndian)
    options = {"number_of_frames": 3} if given == "number_of_frames" else {}
    if given == "dataset":
        dataset.NumberOfFrames = 3
    if given == "groups":
        dataset.PerFrameFunctionalGroupsSequence = Sequence([Dataset() for _ in range(3)])
    frames = untouched()
    size = streamdcm.encoded_size(dataset, frames=frames, **options)
    next_to_it = streamdcm.encoded_size(dataset, frames=iter(pixels(3)), **options)
    written = streamdcm.dcmwrite(io.BytesIO(), dataset, frames=iter(pixels(3)), **options).bytes_written
    assert size == next_to_it == written
    with pytest.raises(AssertionError, match="asked for"):
        next(frames)


@pytest.mark.parametrize("table", ["auto", "basic", "extended", "empty"])
@pytest.mark.parametrize("options", [{}, {"fragments_per_frame": 3}, {"fragment_size": 6}], ids=str)
def test_of_compressed_frames_in_a_list(table, options):
    if table == "extended" and options:
        pytest.skip("an extended table needs one fragment a frame")
    frames = compressed([10, 33, 4, 71])
    for elements in ({}, {"EncapsulatedPixelDataValueTotalLength": 5}, {"LossyImageCompressionRatio": 3}):
        dataset = template(JPEGBaseline8Bit, bits=8, **elements)
        assert len(set(sizes(dataset, frames, offset_table=table, **options))) == 1
        assert len(set(sizes(dataset, tuple(frames), offset_table=table, **options))) == 1


def test_of_any_list_of_frames():
    generator = random.Random(7)
    for count in range(1, 40):
        frames = compressed([generator.randrange(90) for _ in range(count)])
        assert len(set(sizes(template(JPEGBaseline8Bit, bits=8), frames))) == 1


class Stored:
    """A frame that is elsewhere, and tells how long it is."""

    def __init__(self, content: bytes, said: int | None = None) -> None:
        self.content, self.nbytes, self.reads = content, len(content) if said is None else said, 0

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self.reads += 1
        return np.frombuffer(self.content, "u1")


class StoredWithLength(Stored):
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        del self.nbytes

    def __len__(self) -> int:
        return len(self.content)


@pytest.mark.parametrize("kind", [Stored, StoredWithLength])
def test_of_frames_that_tell_their_length_none_is_read_before_its_turn(kind):
    frames = [kind(content) for content in compressed([10, 33, 4])]
    dataset = template(JPEGBaseline8Bit, bits=8)
    said = streamdcm.encoded_size(dataset, frames=frames)
    assert [frame.reads for frame in frames] == [0, 0, 0]
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset, frames=frames)
    assert [frame.reads for frame in frames] == [1, 1, 1]
    assert len(target.getvalue()) == said
    expected = streamdcm.encoded_size(dataset, frames=[frame.content for frame in frames])
    assert said == expected


@pytest.mark.parametrize("table", ["auto", "empty"])
@pytest.mark.parametrize("said", [20, 50])
def test_a_frame_that_told_another_length_is_an_error(tmp_path, said, table):
    frames = [as_jpeg(bytes(40)), Stored(as_jpeg(bytes(30)), said), as_jpeg(bytes(40))]
    match = "frame 2: has 30 bytes, which is not what its nbytes" if table == "auto" else "have another length"
    with pytest.raises(EncodeError, match=match):
        streamdcm.dcmwrite(tmp_path / "out.dcm", template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table=table)
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_odd_where_an_even_one_was_told_is_an_error_too():
    frames = [Stored(as_jpeg(bytes(29)), 30)]
    with pytest.raises(EncodeError, match="the frames have another length"):
        streamdcm.dcmwrite(io.BytesIO(), template(JPEGBaseline8Bit, bits=8), frames=frames)


def test_a_frame_that_is_none_is_an_error_ahead():
    with pytest.raises(ValueTypeError, match="frame 2: is of type str"):
        streamdcm.encoded_size(template(JPEGBaseline8Bit, bits=8), frames=[as_jpeg(bytes(30)), "text"])


@pytest.mark.parametrize("size", [100, 101])
def test_of_a_video(size):
    dataset = template("1.2.840.10008.1.2.4.102", bits=8, NumberOfFrames=3)
    for stream in (lambda: ByteStream(io.BytesIO(bytes(size))), lambda: ByteStream([bytes(size)], size)):
        said = streamdcm.encoded_size(dataset, frames=stream())
        assert streamdcm.dcmwrite(io.BytesIO(), dataset, frames=stream()).bytes_written == said
    fragmentable = template("1.2.840.10008.1.2.4.102.1", bits=8, NumberOfFrames=3)
    said = streamdcm.encoded_size(fragmentable, frames=stream(), fragment_size=30)
    written = streamdcm.dcmwrite(io.BytesIO(), fragmentable, frames=stream(), fragment_size=30)
    assert written.bytes_written == said


def test_of_late_values():
    dataset = template(ExplicitVRLittleEndian)
    options: dict[str, Any] = {"late": {"ImageComments": 40, "PatientWeight": None}}
    size = streamdcm.encoded_size(dataset, frames=untouched(), number_of_frames=2, **options)
    with streamdcm.open_writer(target := io.BytesIO(), dataset, number_of_frames=2, **options) as writer:
        for frame in pixels(2):
            writer.write_frame(frame)
        writer.set("ImageComments", "two frames")
        writer.set("PatientWeight", 70)
    assert len(target.getvalue()) == size


@pytest.mark.parametrize(
    ("syntax", "options", "message"),
    [
        (ExplicitVRLittleEndian, {}, "give their number"),
        (ExplicitVRLittleEndian, {"number_of_frames": "count"}, "give their number"),
        (JPEGBaseline8Bit, {"number_of_frames": 2}, "compressed frames in a list"),
        (DeflatedExplicitVRLittleEndian, {"number_of_frames": 2}, "that is not deflated"),
    ],
)
def test_where_it_cannot_be_known_it_is_refused_with_what_to_give(syntax, options, message):
    with pytest.raises(PlanError, match=message):
        streamdcm.encoded_size(template(syntax, bits=8), frames=untouched(), **options)


def test_the_asynchronous_twin_says_the_same():
    async def frames() -> AsyncIterator[Any]:
        raise AssertionError("a frame was asked for")
        yield

    dataset = template(ExplicitVRLittleEndian)
    size = anyio.run(partial(streamdcm.encoded_size_async, dataset, frames=frames(), number_of_frames=3))
    assert size == streamdcm.encoded_size(dataset, frames=untouched(), number_of_frames=3)


def test_the_size_of_compressed_frames_is_the_content_length():
    package("httpx2")
    frames = compressed([10, 33, 4])
    dataset = template(JPEGBaseline8Bit, bits=8)
    with Server() as server:
        streamdcm.dcmwrite(f"{server.url}/out.dcm", dataset, frames=frames)
    (request,) = server.requests
    assert request.headers["Content-Length"] == str(streamdcm.encoded_size(dataset, frames=frames))
    assert pydicom.dcmread(io.BytesIO(request.body)).NumberOfFrames == 3
