"""Private elements of Implicit VR files whose bytes are not what the private dictionary says."""

import io
from struct import pack
from typing import Any

import pydicom
import pytest
from pydicom import DataElement, Dataset, Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from tests.support.images import template as without_pixels
from tests.support.tools import run
from tests.support.writing import written


def template(syntax: str, **keywords: Any) -> Dataset:
    """A dataset of one frame, with its pixel data."""
    dataset = without_pixels(syntax, **keywords)
    dataset.add_new(0x7FE00010, "OW", bytes(70))
    return dataset


CREATOR, FD, CS, DS = 0x01F10010, 0x01F11026, 0x01F11001, 0x01F11008
GEMS_CREATOR, GEMS_UI = 0x00090010, 0x000910E3


def implicit(creator: tuple[int, str], tag: int, value: bytes, in_item: bool = False) -> io.BytesIO:
    dataset = outer = template(ImplicitVRLittleEndian)
    if in_item:
        dataset = Dataset()
        outer.ReferencedImageSequence = Sequence([dataset])
    dataset.add_new(creator[0], "LO", creator[1])
    dataset[tag] = DataElement(tag, "OB", value)
    return io.BytesIO(written(outer, on_vr_conflict="drop"))


@pytest.mark.parametrize("in_item", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (FD, pack("<f", 0.5)),
        (FD, b"0.500000"[:6]),
        (DS, pack("<d", 0.1)),
        (CS, pack("<l", 1)),
    ],
)
def test_bytes_that_contradict_the_private_dictionary_are_un(
    tag: int, value: bytes, syntax: str, in_item: bool
) -> None:
    target = io.BytesIO()
    streamdcm.rewrite(implicit((CREATOR, "ELSCINT1"), tag, value, in_item), target, transfer_syntax=syntax)
    target.seek(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pydicom.config, "replace_un_with_known_vr", False)
        again = pydicom.dcmread(target)
        place = again.ReferencedImageSequence[0] if in_item else again
        assert (place[tag].VR, place[tag].value) == ("UN", value)


def test_bytes_that_agree_have_the_vr_of_the_private_dictionary() -> None:
    source = implicit((CREATOR, "ELSCINT1"), FD, pack("<d", 0.5))
    target = io.BytesIO()
    streamdcm.rewrite(source, target, transfer_syntax=ExplicitVRLittleEndian)
    target.seek(0)
    again = pydicom.dcmread(target)
    assert (again[FD].VR, again[FD].value) == ("FD", 0.5)


def test_a_public_element_whose_bytes_contradict_the_dictionary_is_refused() -> None:
    source = template(ImplicitVRLittleEndian)
    source[0x00280010] = DataElement(0x00280010, "OB", b"512 ")
    source[0x00189073] = DataElement(0x00189073, "OB", b"abcdef")
    with pytest.raises(streamdcm.errors.ValueLengthError, match="AcquisitionDuration"):
        streamdcm.rewrite(
            io.BytesIO(written(source, on_vr_conflict="drop")), io.BytesIO(), transfer_syntax=ExplicitVRLittleEndian
        )


def test_dcmdump_reads_what_became_un(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "out.dcm"
    streamdcm.rewrite(
        implicit((CREATOR, "ELSCINT1"), FD, pack("<f", 0.5)), path, transfer_syntax=ExplicitVRLittleEndian
    )
    dump = run("dcmdump", path)
    assert "(01f1,1026) UN 00\\00\\00\\3f" in dump.stdout


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("SQ", [Dataset()]),
        ("LO", ["Doe^Jane", "Doe^Jane"]),
        ("US", [1, 2]),
    ],
)
def test_a_creator_that_is_not_one_text_is_told_without_its_value(vr: str, value: Any) -> None:
    source = template(ExplicitVRLittleEndian)
    if vr == "SQ":
        value[0].PatientName = "Doe^Jane"
    source.add_new(GEMS_CREATOR, vr, value)
    source.add_new(0x00091001, "UN", b"ab")
    read = pydicom.dcmread(io.BytesIO(written(source)))
    target = io.BytesIO()
    with pytest.warns(UserWarning) as told:
        streamdcm.dcmwrite(target, read, transfer_syntax=ExplicitVRBigEndian)
    assert [str(each.message) for each in told] == [
        "(0009,1001): the private creator of its block is not one text (PS3.5 §7.8.1), so that its VR is not known"
    ]
    assert pydicom.dcmread(io.BytesIO(target.getvalue())).get_item(0x00091001).value == b"ab"


@pytest.mark.parametrize(("vr", "value"), [(b"SQ\0\0\4\0\0\0", b"abcd"), (b"UL\6\0", b"abcdef")])
def test_a_damaged_creator_does_not_keep_what_is_copied_from_being_copied(vr: bytes, value: bytes) -> None:
    creator = pack("<HH", 0x0009, 0x0010) + vr + value
    without_vr = pack("<HHL", 0x0009, 0x1001, 2) + b"ab"
    before, mark, behind = written(template(ExplicitVRLittleEndian)).partition(pack("<HH", 0x0028, 0x0002))
    target = io.BytesIO()
    streamdcm.rewrite(
        io.BytesIO(before + creator + without_vr + mark + behind),
        target,
        edit=lambda ds: ds.update({"PatientID": "7"}),
    )
    assert creator + pack("<HH2s2xL", 0x0009, 0x1001, b"UN", 2) + b"ab" in target.getvalue()
