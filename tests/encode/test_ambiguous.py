"""VRs that other elements decide, where these are missing, empty, or do not matter."""

import io
from struct import pack
from typing import Any

import pydicom
import pytest
from pydicom import DataElement, Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.errors import AmbiguousVRError
from tests.support.images import template as without_pixels
from tests.support.writing import read_back, written


def template(syntax: str, **keywords: Any) -> Dataset:
    """A dataset of one frame, with its pixel data."""
    dataset = without_pixels(syntax, **keywords)
    dataset.add_new(0x7FE00010, "OW", bytes(70))
    return dataset


LUT_DESCRIPTOR, LUT_DATA, RED = 0x00283002, 0x00283006, 0x00281101
PADDING, PIXEL_DATA = 0x00280120, 0x7FE00010


def implicit(*elements: tuple[int, bytes], **keywords: Any) -> io.BytesIO:
    """An Implicit VR file of an image, with more elements whose bytes are given."""
    dataset = template(ImplicitVRLittleEndian, **keywords)
    for tag, value in elements:
        dataset[tag] = DataElement(tag, "OB", value)
    return io.BytesIO(written(dataset, on_vr_conflict="drop"))


def explicit(source: io.BytesIO) -> Dataset:
    target = io.BytesIO()
    streamdcm.rewrite(source, target, transfer_syntax=ExplicitVRLittleEndian)
    target.seek(0)
    return pydicom.dcmread(target)


@pytest.mark.parametrize("tag", [LUT_DESCRIPTOR, RED])
def test_the_first_value_of_a_descriptor_is_unsigned_whatever_pixels_are(tag: int) -> None:
    again = explicit(implicit((tag, pack("<HhH", 40000, -1024, 16)), PixelRepresentation=1))
    assert again[tag].VR == "SS"
    assert again[tag].value == [40000, -1024, 16]


@pytest.mark.parametrize("values", [[40000, -1024, 16], (40000, 0, 16)])
def test_a_descriptor_that_was_set_is_taken_with_a_first_value_over_32767(values: Any) -> None:
    dataset = template(ExplicitVRLittleEndian, signed=True)
    dataset[LUT_DESCRIPTOR] = DataElement(LUT_DESCRIPTOR, "US or SS", values, already_converted=True)
    assert list(read_back(dataset)[LUT_DESCRIPTOR].value) == list(values)


@pytest.mark.parametrize("vr", ["SS", "US or SS"])
def test_an_edit_sets_a_descriptor_with_a_first_value_over_32767(vr: str) -> None:
    dataset = template(ExplicitVRLittleEndian, signed=True)
    dataset[LUT_DESCRIPTOR] = DataElement(LUT_DESCRIPTOR, vr, [256, -1, 16])
    target = io.BytesIO()
    streamdcm.rewrite(io.BytesIO(written(dataset)), target, edit={"LUTDescriptor": [40000, -1, 16]})
    target.seek(0)
    assert pydicom.dcmread(target)[LUT_DESCRIPTOR].value == [40000, -1, 16]


@pytest.mark.parametrize("descriptor", [None, b""])
def test_lut_data_without_a_descriptor_are_ow(descriptor: bytes | None) -> None:
    elements = [(LUT_DATA, bytes(range(8)))]
    if descriptor is not None:
        elements.append((LUT_DESCRIPTOR, descriptor))
    again = explicit(implicit(*elements))
    assert (again[LUT_DATA].VR, again[LUT_DATA].value) == ("OW", bytes(range(8)))


@pytest.mark.parametrize("is_there", [True, False])
def test_without_a_pixel_representation_values_are_us(is_there: bool) -> None:
    source = implicit(
        (LUT_DESCRIPTOR, pack("<HHH", 256, 40000, 16)),
        (PADDING, pack("<H", 50000)),
        (PIXEL_DATA, bytes(70)),
    )
    dataset = pydicom.dcmread(source)
    if is_there:
        dataset.PixelRepresentation = None
    else:
        del dataset.PixelRepresentation
    again = explicit(io.BytesIO(written(dataset)))
    assert (again[LUT_DESCRIPTOR].VR, again[LUT_DESCRIPTOR].value) == ("US", [256, 40000, 16])
    assert (again[PADDING].VR, again[PADDING].value) == ("US", 50000)


def test_an_empty_bits_allocated_is_an_error_that_names_it() -> None:
    dataset = template(ExplicitVRLittleEndian, BitsAllocated=None)
    dataset[PIXEL_DATA] = DataElement(PIXEL_DATA, "OB or OW", bytes(70))
    with pytest.raises(AmbiguousVRError, match="BitsAllocated"):
        written(dataset)
