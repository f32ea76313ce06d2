"""Frames of every mode, judged by programs that nobody here wrote: pydicom, DCMTK, GDCM and dicom3tools.

Real compressed frames, so that foreign decoders give pixels; what they give is compared with what they
give for the same frames written by pydicom.
"""

import copy
import functools
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    ParametricMapStorage,
)

import streamdcm
from tests.support.frames import COUNTED, EXPECTED, SINKS, TABLES, frames_in, padded, table_in
from tests.support.targets import WriteOnly
from tests.support.tools import run

pytestmark = pytest.mark.slow


class Material(NamedTuple):
    """Frames and the dataset that they belong to."""

    name: str
    template: Dataset
    frames: list[bytes]
    decoders: tuple[tuple[str, ...], ...] = ()
    """Commands that take a file and write it with pixels that are not compressed."""

    @property
    def encapsulated(self) -> bool:
        return self.template.file_meta.TransferSyntaxUID.is_compressed


def as_multi_frame(name: str, sop_class: UID | None = None) -> Dataset:
    """A dataset that ships with pydicom, as one of several frames, without its pixels."""
    dataset = pydicom.dcmread(get_testdata_file(name, download=False), stop_before_pixels=True)
    if sop_class is not None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    if "NumberOfFrames" in dataset:
        del dataset.NumberOfFrames  # of other frames than those that are written
    return dataset


def stored_frames(name: str) -> list[bytes]:
    """The compressed frames of a file that ships with pydicom, without the pad byte."""
    dataset = pydicom.dcmread(get_testdata_file(name, download=False))
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1)))
    return [frame.removesuffix(b"\0") if frame.endswith(b"\xff\xd9\0") else frame for frame in frames]


@functools.cache
def compressed(kind: str) -> Material:
    gdcm = ("gdcmconv", "--raw")
    if kind == "jpeg":
        name = "examples_ybr_color.dcm"
        dataset = as_multi_frame(name)
        del dataset[0x00191060]  # private, and not what its VR says
        return Material(kind, dataset, stored_frames(name)[:5], (("dcmdjpeg",), gdcm))
    if kind == "rle":
        name = "SC_rgb_rle_2frame.dcm"
        dataset = as_multi_frame(name, MultiFrameTrueColorSecondaryCaptureImageStorage)
        return Material(kind, dataset, stored_frames(name), (("dcmdrle",), gdcm))
    name, decoders = {
        "jpeg-ls": ("MR_small_jpeg_ls_lossless.dcm", (("dcmdjpls",), gdcm)),
        "jpeg-2000": ("MR_small_jp2klossless.dcm", (gdcm,)),
    }[kind]
    dataset = as_multi_frame(name, MultiFrameGrayscaleWordSecondaryCaptureImageStorage)
    return Material(kind, dataset, stored_frames(name) * 3, decoders)


def pixel_template(rows: int, columns: int, bits: int, sop_class: UID, **elements: Any) -> Dataset:
    dataset = as_multi_frame("MR_small.dcm", sop_class)
    for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue"):
        delattr(dataset, keyword)
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def random_frames(count: int, size: int) -> list[bytes]:
    generator = np.random.default_rng(size)
    return [generator.bytes(size) for _ in range(count)]


@functools.cache
def uncompressed(kind: str) -> Material:
    """Frames in little endian byte order; those of one bit a pixel are of a whole number of bytes."""
    if kind == "1 bit":
        dataset = as_multi_frame("liver_1frame.dcm")  # it has the functional groups of three frames
        frame = pydicom.dcmread(get_testdata_file("liver_1frame.dcm", download=False)).PixelData
        return Material(kind, dataset, [frame, bytes(len(frame)), frame[::-1]])
    if kind == "8 bits":
        dataset = pixel_template(5, 7, 8, MultiFrameGrayscaleByteSecondaryCaptureImageStorage)
        return Material(kind, dataset, random_frames(3, 35))
    if kind == "16 bits":
        dataset = pixel_template(5, 7, 16, MultiFrameGrayscaleWordSecondaryCaptureImageStorage)
        return Material(kind, dataset, random_frames(3, 70))
    if kind == "32 bits":
        stored = pydicom.dcmread(get_testdata_file("rtdose.dcm", download=False)).PixelData
        dataset = as_multi_frame("rtdose.dcm")
        del dataset.ReferencedRTPlanSequence  # its UID is none
        return Material(kind, dataset, [stored[at : at + 400] for at in range(0, len(stored), 400)])
    if kind == "4:2:2":
        name = "SC_ybr_full_422_uncompressed.dcm"
        dataset = as_multi_frame(name, MultiFrameTrueColorSecondaryCaptureImageStorage)
        return Material(kind, dataset, [pydicom.dcmread(get_testdata_file(name, download=False)).PixelData] * 2)
    bits, keyword = {"float": (32, "FloatPixelData"), "double": (64, "DoubleFloatPixelData")}[kind]
    dataset = pixel_template(5, 7, bits, ParametricMapStorage, **{keyword: b""})
    del dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation
    return Material(kind, dataset, random_frames(3, 35 * bits // 8))


@functools.cache
def raw_in_items() -> Material:
    """Encapsulated Uncompressed Explicit VR Little Endian, with frames of an odd length."""
    dataset = pixel_template(5, 7, 8, MultiFrameGrayscaleByteSecondaryCaptureImageStorage)
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1.98")
    return Material("raw", dataset, random_frames(3, 35))


def write(path: Path, dataset: Dataset, sink: str, **options: Any) -> streamdcm.WriteResult:
    if sink == "seekable":
        return streamdcm.dcmwrite(path, dataset, **options)
    target = WriteOnly()
    result = streamdcm.dcmwrite(target, dataset, **options)
    path.write_bytes(target.data)
    return result


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Material], Path]:
    """Writes the same frames with pydicom, once."""
    written: dict[str, Path] = {}

    def write_once(material: Material) -> Path:
        if material.name not in written:
            written[material.name] = tmp_path_factory.mktemp("theirs") / "theirs.dcm"
            write_with_pydicom(written[material.name], material)
        return written[material.name]

    return write_once


def write_with_pydicom(path: Path, material: Material) -> None:
    dataset = copy.deepcopy(material.template)
    dataset.NumberOfFrames = len(material.frames)
    joined = b"".join(material.frames)
    if float_pixels := {"FloatPixelData", "DoubleFloatPixelData"} & set(dataset.dir()):
        setattr(dataset, float_pixels.pop(), joined)
    elif material.encapsulated:
        dataset.add_new("PixelData", "OB", encapsulate(material.frames))
    else:
        dataset.add_new("PixelData", "OB" if dataset.BitsAllocated <= 8 else "OW", joined + b"\0" * (len(joined) % 2))
    pydicom.dcmwrite(path, dataset)


# --- The judges ---------------------------------------------------------------------------------------


def assert_dcmtk_accepts(path: Path) -> None:
    dump = run("dcmdump", path)
    complaints = [line for line in dump.stdout.splitlines() if line[:2] in ("E:", "W:")]
    assert (dump.returncode, complaints) == (0, [])
    assert run("dcmftest", path).stdout == f"yes: {path}\n"


def assert_gdcm_accepts(path: Path) -> None:
    info = run("gdcminfo", path)
    assert info.returncode == 0, info.stdout


def assert_no_new_errors(path: Path, reference: Path) -> None:
    assert errors_found(path) <= errors_found(reference)


@functools.cache
def errors_found(path: Path) -> set[str]:
    """What `dciodvfy` calls an error."""
    return set(re.findall(r"^Error.*$", run("dciodvfy", path).stdout, re.MULTILINE))


def test_the_last_judge_finds_errors(tmp_path: Path) -> None:
    dataset = pixel_template(5, 7, 8, MultiFrameGrayscaleByteSecondaryCaptureImageStorage)
    del dataset.Rows
    pydicom.dcmwrite(tmp_path / "no rows.dcm", dataset)
    assert any("<Rows>" in error for error in errors_found(tmp_path / "no rows.dcm"))


@functools.cache
def decoded(path: Path, command: tuple[str, ...]) -> bytes:
    """The pixels that a foreign program finds in a file."""
    target = path.with_suffix(".decoded")
    done = run(*command, path, target)
    assert done.returncode == 0, done.stdout
    pixels: bytes = pydicom.dcmread(target).PixelData
    return pixels


# --- Encapsulated -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("kind", ["jpeg", "rle", "jpeg-ls", "jpeg-2000"])
def test_compressed_frames_are_what_all_readers_find(
    kind: str, counted: str, table: str, sink: str, theirs: Callable[[Material], Path], tmp_path: Path
) -> None:
    material, path = compressed(kind), tmp_path / "ours.dcm"
    options = {**COUNTED[counted](material.frames), "offset_table": table}
    expected = EXPECTED[counted, sink][table]
    if expected == "refused":
        with pytest.raises(ValueError, match="needs the number of frames ahead"):
            write(path, material.template, sink, **options)
        assert not path.exists()
        return
    write(path, material.template, sink, **options)
    judge_encapsulated(path, material, expected)
    reference = theirs(material)
    assert_gdcm_accepts(path)
    assert_no_new_errors(path, reference)
    for decoder in material.decoders:
        assert decoded(path, decoder) == decoded(reference, decoder)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("counted", COUNTED)
def test_raw_frames_in_items_are_what_pydicom_and_dcmtk_find(
    counted: str, table: str, sink: str, tmp_path: Path
) -> None:
    material, path = raw_in_items(), tmp_path / "ours.dcm"
    options = {**COUNTED[counted](material.frames), "offset_table": table}
    expected = EXPECTED[counted, sink][table]
    if counted == "announced" and table == "auto":
        expected = "basic"  # the lengths of native frames are known, and so are their offsets
    if expected == "refused":
        with pytest.raises(ValueError, match="needs the number of frames ahead"):
            write(path, material.template, sink, **options)
    else:
        write(path, material.template, sink, **options)
        judge_encapsulated(path, material, expected)


def judge_encapsulated(path: Path, material: Material, table: str) -> None:
    dataset = pydicom.dcmread(path)
    assert table_in(dataset) == table
    assert frames_in(dataset) == [padded(frame) for frame in material.frames]
    assert_dcmtk_accepts(path)


@pytest.mark.parametrize("divided", [{"fragments_per_frame": 3}, {"fragment_size": 1000}], ids=str)
@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("kind", ["jpeg", "jpeg-2000"])
def test_fragments_are_put_together_by_all_readers(
    kind: str, counted: str, divided: dict[str, int], theirs: Callable[[Material], Path], tmp_path: Path
) -> None:
    material, path = compressed(kind), tmp_path / "ours.dcm"
    write(path, material.template, "seekable", **COUNTED[counted](material.frames), **divided)
    assert_dcmtk_accepts(path)
    assert_gdcm_accepts(path)
    reference = theirs(material)
    assert_no_new_errors(path, reference)
    dataset = pydicom.dcmread(path)
    assert frames_in(dataset) == [padded(frame) for frame in material.frames]
    # without a table no decoder can tell which fragments are a frame; GDCM cannot with JPEG 2000 at all
    if table_in(dataset) == "basic" and kind == "jpeg":
        for decoder in material.decoders:
            assert decoded(path, decoder) == decoded(reference, decoder)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("rle", {"fragments_per_frame": 2}, "exactly one fragment"),
        ("rle", {"fragment_size": 100}, "exactly one fragment"),
        ("jpeg", {"fragments_per_frame": 2, "offset_table": "extended"}, "one fragment a frame"),
        ("jpeg", {"fragments_per_frame": 2, "fragment_size": 100}, "exclude each other"),
    ],
)
def test_what_a_syntax_or_a_table_excludes_is_refused(kind: str, options: dict[str, Any], message: str) -> None:
    target, material = io.BytesIO(), compressed(kind)
    with pytest.raises(ValueError, match=message):
        streamdcm.dcmwrite(target, material.template, frames=material.frames, **options)
    assert target.getvalue() == b""


@pytest.mark.parametrize("table", ["basic", "extended"])
def test_late_values_are_read_by_all(table: str, theirs: Callable[[Material], Path], tmp_path: Path) -> None:
    material, path = compressed("jpeg"), tmp_path / "ours.dcm"
    options = {"max_frames": 10, "offset_table": table, "late": ["LossyImageCompressionRatio", "StudyTime"]}
    with streamdcm.open_writer(path, material.template, **options) as writer:
        for frame in material.frames:
            writer.write_frame(frame)
        writer.set("LossyImageCompressionRatio", 7.25)
        writer.set("StudyTime", "101112")
    judge_encapsulated(path, material, table)
    assert_gdcm_accepts(path)
    assert_no_new_errors(path, theirs(material))
    shown = run("dcmdump", "+P", "0028,2112", "+P", "0008,0030", "+P", "0028,0008", path).stdout
    assert re.findall(r"\[(.*?) *\]", shown) == ["7.25", "101112", "5"]


# --- Native -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("counted", ["list", "announced", "unknown"])
@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian],
    ids=lambda syntax: syntax.keyword,
)
@pytest.mark.parametrize("kind", ["1 bit", "8 bits", "16 bits", "32 bits", "4:2:2", "float", "double"])
def test_native_frames_are_what_all_readers_find(
    kind: str, syntax: UID, counted: str, sink: str, theirs: Callable[[Material], Path], tmp_path: Path
) -> None:
    material, path = in_syntax(uncompressed(kind), syntax), tmp_path / "ours.dcm"
    write(path, material.template, sink, **COUNTED[counted](material.frames))
    dataset = pydicom.dcmread(path)
    assert dataset.NumberOfFrames == len(material.frames)
    assert pixels_of(dataset) == padded(b"".join(material.frames))
    assert_dcmtk_accepts(path)
    if not syntax.is_deflated:  # which dciodvfy does not inflate
        assert_no_new_errors(path, theirs(material))
    if kind not in ("float", "double"):  # which GDCM does not take for images
        assert_gdcm_accepts(path)


@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize(("bits", "dtype"), [(8, "u1"), (16, "u2"), (32, "u4")])
def test_big_endian_pixels_become_little_endian_again_in_dcmtk_and_gdcm(
    bits: int, dtype: str, counted: str, tmp_path: Path
) -> None:
    path, converted = tmp_path / "ours.dcm", tmp_path / "little.dcm"
    template = pixel_template(5, 7, bits, MultiFrameGrayscaleWordSecondaryCaptureImageStorage)
    material = in_syntax(Material(dtype, template, random_frames(3, 35 * bits // 8)), ExplicitVRBigEndian)
    arrays = [np.frombuffer(frame, f"<{dtype}").reshape(5, 7) for frame in material.frames]
    write(path, material.template, "seekable", **COUNTED[counted](arrays))
    assert_dcmtk_accepts(path)
    assert_gdcm_accepts(path)
    expected = padded(b"".join(material.frames))
    assert run("dcmconv", "+te", path, converted).returncode == 0
    assert pydicom.dcmread(converted).PixelData == expected
    assert decoded(path, ("gdcmconv", "--raw")) == expected


def in_syntax(material: Material, syntax: UID) -> Material:
    dataset = pydicom.Dataset(material.template)
    dataset.preamble = material.template.preamble
    dataset.file_meta = pydicom.dataset.FileMetaDataset(material.template.file_meta)
    dataset.file_meta.TransferSyntaxUID = syntax
    return material._replace(name=f"{material.name} {syntax}", template=dataset)


def pixels_of(dataset: Dataset) -> bytes:
    keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    value: bytes = next(dataset[keyword].value for keyword in keywords if keyword in dataset)
    return value
