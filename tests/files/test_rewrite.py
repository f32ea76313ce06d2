"""`streamdcm.rewrite`: files to files, judged by pydicom, and by DCMTK and GDCM where pydicom is wrong."""

import copy
import io
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    RLELossless,
)

import streamdcm
from streamdcm.encode import _pydicom
from streamdcm.errors import (
    DatasetTypeError,
    FileMetaError,
    LayoutError,
    PlanError,
    SourceError,
)
from streamdcm.files import deferred
from streamdcm.plan.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from tests.support.corpus import CORPUS, DATA, FOUR_SYNTAXES, JPIP_DEFLATED, is_one_of_many, name
from tests.support.oracle import dataset_offset, inflated
from tests.support.tools import run
from tests.support.writing import written

FILES = DATA / "test_files"
CT, MR_BIG, RLE = FILES / "CT_small.dcm", FILES / "MR_small_bigendian.dcm", FILES / "SC_rgb_rle_2frame.dcm"
DEFLATED, ECG = FILES / "image_dfl.dcm", FILES / "waveform_ecg.dcm"
DICOMDIR = FILES / "dicomdirtests" / "DICOMDIR"

#: What cannot be read to its end.
DAMAGED = {
    "MR_truncated.dcm": r"^\(7FE0,0010\) PixelData: the file ends before its value does, behind byte 1,488 of .*MR_",
    "no_meta.dcm": "the file ends before its value does",
    "rtplan_truncated.dcm": r"^\(300A,00B0\) BeamSequence: the file ends before its value does, behind byte 1,410 of ",
}
#: Implicit VR under a transfer syntax with Explicit VR, which dcmwrite cannot write.
MISLABELLED = FILES / "SC_rgb_jpeg.dcm"
READABLE = [p for p in CORPUS if p.name not in DAMAGED and p != MISLABELLED and not is_one_of_many(p)]
NATIVE = [
    FILES / file
    for file in (
        *("CT_small.dcm", "MR_small_implicit.dcm", "MR_small_expb.dcm", "MR_small_padded.dcm", "ExplVR_BigEnd.dcm"),
        *("SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_jpeg_dcmd.dcm", "liver_1frame.dcm"),
        *("liver_expb_1frame.dcm", "image_dfl.dcm", "examples_overlay.dcm", "examples_palette.dcm"),
        *("rtdose.dcm", "rtdose_expb.dcm", "waveform_ecg.dcm", "rtplan.dcm", "test-SR.dcm"),
    )
]
THIRTY_TWO_BITS = {"rtdose.dcm", "rtdose_expb.dcm"}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """pydicom warns of much in its own files."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        warnings.filterwarnings("ignore", message=".* has Rows and no pixel data")
        warnings.filterwarnings("ignore", message=".* the value is not one that its VR can have")
        yield


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("a deferred value was loaded")

    monkeypatch.setattr(_pydicom, "read_deferred_data_element", refuse)
    monkeypatch.setattr(pydicom.filereader, "read_deferred_data_element", refuse)
    monkeypatch.setattr(deferred, "read", refuse)


def read(source: Any, **options: Any) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(source, **options)


def rewritten(source: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    streamdcm.rewrite(source, buffer, **options)
    return buffer.getvalue()


def rewritten_dataset(source: Any, **options: Any) -> Dataset:
    return read(io.BytesIO(rewritten(source, **options)))


def is_little(syntax: str | None) -> bool:
    return syntax != ExplicitVRBigEndian


def syntax_of(path: Path) -> str | None:
    return read(path, force=True).file_meta.get("TransferSyntaxUID")


def values(dataset: Dataset, *, swapped: bool = False, private: bool = True) -> dict[int, Any]:
    """The elements by tag; without those of bytes if their order was changed, and private ones if VRs were lost."""
    tags = [tag for tag in map(int, dataset.keys()) if tag & 0xFFFF and (private or not tag >> 16 & 1)]
    elements = [dataset[tag] for tag in tags]
    return {
        int(element.tag): [values(item, swapped=swapped, private=private) for item in element.value]
        if element.VR == "SQ"
        else None
        if element.is_empty  # where the VR is lost, so is the kind of nothing
        else element.value
        for element in elements
        if not (swapped and element.VR[:2] in ("OB", "OW", "OF", "OD", "OL", "OV", "UN"))
    }


# --- The same bytes as dcmwrite -----------------------------------------------------------------------


def expected(path: Path, syntax: str | None = None) -> bytes:
    """What dcmwrite makes of the whole dataset with the File Meta Information of a rewritten file."""
    dataset = read(path, force=True)
    meta = dataset.file_meta
    if meta.get("MediaStorageSOPClassUID") != MediaStorageDirectoryStorage:
        implied = ImplicitVRLittleEndian if dataset.original_encoding[0] else ExplicitVRLittleEndian
        if not dataset.original_encoding[1]:
            implied = ExplicitVRBigEndian
        meta.TransferSyntaxUID = syntax or meta.get("TransferSyntaxUID") or implied
        for keyword in ("SOPClassUID", "SOPInstanceUID"):
            if dataset.get(keyword):
                setattr(meta, f"MediaStorage{keyword}", dataset[keyword].value)
        meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
        meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
        meta.FileMetaInformationVersion = b"\0\1"
        meta.FileMetaInformationGroupLength = 0
        if not dataset.preamble or dataset.preamble[:2] in (b"II", b"MM"):
            dataset.preamble = bytes(128)
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset)
    return buffer.getvalue()


@pytest.mark.parametrize("path", READABLE, ids=name)
def test_it_writes_what_dcmwrite_writes_of_the_whole_dataset(path: Path) -> None:
    assert rewritten(path, force=True) == expected(path)


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("path", [path for path in NATIVE if is_little(syntax_of(path))], ids=name)
def test_so_it_does_in_another_transfer_syntax(path: Path, syntax: UID) -> None:
    if is_little(syntax):
        assert rewritten(path, transfer_syntax=syntax) == expected(path, syntax)


@pytest.mark.parametrize("source_type", [str, os.fsencode, Path, open, io.BytesIO, "buffered"])
@pytest.mark.parametrize("path", [CT, RLE, DEFLATED], ids=name)
def test_any_source_gives_the_same_bytes(path: Path, source_type: Any) -> None:
    expected = rewritten(path)
    if source_type in (str, os.fsencode, Path):
        assert rewritten(source_type(path)) == expected
        return
    content = b"before" + path.read_bytes()
    with io.BytesIO(content) if source_type is io.BytesIO else path.open("rb") as source:
        source.seek(6 if source_type is io.BytesIO else 0)
        position = source.tell()
        assert rewritten(source) == expected
        assert not source.closed
        assert source.tell() == position


@pytest.mark.parametrize("chunk_size", [7, 1000, 1 << 20])
@pytest.mark.parametrize("syntax", [None, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_bytes_do_not_depend_on_chunk_size_or_target(tmp_path: Path, chunk_size: int, syntax: UID | None) -> None:
    class Chunks(list[bytes]):
        write = list.append

    target = Chunks()
    result = streamdcm.rewrite(DEFLATED, target, transfer_syntax=syntax, chunk_size=chunk_size)
    streamdcm.rewrite(DEFLATED, tmp_path / "out.dcm", transfer_syntax=syntax)
    if syntax is not None and syntax != DeflatedExplicitVRLittleEndian:  # zlib's bytes depend on how it is fed
        assert b"".join(target) == (tmp_path / "out.dcm").read_bytes()
    assert result.bytes_written == sum(map(len, target))
    assert np.array_equal(read(io.BytesIO(b"".join(target))).pixel_array, read(DEFLATED).pixel_array)


# --- Transfer syntaxes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("path", NATIVE, ids=name)
def test_pydicom_reads_the_same_values(path: Path, syntax: UID) -> None:
    before, after = read(path), rewritten_dataset(path, transfer_syntax=syntax)
    assert after.file_meta.TransferSyntaxUID == syntax
    swapped = is_little(syntax) != is_little(syntax_of(path))
    kinds = {"swapped": swapped, "private": not syntax.is_implicit_VR}
    assert values(after, **kinds) == values(before, **kinds)


def has_decodable_pixels(path: Path) -> bool:
    """pydicom expects 32-bit pixels in big endian byte order to be swapped by four bytes."""
    return "PixelData" in read(path) and path.name not in THIRTY_TWO_BITS


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("path", list(filter(has_decodable_pixels, NATIVE)), ids=name)
def test_pydicom_decodes_the_same_pixels(path: Path, syntax: UID) -> None:
    after = rewritten_dataset(path, transfer_syntax=syntax)
    assert np.array_equal(after.pixel_array, read(path).pixel_array)


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("path", NATIVE, ids=name)
def test_dcmtk_converts_it_back_to_the_same_bytes(path: Path, syntax: UID, tmp_path: Path) -> None:
    """PS3.5 §8.2: OW is swapped by two bytes also where its pixels have 8 or 32 bits, as DCMTK does."""
    target = tmp_path / "out.dcm"
    streamdcm.rewrite(path, target, transfer_syntax=syntax)
    for source, converted in ((path, "before.dcm"), (target, "after.dcm")):
        done = run("dcmconv", "+te", source, tmp_path / converted)
        assert done.returncode == 0, done.stdout
    before, after = read(tmp_path / "before.dcm"), read(tmp_path / "after.dcm")
    private = not syntax.is_implicit_VR
    assert values(after, private=private) == values(before, private=private)
    assert run("dcmdump", "-q", target).returncode == 0


@pytest.mark.parametrize(
    ("path", "syntax"),
    [
        (FILES / "rtdose.dcm", ExplicitVRBigEndian),
        (FILES / "rtdose_expb.dcm", ExplicitVRLittleEndian),
        (FILES / "rtdose.dcm", ExplicitVRLittleEndian),
    ],
)
def test_gdcm_decodes_32_bit_pixels_alike(path: Path, syntax: UID, tmp_path: Path) -> None:
    """pydicom expects them swapped by four bytes."""
    target = tmp_path / "out.dcm"
    streamdcm.rewrite(path, target, transfer_syntax=syntax)
    for source, raw in ((path, "before.raw"), (target, "after.raw")):
        done = run("gdcmconv", "--raw", "--explicit", source, tmp_path / f"{raw}.dcm")
        assert done.returncode == 0, done.stdout
    before, after = (read(tmp_path / f"{raw}.dcm").PixelData for raw in ("before.raw", "after.raw"))
    assert before == after


def test_there_and_back_is_the_same(tmp_path: Path) -> None:
    for path in NATIVE:
        syntax = ExplicitVRBigEndian if is_little(syntax_of(path)) else ExplicitVRLittleEndian
        streamdcm.rewrite(path, tmp_path / "there.dcm", transfer_syntax=syntax)
        back = rewritten(tmp_path / "there.dcm", transfer_syntax=syntax_of(path))
        assert values(read(io.BytesIO(back))) == values(read(path)), path.name


@pytest.mark.parametrize("given", ["1.2.840.10008.1.2", "ImplicitVRLittleEndian", ImplicitVRLittleEndian.name])
def test_a_transfer_syntax_has_a_uid_a_keyword_and_a_name(given: str) -> None:
    assert rewritten_dataset(CT, transfer_syntax=given).file_meta.TransferSyntaxUID == ImplicitVRLittleEndian


@pytest.mark.parametrize("given", ["", "ImplicitVR", "1.2.840.10008.1.1", "no UID"])
def test_what_is_no_transfer_syntax_is_refused(given: str) -> None:
    with pytest.raises(PlanError, match=r"is no transfer syntax; (give a UID or a keyword|did you mean)"):
        rewritten(CT, transfer_syntax=given)


@pytest.mark.parametrize("syntax", ["1.2.3.4", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.92"])
def test_what_no_codec_is_known_for_is_refused(syntax: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="cannot be encoded as"):
        streamdcm.rewrite(CT, tmp_path / "out.dcm", transfer_syntax=syntax)
    assert os.listdir(tmp_path) == []


def test_compressed_pixel_data_in_a_file_that_says_they_are_not_are_refused(tmp_path: Path) -> None:
    content = RLE.read_bytes().replace(b"1.2.840.10008.1.2.5\0", b"1.2.840.10008.1.2.1\0", 1)
    (tmp_path / "mislabelled.dcm").write_bytes(content)
    with pytest.raises(PlanError, match="cannot be copied to 'Explicit VR Little Endian', in which pixel data are not"):
        rewritten(tmp_path / "mislabelled.dcm")


def test_without_pixel_data_there_is_nothing_to_transcode() -> None:
    after = rewritten_dataset(RLE, edit={"PixelData": None}, transfer_syntax=ExplicitVRBigEndian)
    assert after.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    assert after.Rows == read(RLE).Rows


def test_pixel_data_that_edit_decompresses_may_change_their_syntax() -> None:
    after = rewritten_dataset(RLE, edit=Dataset.decompress)
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(after.pixel_array, read(RLE).pixel_array)


@pytest.mark.parametrize("uid", JPIP_DEFLATED)
def test_the_deflated_jpip_syntaxes_are_read_as_deflated(uid: UID, tmp_path: Path) -> None:
    dataset = read(CT)
    del dataset.PixelData
    dataset.file_meta.TransferSyntaxUID = uid
    streamdcm.dcmwrite(tmp_path / "jpip.dcm", dataset)
    plain = rewritten_dataset(tmp_path / "jpip.dcm", transfer_syntax=ExplicitVRLittleEndian)
    assert values(plain) == values(dataset)


# --- Pixel data are copied -----------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize("path", [CT, RLE, MR_BIG, DEFLATED, FILES / "examples_palette.dcm"], ids=name)
def test_an_edit_that_walks_over_all_elements_loads_no_pixel_data(path: Path) -> None:
    def anonymize(dataset: Dataset) -> None:
        dataset.walk(lambda _, element: setattr(element, "value", "") if element.VR == "PN" else None)
        dataset.remove_private_tags()
        assert "PixelData" in dataset
        assert copy.deepcopy(dataset)["PixelData"].tag == 0x7FE00010

    assert rewritten_dataset(path, edit=anonymize).get("PatientName", "") == ""


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("path", [CT, DEFLATED, FILES / "SC_rgb_jpeg_dcmd.dcm"], ids=name)
def test_another_transfer_syntax_loads_no_pixel_data(path: Path, syntax: UID) -> None:
    assert np.array_equal(rewritten_dataset(path, transfer_syntax=syntax).pixel_array, read(path).pixel_array)


@pytest.mark.parametrize("path", [CT, RLE, DEFLATED], ids=name)
def test_edit_may_look_at_pixel_data_which_are_copied_still(path: Path) -> None:
    def look(dataset: Dataset) -> None:
        assert np.array_equal(dataset.pixel_array, read(path).pixel_array)
        assert dataset.PixelData == read(path).PixelData
        assert not dataset["PixelData"].is_empty

    assert rewritten(path, edit=look) == rewritten(path)


@pytest.mark.parametrize("path", [CT, DEFLATED, MR_BIG], ids=name)
def test_edit_may_set_pixel_data(path: Path) -> None:
    new = bytes(reversed(read(path).PixelData))

    def set_pixels(dataset: Dataset) -> None:
        dataset.PixelData = new

    assert rewritten_dataset(path, edit=set_pixels).PixelData == new
    assert rewritten_dataset(path, edit={"PixelData": new}).PixelData == new
    assert rewritten_dataset(path, edit={"PixelData": io.BytesIO(new)}).PixelData == new


@pytest.mark.parametrize(
    "edit",
    [
        {"PixelData": None},
        lambda dataset: dataset.__delitem__("PixelData"),
        lambda dataset: dataset.pop(0x7FE00010) and None,
    ],
)
def test_edit_may_delete_pixel_data(edit: Any) -> None:
    assert "PixelData" not in rewritten_dataset(CT, edit=edit)


def test_edit_may_empty_pixel_data() -> None:
    assert rewritten_dataset(CT, edit=lambda dataset: dataset["PixelData"].clear()).PixelData is None


def test_edit_may_copy_the_dataset() -> None:
    def renamed(dataset: Dataset) -> Dataset:
        other = copy.deepcopy(dataset)
        other.PatientName = "Other^Name"
        return other

    assert rewritten(CT, edit=renamed) == rewritten(CT, edit={"PatientName": "Other^Name"})


def test_large_values_of_text_and_sequences_are_shown_and_written(tmp_path: Path) -> None:
    dataset = read(CT)
    dataset.TextValue = "x" * 70_001
    item = Dataset()
    item.PatientComments = "secret" * 10_000
    dataset.ReferencedStudySequence = [item, copy.deepcopy(item)]
    dataset.EncapsulatedDocument = bytes(100_001)
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian):
        dataset.file_meta.TransferSyntaxUID = syntax
        streamdcm.dcmwrite(tmp_path / "large.dcm", dataset)

        def edit(dataset: Dataset) -> None:
            dataset.TextValue += "y"
            for item in dataset.ReferencedStudySequence:
                item.PatientComments = item.PatientComments.replace("secret", "public")

        after = rewritten_dataset(tmp_path / "large.dcm", edit=edit, transfer_syntax=ImplicitVRLittleEndian)
        assert after.TextValue == "x" * 70_001 + "y"
        assert [item.PatientComments for item in after.ReferencedStudySequence] == ["public" * 10_000] * 2
        assert after.EncapsulatedDocument == bytes(100_002)
        assert after.PixelData == dataset.PixelData


# --- Edits ---------------------------------------------------------------------------------------------


def test_a_mapping_sets_and_deletes() -> None:
    after = rewritten_dataset(
        CT,
        edit={
            "PatientName": "Doe^Jane",
            0x00100020: "ID",
            "(0010,0040)": "F",
            (0x0008, 0x1030): "a study",
            "0008,0060": None,
            "ClinicalTrialSponsorName": None,  # not there
            "WindowCenter": [40, 80],
            (0x0009, 0x1001): "private",
            "SourceApplicationEntityTitle": None,
            "SmallestImagePixelValue": -5,
        },
    )
    assert (after.PatientName, after.PatientID, after.PatientSex) == ("Doe^Jane", "ID", "F")
    assert after.StudyDescription == "a study"
    assert "Modality" not in after
    assert after.WindowCenter == [40, 80]
    assert after[0x0009, 0x1001].value == "private"
    assert "SourceApplicationEntityTitle" not in after.file_meta
    assert after.SmallestImagePixelValue == -5


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"PatientNam": "secret"}, "^'PatientNam' is neither a keyword nor a tag of DICOM"),
        (
            {"PatientBirthDate": "secret"},
            r"^\(0010,0030\) PatientBirthDate: the new value is not one that VR DA can take",
        ),
        ({"Rows": "secret"}, r"^\(0028,0010\) Rows: the new value is not one that VR US can take"),
        ({0x77770010: "secret"}, r"^\(7777,0010\) is not in the dataset, and its VR not in the dictionary"),
        ({"TransferSyntaxUID": "1.2.840.10008.1.2"}, r"^\(0002,0010\) TransferSyntaxUID follows from the dataset"),
    ],
)
def test_a_mapping_that_cannot_be_applied_is_refused(edit: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=message) as raised:
        streamdcm.rewrite(CT, tmp_path / "out.dcm", edit=edit)
    assert "secret" not in str(raised.value)
    assert os.listdir(tmp_path) == []


def test_a_function_may_return_another_dataset() -> None:
    def other(dataset: Dataset) -> Dataset:
        new = Dataset()
        new.SOPClassUID, new.SOPInstanceUID = dataset.SOPClassUID, "1.2.3"
        new.add(dataset["PixelData"])
        new.PatientName = "New"
        return new

    after = rewritten_dataset(CT, edit=other)
    assert list(after.keys()) == [0x00080016, 0x00080018, 0x00100010, 0x7FE00010]
    assert after.PixelData == read(CT).PixelData
    assert after.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize("keep", [True, False])
def test_bytes_in_another_dataset_are_in_the_byte_order_of_the_source(keep: bool) -> None:
    def other(dataset: Dataset) -> Dataset:
        new = Dataset()
        new.update(dataset)
        if not keep:
            new.add_new("PixelData", "OW", dataset.PixelData)
        return new

    after = rewritten_dataset(MR_BIG, edit=other, transfer_syntax=ExplicitVRLittleEndian)
    assert np.array_equal(after.pixel_array, read(MR_BIG).pixel_array)
    assert values(after, swapped=True) == values(read(MR_BIG), swapped=True)


def test_bytes_that_edit_sets_are_in_the_byte_order_of_the_source() -> None:
    edit = {"PixelData": bytes(range(256)) * 32}
    after = rewritten_dataset(MR_BIG, edit=edit, transfer_syntax=ExplicitVRLittleEndian)
    assert after.PixelData[:6] == b"\1\0\3\2\5\4"


def test_an_edit_is_a_function_or_a_mapping() -> None:
    with pytest.raises(TypeError, match="edit must be a function of a dataset or a mapping, not list"):
        rewritten(CT, edit=["PatientName"])
    with pytest.raises(DatasetTypeError, match="edit must return None or a pydicom Dataset, not int"):
        rewritten(CT, edit=lambda dataset: 1)


def test_an_error_of_edit_is_its_own_and_leaves_the_target(tmp_path: Path) -> None:
    (tmp_path / "out.dcm").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        streamdcm.rewrite(CT, tmp_path / "out.dcm", edit=lambda dataset: 1 / 0)
    assert (tmp_path / "out.dcm").read_bytes() == b"old"


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
def test_anonymizing_leaves_no_trace_of_the_name(syntax: UID, tmp_path: Path) -> None:
    name = "Findme^Patient"
    dataset = read(CT)
    dataset.PatientName = name
    dataset.ReferencedStudySequence = [Dataset()]
    dataset.ReferencedStudySequence[0].PatientName = name
    block = dataset.private_block(0x7FE1, "streamdcm test", create=True)
    block.add_new(0x01, "PN", name)
    block.add_new(0x02, "OB", name.encode() * 10_000)
    dataset.DataSetTrailingPadding = name.encode()
    dataset.file_meta.PrivateInformationCreatorUID, dataset.file_meta.PrivateInformation = "1.2.3", name.encode()
    source = tmp_path / "source.dcm"
    for stored_as in FOUR_SYNTAXES:
        dataset.file_meta.TransferSyntaxUID = stored_as
        streamdcm.dcmwrite(source, dataset)
        seen = []

        def anonymize(dataset: Dataset, seen: list[int] = seen) -> None:
            seen.extend(map(int, dataset.keys()))
            dataset.walk(lambda _, element: setattr(element, "value", "") if element.VR == "PN" else None)
            dataset.remove_private_tags()
            del dataset.DataSetTrailingPadding
            del dataset.file_meta.PrivateInformation
            del dataset.file_meta.PrivateInformationCreatorUID

        data = rewritten(source, edit=anonymize, transfer_syntax=syntax)
        assert {0x7FE10010, 0x7FE11001, 0x7FE11002, 0xFFFCFFFC} <= set(seen)
        plain = inflated(data) if syntax == DeflatedExplicitVRLittleEndian else data
        assert name.encode()[:6] not in plain
        assert read(io.BytesIO(data)).Rows == dataset.Rows


# --- File Meta Information, preamble, signatures, DICOMDIR ----------------------------------------------


def test_file_meta_follows() -> None:
    assert IMPLEMENTATION_CLASS_UID.is_valid
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16
    meta = rewritten_dataset(
        CT, edit={"SOPInstanceUID": "1.2.3", "SOPClassUID": "1.2.4"}, transfer_syntax="ImplicitVRLittleEndian"
    ).file_meta
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.MediaStorageSOPClassUID == "1.2.4"
    assert meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.SourceApplicationEntityTitle == "CLUNIE1"


def test_the_uid_of_an_instance_that_edit_deletes_is_not_kept_in_file_meta() -> None:
    edit = {"SOPInstanceUID": None}
    assert "MediaStorageSOPInstanceUID" not in rewritten_dataset(CT, edit=edit).file_meta
    with pytest.raises(FileMetaError, match=r"lacks MediaStorageSOPInstanceUID, .* set SOPInstanceUID of the dataset"):
        rewritten(CT, edit=edit, enforce_file_format=True)


def test_file_meta_that_edit_empties_is_not_restored() -> None:
    def empty(dataset: Dataset) -> None:
        dataset.file_meta = FileMetaDataset()

    after = rewritten_dataset(CT, edit=empty)
    assert "SourceApplicationEntityTitle" not in after.file_meta
    assert after.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_a_file_without_file_meta_is_given_one(tmp_path: Path) -> None:
    dataset = read(CT)
    with open(tmp_path / "bare.dcm", "wb") as file:
        for chunk in streamdcm.encoder_chunks(
            streamdcm.stages.dataset_body(dataset, streamdcm.stages.Layout(streamdcm.stages.Encoding(True, True)))
        ):
            file.write(chunk)
    with pytest.raises(InvalidDicomError):
        rewritten(tmp_path / "bare.dcm")
    data = rewritten(tmp_path / "bare.dcm", force=True, enforce_file_format=True)
    assert data[:132] == bytes(128) + b"DICM"
    after = read(io.BytesIO(data))
    assert after.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert after.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert after.PixelData == dataset.PixelData


def test_a_file_without_prefix_is_read_from_its_position_too() -> None:
    content = (FILES / "rtstruct.dcm").read_bytes()
    source = io.BytesIO(b"xx" + content)
    source.seek(2)
    assert rewritten(source, force=True) == rewritten(io.BytesIO(content), force=True)


def test_implicit_vr_under_a_transfer_syntax_with_explicit_vr_is_read() -> None:
    with pytest.warns(UserWarning, match="Expected explicit VR, but found implicit VR"):
        after = rewritten_dataset(MISLABELLED)
    assert values(after, private=False) == values(read(MISLABELLED), private=False)


def test_compressed_pixel_data_of_an_unknown_syntax_need_it_to_be_given(tmp_path: Path) -> None:
    dataset = read(RLE)
    del dataset.file_meta.TransferSyntaxUID
    streamdcm.dcmwrite(tmp_path / "unknown.dcm", dataset, implicit_vr=False)
    with pytest.raises(PlanError, match="nothing says how the pixel data are compressed"):
        rewritten(tmp_path / "unknown.dcm")
    with pytest.raises(PlanError, match="pixel data are not encapsulated"):
        rewritten(tmp_path / "unknown.dcm", transfer_syntax=ExplicitVRLittleEndian)
    after = rewritten_dataset(tmp_path / "unknown.dcm", transfer_syntax=RLELossless)
    assert np.array_equal(after.pixel_array, read(RLE).pixel_array)


@pytest.mark.parametrize("tiff", [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"])
def test_the_preamble_of_a_tiff_file_is_zeroed(tiff: bytes, tmp_path: Path) -> None:
    content = CT.read_bytes()
    (tmp_path / "tiff.dcm").write_bytes(tiff + content[4:])
    (tmp_path / "other.dcm").write_bytes(b"JPEG" + content[4:])
    assert rewritten(tmp_path / "tiff.dcm")[:132] == bytes(128) + b"DICM"
    assert rewritten(tmp_path / "other.dcm")[:4] == b"JPEG"


@pytest.mark.parametrize("edit", [None, {"PatientName": "New"}, lambda dataset: None])
def test_an_image_without_pixel_data_is_warned_about(edit: Any, tmp_path: Path) -> None:
    dataset = read(CT)
    del dataset.PixelData
    streamdcm.dcmwrite(tmp_path / "cut.dcm", dataset)
    with pytest.warns(UserWarning, match=r"^\(7FE0,0010\) PixelData: .*cut.dcm has Rows and no pixel data"):
        rewritten(tmp_path / "cut.dcm", edit=edit)
    dataset.PixelDataProviderURL = "https://example.org/"
    streamdcm.dcmwrite(tmp_path / "elsewhere.dcm", dataset)
    rewritten(tmp_path / "elsewhere.dcm", edit=edit)


@pytest.mark.parametrize("keyword", ["DigitalSignaturesSequence", "MACParametersSequence"])
def test_a_signature_is_warned_about_if_something_changes(
    keyword: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = read(CT)
    setattr(dataset, keyword, [Dataset()])
    source = tmp_path / "signed.dcm"
    streamdcm.dcmwrite(source, dataset)
    rewritten(source)
    assert not caplog.records
    for changes in ({"edit": {"PatientName": ""}}, {"transfer_syntax": ImplicitVRLittleEndian}):
        with pytest.warns(UserWarning, match=rf"{keyword}: what is signed may have changed"):
            rewritten(source, **changes)
    assert keyword in caplog.text
    rewritten(source, edit={keyword: None})


def test_a_dicomdir_is_copied_as_it_is() -> None:
    assert rewritten(DICOMDIR) == DICOMDIR.read_bytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"edit": {"FileSetID": "OTHER"}},
        {"edit": lambda dataset: None},
        {"transfer_syntax": ImplicitVRLittleEndian},
        {"transfer_syntax": DeflatedExplicitVRLittleEndian},
        {"sequence_lengths": "defined"},
        {"group_lengths": "write"},
    ],
)
def test_a_dicomdir_is_not_changed(changes: Any) -> None:
    with pytest.raises(LayoutError, match="DICOMDIR"):
        rewritten(DICOMDIR, **changes)


def test_a_dicomdir_that_would_not_be_as_long_as_it_was_is_refused(tmp_path: Path) -> None:
    group_length = b"\x08\x00\x00\x00UL\x04\x00\0\0\0\0"  # retired, and not written
    (tmp_path / "DICOMDIR").write_bytes(DICOMDIR.read_bytes() + group_length)
    with pytest.raises(LayoutError, match="DICOMDIR"):
        rewritten(tmp_path / "DICOMDIR")


# --- Options and targets ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "option", ["frames", "late", "split", "implicit_vr", "force_encoding", "fragment_size", "nonsense"]
)
def test_options_that_make_no_sense_are_refused(option: str) -> None:
    with pytest.raises(TypeError, match=rf"rewrite\(\) (does not take|got an unexpected keyword argument) \W?{option}"):
        rewritten(CT, **{option: ()})


def test_options_of_dcmwrite_hold() -> None:
    after = rewritten_dataset(CT, sequence_lengths="undefined", group_lengths="write")
    assert after["OtherPatientIDsSequence"].is_undefined_length
    assert after[0x00080000].VR == "UL"
    with pytest.raises(PlanError, match="sequence_lengths must be one of"):
        rewritten(CT, sequence_lengths="short")
    with pytest.raises(PlanError, match="force must be True or False"):
        rewritten(CT, force="no")


def test_progress_is_told_with_the_total() -> None:
    events: list[streamdcm.ProgressEvent] = []
    data = rewritten(CT, progress=events.append)
    assert (events[-1].bytes_written, events[-1].total) == (len(data), len(data))


def test_no_overwrite(tmp_path: Path) -> None:
    shutil.copy(CT, tmp_path / "out.dcm")
    with pytest.raises(FileExistsError):
        streamdcm.rewrite(CT, tmp_path / "out.dcm", overwrite=False)


@pytest.mark.parametrize("path", [CT, RLE, DEFLATED], ids=name)
def test_a_file_is_rewritten_in_its_place(path: Path, tmp_path: Path) -> None:
    source = Path(shutil.copy(path, tmp_path / "file.dcm"))
    expected = rewritten(source, edit={"PatientName": "New"})
    result = streamdcm.rewrite(source, source, edit={"PatientName": "New"})
    assert source.read_bytes() == expected
    assert result.location == str(source)
    with source.open("rb") as file:
        streamdcm.rewrite(file, source, edit={"PatientName": "New"})
    assert source.read_bytes() == expected
    assert os.listdir(tmp_path) == ["file.dcm"]


def overwrite_in_place(source: Path) -> None:
    streamdcm.rewrite(source, source, atomic=False)


def overwrite_by_link(source: Path) -> None:
    os.link(source, source.with_name("link.dcm"))
    streamdcm.rewrite(source, source.with_name("link.dcm"), atomic=False)


def overwrite_open_target(source: Path) -> None:
    with source.open("r+b") as file:
        streamdcm.rewrite(source, file)


def overwrite_both_open(source: Path) -> None:
    with source.open("rb") as file, source.open("r+b") as target:
        streamdcm.rewrite(file, target)


def overwrite_buffer(source: Path) -> None:
    buffer = io.BytesIO(source.read_bytes())
    streamdcm.rewrite(buffer, buffer)


@pytest.mark.parametrize(
    "overwrite", [overwrite_in_place, overwrite_by_link, overwrite_open_target, overwrite_both_open, overwrite_buffer]
)
def test_a_file_is_not_overwritten_while_it_is_read(overwrite: Callable[[Path], None], tmp_path: Path) -> None:
    source = Path(shutil.copy(CT, tmp_path / "file.dcm"))
    with pytest.raises(PlanError, match="source and target are one file"):
        overwrite(source)
    assert source.read_bytes() == CT.read_bytes()


def test_a_source_is_a_path_or_a_file() -> None:
    with pytest.raises(
        TypeError, match="the source must be a path, a binary file, a socket or an iterable of bytes, not int"
    ):
        rewritten(7)
    with pytest.raises(FileNotFoundError):
        rewritten("/nowhere/in.dcm")


# --- Sources that are damaged, or change ------------------------------------------------------------------


@pytest.mark.parametrize("file", DAMAGED)
def test_a_damaged_file_is_an_error(file: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=DAMAGED[file]):
        streamdcm.rewrite(FILES / file, tmp_path / "out.dcm", force=True)
    assert os.listdir(tmp_path) == []


def cut(content: bytes) -> bytes:
    return content[:-10]


def without_delimiter(content: bytes) -> bytes:
    return content[:-8]


def with_stray_bytes(content: bytes) -> bytes:
    at = content.rindex(b"\xfe\xff\xdd\xe0")
    return content[:at] + b"stray bytes " + content[at:]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, r"^\(7FE0,0010\) PixelData: the file ends before its value does, behind byte"),
        (without_delimiter, r"^\(7FE0,0010\) PixelData: the file ends before its value does, behind byte"),
        (with_stray_bytes, "PixelData: its length is undefined, and it does not consist of items, at byte 2,688 of "),
    ],
)
def test_damaged_compressed_pixel_data_are_an_error(
    damage: Callable[[bytes], bytes], message: str, tmp_path: Path
) -> None:
    (tmp_path / "damaged.dcm").write_bytes(damage(RLE.read_bytes()))
    with pytest.raises(SourceError, match=message):
        streamdcm.rewrite(tmp_path / "damaged.dcm", tmp_path / "out.dcm")
    assert os.listdir(tmp_path) == ["damaged.dcm"]


def deflated_broken(content: bytes) -> bytes:
    start = dataset_offset(content)
    return content[:start] + b"\xff" + content[start + 1 :]  # RFC 1951 §3.2.3: no block has this type


@pytest.mark.parametrize(("damage", "message"), [(deflated_broken, "is broken"), (cut, "ends too early")])
def test_a_broken_deflated_stream_is_an_error(damage: Callable[[bytes], bytes], message: str, tmp_path: Path) -> None:
    (tmp_path / "damaged.dcm").write_bytes(damage(DEFLATED.read_bytes()))
    (tmp_path / "out.dcm").write_bytes(b"old")
    with pytest.raises(SourceError, match=f"the deflated dataset {message}"):
        streamdcm.rewrite(tmp_path / "damaged.dcm", tmp_path / "out.dcm")
    assert (tmp_path / "out.dcm").read_bytes() == b"old"


@pytest.mark.parametrize("path", [CT, RLE, DEFLATED], ids=name)
def test_a_source_that_changes_after_it_was_read_is_an_error(path: Path, tmp_path: Path) -> None:
    source = Path(shutil.copy(path, tmp_path / "source.dcm"))
    with pytest.raises(SourceError, match="has changed since the dataset was read"):
        streamdcm.rewrite(source, tmp_path / "out.dcm", edit=lambda dataset: os.utime(source, (1, 1)))
    assert os.listdir(tmp_path) == ["source.dcm"]


@pytest.mark.parametrize("syntax", [None, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_a_source_that_changes_while_it_is_copied_is_an_error(syntax: UID | None, tmp_path: Path) -> None:
    dataset, source = read(RLE if syntax is None else CT), tmp_path / "source.dcm"
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.PixelData = np.random.default_rng(1).bytes(500_000)
    else:
        dataset.PixelData = encapsulate([bytes(250_000)] * 2)
    streamdcm.dcmwrite(source, dataset)

    class Touching(io.BytesIO):
        def write(self, data: Any) -> int:
            os.utime(source, (1, 1))
            return super().write(data)

    with pytest.raises(SourceError, match="has changed since the dataset was read"):
        streamdcm.rewrite(source, Touching(), chunk_size=1000)


def test_a_source_that_is_replaced_meanwhile_is_an_error(tmp_path: Path) -> None:
    source = Path(shutil.copy(CT, tmp_path / "source.dcm"))
    status = source.stat()

    def replace(dataset: Dataset) -> None:
        source.write_bytes(b"\0" * 9 + CT.read_bytes())
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))

    with pytest.raises(SourceError, match="has changed"):
        streamdcm.rewrite(source, tmp_path / "out.dcm", edit=replace)


def test_the_deflated_bytes_that_pydicom_reads_are_those_of_the_source() -> None:
    """The judge of `inflate`: zlib, all at once."""
    content = DEFLATED.read_bytes()
    plain = zlib.decompress(content[dataset_offset(content) :], -zlib.MAX_WBITS)
    assert inflated(rewritten(DEFLATED)).endswith(plain)


# --- Edits in the items of sequences, and what decides others ----------------------------------------------


def with_sequences(path: Path) -> Dataset:
    dataset = read(path)
    dataset.RequestAttributesSequence = [Dataset(), Dataset()]
    for number, item in enumerate(dataset.RequestAttributesSequence):
        item.ScheduledProcedureStepID = f"step {number}"
        item.RequestedProcedureID = "procedure"
        item.ScheduledProtocolCodeSequence = [Dataset()]
        item.ScheduledProtocolCodeSequence[0].CodeValue = "old"
    return dataset


@pytest.mark.parametrize("syntax", FOUR_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_mapping_edits_items_by_their_path(syntax: UID, kind: str, tmp_path: Path) -> None:
    dataset = with_sequences(CT)
    dataset.file_meta.TransferSyntaxUID = syntax
    if not is_little(syntax):
        del dataset.PixelData
        dataset.PixelDataProviderURL = "https://example.org/"
    streamdcm.dcmwrite(tmp_path / "in.dcm", dataset)
    edit = {
        "RequestAttributesSequence[0].ScheduledProcedureStepID": "first",
        "RequestAttributesSequence[*].RequestedProcedureID": None,
        "0040,0275[1].ScheduledProtocolCodeSequence[*].CodeValue": "new",
        "RequestAttributesSequence[7].CodeValue": None,
        "ReferencedStudySequence[*].CodeValue": None,
        "PatientID": "new",
    }
    source = tmp_path / "in.dcm" if kind == "file" else iter([(tmp_path / "in.dcm").read_bytes()])
    after = rewritten_dataset(source, edit=edit)
    first, second = after.RequestAttributesSequence
    assert (first.ScheduledProcedureStepID, second.ScheduledProcedureStepID) == ("first", "step 1")
    assert "RequestedProcedureID" not in first
    assert "RequestedProcedureID" not in second
    assert first.ScheduledProtocolCodeSequence[0].CodeValue == "old"
    assert second.ScheduledProtocolCodeSequence[0].CodeValue == "new"
    assert after.PatientID == "new"


def test_an_edit_of_items_touches_nothing_else(tmp_path: Path) -> None:
    streamdcm.dcmwrite(tmp_path / "in.dcm", with_sequences(CT))
    edit = {"RequestAttributesSequence[0].ScheduledProcedureStepID": "step 0"}
    assert rewritten(tmp_path / "in.dcm", edit=edit) == rewritten(tmp_path / "in.dcm")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"RequestAttributesSequence[9].CodeValue": "x"}, r"\(0040,0275\) .* has 2 item\(s\), and no \[9\]"),
        ({"PatientName[0].CodeValue": "x"}, r"\(0010,0010\) PatientName has VR PN and no items"),
        ({"RequestAttributesSequence[x].CodeValue": "x"}, "is neither a keyword nor a tag of DICOM"),
        ({"RequestAttributesSequence[0]": "x"}, "is neither a keyword nor a tag of DICOM"),
        (
            {"RequestAttributesSequence": None, "RequestAttributesSequence[0].CodeValue": "x"},
            r"\(0040,0275\) .* is edited as a whole and in its items",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(edit: Any, message: str, tmp_path: Path) -> None:
    streamdcm.dcmwrite(tmp_path / "in.dcm", with_sequences(CT))
    with pytest.raises(PlanError, match=message):
        rewritten(tmp_path / "in.dcm", edit=edit)


def test_an_old_value_of_a_wrong_vr_is_not_quoted_when_it_is_replaced(tmp_path: Path) -> None:
    content = CT.read_bytes()
    at = content.index(b"\x10\0\x10\0PN")
    (tmp_path / "in.dcm").write_bytes(content[: at + 4] + b"DS" + content[at + 6 :])
    for edit in ({"PatientName": None}, {"PatientID": "x"}):
        rewritten(tmp_path / "in.dcm", edit=edit)
    with pytest.raises(PlanError, match="the new value is not one that VR DS can take") as raised:
        rewritten(tmp_path / "in.dcm", edit={"PatientName": "New^Name"})
    assert "CompressedSamples" not in str(raised.value)


def test_a_new_pixel_representation_decides_ambiguous_vrs_anew() -> None:
    source = io.BytesIO(rewritten(CT, edit={"SmallestImagePixelValue": 7}))
    assert read(source)["SmallestImagePixelValue"].VR == "SS"
    source.seek(0)
    after = rewritten_dataset(source, edit={"PixelRepresentation": 0})
    assert (after["SmallestImagePixelValue"].VR, after.SmallestImagePixelValue) == ("US", 7)


def test_a_new_pixel_representation_decides_in_items_that_have_none_of_their_own() -> None:
    dataset = read(CT)
    lut = Dataset()
    lut.add_new("LUTDescriptor", "SS", [16, -5, 16])
    own = Dataset()
    own.PixelRepresentation = 1
    own.add_new("SmallestImagePixelValue", "SS", -5)
    dataset.ModalityLUTSequence = [lut]
    dataset.IconImageSequence = [own]
    after = rewritten_dataset(io.BytesIO(written(dataset)), edit={"PixelRepresentation": 0})
    assert after.ModalityLUTSequence[0]["LUTDescriptor"].VR == "US"
    assert list(after.ModalityLUTSequence[0].LUTDescriptor) == [16, 65531, 16]
    assert after.IconImageSequence[0]["SmallestImagePixelValue"].VR == "SS"


def with_encapsulated_icon(path: Path) -> Dataset:
    dataset = read(path)
    dataset.IconImageSequence = [Dataset()]
    dataset.IconImageSequence[0].PixelData = encapsulate([b"icon"])
    dataset.IconImageSequence[0]["PixelData"].is_undefined_length = True
    dataset.IconImageSequence[0]["PixelData"].VR = "OB"
    return dataset


@pytest.mark.parametrize(
    "change",
    [
        {"edit": {"PixelData": None}, "transfer_syntax": ExplicitVRLittleEndian},
        {"edit": {"PixelData": None}, "transfer_syntax": ExplicitVRBigEndian},
        {"edit": Dataset.decompress},
    ],
)
def test_encapsulated_pixel_data_in_an_item_are_refused_where_they_would_be_native(change: Any, tmp_path: Path) -> None:
    streamdcm.dcmwrite(tmp_path / "in.dcm", with_encapsulated_icon(RLE))
    rewritten(tmp_path / "in.dcm", edit={"PatientID": "x"})
    with pytest.raises(
        PlanError, match=r"^\(0088,0200\) IconImageSequence\[0\] > \(7FE0,0010\) PixelData is encapsulated"
    ):
        streamdcm.rewrite(tmp_path / "in.dcm", tmp_path / "out.dcm", **change)
    assert os.listdir(tmp_path) == ["in.dcm"]


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_a_new_character_set_recodes_every_text_in_its_scope(kind: str, tmp_path: Path) -> None:
    """PS3.5 §6.1.2.3, §7.5.3: items inherit it, unless they have their own."""
    dataset = read(CT)
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 100", "Müller^Jörg"
    dataset.RequestAttributesSequence = [Dataset(), Dataset()]
    inherits, has_own = dataset.RequestAttributesSequence
    inherits.RequestedProcedureDescription = "Übung"
    has_own.SpecificCharacterSet, has_own.RequestedProcedureDescription = "ISO_IR 144", "ЖЩЮЯ"
    streamdcm.dcmwrite(tmp_path / "in.dcm", dataset)
    source = tmp_path / "in.dcm" if kind == "file" else iter([(tmp_path / "in.dcm").read_bytes()])
    data = rewritten(source, edit={"SpecificCharacterSet": "ISO_IR 192"})
    after = read(io.BytesIO(data))
    assert after.PatientName == "Müller^Jörg"
    assert [item.RequestedProcedureDescription for item in after.RequestAttributesSequence] == ["Übung", "ЖЩЮЯ"]
    assert "Müller^Jörg".encode() in data
    assert "Übung".encode() in data
    assert "ЖЩЮЯ".encode("iso8859_5") in data
