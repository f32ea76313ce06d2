"""Pixel data that are encapsulated in an item cannot be carried into another transfer syntax."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pydicom
import pytest
from pydicom import DataElement, Dataset
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

import streamdcm
from streamdcm.cli.app import main
from streamdcm.errors import PlanError
from tests.support.images import as_jpeg

ICON = as_jpeg(bytes(20))
NATIVE = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
IN_ICON = r"\(0088,0200\) IconImageSequence\[0\] > \(7FE0,0010\) PixelData"
DEEP = rf"\(0008,1115\) ReferencedSeriesSequence\[1\] > \(0008,1199\) ReferencedSOPSequence\[0\] > {IN_ICON}"


def icon(value: bytes, *, encapsulated: bool) -> Dataset:
    item = Dataset()
    item.Rows = item.Columns = 4
    element = DataElement(0x7FE00010, "OB", value)
    element.is_undefined_length = encapsulated
    item.add(element)
    return item


def presentation(item: Dataset, *, deep: bool = False, defined: bool = True) -> Dataset:
    """A dataset without pixels of its own, and with an icon."""
    dataset = pydicom.dcmread(get_testdata_file("SC_rgb_rle_2frame.dcm"), stop_before_pixels=True)
    for keyword in ("NumberOfFrames", "SourceImageSequence", "Rows", "Columns"):
        dataset.pop(keyword, None)
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    if deep:
        series, reference = Dataset(), Dataset()
        reference.IconImageSequence = [item]
        series.ReferencedSOPSequence = [reference]
        dataset.ReferencedSeriesSequence = [Dataset(), series]
    else:
        dataset.IconImageSequence = [item]
    for element in dataset.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = not defined
            for inner in element.value:
                inner.is_undefined_length_sequence_item = not defined
    return dataset


def file_of(dataset: Dataset, path: Path) -> Path:
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def with_sync(source: Path, target: Any, **options: Any) -> None:
    streamdcm.rewrite(source, target, **options)


def with_async(source: Path, target: Any, **options: Any) -> None:
    async def write() -> None:
        await streamdcm.rewrite_async(source, target, **options)

    anyio.run(write)


@pytest.mark.parametrize("write", [with_sync, with_async])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("defined", [False, True])
@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless, ENCAPSULATED_UNCOMPRESSED])
def test_an_encapsulated_icon_is_refused_before_the_first_byte(
    write: Callable[..., None], deep: bool, defined: bool, syntax: str, tmp_path: Path
) -> None:
    dataset = presentation(icon(encapsulate([ICON]), encapsulated=True), deep=deep, defined=defined)
    source, target = file_of(dataset, tmp_path / "in.dcm"), io.BytesIO()
    with pytest.raises(PlanError, match=rf"^{DEEP if deep else IN_ICON} is encapsulated and cannot be copied from"):
        write(source, target, transfer_syntax=syntax)
    assert target.getvalue() == b""
    with pytest.raises(PlanError):
        write(source, tmp_path / "out.dcm", transfer_syntax=syntax)
    assert os.listdir(tmp_path) == ["in.dcm"]


def walk_and_set_the_syntax(dataset: Dataset) -> None:
    for element in dataset.iterall():  # which parses them
        assert element is not None
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def replace_the_pixels(dataset: Dataset) -> None:
    dataset.PixelData = bytes(16)
    dataset["PixelData"].is_undefined_length = False
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def as_a_new_dataset(dataset: Dataset) -> Dataset:
    other = Dataset(dataset)
    other.file_meta = pydicom.dataset.FileMetaDataset(dataset.file_meta)
    other.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    other.PixelData = bytes(16)
    return other


@pytest.mark.parametrize("edit", [walk_and_set_the_syntax, replace_the_pixels, as_a_new_dataset])
def test_an_edit_that_sets_a_native_syntax_and_leaves_the_icon_is_refused(
    edit: Callable[[Dataset], Any], tmp_path: Path
) -> None:
    source = file_of(presentation(icon(encapsulate([ICON]), encapsulated=True)), tmp_path / "in.dcm")
    with pytest.raises(PlanError, match=f"^{IN_ICON} is encapsulated"):
        streamdcm.rewrite(source, tmp_path / "out.dcm", edit=edit)
    assert os.listdir(tmp_path) == ["in.dcm"]


def test_decompressing_the_pixels_at_the_top_is_not_enough(tmp_path: Path) -> None:
    dataset = pydicom.dcmread(get_testdata_file("SC_rgb_rle_2frame.dcm"))
    dataset.IconImageSequence = [icon(encapsulate([ICON]), encapsulated=True)]
    source = file_of(dataset, tmp_path / "in.dcm")
    with pytest.raises(PlanError, match=f"^{IN_ICON} is encapsulated"):
        streamdcm.rewrite(source, tmp_path / "out.dcm", edit=Dataset.decompress)

    def decompress_and_drop(dataset: Dataset) -> None:
        dataset.decompress()
        del dataset.IconImageSequence

    streamdcm.rewrite(source, tmp_path / "out.dcm", edit=decompress_and_drop)
    assert pydicom.dcmread(tmp_path / "out.dcm").pixel_array.shape == (2, 100, 100, 3)


@pytest.mark.parametrize("syntax", [*NATIVE, RLELossless])
def test_an_icon_of_native_pixels_goes_everywhere(syntax: str, tmp_path: Path) -> None:
    source = file_of(presentation(icon(b"\xe0\x7f\x10\x00" * 4, encapsulated=False)), tmp_path / "in.dcm")
    streamdcm.rewrite(source, tmp_path / "out.dcm", transfer_syntax=syntax)
    after = pydicom.dcmread(tmp_path / "out.dcm")
    assert after.IconImageSequence[0].PixelData == b"\xe0\x7f\x10\x00" * 4


def test_an_encapsulated_icon_stays_what_it_is_in_its_own_syntax(tmp_path: Path) -> None:
    source = file_of(presentation(icon(encapsulate([ICON]), encapsulated=True)), tmp_path / "in.dcm")
    streamdcm.rewrite(source, tmp_path / "out.dcm", edit={"PatientID": "new"})
    assert pydicom.dcmread(tmp_path / "out.dcm").IconImageSequence[0].PixelData == encapsulate([ICON])


def test_an_edit_may_put_an_icon_of_the_new_syntax_in_its_place(tmp_path: Path) -> None:
    source = file_of(presentation(icon(encapsulate([ICON]), encapsulated=True)), tmp_path / "in.dcm")
    new = encapsulate([b"\1\0\0\0" + b"\x40\0\0\0" + bytes(56) + b"\0\1"])

    def edit(dataset: Dataset) -> None:
        dataset.IconImageSequence[0]["PixelData"].value = new
        dataset.file_meta.TransferSyntaxUID = RLELossless

    streamdcm.rewrite(source, tmp_path / "out.dcm", edit=edit)
    assert pydicom.dcmread(tmp_path / "out.dcm").IconImageSequence[0].PixelData == new


def test_the_command_line_says_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = file_of(presentation(icon(encapsulate([ICON]), encapsulated=True)), tmp_path / "in.dcm")
    status = main(["copy", "--transfer-syntax", "ExplicitVRLittleEndian", str(source), str(tmp_path / "out.dcm")])
    assert status == 1
    assert "(0088,0200) IconImageSequence[0] > (7FE0,0010) PixelData is encapsulated" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["in.dcm"]
