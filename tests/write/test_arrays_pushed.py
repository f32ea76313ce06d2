"""Arrays that are pushed as frames of a compressed transfer syntax are encoded, as those are that are asked for."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

import streamdcm
from streamdcm.errors import CodecError, EncodeError, PlanError, ReentryError, ValueTypeError
from streamdcm.sources import ByteStream
from streamdcm.write import ordered_pool
from tests.support.coded import KINDS, Kind, arrays, described
from tests.support.tools import package

package("imagecodecs")

SYNTAXES = [RLELossless, JPEGLSLossless, JPEGLSNearLossless, JPEG2000Lossless, HTJ2KLossless]


def coders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("streamdcm-codec")]


def pushed(target: Any, dataset: Dataset, frames: Any, **options: Any) -> streamdcm.WriteResult:
    with streamdcm.open_writer(target, dataset, **options) as writer:
        for frame in frames:
            writer.write_frame(frame)
    assert writer.result is not None
    assert coders() == []
    return writer.result


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("kind", [KINDS[1], KINDS[6]], ids=lambda kind: kind.name)
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: UID(syntax).keyword)
def test_the_bytes_are_those_of_frames_that_are_asked_for(syntax: str, kind: Kind, workers: int) -> None:
    frames, dataset = arrays(kind, 7), described(kind, syntax)
    before = dataset.to_json()
    wanted, target = io.BytesIO(), io.BytesIO()
    streamdcm.dcmwrite(wanted, dataset, frames=iter(frames), codec_workers=2)
    pushed(target, dataset, frames, codec_workers=workers)
    assert target.getvalue() == wanted.getvalue()
    assert dataset.to_json() == before


@pytest.mark.parametrize("options", [{}, {"number_of_frames": 4}, {"max_frames": 9}, {"offset_table": "extended"}])
def test_one_frame_fewer_than_are_underway(tmp_path: Path, options: dict[str, Any]) -> None:
    frames = arrays(KINDS[1], 4)
    if options.get("offset_table"):
        options = options | {"number_of_frames": 4}
    pushed(tmp_path / "out.dcm", described(KINDS[1], JPEG2000Lossless), frames, codec_workers=2, **options)
    assert np.array_equal(dcmread(tmp_path / "out.dcm").pixel_array, frames)


def test_no_frame_at_all() -> None:
    with pytest.raises(EncodeError, match="at least one"):
        pushed(io.BytesIO(), described(KINDS[1], JPEG2000Lossless), [])


def test_a_late_value_may_be_set_before_the_first_frame() -> None:
    dataset, target = described(KINDS[5], JPEG2000Lossless), io.BytesIO()
    with streamdcm.open_writer(target, dataset, late={"PatientID": 10}) as writer:
        writer.set("PatientID", "first")
        for frame in arrays(KINDS[5], 2):
            writer.write_frame(frame)
    target.seek(0)
    written = dcmread(target)
    assert (written.PatientID, written.PhotometricInterpretation) == ("first", "YBR_RCT")


def test_values_that_are_streams_come_before_the_first_frame() -> None:
    dataset, target = described(KINDS[5], JPEG2000Lossless), io.BytesIO()
    dataset.add_new(0x00091010, "OB", b"")
    dataset[0x00091010].value = ByteStream(iter([b"ab", b"cd"]))
    pushed(target, dataset, arrays(KINDS[5], 3))
    target.seek(0)
    written = dcmread(target)
    assert written[0x00091010].value == b"abcd"
    assert np.array_equal(written.pixel_array, arrays(KINDS[5], 3))


def test_memory_may_be_used_again() -> None:
    frames, target = arrays(KINDS[1], 6), io.BytesIO()
    memory = np.empty_like(frames[0])
    with streamdcm.open_writer(target, described(KINDS[1], JPEGLSLossless), codec_workers=3) as writer:
        for frame in frames:
            memory[:] = frame
            writer.write_frame(memory)
    target.seek(0)
    assert np.array_equal(dcmread(target).pixel_array, frames)


def test_no_more_are_underway_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 0

    class Watched(ordered_pool.OrderedWork[Any, Any]):
        def put(self, piece: Any) -> None:
            nonlocal most
            super().put(piece)
            most = max(most, len(self))

    monkeypatch.setattr("streamdcm.write.coded_frames.OrderedWork", Watched)
    pushed(io.BytesIO(), described(KINDS[1], JPEG2000Lossless), arrays(KINDS[1], 30), codec_workers=3)
    assert most == 3 + 2


def test_codestreams_are_written_as_they_are(tmp_path: Path) -> None:
    dataset = described(KINDS[1], JPEG2000Lossless)
    pushed(tmp_path / "coded.dcm", dataset, arrays(KINDS[1], 3))
    coded = list(generate_frames(dcmread(tmp_path / "coded.dcm").PixelData, number_of_frames=3))
    pushed(tmp_path / "again.dcm", dataset, coded)
    assert (tmp_path / "again.dcm").read_bytes() == (tmp_path / "coded.dcm").read_bytes()
    with pytest.raises(PlanError, match="codec_workers"):
        pushed(tmp_path / "no.dcm", dataset, coded, codec_workers=2)
    with pytest.raises(PlanError, match="codec_options"):
        streamdcm.open_writer(tmp_path / "no.dcm", described(KINDS[1]), codec_options={"near": 2})
    assert not (tmp_path / "no.dcm").exists()


@pytest.mark.parametrize("first", ["array", "codestream"])
def test_both_in_one_are_an_error(tmp_path: Path, first: str) -> None:
    dataset = described(KINDS[1], JPEG2000Lossless)
    pushed(tmp_path / "coded.dcm", dataset, arrays(KINDS[1], 1))
    given: list[Any] = [arrays(KINDS[1], 1)[0], next(generate_frames(dcmread(tmp_path / "coded.dcm").PixelData))]
    with pytest.raises(EncodeError, match="frame 2"):
        pushed(tmp_path / "out.dcm", dataset, given if first == "array" else given[::-1])
    assert not (tmp_path / "out.dcm").exists()
    assert coders() == []


def test_a_frame_that_cannot_be_encoded_is_named(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 9)
    frames[2] = frames[2] | 0x8000
    with pytest.raises(CodecError, match=r"frame 3.*beyond Bits Stored") as caught:
        pushed(tmp_path / "out.dcm", described(KINDS[1], "1.2.840.10008.1.2.4.51"), frames, codec_workers=2)
    assert caught.value.frame == 3
    frames = [*arrays(KINDS[1], 3), np.zeros((3, 3), "u2")]
    with pytest.raises(ValueTypeError, match="frame 4"):
        pushed(tmp_path / "out.dcm", described(KINDS[1], JPEGLSLossless), frames)
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


def test_what_the_syntax_cannot_hold_is_refused_with_the_first_frame(tmp_path: Path) -> None:
    with (
        pytest.raises(PlanError, match="BitsAllocated"),
        streamdcm.open_writer(tmp_path / "out.dcm", described(KINDS[2], "1.2.840.10008.1.2.4.50")) as writer,
    ):
        writer.write_frame(arrays(KINDS[2], 1)[0])
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


@pytest.mark.parametrize("how", ["abort", "exception"])
def test_an_end_before_the_end_leaves_nothing(tmp_path: Path, how: str) -> None:
    with (
        pytest.raises(RuntimeError, match="gone"),
        streamdcm.open_writer(tmp_path / "out.dcm", described(KINDS[1], JPEG2000Lossless), codec_workers=2) as writer,
    ):
        for frame in arrays(KINDS[1], 6):
            writer.write_frame(frame)
        if how == "abort":
            writer.abort()
        raise RuntimeError("the camera is gone")
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


def test_a_dropped_writer_leaves_nothing(tmp_path: Path) -> None:
    writer = streamdcm.open_writer(tmp_path / "out.dcm", described(KINDS[1], JPEG2000Lossless), codec_workers=2)
    writer.__enter__()
    for frame in arrays(KINDS[1], 6):
        writer.write_frame(frame)
    with pytest.warns(ResourceWarning, match="dropped"):
        del writer
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


def in_an_enhanced_image(syntax: str) -> Dataset:
    dataset = described(KINDS[1], syntax, SharedFunctionalGroupsSequence=Sequence([Dataset()]))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceNumber = "1.2.9", "1.2.10", 1
    return dataset


def test_they_are_divided_by_their_number(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 7)
    result = pushed(tmp_path / "out.dcm", in_an_enhanced_image(JPEG2000Lossless), frames, split=3)
    parts = [np.atleast_3d(dcmread(part.location).pixel_array.T).T for part in result.instances]
    assert [len(part) for part in parts] == [3, 3, 1]
    assert np.array_equal(np.concatenate(parts), frames)
    for split, syntax, why in (("8 KiB", JPEG2000Lossless, "number of frames"), (2, JPEGLSNearLossless, "ratio")):
        with pytest.raises(PlanError, match=why):
            pushed(tmp_path / "no.dcm", in_an_enhanced_image(syntax), frames, split=split)
    assert coders() == []


def test_a_reader_encodes_again_what_it_is_sent_back_for() -> None:
    frames, dataset = arrays(KINDS[1], 5), described(KINDS[1], JPEGLSNearLossless)
    wanted = b"".join(streamdcm.iter_chunks(dataset, frames=frames, offset_table="empty"))
    with streamdcm.open_reader(dataset, frames=frames, offset_table="empty") as reader:
        assert reader.read(2000) == wanted[:2000]
        reader.seek(0)
        assert reader.read() == wanted
        reader.seek(1000)
        assert reader.read() == wanted[1000:]


def test_a_callback_that_writes_is_refused(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 8)

    def again(event: streamdcm.ProgressEvent) -> None:
        writer.write_frame(frames[0])

    with (
        pytest.raises(ReentryError),
        streamdcm.open_writer(tmp_path / "out.dcm", described(KINDS[1], JPEGLSLossless), progress=again) as writer,
    ):
        for frame in frames:
            writer.write_frame(frame)
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


def item(number: int) -> Dataset:
    content, groups = Dataset(), Dataset()
    content.DimensionIndexValues = [1, number]
    groups.FrameContentSequence = Sequence([content])
    return groups


@pytest.mark.parametrize("way", ["pushed", "given"])
def test_arrays_come_with_their_functional_groups(tmp_path: Path, way: str) -> None:
    frames, dataset = arrays(KINDS[5], 6), in_an_enhanced_image(JPEG2000Lossless)
    for name, value in (("SamplesPerPixel", 3), ("PhotometricInterpretation", "RGB"), ("PlanarConfiguration", 0)):
        setattr(dataset, name, value)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.NumberOfFrames = 8, 8, 7, 6
    groups = Dataset()
    if way == "pushed":
        with streamdcm.open_writer(tmp_path / "out.dcm", dataset, codec_workers=2, number_of_frames=6) as writer:
            for number, frame in enumerate(frames):
                groups.update(item(number))  # the same object each time
                writer.write_frame(frame, groups=groups)
    else:
        given = ((frame, item(number)) for number, frame in enumerate(frames))
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=given, number_of_frames=6)
    written = dcmread(tmp_path / "out.dcm")
    assert np.array_equal(written.pixel_array, frames)
    assert written.PhotometricInterpretation == "YBR_RCT"
    values = [item.FrameContentSequence[0].DimensionIndexValues for item in written.PerFrameFunctionalGroupsSequence]
    assert values == [[1, number] for number in range(6)]
    assert coders() == []
