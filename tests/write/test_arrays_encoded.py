"""Arrays given as frames of a compressed transfer syntax are encoded; codestreams are written as they are."""

import gc
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

import streamdcm
from streamdcm.errors import CodecError, EncodeError, PlanError, ValueTypeError
from tests.support.coded import KINDS, Kind, arrays, described
from tests.support.tools import package

package("imagecodecs")

LOSSLESS = [RLELossless, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless]


def together(frames: list[np.ndarray], kind: Kind) -> np.ndarray:
    return np.moveaxis(np.array(frames), 1, -1) if kind.planar else np.array(frames)


def decoded(source: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pixel_array(dcmread(source), raw=True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda syntax: UID(syntax).keyword)
@pytest.mark.parametrize("way", ["list", "generator", "array"])
def test_arrays_are_encoded(tmp_path: Path, kind: Kind, syntax: str, way: str) -> None:
    frames = arrays(kind, 5)
    given: Any = {"list": frames, "generator": (frame for frame in frames), "array": np.array(frames)}[way]
    dataset = described(kind, syntax)
    before = dataset.to_json()
    streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=given, codec_workers=2)
    assert dataset.to_json() == before
    written = dcmread(tmp_path / "out.dcm")
    assert written.NumberOfFrames == 5
    assert written.SOPInstanceUID == dataset.SOPInstanceUID
    assert np.array_equal(decoded(tmp_path / "out.dcm"), together(frames, kind))
    if kind.samples > 1:
        assert written.PlanarConfiguration == int(syntax == RLELossless)
        is_2000 = syntax in (JPEG2000Lossless, HTJ2KLossless)
        assert written.PhotometricInterpretation == ("YBR_RCT" if is_2000 else "RGB")


def test_chunks_and_encoders_give_the_same(tmp_path: Path) -> None:
    frames, dataset = arrays(KINDS[1], 3), described(KINDS[1], JPEG2000Lossless)
    chunks = b"".join(streamdcm.iter_chunks(dataset, frames=frames, offset_table="basic"))
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset, frames=frames, offset_table="basic")
    assert target.getvalue() == chunks
    encoder = streamdcm.encoder(dataset, frames=frames, offset_table="basic")
    assert b"".join(streamdcm.encoder_chunks(encoder)) == chunks


def test_another_syntax_on_the_way(tmp_path: Path) -> None:
    frames, dataset = arrays(KINDS[1], 3), described(KINDS[1], ExplicitVRLittleEndian)
    chunks = b"".join(streamdcm.iter_chunks(dataset, frames=frames, transfer_syntax="JPEGLSLossless"))
    assert dcmread(io.BytesIO(chunks)).file_meta.TransferSyntaxUID == JPEGLSLossless
    assert np.array_equal(decoded(io.BytesIO(chunks)), frames)


def test_a_lossy_compression_is_told(tmp_path: Path) -> None:
    frames, dataset = arrays(KINDS[0], 3), described(KINDS[0], JPEGLSNearLossless)
    for given in (frames, iter(frames)):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=given, codec_options={"near": 4})
        written = dcmread(tmp_path / "out.dcm")
        sizes = [len(frame) for frame in generate_frames(written.PixelData, number_of_frames=3)]
        assert written.LossyImageCompression == "01"
        assert written.LossyImageCompressionMethod == "ISO_14495_1"
        assert float(written.LossyImageCompressionRatio) == pytest.approx(
            np.array(frames).nbytes / sum(sizes), abs=0.02
        )
        assert 0 < np.abs(decoded(tmp_path / "out.dcm").astype(int) - frames).max() <= 4
    with pytest.raises(PlanError, match="split"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=frames, split=2)


def test_frames_are_divided_when_they_are_encoded(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 5)
    dataset = described(KINDS[1], JPEG2000Lossless, SharedFunctionalGroupsSequence=Sequence([Dataset()]))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceNumber = "1.2.9", "1.2.10", 1
    result = streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=frames, split=2)
    parts = [np.atleast_3d(decoded(part.location).T).T for part in result.instances]
    assert np.array_equal(np.concatenate(parts), frames)


def codestreams(syntax: str) -> list[bytes]:
    target = io.BytesIO()
    streamdcm.dcmwrite(target, described(KINDS[1], syntax), frames=arrays(KINDS[1], 3))
    target.seek(0)
    return list(generate_frames(dcmread(target).PixelData, number_of_frames=3))


def test_codestreams_are_written_as_they_are() -> None:
    given = codestreams(JPEG2000Lossless)
    dataset = described(KINDS[1], JPEG2000Lossless)
    written = [
        b"".join(streamdcm.iter_chunks(dataset, frames=frames, number_of_frames=3, offset_table="empty"))
        for frames in (given, iter(given), [np.frombuffer(frame, "u1") for frame in given], map(memoryview, given))
    ]
    assert len(set(written)) == 1
    with pytest.raises(PlanError, match="codec_options"):
        streamdcm.iter_chunks(dataset, frames=given, codec_options={"near": 1})


@pytest.mark.parametrize("first", ["array", "codestream"])
def test_both_in_one_are_an_error(tmp_path: Path, first: str) -> None:
    given: list[Any] = [arrays(KINDS[1], 1)[0], codestreams(JPEG2000Lossless)[1]]
    frames = given if first == "array" else given[::-1]
    for way in (list, iter):
        with pytest.raises(EncodeError, match="frame 2"):
            streamdcm.dcmwrite(
                tmp_path / "out.dcm", described(KINDS[1], JPEG2000Lossless), frames=way(frames), number_of_frames=2
            )
    assert list(tmp_path.iterdir()) == []


def test_the_size_of_what_must_be_encoded_is_not_known() -> None:
    frames = arrays(KINDS[1], 3)
    for given in (frames, np.array(frames)):
        with pytest.raises(PlanError, match="encoded"):
            streamdcm.encoded_size(described(KINDS[1], JPEG2000Lossless), frames=given)


@pytest.mark.parametrize(
    ("kind", "syntax", "elements", "why"),
    [
        (KINDS[1], JPEGBaseline8Bit, {}, "BitsAllocated"),
        (KINDS[0], JPEGLSNearLossless, {"PhotometricInterpretation": "PALETTE COLOR"}, "PALETTE"),
        (KINDS[1], JPEGLSLossless, {"BitsStored": 20}, "BitsStored"),
    ],
)
def test_what_cannot_be_held_is_refused(kind: Kind, syntax: str, elements: dict[str, Any], why: str) -> None:
    closed = []

    def given() -> Iterator[np.ndarray]:
        try:
            yield from arrays(kind, 3)
        finally:
            closed.append(True)

    with pytest.raises(PlanError, match=why):
        streamdcm.dcmwrite(io.BytesIO(), described(kind, syntax, **elements), frames=given())
    assert closed


def test_a_frame_of_another_shape_is_named(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 5)
    frames[3] = frames[3][:-1]
    with pytest.raises(ValueTypeError, match="frame 4"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", described(KINDS[1], JPEGLSLossless), frames=frames)
    assert list(tmp_path.iterdir()) == []


def test_memory_may_be_used_again() -> None:
    frames = arrays(KINDS[1], 6)

    def reusing() -> Iterator[np.ndarray]:
        memory = np.empty_like(frames[0])
        for frame in frames:
            memory[:] = frame
            yield memory

    chunks = b"".join(streamdcm.iter_chunks(described(KINDS[1], JPEG2000Lossless), frames=reusing(), codec_workers=3))
    assert np.array_equal(decoded(io.BytesIO(chunks)), frames)


def test_an_exception_of_the_caller_comes_out_and_leaves_nothing(tmp_path: Path) -> None:
    closed = []

    def given() -> Iterator[np.ndarray]:
        try:
            yield from arrays(KINDS[1], 4)
            raise RuntimeError("the camera is gone")
        finally:
            closed.append(True)

    with pytest.raises(RuntimeError, match="camera"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", described(KINDS[1], JPEGLSLossless), frames=given(), codec_workers=2)
    assert closed
    assert list(tmp_path.iterdir()) == []
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("streamdcm-codec")]


def test_a_frame_that_cannot_be_encoded_is_named(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 5)
    frames[2] = frames[2] | 0x8000
    dataset = described(KINDS[1], "1.2.840.10008.1.2.4.51")
    with pytest.raises(CodecError, match=r"frame 3.*beyond Bits Stored"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=frames)
    assert list(tmp_path.iterdir()) == []
