"""Every deliberate difference from `pydicom.dcmwrite`, as listed in docs/reference/differences.md: one test each."""

import datetime
import errno
import gc
import io
import os
import re
import shutil
import socket
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.filebase import DicomIO
from pydicom.filewriter import dcmwrite as pydicom_dcmwrite
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from pydicom.valuerep import PersonName

import streamdcm
from streamdcm import StreamdcmError, dcmwrite
from streamdcm.errors import (
    AtomicReplaceError,
    InvalidValueError,
    LayoutError,
    LengthOverflowError,
    NumberError,
    PlanError,
    RecursiveDatasetError,
    SinkContractError,
    SourceError,
    ValueTypeError,
    WouldBlockError,
)
from streamdcm.sinks import path_atomic
from tests.support import ROOT
from tests.support.functional_groups import enhanced, frames
from tests.support.tools import run

PAGE = ROOT / "docs" / "reference" / "differences.md"

ROWS, ACQUISITION_DURATION = 0x00280010, 0x00189073
STUDY_DATE, ACQUISITION_DATE_TIME = 0x00080020, 0x0008002A
SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, PIXEL_PADDING_VALUE = 0x00080005, 0x00280103, 0x00280120
LUT_DESCRIPTOR, LUT_DATA = 0x00283002, 0x00283006
MODALITY, PATIENT_NAME, PATIENT_COMMENTS = 0x00080060, 0x00100010, 0x00104000
PATIENT_WEIGHT, INSTANCE_NUMBER = 0x00101030, 0x00200013
ENCAPSULATED_DOCUMENT, PIXEL_DATA = 0x00420011, 0x7FE00010


def dataset(*elements: tuple[int, str, Any], syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """A dataset with these elements, whose values are as given: nothing is converted or checked."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    for tag, vr, value in elements:
        made[tag] = DataElement(tag, vr, value, already_converted=True)
    return made


def written_by(write: Callable[..., Any], made: Dataset, **options: Any) -> bytes:
    buffer = io.BytesIO()
    write(buffer, made, **options)
    return buffer.getvalue()


def body(write: Callable[..., Any], *elements: tuple[int, str, Any]) -> bytes:
    """The encoded elements, without the File Meta Information."""
    return written_by(write, dataset(*elements))[len(written_by(write, dataset())) :]


def failure(write: Callable[..., Any], made: Any, target: Any = None, **options: Any) -> Exception:
    with pytest.raises(Exception) as caught:
        write(io.BytesIO() if target is None else target, made, **options)
    return caught.value


@contextmanager
def unclosed_files() -> Iterator[None]:
    """Let pydicom leave a file to the garbage collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
        gc.collect()


def test_the_page_and_this_file_list_the_same() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    differences = [row for row in cells if row[-1] != "Test"]
    assert all(len(row) == 4 and all(row) for row in differences)
    named = [re.fullmatch(r"`(test_\w+)`", row[-1]) for row in differences]
    listed = [match[1] for match in named if match]
    assert len(listed) == len(differences)
    tests = [name for name in globals() if name.startswith("test_")]
    assert listed == tests[1:]  # in the same order, this one left out


# The bytes


def test_jpip_referenced_deflate_is_deflated() -> None:
    for syntax in ("1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"):
        made = dataset((PATIENT_NAME, "PN", PersonName("A")), syntax=syntax)
        theirs, ours = written_by(pydicom_dcmwrite, made), written_by(dcmwrite, made)
        start = len(written_by(pydicom_dcmwrite, dataset(syntax=syntax)))
        assert zlib.decompress(ours[start:], wbits=-zlib.MAX_WBITS) == theirs[start:]


def test_the_pad_byte_of_a_buffered_value_is_counted() -> None:
    def value() -> tuple[int, str, Any]:
        return (ENCAPSULATED_DOCUMENT, "OB", io.BytesIO(b"odd"))

    assert body(pydicom_dcmwrite, value())[-8:] == b"\x03\0\0\0odd\0"
    assert body(dcmwrite, value())[-8:] == b"\x04\0\0\0odd\0"


def test_an_undefined_length_where_the_vr_has_none_is_not_written() -> None:
    made = dataset((ROWS, "US", 512))
    made[ROWS].is_undefined_length = True
    assert written_by(pydicom_dcmwrite, made).endswith(b"US\xff\xff\xff\xff\x00\x02\xfe\xff\xdd\xe0\0\0\0\0")
    assert written_by(dcmwrite, made).endswith(b"US\x02\x00\x00\x02")
    tag = Tag(PATIENT_COMMENTS)
    made = dataset()
    made.set_original_encoding(False, True, "iso8859")
    made._dict[tag] = RawDataElement(tag, "LT", 0xFFFFFFFF, b"ab", 0, False, True)
    assert written_by(pydicom_dcmwrite, made).endswith(b"LT\xff\xff\xff\xffab\xfe\xff\xdd\xe0\0\0\0\0")
    assert isinstance(failure(dcmwrite, made), InvalidValueError)


def test_a_sequence_over_4_gib_gets_an_undefined_length(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("element", "items"):
        monkeypatch.setattr(f"streamdcm.encode.{module}.HOT", None)  # which cannot be told so
    for name, module in list(sys.modules.items()):
        if name.startswith("streamdcm.") and hasattr(module, "MAX_LENGTH"):
            monkeypatch.setattr(module, "MAX_LENGTH", 100)  # as if 100 bytes were 4 GiB
    item = Dataset()
    item.PatientComments = "x" * 200
    made = dataset()
    made.ReferencedImageSequence = [item]
    ours = written_by(dcmwrite, made)
    monkeypatch.undo()
    made["ReferencedImageSequence"].is_undefined_length = item.is_undefined_length_sequence_item = True
    assert ours == written_by(pydicom_dcmwrite, made)


def test_years_before_1000_have_four_digits() -> None:
    day, moment = datetime.date(999, 1, 2), datetime.datetime(999, 1, 2, 3, 4, 5)
    assert body(pydicom_dcmwrite, (STUDY_DATE, "DA", day)).endswith(b"DA\x08\x009990102 ")
    assert body(dcmwrite, (STUDY_DATE, "DA", day)).endswith(b"DA\x08\x0009990102")
    assert body(dcmwrite, (ACQUISITION_DATE_TIME, "DT", moment)).endswith(b"DT\x0e\x0009990102030405")


def test_none_among_numbers_in_text_is_an_empty_value() -> None:
    for tag, vr in ((PATIENT_WEIGHT, "DS"), (INSTANCE_NUMBER, "IS")):
        assert body(pydicom_dcmwrite, (tag, vr, [1, None])).endswith(b"\x06\x001\\None")
        assert body(dcmwrite, (tag, vr, [1, None])).endswith(b"\x02\x001\\")


def test_bytes_are_taken_as_the_text_of_a_number() -> None:
    for tag, vr in ((PATIENT_WEIGHT, "DS"), (INSTANCE_NUMBER, "IS")):
        assert body(pydicom_dcmwrite, (tag, vr, b"12")).endswith(b"\x06\x00b'12' ")
        assert body(dcmwrite, (tag, vr, b"12")).endswith(b"\x02\x0012")


def test_escape_sequences_are_written_by_the_standard() -> None:
    for character_set, text, theirs, ours in (
        (["", "ISO 2022 IR 58"], "王", b"\x02\0\xcd\xf5", b"\x06\0\x1b$)A\xcd\xf5"),
        (
            ["ISO 2022 IR 100", "ISO 2022 IR 144"],
            "Ю\r\nЮ\n",
            b"\x08\0\x1b-L\xce\r\n\xce\n",
            b"\x0c\0\x1b-L\xce\r\n\x1b-L\xce\n ",
        ),
    ):
        elements = (SPECIFIC_CHARACTER_SET, "CS", character_set), (PATIENT_COMMENTS, "LT", text)
        assert body(pydicom_dcmwrite, *elements).endswith(theirs)
        assert body(dcmwrite, *elements).endswith(ours)


def test_text_with_escape_sequences_is_read_by_the_standard() -> None:
    """A name that was read, and is written in another encoding."""
    encoded = b"\x1b-L\xce^\xc9"  # in ISO_IR 100 behind the delimiter
    character_set = (SPECIFIC_CHARACTER_SET, "CS", ["ISO 2022 IR 100", "ISO 2022 IR 144"])
    name = (PATIENT_NAME, "PN", PersonName(encoded, ["latin_1", "iso_ir_144"]))
    source = written_by(dcmwrite, dataset(character_set, name))
    for write, expected in ((pydicom_dcmwrite, b"\x1b-L\xce^\x1b-L\xc9"), (dcmwrite, encoded)):
        made = dcmread(io.BytesIO(source), force=True)
        made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        assert written_by(write, made).rstrip().endswith(expected)


def test_a_value_is_converted_to_the_vr_that_implicit_vr_implies() -> None:
    made = dataset((ROWS, "DS", "512"), syntax=ImplicitVRLittleEndian)
    assert written_by(pydicom_dcmwrite, made).endswith(b"\x04\0\0\x00512 ")
    assert written_by(dcmwrite, made).endswith(b"\x02\0\0\0\0\2")
    assert written_by(dcmwrite, made, on_vr_conflict="drop") == written_by(pydicom_dcmwrite, made)


# Values that are taken


def test_what_is_left_of_a_reserved_field_is_private() -> None:
    whole = enhanced()
    whole.NumberOfFrames, whole.PerFrameFunctionalGroupsSequence = 3, [item for _, item in frames(3)]
    whole.add_new(PIXEL_DATA, "OW", b"".join(pixels.tobytes() for pixels, _ in frames(3)))
    ours = written_by(dcmwrite, enhanced(), frames=frames(3), max_frames=9)
    theirs = written_by(pydicom_dcmwrite, whole)
    read = dcmread(io.BytesIO(ours))
    private = [element for element in read if element.tag.is_private]
    assert [str(element.tag) for element in private] == ["(5201,0010)", "(5201,1000)"]
    assert [private[0].value, set(private[1].value)] == ["STREAMDCM PADDING", {0}]
    assert len(ours) - len(theirs) == 10 + 26 + 12 + len(private[1].value)  # the number, the creator, the zeros
    for element in private:
        del read[element.tag]
    read.NumberOfFrames = 3
    assert written_by(pydicom_dcmwrite, read) == theirs


def test_bytes_are_taken_as_encoded_text() -> None:
    for tag, vr, value in (
        (MODALITY, "CS", b"odd"),
        (MODALITY, "CS", bytearray(b"odd")),
        (PATIENT_COMMENTS, "LT", memoryview(b"odd")),
        (STUDY_DATE, "DA", b"odd"),
    ):
        assert isinstance(failure(pydicom_dcmwrite, dataset((tag, vr, value))), TypeError | AttributeError)
        assert body(dcmwrite, (tag, vr, value)).endswith(b"\x04\x00odd ")


def test_a_tuple_is_as_good_as_a_list() -> None:
    for tag, vr, values in (
        (ROWS, "US", (1, 2)),
        (ACQUISITION_DURATION, "FD", (1.5, 2.5)),
        (0x00281101, "SS", (65535, 0, 16)),
        (PATIENT_NAME, "PN", (PersonName("A"),)),
    ):
        assert isinstance(failure(pydicom_dcmwrite, dataset((tag, vr, values))), OSError | AttributeError)
        expected = values[0] if len(values) == 1 else list(values)
        assert body(dcmwrite, (tag, vr, values)) == body(pydicom_dcmwrite, (tag, vr, expected))


def test_what_nothing_decides_is_ow_or_us() -> None:
    for tag, vr, value, expected in (
        (LUT_DATA, "US or OW", b"\1\2", b"OW\0\0\x02\0\0\0\1\2"),
        (PIXEL_PADDING_VALUE, "US or SS", b"\1\2", b"US\x02\0\1\2"),
    ):
        elements = (tag, vr, value), (PIXEL_DATA, "OW", b"")
        assert isinstance(failure(pydicom_dcmwrite, dataset(*elements)), AttributeError)
        assert expected in body(dcmwrite, *elements)


def test_the_first_value_of_a_lut_descriptor_has_no_sign() -> None:
    """PS3.3 C.11.1.1, whatever Pixel Representation says; of one that was read."""
    elements = (PIXEL_REPRESENTATION, "US", 1), (LUT_DESCRIPTOR, "US or SS", b"\x40\x9c\xfd\xff\x10\0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert isinstance(failure(pydicom_dcmwrite, dataset(*elements)), OSError)
    assert body(dcmwrite, *elements).endswith(b"SS\x06\0\x40\x9c\xfd\xff\x10\0")


@pytest.mark.parametrize("suffix", ["4.110", "4.111", "4.112", "8.1"])
def test_transfer_syntaxes_newer_than_pydicoms_dictionary_are_written(suffix: str, tmp_path: Path) -> None:
    syntax = f"1.2.840.10008.1.2.{suffix}"
    made = dataset(syntax=syntax)
    made.BitsAllocated = 8
    made.PixelData = encapsulate([b"frame of even length"])
    made["PixelData"].is_undefined_length = True
    if not UID(syntax).is_transfer_syntax:  # unless a library that other tests use has told pydicom of it
        with pytest.raises(ValueError, match="not a valid transfer syntax"):
            pydicom_dcmwrite(io.BytesIO(), made)
    dcmwrite(tmp_path / "ours.dcm", made)
    again = dcmread(tmp_path / "ours.dcm", force=True)
    assert again.file_meta.TransferSyntaxUID == syntax
    assert get_frame(again.PixelData, 0) == b"frame of even length"
    assert run("dcmdump", "-q", tmp_path / "ours.dcm").returncode == 0


def test_file_meta_may_be_none() -> None:
    made = dataset((MODALITY, "CS", "CT"))
    made.file_meta = None  # type: ignore[assignment]
    assert isinstance(failure(pydicom_dcmwrite, made, implicit_vr=True), AttributeError)
    assert written_by(dcmwrite, made, implicit_vr=True) == b"\x08\0\x60\0\x02\0\0\0CT"


# Values and arguments that are refused


def test_a_time_is_no_date() -> None:
    time = datetime.time(1, 2, 3)
    assert body(pydicom_dcmwrite, (STUDY_DATE, "DA", time)).endswith(b"19000101")
    for tag, vr in ((STUDY_DATE, "DA"), (ACQUISITION_DATE_TIME, "DT")):
        assert isinstance(failure(dcmwrite, dataset((tag, vr, time))), ValueTypeError)


def test_a_bytearray_is_no_list_of_numbers() -> None:
    value = (ROWS, "US", bytearray(b"ab"))
    assert body(pydicom_dcmwrite, value).endswith(b"a\0b\0")
    assert isinstance(failure(dcmwrite, dataset(value)), NumberError)


def test_what_is_neither_number_nor_text_is_no_number_in_text() -> None:
    value = (PATIENT_WEIGHT, "DS", {1})
    assert body(pydicom_dcmwrite, value).endswith(b"{1} ")
    for wrong in ({1}, datetime.date(2020, 1, 2), 1j, io.BytesIO(b"1")):
        for vr in ("DS", "IS"):
            assert isinstance(failure(dcmwrite, dataset((PATIENT_WEIGHT, vr, wrong))), ValueTypeError)


def test_an_empty_dict_is_no_value() -> None:
    value = (PATIENT_COMMENTS, "LT", {})
    assert body(pydicom_dcmwrite, value).endswith(b"LT\0\0")
    assert isinstance(failure(dcmwrite, dataset(value)), ValueTypeError)


def test_deferred_bytes_of_a_changed_file_are_refused(tmp_path: Path) -> None:
    source = shutil.copy(get_testdata_file("CT_small.dcm"), tmp_path)
    theirs, ours = dcmread(source, defer_size=1000), dcmread(source, defer_size=1000)
    os.utime(source, (0, 0))
    with pytest.warns(UserWarning, match="modification time has changed"):
        assert written_by(pydicom_dcmwrite, theirs)
    assert isinstance(failure(dcmwrite, ours), SourceError)


def test_a_value_that_implicit_vr_would_change_is_refused() -> None:
    made = dataset((ROWS, "LO", "large"), syntax=ImplicitVRLittleEndian)
    assert written_by(pydicom_dcmwrite, made).endswith(b"\x06\0\0\0large ")
    error = failure(dcmwrite, made)
    assert isinstance(error, InvalidValueError)
    assert "(0028,0010) Rows: its VR is LO" in str(error)


def test_the_layout_of_a_dicomdir_is_kept() -> None:
    made = dcmread(get_testdata_file("DICOMDIR"))
    assert isinstance(failure(dcmwrite, made, sequence_lengths="undefined"), LayoutError)
    assert isinstance(failure(dcmwrite, made, group_lengths="write"), LayoutError)
    made.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert isinstance(failure(dcmwrite, made), LayoutError)
    assert written_by(pydicom_dcmwrite, made)


def test_over_long_values_are_refused_before_the_first_byte(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as sparse:
        sparse.truncate(2**32)
    for write, count, kind in ((pydicom_dcmwrite, 36, Exception), (dcmwrite, 0, LengthOverflowError)):
        target = io.BytesIO()
        with (tmp_path / "sparse").open("rb") as pixels:
            error = failure(write, dataset((PIXEL_DATA, "OW", pixels)), target)
        assert isinstance(error, kind)
        assert len(target.getvalue()) == count


def test_unreadable_buffers_are_refused_before_the_first_byte() -> None:
    pixels = io.BytesIO(b"ab")
    pixels.close()
    for write, count, kind in ((pydicom_dcmwrite, 32, ValueError), (dcmwrite, 0, SourceError)):
        target = io.BytesIO()
        assert isinstance(failure(write, dataset((PIXEL_DATA, "OW", pixels)), target), kind)
        assert len(target.getvalue()) == count


def test_file_meta_is_checked_before_the_first_byte() -> None:
    made = dataset()
    made.preamble = bytes(128)
    made.file_meta._dict[Tag(MODALITY)] = DataElement(MODALITY, "CS", "CT")
    for write, count, kind in ((pydicom_dcmwrite, 132, ValueError), (dcmwrite, 0, PlanError)):
        target = io.BytesIO()
        assert isinstance(failure(write, made, target), kind)
        assert len(target.getvalue()) == count


def test_arguments_are_checked_before_the_target_is_opened(tmp_path: Path) -> None:
    for write, options, left in ((pydicom_dcmwrite, {}, b""), (dcmwrite, {"atomic": False}, b"old")):
        target = tmp_path / "target.dcm"
        target.write_bytes(b"old")
        with unclosed_files():
            error = failure(write, Dataset(), target, implicit_vr=1, little_endian=True, **options)
            assert isinstance(error, TypeError)
            del error
        assert target.read_bytes() == left


# The dataset


def test_the_dataset_is_not_changed() -> None:
    def made() -> Dataset:
        return dcmread(get_testdata_file("JPEG2000.dcm"))

    def native(read: Dataset) -> Dataset:
        read.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        return read

    theirs, ours = native(made()), native(made())
    before = dict(ours._dict)
    written_by(pydicom_dcmwrite, theirs)
    written_by(dcmwrite, ours)
    assert not any(isinstance(element, RawDataElement) for element in theirs._dict.values())
    assert not theirs["PixelData"].is_undefined_length
    assert all(ours._dict[tag] is element for tag, element in before.items())
    assert ours["PixelData"].is_undefined_length


def test_names_do_not_keep_their_encoded_bytes() -> None:
    theirs, ours = PersonName("A^B"), PersonName("A^B")
    body(pydicom_dcmwrite, (PATIENT_NAME, "PN", theirs))
    body(dcmwrite, (PATIENT_NAME, "PN", ours))
    assert theirs.original_string == b"A^B"
    assert ours.original_string is None


def test_overridden_methods_are_not_called() -> None:
    class Masked(Dataset):
        def __getitem__(self, key: Any) -> Any:
            element = super().__getitem__(key)
            return DataElement(MODALITY, "CS", "OT") if key == MODALITY else element

    made = Masked()
    made.Modality = "CT"
    assert written_by(pydicom_dcmwrite, made, implicit_vr=True).endswith(b"OT")
    assert written_by(dcmwrite, made, implicit_vr=True).endswith(b"CT")


# Targets


class Taking(io.RawIOBase):
    """A file that says that it took `answer` bytes, and takes as many where that is a number."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.data = b""

    def tell(self) -> int:
        return len(self.data)

    def write(self, data: Any) -> Any:
        if isinstance(self.answer, int):
            data = bytes(data)[: self.answer]
            self.data += data
            return len(data)
        return self.answer


def test_what_cannot_seek_is_a_target() -> None:
    class OnlyWrites:
        data = b""

        def write(self, data: bytes) -> int:
            self.data += data
            return len(data)

    made = dataset((MODALITY, "CS", "CT"))
    expected = written_by(pydicom_dcmwrite, made)
    target = OnlyWrites()
    assert isinstance(failure(pydicom_dcmwrite, made, target), TypeError)
    dcmwrite(target, made)
    assert target.data == expected

    left, right = socket.socketpair()
    with left, right:
        assert isinstance(failure(pydicom_dcmwrite, made, left), TypeError)
        dcmwrite(left, made)
        assert right.recv(1000) == expected

    reading, writing = os.pipe()
    with open(reading, "rb") as pipe, open(writing, "wb", buffering=0) as end:
        assert isinstance(failure(pydicom_dcmwrite, made, end), OSError)
        pipe.read1()
        dcmwrite(end, made)
        assert pipe.read1() == expected


def test_bytes_are_a_path(tmp_path: Path) -> None:
    made = dataset((MODALITY, "CS", "CT"))
    target = tmp_path / "out.dcm"
    assert isinstance(failure(pydicom_dcmwrite, made, os.fsencode(target)), TypeError)
    dcmwrite(os.fsencode(target), made)
    assert target.read_bytes() == written_by(pydicom_dcmwrite, made)


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    made = dataset((MODALITY, "CS", "CT"), (ROWS, "US", "no number"))
    for write, complete in ((pydicom_dcmwrite, False), (dcmwrite, True)):
        target = tmp_path / "target.dcm"
        target.write_bytes(b"old")
        failure(write, made, target)
        assert (target.read_bytes() == b"old") is complete
    assert [path.name for path in tmp_path.iterdir()] == ["target.dcm"]


def test_a_path_is_a_new_file(tmp_path: Path) -> None:
    made = dataset((MODALITY, "CS", "CT"))
    for write, is_new in ((pydicom_dcmwrite, False), (dcmwrite, True)):
        target, link = tmp_path / "target.dcm", tmp_path / "link.dcm"
        target.write_bytes(b"old")
        link.unlink(missing_ok=True)
        link.hardlink_to(target)
        if os.geteuid() == 0:
            os.chown(target, 65534, 65534)
        write(target, made)
        assert (link.read_bytes() == b"old") is is_new
        assert target.samefile(link) is not is_new
        if os.geteuid() == 0:
            assert (target.stat().st_uid == 0) is is_new


def test_what_cannot_be_replaced_needs_atomic_false(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(os, "replace", busy)  # as a bind mount answers
    made, target = dataset((MODALITY, "CS", "CT")), tmp_path / "target.dcm"
    pydicom_dcmwrite(target, made)
    expected = target.read_bytes()
    target.write_bytes(b"old")
    with pytest.raises(AtomicReplaceError, match="atomic=False"):
        dcmwrite(target, made)
    assert target.read_bytes() == b"old"
    dcmwrite(target, made, atomic=False)
    assert target.read_bytes() == expected


def test_overwrite_false_needs_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(path_atomic, "_devices", {})  # what was found out about file systems before
    monkeypatch.setattr(os, "link", no_links)
    made = dataset((MODALITY, "CS", "CT"))
    pydicom_dcmwrite(tmp_path / "theirs.dcm", made, overwrite=False)
    with pytest.raises(AtomicReplaceError, match="atomic=False"):
        dcmwrite(tmp_path / "ours.dcm", made, overwrite=False)
    dcmwrite(tmp_path / "in-place.dcm", made, overwrite=False, atomic=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in-place.dcm", "theirs.dcm"]


def test_a_file_is_written_over_itself(tmp_path: Path) -> None:
    original = Path(get_testdata_file("CT_small.dcm"))
    for write, is_whole in ((pydicom_dcmwrite, False), (dcmwrite, True)):
        target = tmp_path / "target.dcm"
        shutil.copy(original, target)
        made = dcmread(target, defer_size=1000)
        with unclosed_files():
            if is_whole:
                write(target, made)
            else:
                failure(write, made, target)
        assert (target.stat().st_size == original.stat().st_size) is is_whole


def test_short_writes_are_completed() -> None:
    made = dataset((MODALITY, "CS", "CT"))
    expected = written_by(pydicom_dcmwrite, made)
    theirs, ours = Taking(5), Taking(5)
    pydicom_dcmwrite(theirs, made)
    dcmwrite(ours, made)
    assert len(theirs.data) < len(expected)
    assert ours.data == expected


def test_a_target_that_would_block_is_an_error() -> None:
    made = dataset((MODALITY, "CS", "CT"))
    pydicom_dcmwrite(Taking(None), made)
    assert isinstance(failure(dcmwrite, made, Taking(None)), WouldBlockError)


def test_a_nonsensical_answer_of_a_target_is_an_error() -> None:
    made = dataset((MODALITY, "CS", "CT"))
    pydicom_dcmwrite(Taking("all of it"), made)
    assert isinstance(failure(dcmwrite, made, Taking("all of it")), SinkContractError)


def test_a_dicom_io_is_not_changed() -> None:
    made = dataset((MODALITY, "CS", "CT"))
    theirs, ours = DicomIO(io.BytesIO()), DicomIO(io.BytesIO())
    pydicom_dcmwrite(theirs, made)
    dcmwrite(ours, made)
    assert theirs.is_little_endian
    assert not hasattr(ours, "_little_endian")


# Answers


def test_the_result_says_what_was_written(tmp_path: Path) -> None:
    made, target = dataset((MODALITY, "CS", "CT")), tmp_path / "out.dcm"
    assert pydicom_dcmwrite(target, made) is None
    assert dcmwrite(target, made) == streamdcm.WriteResult(target.stat().st_size, 0, str(target))


def test_errors_name_the_element_and_no_value() -> None:
    item = Dataset()
    item[ROWS] = DataElement(ROWS, "US", "Doe^John", already_converted=True)
    made = dataset()
    made.ReferencedImageSequence = [item]
    theirs, ours = str(failure(pydicom_dcmwrite, made)), str(failure(dcmwrite, made))
    assert "Doe^John" in theirs
    assert "Traceback" in theirs
    assert "Doe^John" not in ours
    assert ours.startswith("(0008,1140) ReferencedImageSequence[0] > (0028,0010) Rows: ")


def test_errors_are_of_our_classes_too() -> None:
    for made, options in (
        (dataset((ROWS, "US", "x")), {}),
        (dataset((ROWS, "XX", 1)), {}),
        (dataset((MODALITY, "CS", "日本")), {}),
        (dataset((PIXEL_DATA, "OB", b"native"), syntax=JPEGBaseline8Bit), {}),
        (Dataset(), {}),
        (dataset(), {"implicit_vr": True}),
        (dataset(), {"enforce_file_format": True}),
        (5, {}),
    ):
        theirs, ours = failure(pydicom_dcmwrite, made, **options), failure(dcmwrite, made, **options)
        assert isinstance(ours, type(theirs))
        assert isinstance(ours, StreamdcmError)
        assert not isinstance(theirs, StreamdcmError)


def test_too_deep_a_nesting_is_an_error_that_says_so() -> None:
    made = inner = dataset()
    for _ in range(sys.getrecursionlimit()):
        item = Dataset()
        inner.ReferencedImageSequence = [item]
        inner = item
    # pydicom repeats the text of the error at each level, until the memory is full
    error = failure(dcmwrite, made)
    assert isinstance(error, RecursiveDatasetError)
    assert len(str(error)) < 200


def test_warnings_have_our_text_and_log(caplog: pytest.LogCaptureFixture) -> None:
    made = dataset((PATIENT_COMMENTS, "LT", "x" * 70_000))
    for write, text, logger in (
        (pydicom_dcmwrite, "The value for the data element", "pydicom"),
        (dcmwrite, r"\(0010,4000\) PatientComments: 70,000 bytes", "streamdcm"),
    ):
        caplog.clear()
        with pytest.warns(UserWarning, match=text):
            write(io.BytesIO(), made)
        assert [record.name for record in caplog.records] == [logger]
