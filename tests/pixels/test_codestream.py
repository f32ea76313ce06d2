"""What cannot be a frame of its transfer syntax is refused, whichever way it comes; what can be is written."""

import os
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import (
    HTJ2K,
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

import streamdcm
from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES, UNKNOWN_SYNTAX
from streamdcm.errors import EncodeError, InvalidValueError, ValueTypeError
from streamdcm.pixels.codestream import compressed_frames
from tests.support.corpus import CORPUS
from tests.support.images import as_jpeg, compressed, pixels, template
from tests.support.targets import WriteOnly
from tests.support.writing import read_back

JPEG_XL = UID("1.2.840.10008.1.2.4.110")
DEFLATED_FRAMES = UID("1.2.840.10008.1.2.8.1")
ENCAPSULATED_UNCOMPRESSED = UID("1.2.840.10008.1.2.1.98")
ARRAYS = pixels(4, "u2", (64, 48))


def stored_frame(name: str) -> bytes:
    """The first compressed frame of a file that ships with pydicom."""
    dataset = pydicom.dcmread(get_testdata_file(name, download=False))
    return next(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))))


def multi_frame(syntax: str, **elements: Any) -> pydicom.Dataset:
    """A dataset that can be divided into instances as well."""
    return template(syntax, InstanceNumber=7, SharedFunctionalGroupsSequence=[pydicom.Dataset()], **elements)


def rle(*offsets: int, count: int | None = None, length: int = 200) -> bytes:
    """A frame with a header of RLE, and nothing behind it."""
    return struct.pack("<L15L", len(offsets) if count is None else count, *offsets, *[0] * (15 - len(offsets))).ljust(
        length, b"\1"
    )


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50)
JPEG = stored_frame("examples_ybr_color.dcm")
J2K = stored_frame("MR_small_jp2klossless.dcm")
JP2 = b"\0\0\0\x0cjP  \r\n\x87\n" + J2K


CODESTREAMS = {
    uid: compressed_frames(row, check=True) for uid, row in TRANSFER_SYNTAXES.items() if row.codestream is not None
}


def corpus_frames() -> Iterator[tuple[str, UID, list[bytes]]]:
    """The compressed frames of all files of pydicom's that have any."""
    for path in CORPUS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, force=True)
            syntax = getattr(dataset, "file_meta", {}).get("TransferSyntaxUID", "")
            if syntax in CODESTREAMS and "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
                count = int(dataset.get("NumberOfFrames", 1))
                yield path.name, syntax, list(generate_frames(dataset.PixelData, number_of_frames=count))


def test_frames_of_real_files_are_taken_and_those_of_another_family_are_not():
    seen = set()
    for name, syntax, frames in corpus_frames():
        for other, family in CODESTREAMS.items():
            for frame in frames:
                if family is CODESTREAMS[syntax]:
                    assert family.encode(frame) is frame, (name, other)
                else:
                    with pytest.raises(InvalidValueError):
                        family.encode(frame)
        seen.add(str(syntax))
    assert {"1.2.840.10008.1.2.5", JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless} <= seen


@pytest.mark.parametrize(
    ("syntax", "frame"),
    [
        (JPEGBaseline8Bit, JPEG),
        (JPEGLosslessSV1, JPEG),
        (JPEGLSLossless, b"\xff\xd8\xff\xf7" + bytes(50)),
        (JPEG2000Lossless, J2K),
        (JPEG2000Lossless, JP2),
        (HTJ2K, J2K),
        (JPEG_XL, b"\xff\x0a" + bytes(50)),
        (JPEG_XL, b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(50)),
        (RLELossless, rle(64)),
        (RLELossless, rle(64, 100)),
        (RLELossless, rle(*range(64, 79))),
        (DEFLATED_FRAMES, bytes(50)),
        ("1.2.840.10008.1.2.4.94", bytes(50)),
    ],
)
def test_a_frame_that_may_be_one_is_written(syntax, frame):
    for given in (frame, bytearray(frame), memoryview(frame), np.frombuffer(frame, "u1")):
        read = read_back(template(syntax, bits=8), frames=[given])
        assert next(generate_frames(read.PixelData, number_of_frames=1)).removesuffix(b"\0") == frame.removesuffix(
            b"\0"
        )


WRONG = [
    (JPEGBaseline8Bit, PNG),
    (JPEGBaseline8Bit, J2K),
    (JPEGBaseline8Bit, b"\xff\xd8"),
    (JPEGLSLossless, bytes(70)),
    (JPEG2000Lossless, JPEG),
    (JPEG2000Lossless, b"\0\0\0\x0cJXL \r\n\x87\n"),
    (HTJ2K, PNG),
    (JPEG_XL, JPEG),
    (JPEG_XL, JP2),
    (RLELossless, JPEG),
    (RLELossless, bytes(100)),
    (RLELossless, rle(64)[:63]),
    (RLELossless, rle(64, count=16)),
    (RLELossless, rle(60)),
    (RLELossless, rle(64, 64)),
    (RLELossless, rle(64, 100, 90)),
    (RLELossless, rle(64, 200, length=200)),
]


@pytest.mark.parametrize(("syntax", "frame"), WRONG)
def test_a_frame_that_cannot_be_one_is_refused_unless_frames_are_not_to_be_checked(syntax, frame, tmp_path):
    path = tmp_path / "out.dcm"
    with pytest.raises(
        InvalidValueError, match=r"PixelData, frame 1: does not begin as .* check_frames=False"
    ) as caught:
        streamdcm.dcmwrite(path, template(syntax, bits=8), frames=iter([frame]))
    assert isinstance(caught.value, ValueError)
    assert os.listdir(tmp_path) == []
    read = read_back(template(syntax, bits=8), frames=iter([frame]), check_frames=False)
    assert frame in read.PixelData


def pull(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    streamdcm.dcmwrite(target, dataset, frames=iter(frames), **options)


def pull_list(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    streamdcm.dcmwrite(target, dataset, frames=frames, **options)


def push(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    with streamdcm.open_writer(target, dataset, **options) as writer:
        for frame in frames:
            writer.write_frame(frame)


def split(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    streamdcm.dcmwrite(target, dataset, frames=iter(frames), split=2, **options)


def split_list(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    streamdcm.dcmwrite(target, dataset, frames=frames, split=2, **options)


def split_by_bytes(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    streamdcm.dcmwrite(target, dataset, frames=iter(frames), split="100 KiB", **options)


def pull_async(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    async def given() -> Any:
        for frame in frames:
            yield frame

    async def write() -> None:
        await streamdcm.dcmwrite_async(target, dataset, frames=given(), **options)

    anyio.run(write)


def push_async(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    async def write() -> None:
        async with streamdcm.open_writer_async(target, dataset, **options) as writer:
            for frame in frames:
                await writer.write_frame(frame)

    anyio.run(write)


def in_chunks(target: Any, dataset: pydicom.Dataset, frames: list[Any], **options: Any) -> None:
    list(streamdcm.iter_chunks(dataset, frames=iter(frames), **options))


WAYS = [pull, pull_list, push, split, split_list, split_by_bytes, pull_async, push_async, in_chunks]
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@each_way
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, RLELossless, DEFLATED_FRAMES, JPEG_XL])
def test_an_array_of_pixels_among_codestreams_is_refused(way: Callable[..., None], syntax: UID, tmp_path: Path) -> None:
    dataset = multi_frame(syntax, rows=64, columns=48)
    with pytest.raises(
        ValueTypeError, match=r"frame 2: is an array of shape \(64, 48\) .* compress it first, or"
    ) as caught:
        way(tmp_path / "out.dcm", dataset, [bytes(8), ARRAYS[0]], check_frames=False)
    assert isinstance(caught.value, TypeError)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros(70, "u2"),
        np.zeros(70, "i1"),
        np.zeros(70, "?"),
        np.float32(1),
        memoryview(bytes(80)).cast("H"),
    ],
    ids=lambda frame: f"{np.asarray(frame).dtype}{np.shape(frame)}",
)
def test_an_array_of_anything_but_bytes_in_a_row_is_refused(frame):
    with pytest.raises(ValueTypeError, match="one-dimensional arrays of uint8"):
        read_back(template(DEFLATED_FRAMES, bits=8), frames=[frame])


def test_bytes_with_gaps_between_them_and_what_has_none_are_refused():
    with pytest.raises(ValueTypeError, match="gaps between its bytes"):
        read_back(template(JPEGBaseline8Bit, bits=8), frames=[np.frombuffer(JPEG, "u1")[::2]])
    with pytest.raises(ValueTypeError, match=r"of type str; a frame is not the name of a file.* takes compressed"):
        read_back(template(JPEGBaseline8Bit, bits=8), frames=["JPEG"])


@each_way
def test_a_later_frame_is_named_by_its_number(way: Callable[..., None], tmp_path: Path) -> None:
    frames = [*compressed([10, 20, 30, 40]), PNG, as_jpeg(bytes(10))]
    with pytest.raises(EncodeError, match=r"PixelData, frame 5: does not begin as JPEG"):
        way(tmp_path / "out.dcm", multi_frame(JPEGBaseline8Bit, bits=8), frames)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("options", [{}, {"split": 2}, {"split": "100 KiB"}], ids=str)
def test_frames_in_a_list_are_looked_at_before_the_first_byte(options):
    frames, sink = [*compressed([10] * 5), PNG], WriteOnly()
    with pytest.raises(InvalidValueError, match="frame 6"):
        streamdcm.dcmwrite(
            (lambda number: sink) if options else sink, multi_frame(JPEGBaseline8Bit, bits=8), frames=frames, **options
        )
    assert sink.data == b""


def test_frames_that_are_not_compressed_are_not_looked_at():
    for syntax in (ExplicitVRLittleEndian, ENCAPSULATED_UNCOMPRESSED):
        read = read_back(template(syntax, rows=64, columns=48), frames=iter(ARRAYS))
        assert read.NumberOfFrames == 4
    stream = streamdcm.ByteStream([b"no video at all!"])
    video = read_back(template("1.2.840.10008.1.2.4.102", bits=8), frames=stream, number_of_frames=1)
    assert b"no video at all!" in video.PixelData


def test_a_syntax_whose_frames_do_not_tell_takes_any_bytes():
    assert compressed_frames(UNKNOWN_SYNTAX, check=True).encode(b"12") == b"12"
