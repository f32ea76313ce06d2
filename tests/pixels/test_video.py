"""The bit stream of a video: one fragment or several, no offset table (PS3.5 §8.2.5 to §8.2.11)."""

import io
import os
import struct

import pydicom
import pytest
from pydicom.encaps import generate_fragments, parse_basic_offsets

import streamdcm
from streamdcm import ByteStream
from tests.support.images import compressed, template
from tests.support.targets import KINDS
from tests.support.tools import run

H264, FRAGMENTABLE = "1.2.840.10008.1.2.4.102", "1.2.840.10008.1.2.4.102.1"
VIDEO_PHOTOGRAPHIC = "1.2.840.10008.5.1.4.1.1.77.1.4.1"
STREAM = os.urandom(100_001)


def video(syntax=H264, **elements):
    elements.setdefault("NumberOfFrames", 30)
    return template(syntax, bits=8, samples=3, SOPClassUID=VIDEO_PHOTOGRAPHIC, **elements)


def write(dataset, **options):
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset, **options)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()))


def stream_of(dataset):
    assert parse_basic_offsets(dataset.PixelData) == []
    fragments = list(generate_fragments(dataset.PixelData[8:]))
    return fragments, b"".join(fragments)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("target", KINDS)
def test_it_becomes_one_fragment_on_every_target(known, target, tmp_path):
    with KINDS[target]() as (sink, arrived):
        stream = ByteStream([STREAM[:7], STREAM[7:]], len(STREAM) if known else None)
        streamdcm.dcmwrite(sink, video(), frames=stream, chunk_size=999)
        again = pydicom.dcmread(io.BytesIO(arrived()))
    fragments, stream = stream_of(again)
    assert fragments == [STREAM + b"\0"]
    assert again.NumberOfFrames == 30
    assert again.get("EncapsulatedPixelDataValueTotalLength") == (len(STREAM) if known else None)


def test_dcmtk_reads_it(tmp_path):
    streamdcm.dcmwrite(tmp_path / "out.dcm", video(), frames=ByteStream([STREAM]))
    assert run("dcmdump", "-q", tmp_path / "out.dcm").returncode == 0


def test_a_file_is_copied_from_its_position(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"skip" + STREAM)
    with open(tmp_path / "v.mp4", "rb") as file:
        file.seek(4)
        assert stream_of(write(video(), frames=ByteStream(file)))[1] == STREAM + b"\0"
        assert file.tell() == 4


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [1000, 1001, 50_000])
def test_a_fragmentable_one_is_divided(known, size, tmp_path):
    (tmp_path / "v.mp4").write_bytes(STREAM)
    with open(tmp_path / "v.mp4", "rb") as file:
        for stream in (ByteStream([STREAM], len(STREAM) if known else None), ByteStream(file)):
            fragments, data = stream_of(write(video(FRAGMENTABLE), frames=stream, fragment_size=size))
            assert data == STREAM + b"\0"
            assert {len(fragment) for fragment in fragments[:-1]} == {size + size % 2}


def test_an_unknown_length_needs_no_seek_where_there_may_be_several_fragments():
    pieces = (bytes(1 << 20) for _ in range(40))
    with KINDS["write_only"]() as (sink, arrived):
        streamdcm.dcmwrite(sink, video(FRAGMENTABLE), frames=ByteStream(pieces), hold_limit="17 MiB")
        fragments, _ = stream_of(pydicom.dcmread(io.BytesIO(arrived())))
    assert [len(fragment) >> 20 for fragment in fragments] == [16, 16, 8]


def test_the_total_length_is_written_where_it_is_asked_for():
    late = write(video(), frames=ByteStream([STREAM]), late=["EncapsulatedPixelDataValueTotalLength"])
    stale = write(video(EncapsulatedPixelDataValueTotalLength=1), frames=ByteStream([STREAM]))
    assert late.EncapsulatedPixelDataValueTotalLength == len(STREAM)
    assert stale.EncapsulatedPixelDataValueTotalLength == len(STREAM)


def test_more_than_a_fragment_holds_is_refused_before_the_first_byte(tmp_path):
    with open(tmp_path / "huge", "wb+") as file:
        file.truncate((1 << 32) + 1)
        with pytest.raises(OverflowError, match=r"PixelData: .*1\.2\.840\.10008\.1\.2\.4\.102\.1"):
            streamdcm.dcmwrite(tmp_path / "out.dcm", video(), frames=ByteStream(file))
    assert os.listdir(tmp_path) == ["huge"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": [b"12"]}, "one bit stream, not frames"),
        ({"frames": ByteStream([b"12"]), "offset_table": "basic"}, "no offset table"),
        ({"frames": ByteStream([b"12"]), "fragment_size": 100}, "one fragment"),
        ({"frames": ByteStream([b"12"]), "fragments_per_frame": 2}, "fragment_size instead"),
        ({"frames": ByteStream([])}, "PixelData: the bit stream is empty"),
    ],
)
def test_what_a_video_cannot_have_is_refused(options, message, tmp_path):
    with pytest.raises(streamdcm.StreamdcmError, match=message):
        streamdcm.dcmwrite(tmp_path / "out.dcm", video(), **options)
    assert os.listdir(tmp_path) == []


def test_the_number_of_frames_must_come_from_somewhere():
    dataset = video()
    del dataset.NumberOfFrames
    with pytest.raises(ValueError, match="does not tell its number of frames"):
        write(dataset, frames=ByteStream([STREAM]))
    assert write(dataset, frames=ByteStream([STREAM]), number_of_frames=7).NumberOfFrames == 7


def test_a_byte_stream_is_no_frames_elsewhere():
    with pytest.raises(ValueError, match="no video transfer syntax"):
        write(template("1.2.840.10008.1.2.4.50", bits=8), frames=ByteStream([STREAM]))


def test_it_can_be_pushed_and_its_number_of_frames_set_late(tmp_path):
    dataset = video()
    del dataset.NumberOfFrames
    with streamdcm.open_writer(tmp_path / "live.dcm", dataset, late=["NumberOfFrames"]) as writer:
        buffer = bytearray(1000)
        for start in range(0, len(STREAM), 1000):
            part = STREAM[start : start + 1000]
            buffer[: len(part)] = part
            writer.write(memoryview(buffer)[: len(part)])
        with pytest.raises(ValueError, match=r"write\(\)"):
            writer.write_frame(b"12")
        writer.set("NumberOfFrames", 99)
    again = pydicom.dcmread(tmp_path / "live.dcm")
    assert stream_of(again)[1] == STREAM + b"\0"
    assert again.NumberOfFrames == 99


def test_pieces_of_a_bit_stream_are_not_frames():
    with (
        pytest.raises(ValueError, match=r"write_frame\(\)"),
        streamdcm.open_writer(io.BytesIO(), template("1.2.840.10008.1.2.4.50", bits=8)) as writer,
    ):
        writer.write(b"12")


def test_the_total_length_of_frames_is_what_the_fragments_hold():
    frames = compressed([1, 2, 1])
    for options in ({"frames": frames}, {"frames": iter(frames)}, {"frames": iter(frames), "max_frames": 5}):
        for table in ("auto", "extended") if "max_frames" in options or options["frames"] is frames else ("auto",):
            options["frames"] = frames if options["frames"] is frames else iter(frames)
            again = write(
                template("1.2.840.10008.1.2.4.50", bits=8, EncapsulatedPixelDataValueTotalLength=0),
                offset_table=table,
                **options,
            )
            assert again.EncapsulatedPixelDataValueTotalLength == 4 + 4 + 3
            assert struct.unpack("<L", again.PixelData[4:8])[0] in (0, 12)
