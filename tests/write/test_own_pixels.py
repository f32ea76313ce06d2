"""The pixel data of a dataset in another transfer syntax: decoded and encoded frame by frame, as `rewrite` does it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels import pixel_array
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

import streamdcm
from streamdcm.errors import CodecError, PlanError, SourceError
from streamdcm.pixels.codecs.choices import TARGETS
from streamdcm.sources import ByteStream
from tests.support.coded import KINDS, Kind, arrays, described
from tests.support.corpus import CORPUS, name
from tests.support.tools import package

package("imagecodecs")

pytestmark = pytest.mark.filterwarnings("ignore")


def native(kind: Kind, count: int, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """A dataset as it is read from a file."""
    target = io.BytesIO()
    dataset = described(kind, syntax, NumberOfFrames=count)
    streamdcm.dcmwrite(target, dataset, frames=arrays(kind, count), enforce_file_format=True)
    target.seek(0)
    return dcmread(target)


def converted(dataset: Dataset, syntax: str, **options: Any) -> Dataset:
    chunks = streamdcm.iter_chunks(dataset, transfer_syntax=syntax, **options)
    return dcmread(io.BytesIO(b"".join(chunks)))


def raw_pixels(dataset: Dataset) -> np.ndarray:
    return pixel_array(dataset, raw=True)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: UID(uid).keyword)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_there_and_back(kind: Kind, syntax: str) -> None:
    dataset = native(kind, 3)
    before = dataset.to_json()
    coded = converted(dataset, syntax)
    assert coded.file_meta.TransferSyntaxUID == syntax
    assert dataset.to_json() == before
    back = converted(coded, ExplicitVRLittleEndian)
    assert back.SOPInstanceUID == dataset.SOPInstanceUID
    assert np.array_equal(raw_pixels(coded), raw_pixels(dataset))
    assert np.array_equal(raw_pixels(back), raw_pixels(dataset))
    if kind.samples > 1:
        assert back.PhotometricInterpretation == "RGB"
        assert coded.PhotometricInterpretation == ("YBR_RCT" if syntax == JPEG2000Lossless else "RGB")


@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_the_corpus_becomes_what_rewrite_makes_of_it(tmp_path: Path, path: Path) -> None:
    dataset = dcmread(path, force=True)
    syntax = dataset.get("file_meta", Dataset()).get("TransferSyntaxUID", None)
    if syntax is None or not dataset.get("PixelData", None) or syntax not in TARGETS:
        pytest.skip("not compressed")
    if path.name == "JPEG2000-embedded-sequence-delimiter.dcm":
        with pytest.raises(CodecError, match="frame 1: is an image of 1,024 rows"):
            converted(dataset, ImplicitVRLittleEndian)
        return
    streamdcm.rewrite(path, tmp_path / "out.dcm", transfer_syntax=ImplicitVRLittleEndian)
    assert converted(dataset, ImplicitVRLittleEndian) == dcmread(tmp_path / "out.dcm")


@pytest.mark.parametrize("held", ["parsed", "deferred", "buffer", "file"])
def test_wherever_the_pixels_are(tmp_path: Path, held: str) -> None:
    path = tmp_path / "in.dcm"
    native(KINDS[1], 3).save_as(path)
    dataset = dcmread(path, defer_size=64 if held == "deferred" else None)
    wanted = raw_pixels(dcmread(path))
    if held == "parsed":
        assert dataset.PixelData
    if held == "buffer":
        dataset.PixelData = io.BytesIO(wanted.tobytes())
    if held == "file":
        (tmp_path / "pixels").write_bytes(wanted.tobytes())
        dataset.PixelData = (tmp_path / "pixels").open("rb")
    assert np.array_equal(raw_pixels(converted(dataset, JPEGLSLossless)), wanted)
    assert np.array_equal(raw_pixels(converted(dataset, JPEG2000Lossless, codec_workers=2)), wanted)
    if held == "file":
        dataset["PixelData"].value.close()


def test_from_big_endian(tmp_path: Path) -> None:
    dataset = native(KINDS[3], 2, ExplicitVRBigEndian)
    assert np.array_equal(raw_pixels(converted(dataset, JPEG2000Lossless)), arrays(KINDS[3], 2))


def test_what_is_lost_is_told() -> None:
    dataset = native(KINDS[0], 3)
    coded = converted(dataset, JPEGLSNearLossless, codec_options={"near": 4})
    assert coded.LossyImageCompression == "01"
    assert float(coded.LossyImageCompressionRatio) > 1
    assert coded.SOPInstanceUID != dataset.SOPInstanceUID
    assert coded.file_meta.MediaStorageSOPInstanceUID == coded.SOPInstanceUID
    assert 2 < np.abs(raw_pixels(coded).astype(int) - raw_pixels(dataset)).max() <= 4


def test_every_function_that_takes_a_transfer_syntax() -> None:
    dataset = native(KINDS[1], 3)
    options: dict[str, Any] = {"transfer_syntax": JPEG2000Lossless, "offset_table": "empty"}
    wanted = b"".join(streamdcm.iter_chunks(dataset, **options))
    with streamdcm.open_chunks(dataset, **options) as chunks:
        assert b"".join(chunks) == wanted
    with streamdcm.open_reader(dataset, **options) as reader:
        assert reader.read(1000) == wanted[:1000]
        reader.seek(0)
        assert reader.read() == wanted
    assert b"".join(streamdcm.encoder_chunks(streamdcm.encoder(dataset, patchable=False, **options))) == wanted


@pytest.mark.parametrize("count", [1, 3])
def test_what_cannot_be_is_refused(count: int) -> None:
    dataset = native(KINDS[2], count)
    for refused, why in (("1.2.840.10008.1.2.4.50", "BitsAllocated"), ("1.2.840.10008.1.2.4.100", "encoded as|encode")):
        with pytest.raises(PlanError, match=why):
            streamdcm.iter_chunks(dataset, transfer_syntax=refused)
    with pytest.raises(PlanError, match="it takes none"):
        streamdcm.iter_chunks(dataset, transfer_syntax=JPEGLSLossless, codec_options={"near": 2})
    with pytest.raises(PlanError, match="size is not known"):
        streamdcm.encoded_size(dataset, transfer_syntax=JPEGLSLossless)
    with pytest.raises(PlanError, match="codec_workers"):
        streamdcm.iter_chunks(dataset, transfer_syntax=ImplicitVRLittleEndian, codec_workers=2)
    dataset.NumberOfFrames = 9
    with pytest.raises(SourceError, match="9 frames"):
        streamdcm.iter_chunks(dataset, transfer_syntax=JPEGLSLossless)
    dataset.PixelData = ByteStream(iter([b"ab"]))
    with pytest.raises(PlanError, match=r"^\(7FE0,0010\) PixelData is a ByteStream"):
        streamdcm.iter_chunks(dataset, transfer_syntax=JPEGLSLossless)
