"""Implicit VR leaves the VR to the dictionary of whoever reads: values become what it says, or are refused."""

import io
from typing import Any

import pydicom
import pytest
from pydicom import DataElement, Dataset, Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.errors import InvalidValueError
from tests.support.images import template as without_pixels
from tests.support.tools import run
from tests.support.writing import written


def template(syntax: str, **keywords: Any) -> Dataset:
    """A dataset of one frame, with its pixel data."""
    dataset = without_pixels(syntax, **keywords)
    dataset.add_new(0x7FE00010, "OW", bytes(70))
    return dataset


ROWS, CREATOR, PRIVATE = 0x00280010, 0x00990010, 0x00991001


def explicit(*elements: tuple[int, str, Any], in_item: bool = False, **keywords: Any) -> io.BytesIO:
    """An Explicit VR file with these elements."""
    outer = template(ExplicitVRLittleEndian, **keywords)
    dataset = Dataset() if in_item else outer
    for tag, vr, value in elements:
        dataset[tag] = DataElement(tag, vr, value, already_converted=True)
    if in_item:
        outer.ReferencedImageSequence = Sequence([dataset])
    return io.BytesIO(written(outer))


def implicit(source: io.BytesIO, **options: Any) -> Dataset:
    target = io.BytesIO()
    streamdcm.rewrite(source, target, transfer_syntax=ImplicitVRLittleEndian, **options)
    target.seek(0)
    return pydicom.dcmread(target)


@pytest.mark.parametrize("in_item", [False, True])
@pytest.mark.parametrize(
    ("tag", "vr", "value", "expected"),
    [
        (ROWS, "DS", "512", 512),
        (ROWS, "LO", "512", 512),
        (ROWS, "UL", 512, 512),
        (ROWS, "FD", 512.0, 512),
        (0x00280034, "US", [1, 2], [1, 2]),  # PixelAspectRatio, IS
        (0x00280034, "DS", ["1", "2.0"], [1, 2]),
        (0x00280030, "FD", [0.5, 0.25], [0.5, 0.25]),  # PixelSpacing, DS
        (0x00189073, "DS", "0.1", 0.1),  # AcquisitionDuration, FD
        (0x00189073, "IS", "3", 3.0),
        (0x00189322, "FD", [1.5, 2.5], [1.5, 2.5]),  # the same VR
        (0x00100010, "LO", "Doe^Jane", "Doe^Jane"),  # PatientName, PN: text is text
        (0x00080080, "US", 12, "12"),  # InstitutionName, LO
        (0x00280120, "DS", "-5", -5),  # PixelPaddingValue, US or SS
        (0x00280106, "SS", -7, -7),
        (0x00281201, "OB", b"\1\2", b"\1\2"),  # a palette, OW
        (0x00281201, "US", [1, 2], b"\1\0\2\0"),
        (0x00281201, "UN", b"\1\2", b"\1\2"),
        (0x00081115, "LO", "", []),  # an empty sequence
    ],
)
def test_a_value_becomes_one_of_the_vr_of_the_dictionary(
    tag: int, vr: str, value: Any, expected: Any, in_item: bool
) -> None:
    again = implicit(explicit((tag, vr, value), in_item=in_item, PixelRepresentation=1))
    dataset = again.ReferencedImageSequence[0] if in_item else again
    assert dataset[tag].value == expected


@pytest.mark.parametrize("in_item", [False, True])
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (ROWS, "DS", "51.2"),
        (ROWS, "LO", "large"),
        (ROWS, "UL", 70_000),
        (ROWS, "OB", b"\0\2"),
        (ROWS, "AT", [0x00280010]),
        (ROWS, "SQ", [Dataset()]),
        (0x00200013, "LO", "first"),  # InstanceNumber, IS
        (0x00280034, "FD", [0.5, 1]),
        (0x00280030, "FD", [1 / 3, 1.0]),  # 18 characters
        (ROWS, "FD", float("nan")),
        (0x00720076, "DS", "0.1"),  # SelectorFLValue: not exactly that number
        (0x00081115, "LO", "series"),  # ReferencedSeriesSequence
        (0x00100020, "SQ", [Dataset()]),  # PatientID
        (0x00080020, "US", 2026),  # StudyDate
        (0x00280009, "US", 333),  # FrameIncrementPointer, AT
    ],
)
def test_a_value_that_cannot_is_refused_and_the_element_named(tag: int, vr: str, value: Any, in_item: bool) -> None:
    source = explicit((tag, vr, value), in_item=in_item)
    keyword = pydicom.datadict.keyword_for_tag(tag)
    with pytest.raises(InvalidValueError, match=rf"{keyword}: its VR is {vr}, .*on_vr_conflict='drop'") as caught:
        implicit(source)
    assert str(value) not in str(caught.value)


def test_drop_leaves_the_vr_out_all_the_same() -> None:
    again = implicit(explicit((ROWS, "DS", "512")), on_vr_conflict="drop")
    assert again.get_item(ROWS).value == b"512 "


def test_what_is_read_from_implicit_vr_has_no_conflict() -> None:
    dataset = template(ImplicitVRLittleEndian)
    dataset[ROWS] = DataElement(ROWS, "DS", "512", already_converted=True)
    source = written(dataset, on_vr_conflict="drop")
    target = io.BytesIO()
    streamdcm.dcmwrite(target, pydicom.dcmread(io.BytesIO(source)))
    assert target.getvalue() == source


def test_private_sequences_stay_recognisable(tmp_path) -> None:  # type: ignore[no-untyped-def]
    inner, item = Dataset(), Dataset()
    inner.PatientID = "inner"
    for dataset in (item, outer := Dataset()):
        dataset.add_new(CREATOR, "LO", "NOBODY KNOWS")
    item.add_new(PRIVATE, "SQ", [inner])
    outer.add_new(PRIVATE, "SQ", [item])
    outer.ReferencedImageSequence = Sequence([item])
    source = explicit(*((element.tag, element.VR, element.value) for element in outer))
    again = implicit(source)
    assert not again["ReferencedImageSequence"].is_undefined_length
    assert again["ReferencedImageSequence"].value[0][PRIVATE].value[0].PatientID == "inner"
    assert again[PRIVATE].value[0][PRIVATE].value[0].PatientID == "inner"
    path = tmp_path / "out.dcm"
    streamdcm.rewrite(source, path, transfer_syntax=ImplicitVRLittleEndian)
    dump = run("dcmdump", path).stdout
    assert dump.count("(0010,0020) LO [inner]") == 2


def test_sequence_lengths_say_more_than_recognisability() -> None:
    source = explicit((CREATOR, "LO", "NOBODY KNOWS"), (PRIVATE, "SQ", [Dataset()]))
    assert implicit(source, sequence_lengths="defined").get_item(PRIVATE).length == 8
