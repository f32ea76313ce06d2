"""Files whose frames are decoded and encoded on their way, judged by programs that are not ours."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

import streamdcm
from streamdcm.errors import CodecError, MissingExtraError, PlanError, SourceError
from streamdcm.pixels.codecs import table
from streamdcm.pixels.codecs.choices import TARGETS
from streamdcm.pixels.codecs.codestream_header import jpeg2000_header
from tests.support.coded import KINDS, Kind, arrays, described
from tests.support.corpus import CORPUS, name
from tests.support.tools import package, run

package("imagecodecs")

DATA_FILES = Path(pydicom.__file__).parent / "data/test_files"
LOSSLESS = [syntax for syntax, target in TARGETS.items() if not target.is_lossy]
LOSSY = [syntax for syntax, target in TARGETS.items() if target.is_lossy]
READ_BY_PYDICOM = [
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    HTJ2KLossless,
    table.HTJ2K_RPCL,
    table.JPEG_LOSSLESS,
    JPEGLosslessSV1,
]


def keyword(syntax: str) -> str:
    return UID(syntax).keyword or syntax


def native(path: Path, kind: Kind, count: int, syntax: str = ExplicitVRLittleEndian, **elements: Any) -> np.ndarray:
    """Write a file of native frames; return its pixels, samples together."""
    frames = arrays(kind, count)
    streamdcm.dcmwrite(path, described(kind, syntax, NumberOfFrames=count, **elements), frames=frames)
    pixels = np.array(frames)
    return np.moveaxis(pixels, 1, -1) if kind.planar else pixels


def pixels_of(path: Path) -> np.ndarray:
    """All frames of a native file."""
    dataset = dcmread(path)
    count = int(dataset.get("NumberOfFrames", 1))
    pixels = dataset.pixel_array
    return pixels if count > 1 else pixels[np.newaxis]


def by_pydicom(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path)
        pixels = pixel_array(dataset, raw=True)
    return pixels if int(dataset.get("NumberOfFrames", 1)) > 1 else pixels[np.newaxis]


def item_fragments(path: Path) -> list[bytes]:
    dataset = dcmread(path)
    return [bytes(frame) for frame in generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames)]


@pytest.mark.parametrize("count", [1, 7])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("syntax", LOSSLESS, ids=keyword)
def test_what_went_in_comes_back(tmp_path: Path, syntax: str, kind: Kind, count: int) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    pixels = native(source, kind, count)
    streamdcm.rewrite(source, coded, transfer_syntax=syntax)
    streamdcm.rewrite(coded, back, transfer_syntax="ExplicitVRLittleEndian")
    assert np.array_equal(pixels_of(back), pixels)
    if syntax in READ_BY_PYDICOM:
        assert np.array_equal(by_pydicom(coded), pixels)
    before, between, after = (dcmread(path) for path in (source, coded, back))
    for dataset in (between, after):
        assert dataset.SOPInstanceUID == before.SOPInstanceUID
        assert dataset.BitsStored == before.BitsStored
        assert dataset.PixelRepresentation == before.PixelRepresentation
        assert "LossyImageCompression" not in dataset
    assert between.file_meta.TransferSyntaxUID == syntax
    if kind.samples > 1:
        assert (between.PlanarConfiguration, after.PlanarConfiguration) == (int(syntax == RLELossless), 0)
        is_2000 = syntax in (JPEG2000Lossless, HTJ2KLossless, table.HTJ2K_RPCL)
        assert between.PhotometricInterpretation == ("YBR_RCT" if is_2000 else "RGB")
        assert after.PhotometricInterpretation == "RGB"
        if is_2000:
            assert all(jpeg2000_header(frame).transform == 1 for frame in item_fragments(coded))


@pytest.mark.parametrize(
    ("syntax", "program"),
    [
        (RLELossless, "dcmdrle"),
        (JPEGLSLossless, "dcmdjpls"),
        (JPEGLosslessSV1, "dcmdjpeg"),
        (RLELossless, "gdcmconv"),
        (JPEGLSLossless, "gdcmconv"),
        (JPEG2000Lossless, "gdcmconv"),
        (JPEGLosslessSV1, "gdcmconv"),
    ],
    ids=lambda value: keyword(value) if "." in value else value,
)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.slow
def test_other_programs_decode_the_same(tmp_path: Path, syntax: str, program: str, kind: Kind) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    pixels = native(source, kind, 7)
    streamdcm.rewrite(source, coded, transfer_syntax=syntax)
    colours = ["+cn"] if program == "dcmdjpeg" else []
    done = run(program, *(["--raw"] if program == "gdcmconv" else colours), coded, back)
    assert done.returncode == 0, done.stdout
    seen = pixels_of(back)
    if program == "dcmdjpls" and kind.signed and kind.stored < kind.allocated:
        seen = seen.astype(kind.dtype)
    assert np.array_equal(seen, pixels)


@pytest.mark.parametrize(
    "command",
    [
        ("dcmcrle",),
        ("dcmcjpls",),
        ("dcmcjpls", "+fp"),
        ("dcmcjpeg",),
        ("dcmcjpeg", "+el"),
        ("gdcmconv", "--rle"),
        ("gdcmconv", "--jpegls"),
        ("gdcmconv", "--j2k"),
        ("gdcmconv", "--jpeg"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.slow
def test_what_other_programs_encoded_is_decoded(tmp_path: Path, command: tuple[str, ...], kind: Kind) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    pixels = native(source, kind, 7)
    done = run(*command, source, coded)
    if done.returncode or not coded.exists():
        pytest.skip("the program does not encode this")
    streamdcm.rewrite(coded, back, transfer_syntax="ImplicitVRLittleEndian")
    if dcmread(coded).get("LossyImageCompression") == "01":
        pytest.skip("the program lost something")
    if kind.planar and command[0] == "dcmcjpeg":
        pixels = by_pydicom(coded)  # DCMTK mixes up the planes of several frames
    assert np.array_equal(pixels_of(back), pixels)


@pytest.mark.parametrize("path", CORPUS, ids=name)
def test_the_corpus_is_decoded_as_pydicom_does(tmp_path: Path, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(path, force=True)
        syntax = dataset.get("file_meta", Dataset()).get("TransferSyntaxUID", None)
        if syntax is None or "PixelData" not in dataset or not TARGETS.get(syntax):
            pytest.skip("not compressed")
        try:
            wanted = dataset.pixel_array
        except Exception:
            wanted = None  # pydicom has not this library, or cannot read it either
        target = tmp_path / "native.dcm"
        if path.name == "JPEG2000-embedded-sequence-delimiter.dcm":
            with pytest.raises(CodecError, match="frame 1: is an image of 1,024 rows, 3,722,445,056 columns"):
                streamdcm.rewrite(path, target, transfer_syntax="ExplicitVRLittleEndian")
            return
        streamdcm.rewrite(path, target, transfer_syntax="ExplicitVRLittleEndian")
        if wanted is not None:
            assert np.array_equal(dcmread(target).pixel_array, wanted)


@pytest.mark.parametrize("target", [ImplicitVRLittleEndian, ExplicitVRBigEndian, "1.2.840.10008.1.2.1.99"])
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[3], KINDS[5]], ids=lambda kind: kind.name)
def test_every_native_syntax(tmp_path: Path, target: str, kind: Kind) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    pixels = native(source, kind, 3, target)
    streamdcm.rewrite(source, coded, transfer_syntax="JPEGLSLossless")
    assert np.array_equal(by_pydicom(coded), pixels)
    streamdcm.rewrite(coded, back, transfer_syntax=target)
    assert np.array_equal(pixels_of(back), pixels)


@pytest.mark.parametrize("syntax", LOSSY, ids=keyword)
@pytest.mark.parametrize("kind", [KINDS[0], KINDS[5]], ids=lambda kind: kind.name)
def test_the_header_of_a_lossy_compression(tmp_path: Path, syntax: str, kind: Kind) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    pixels = native(
        source,
        kind,
        3,
        ImageType=["ORIGINAL", "PRIMARY"],
        LossyImageCompression="01",
        LossyImageCompressionMethod="ISO_10918_1",
        LossyImageCompressionRatio="12.5",
    )
    streamdcm.rewrite(source, coded, transfer_syntax=syntax)
    before, after = dcmread(source), dcmread(coded)
    assert after.SOPInstanceUID != before.SOPInstanceUID
    assert after.file_meta.MediaStorageSOPInstanceUID == after.SOPInstanceUID
    assert list(after.ImageType) == ["DERIVED", "PRIMARY"]
    assert after.LossyImageCompression == "01"
    assert list(after.LossyImageCompressionMethod) == ["ISO_10918_1", TARGETS[syntax].method]
    first, last = after.LossyImageCompressionRatio
    assert first == 12.5
    assert float(last) == pytest.approx(pixels.nbytes / sum(map(len, item_fragments(coded))), abs=0.02)
    assert len(str(last).partition(".")[2]) == 2
    streamdcm.rewrite(coded, back, transfer_syntax="ExplicitVRLittleEndian")
    decoded = dcmread(back)
    for word in ("SOPInstanceUID", "ImageType", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        assert decoded[word].value == after[word].value
    assert decoded.PhotometricInterpretation == before.PhotometricInterpretation


def test_an_edit_that_gives_a_new_uid_has_the_last_word(tmp_path: Path) -> None:
    source, coded = tmp_path / "in.dcm", tmp_path / "coded.dcm"
    native(source, KINDS[0], 1)
    streamdcm.rewrite(source, coded, transfer_syntax="JPEGLSNearLossless", edit={"SOPInstanceUID": "1.2.3.99"})
    assert dcmread(coded).SOPInstanceUID == "1.2.3.99" == dcmread(coded).file_meta.MediaStorageSOPInstanceUID


def test_near_is_how_near_it_stays(tmp_path: Path) -> None:
    source, coded = tmp_path / "in.dcm", tmp_path / "coded.dcm"
    pixels = native(source, KINDS[1], 2)
    streamdcm.rewrite(source, coded, transfer_syntax=JPEGLSNearLossless, codec_options={"near": 5})
    error = np.abs(by_pydicom(coded).astype(int) - pixels)
    assert 2 < error.max() <= 5


def test_jpeg_of_ybr_becomes_rgb_and_back(tmp_path: Path) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    dataset = described(KINDS[5], ExplicitVRLittleEndian, NumberOfFrames=1)
    smooth = np.add.outer(np.arange(dataset.Rows), np.arange(dataset.Columns))[..., None] * [1, 2, 3] % 256
    frame = (smooth // 4 + 60).astype("u1")
    streamdcm.dcmwrite(source, dataset, frames=[frame])
    streamdcm.rewrite(source, coded, transfer_syntax=JPEGBaseline8Bit)
    streamdcm.rewrite(coded, back, transfer_syntax=ExplicitVRLittleEndian)
    assert dcmread(coded).PhotometricInterpretation == "YBR_FULL_422"
    assert np.abs(pixels_of(back)[0].astype(int) - frame).max() < 30
    assert np.abs(dcmread(coded).pixel_array.astype(int) - frame).max() < 30


def test_native_ybr_full_is_coded_as_it_is(tmp_path: Path) -> None:
    source, coded = tmp_path / "in.dcm", tmp_path / "coded.dcm"
    pixels = native(source, KINDS[5], 2, PhotometricInterpretation="YBR_FULL")
    for syntax in READ_BY_PYDICOM:
        streamdcm.rewrite(source, coded, transfer_syntax=syntax)
        assert dcmread(coded).PhotometricInterpretation == "YBR_FULL"
        assert np.array_equal(by_pydicom(coded), pixels)


def test_the_same_syntax_is_copied_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, coded, again = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "again.dcm"
    native(source, KINDS[1], 2)
    streamdcm.rewrite(source, coded, transfer_syntax=JPEGLSLossless)
    monkeypatch.setattr(table, "_is_installed", lambda package: False)
    streamdcm.rewrite(coded, again, transfer_syntax=JPEGLSLossless, edit=lambda dataset: None)
    assert item_fragments(again) == item_fragments(coded)
    with pytest.raises(MissingExtraError, match="codecs"):
        streamdcm.rewrite(coded, again, transfer_syntax=ExplicitVRLittleEndian)


def test_an_edit_sees_the_dataset_before_frames_are_decoded(tmp_path: Path) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    pixels = native(source, KINDS[1], 3)
    streamdcm.rewrite(source, coded, transfer_syntax=JPEG2000Lossless)

    def drop_last(dataset: Dataset) -> None:
        assert dataset.file_meta.TransferSyntaxUID == JPEG2000Lossless
        dataset.PatientName = "Doe^Jane"

    streamdcm.rewrite(coded, back, transfer_syntax=ExplicitVRLittleEndian, edit=drop_last)
    assert np.array_equal(pixels_of(back), pixels)
    assert dcmread(back).PatientName == "Doe^Jane"


def test_offset_table_says_which(tmp_path: Path) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    native(source, KINDS[1], 3)
    streamdcm.rewrite(source, coded, transfer_syntax=JPEG2000Lossless, offset_table="extended")
    assert "ExtendedOffsetTable" in dcmread(coded)
    streamdcm.rewrite(coded, back, transfer_syntax=JPEGLSLossless, offset_table="empty")
    assert "ExtendedOffsetTable" not in dcmread(back)
    streamdcm.rewrite(coded, back, transfer_syntax=ExplicitVRLittleEndian)
    assert "ExtendedOffsetTable" not in dcmread(back)


def with_icon(path: Path, syntax: str) -> None:
    native(path, KINDS[0], 1)
    streamdcm.rewrite(path, path, transfer_syntax=syntax)
    dataset = dcmread(path)
    icon = Dataset()
    for word in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        setattr(icon, word, dataset[word].value)
    icon.PhotometricInterpretation = "MONOCHROME2"
    icon.PixelData = encapsulate(item_fragments(path))
    icon["PixelData"].is_undefined_length = True
    dataset.IconImageSequence = Sequence([icon])
    streamdcm.dcmwrite(path, dataset)


@pytest.mark.parametrize("target", [ExplicitVRLittleEndian, JPEG2000Lossless])
def test_an_icon_is_decoded(tmp_path: Path, target: str) -> None:
    source, back = tmp_path / "in.dcm", tmp_path / "back.dcm"
    with_icon(source, JPEGLSLossless)
    streamdcm.rewrite(source, back, transfer_syntax=target)
    icon = dcmread(back).IconImageSequence[0]
    assert icon.PixelData[: KINDS[0].allocated // 8 * icon.Rows * icon.Columns] == arrays(KINDS[0], 1)[0].tobytes()


def test_a_damaged_icon(tmp_path: Path) -> None:
    source, back = tmp_path / "in.dcm", tmp_path / "back.dcm"
    with_icon(source, JPEGLSLossless)
    dataset = dcmread(source)
    dataset.IconImageSequence[0].PixelData = encapsulate([b"\xff\xd8\xff" + bytes(40)])
    streamdcm.dcmwrite(source, dataset)
    with pytest.raises(CodecError, match="PixelData"):
        streamdcm.rewrite(source, back, transfer_syntax=ExplicitVRLittleEndian)
    assert not back.exists()


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], type[Exception], str]] = [
    ("1.2.840.10008.1.2.4.100", {}, {}, PlanError, "cannot be encoded"),
    ("1.2.840.10008.1.2.4.94", {}, {}, PlanError, "cannot be encoded"),
    (JPEGBaseline8Bit, {"BitsStored": 12}, {}, PlanError, "BitsAllocated"),
    (JPEGLSNearLossless, {}, {"near": 0}, PlanError, "near"),
    (JPEGLSLossless, {}, {"quality": 90}, PlanError, "quality"),
    (JPEG2000, {"PhotometricInterpretation": "PALETTE COLOR"}, {}, PlanError, "PALETTE"),
    (JPEGLSLossless, {"NumberOfFrames": 9}, {}, SourceError, "NumberOfFrames"),
    (JPEGLSLossless, {"BitsStored": 17}, {}, PlanError, "BitsStored"),
    (JPEGLSLossless, {"Rows": 0}, {}, PlanError, "Rows"),
]


@pytest.mark.parametrize(("syntax", "edit", "given", "error", "why"), REFUSED)
def test_what_cannot_be_is_refused_before_the_first_byte(
    tmp_path: Path, syntax: str, edit: dict[str, Any], given: dict[str, Any], error: type[Exception], why: str
) -> None:
    source, coded = tmp_path / "in.dcm", tmp_path / "coded.dcm"
    native(source, KINDS[1], 2)
    written: list[bytes] = []
    sink = type("Sink", (), {"write": lambda self, data: written.append(bytes(data))})()
    with pytest.raises(error, match=why):
        streamdcm.rewrite(source, sink, transfer_syntax=syntax, edit=edit, codec_options=given)
    assert not written
    assert not coded.exists()


def test_a_ybr_422_of_native_frames_is_refused() -> None:
    path = DATA_FILES / "SC_ybr_full_422_uncompressed.dcm"
    with pytest.raises(PlanError, match="YBR_FULL_422"):
        streamdcm.rewrite(path, io.BytesIO(), transfer_syntax=JPEGLSLossless)


def as_it_comes(path: Path) -> Any:
    """A file that only goes forwards."""
    return iter([path.read_bytes()])


@pytest.mark.parametrize("given", [Path, as_it_comes], ids=["path", "stream"])
@pytest.mark.parametrize("option", [{"codec_options": {"near": 2}}, {"codec_workers": 2}], ids=str)
@pytest.mark.parametrize("edit", [None, lambda dataset: None], ids=["as it stands", "parsed"])
@pytest.mark.parametrize("rows", [1, 300], ids=["small", "large"])
def test_options_about_frames_that_are_coded_in_vain(
    tmp_path: Path, given: Any, option: dict[str, Any], edit: Any, rows: int
) -> None:
    frame = np.zeros((rows, 300), "u2")
    dataset = described(KINDS[1], ExplicitVRLittleEndian, Rows=rows, Columns=300, NumberOfFrames=1)
    streamdcm.dcmwrite(tmp_path / "in.dcm", dataset, frames=[frame])
    name = next(iter(option))
    with pytest.raises(PlanError, match=f"{name}= is about frames that are coded, and none are"):
        streamdcm.rewrite(given(tmp_path / "in.dcm"), tmp_path / "out.dcm", edit=edit, **option)
    assert not (tmp_path / "out.dcm").exists()


def test_options_about_coded_frames_are_for_a_folder_of_all_kinds(tmp_path: Path) -> None:
    """What has no frames, or is in the transfer syntax already, takes nothing in vain that is meant for the others."""
    report, directory = DATA_FILES / "reportsi.dcm", DATA_FILES / "dicomdirtests" / "DICOMDIR"
    options: dict[str, Any] = {"codec_workers": 2, "codec_options": {"near": 2}}
    target = tmp_path / "out.dcm"
    for source in (report, target):  # the second time it is in that transfer syntax
        streamdcm.rewrite(source, target, transfer_syntax=JPEGLSNearLossless, **options)
        assert "PixelData" not in dcmread(target)
    streamdcm.rewrite(directory, target, transfer_syntax=ExplicitVRLittleEndian, codec_workers=2)
    assert target.stat().st_size == directory.stat().st_size
    with pytest.raises(PlanError, match="no codec option 'quality' of 'JPEG-LS Lossy"):
        streamdcm.rewrite(report, target, transfer_syntax=JPEGLSNearLossless, codec_options={"quality": 2})
    native(tmp_path / "in.dcm", KINDS[0], 1)
    streamdcm.rewrite(tmp_path / "in.dcm", target, transfer_syntax=JPEGLSNearLossless, **options)
    with pytest.raises(PlanError, match="codec_options= is about frames that are coded"):  # these may be other ones
        streamdcm.rewrite(target, tmp_path / "again.dcm", transfer_syntax=JPEGLSNearLossless, **options)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_a_damaged_frame_leaves_what_was_there(tmp_path: Path, workers: int) -> None:
    source, coded, target = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "out.dcm"
    native(source, KINDS[1], 7)
    streamdcm.rewrite(source, coded, transfer_syntax=JPEGLSLossless)
    frames = item_fragments(coded)
    frames[4] = frames[4][:40]
    dataset = dcmread(coded)
    streamdcm.dcmwrite(coded, dataset, frames=frames)
    target.write_bytes(b"before")
    with pytest.raises(CodecError, match="frame 5") as caught:
        streamdcm.rewrite(coded, target, transfer_syntax=ExplicitVRLittleEndian, codec_workers=workers)
    assert caught.value.frame == 5
    assert target.read_bytes() == b"before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coded.dcm", "in.dcm", "out.dcm"]


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_workers_change_no_byte(tmp_path: Path, workers: int) -> None:
    source = tmp_path / "in.dcm"
    native(source, KINDS[1], 20)
    for syntax in (JPEG2000Lossless, table.DEFLATED_FRAMES):
        streamdcm.rewrite(source, tmp_path / "one.dcm", transfer_syntax=syntax, codec_workers=1)
        streamdcm.rewrite(source, tmp_path / "more.dcm", transfer_syntax=syntax, codec_workers=workers)
        assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "more.dcm").read_bytes()


def test_chunks_of_a_transcoded_file(tmp_path: Path) -> None:
    source, coded = tmp_path / "in.dcm", tmp_path / "coded.dcm"
    native(source, KINDS[1], 3)
    # what a target that cannot be patched gets may have another offset table
    streamdcm.rewrite(source, coded, transfer_syntax=JPEG2000Lossless, offset_table="empty")
    with streamdcm.rewrite_chunks(source, transfer_syntax="JPEG2000Lossless", offset_table="empty") as chunks:
        assert chunks.content_length is None
        assert b"".join(chunks) == coded.read_bytes()
    with streamdcm.rewrite_chunks(source, transfer_syntax="JPEG2000Lossless") as chunks:
        next(chunks)


def test_a_source_that_cannot_seek_is_told_how(tmp_path: Path) -> None:
    source = tmp_path / "in.dcm"
    native(source, KINDS[1], 99)
    data = source.read_bytes()
    pieces = [data[start : start + 9999] for start in range(0, len(data), 9999)]
    with pytest.raises(PlanError, match="spooled_source"):
        streamdcm.rewrite(iter(pieces), tmp_path / "out.dcm", transfer_syntax=JPEG2000Lossless)
    with streamdcm.spooled_source(iter(pieces)) as spooled:
        streamdcm.rewrite(spooled, tmp_path / "out.dcm", transfer_syntax=JPEG2000Lossless)
    assert dcmread(tmp_path / "out.dcm").file_meta.TransferSyntaxUID == JPEG2000Lossless


def test_one_bit_a_pixel(tmp_path: Path) -> None:
    source, coded, back = tmp_path / "in.dcm", tmp_path / "coded.dcm", tmp_path / "back.dcm"
    dataset = described(KINDS[0], NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0)
    frames = [frame > 100 for frame in arrays(KINDS[0], 3)]
    streamdcm.dcmwrite(source, dataset, frames=frames)
    for syntax in (table.DEFLATED_FRAMES, table.UNCOMPRESSED_FRAMES):
        streamdcm.rewrite(source, coded, transfer_syntax=syntax)
        streamdcm.rewrite(coded, back, transfer_syntax=ExplicitVRLittleEndian)
        assert dcmread(back).PixelData == dcmread(source).PixelData
    with pytest.raises(PlanError, match="BitsAllocated"):
        streamdcm.rewrite(source, coded, transfer_syntax=JPEG2000Lossless)
