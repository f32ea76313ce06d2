"""Elements that were read without a value: no bytes tell which VR they have."""

import io
import warnings

import pydicom
import pytest
from pydicom.datadict import DicomDictionary
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.encode.scope import Scope
from streamdcm.encode.vr import VRS

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
NO_GROUPS = (0x0000, 0x0002, 0xFFFE)
OF_EACH_VR = {
    entry[0]: tag
    for tag, entry in DicomDictionary.items()
    if entry[0] in VRS and tag >> 16 not in NO_GROUPS and tag & 0xFFFF
}
"""A tag of each VR that the dictionary has."""

PRIVATE = {0x00091000 + number: vr for number, vr in enumerate(VRS)}


def empty_elements(syntax: str, tags: dict[int, str | None]) -> Dataset:
    """Return a dataset with elements as they are read when their lengths are 0 and nothing tells what is empty."""
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    implicit = syntax == ImplicitVRLittleEndian
    for tag, vr in tags.items():
        raw = RawDataElement(Tag(tag), None if implicit else vr, 0, None, 0, implicit, True)
        dataset._dict[Tag(tag)] = raw
    dataset.set_original_encoding(implicit, True, "iso8859")
    dataset._parent_encoding = "iso8859"
    return dataset


def written(dataset: Dataset, *, parsed: bool) -> tuple[bytes, list[str]]:
    """Return the bytes of a dataset, as it is or with all elements parsed, and what was warned of."""
    target = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if parsed:
            for _ in dataset.iterall():
                pass
        streamdcm.dcmwrite(target, dataset)
    return target.getvalue(), [type(warning.message).__name__ for warning in caught]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("vr", sorted(OF_EACH_VR))
def test_an_empty_element_is_written_as_if_it_had_been_parsed(vr: str, syntax: str) -> None:
    tags: dict[int, str | None] = {OF_EACH_VR[vr]: vr}
    assert written(empty_elements(syntax, tags), parsed=False) == written(empty_elements(syntax, tags), parsed=True)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_empty_elements_whose_vr_is_in_doubt_are_parsed(syntax: str) -> None:
    tags: dict[int, str | None] = {**PRIVATE, 0x00090010: "LO", 0x00280106: "UN", 0x00281401: "UN", 0x00081234: "UN"}
    ours, theirs = (
        written(empty_elements(syntax, dict(sorted(tags.items()))), parsed=parsed) for parsed in (False, True)
    )
    assert ours == theirs


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_empty_elements_of_a_known_vr_are_not_parsed(syntax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tags: dict[int, str | None] = {tag: vr for vr, tag in OF_EACH_VR.items() if vr != "UN"}
    dataset = empty_elements(syntax, tags)
    expected = written(empty_elements(syntax, tags), parsed=True)
    monkeypatch.delattr(Scope, "parsed")
    assert written(dataset, parsed=False) == expected
