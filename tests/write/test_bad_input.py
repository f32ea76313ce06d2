"""Bad input: an error that pydicom's callers catch, that names the element and no value, and leaves no trace."""

import io
import os
import pickle
from typing import get_type_hints

import pydicom
import pytest
from pydicom import DataElement, Dataset, Sequence
from pydicom.config import RAISE, settings
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.errors import BytesLengthException
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.errors import PlanError, ValueTypeError
from streamdcm.options import Options
from tests.support.images import template

SECRET = "Z9secretZ9"


def small_dataset(syntax: str = ExplicitVRLittleEndian) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PatientID = "1"
    dataset.AccessionNumber = "2"
    return dataset


def with_element(tag: int, vr: str, value: object) -> Dataset:
    dataset = small_dataset()
    dataset.add(DataElement(tag, vr, value, already_converted=True))
    return dataset


class Unreadable(io.BytesIO):
    def readable(self) -> bool:
        return False


class Failing(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError("the disk is on fire")

    def getbuffer(self) -> memoryview:
        raise AssertionError


class Shrinking(io.BytesIO):
    """Has fewer bytes when it is read than when it was measured."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(size)[:0] if self.tell() else super().read(size)


def closed() -> io.BytesIO:
    buffer = io.BytesIO(b"1234")
    buffer.close()
    return buffer


BAD_VALUES = [
    (0x00100010, "PN", 5, TypeError, "PatientName"),
    (0x00100020, "LO", {"id": SECRET}, TypeError, "PatientID"),
    (0x00100020, "LO", 7, TypeError, "PatientID"),
    (0x00080060, "CS", [SECRET, 7], TypeError, "Modality"),
    (0x00080020, "DA", 20260101, AttributeError, "StudyDate"),
    (0x00280010, "US", SECRET, OSError, "Rows"),
    (0x00280010, "US", 70000, OSError, "Rows"),
    (0x00280010, "US", [1, None], OSError, "Rows"),
    (0x00280009, "AT", [SECRET], ValueError, "FrameIncrementPointer"),
    (0x00420011, "OB", SECRET, TypeError, "EncapsulatedDocument"),
    (0x00420011, "OB", [1, 2], TypeError, "EncapsulatedDocument"),
    (0x00100010, "XX", SECRET, NotImplementedError, "PatientName"),
    (0x00280106, "US or SS", 1, ValueError, "SmallestImagePixelValue"),
    (0x7FE00010, "OW", closed(), ValueError, "PixelData"),
    (0x7FE00010, "OW", Unreadable(b"1234"), ValueError, "PixelData"),
    (0x7FE00010, "OW", Failing(bytes(100_000)), OSError, "PixelData"),
    (0x7FE00010, "OW", Shrinking(bytes(3_000_000)), OSError, "PixelData"),
    (0x00100020, "LO", io.BytesIO(b"1234"), TypeError, "PatientID"),
]


@pytest.mark.parametrize(("tag", "vr", "value", "kind", "keyword"), BAD_VALUES)
def test_a_bad_value_is_named_by_its_element_and_leaves_the_old_file(tmp_path, tag, vr, value, kind, keyword):
    dataset = with_element(tag, vr, value)
    if vr == "US or SS":
        dataset.PixelRepresentation = None
        dataset.set_original_encoding(False, True, "iso8859")
    target = tmp_path / "old.dcm"
    target.write_bytes(b"old")
    with pytest.raises(streamdcm.StreamdcmError) as caught:
        streamdcm.dcmwrite(target, dataset)
    assert isinstance(caught.value, kind)
    text = str(caught.value)
    assert text.startswith(f"({tag >> 16:04X},{tag & 0xFFFF:04X}) {keyword}: ")
    assert SECRET not in text
    assert "70000" not in text
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.dcm"]


@pytest.mark.parametrize(("tag", "vr", "value", "kind", "keyword"), BAD_VALUES[:12])
def test_the_error_is_one_that_pydicoms_callers_catch(tag, vr, value, kind, keyword):
    with pytest.raises(Exception) as theirs:
        pydicom.dcmwrite(io.BytesIO(), with_element(tag, vr, value))
    with pytest.raises(type(theirs.value)):
        streamdcm.dcmwrite(io.BytesIO(), with_element(tag, vr, value))


def test_errors_survive_being_pickled():
    with pytest.raises(streamdcm.errors.NumberError) as caught:
        streamdcm.dcmwrite(io.BytesIO(), with_element(0x00280010, "US", SECRET))
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.path == "(0028,0010) Rows"


def test_text_that_the_character_set_cannot_hold_is_replaced_with_a_warning_as_in_pydicom():
    dataset = small_dataset()
    dataset.PatientName = "Müller^山田"
    ours, theirs = io.BytesIO(), io.BytesIO()
    with pytest.warns(UserWarning) as our_warnings:
        streamdcm.dcmwrite(ours, dataset)
    with pytest.warns(UserWarning) as their_warnings:
        pydicom.dcmwrite(theirs, dataset)
    assert ours.getvalue() == theirs.getvalue()
    assert len(our_warnings) == len(their_warnings) == 1
    assert "Müller" not in str(our_warnings[0].message)


def test_text_that_the_character_set_cannot_hold_is_refused_where_pydicom_is_told_so(monkeypatch):
    monkeypatch.setattr(settings, "_writing_validation_mode", RAISE)
    dataset = small_dataset()
    dataset.PatientName = "山田"
    with pytest.raises(streamdcm.errors.TextError, match=r"\(0010,0010\) PatientName: .*ISO_IR 192") as caught:
        streamdcm.dcmwrite(io.BytesIO(), dataset)
    assert isinstance(caught.value, TypeError)
    assert "山" not in str(caught.value)


def test_a_preamble_of_the_wrong_length_is_refused(tmp_path):
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.preamble = bytes(129)
    with pytest.raises(ValueError, match=r"129 bytes; it must have 128"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)
    assert os.listdir(tmp_path) == []


def test_a_missing_directory_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        streamdcm.dcmwrite(tmp_path / "missing" / "out.dcm", small_dataset())


def test_a_text_file_is_refused_before_the_first_byte(tmp_path):
    with open(tmp_path / "text", "w") as text, pytest.raises(TypeError, match="binary mode"):
        streamdcm.dcmwrite(text, small_dataset())
    assert (tmp_path / "text").read_bytes() == b""


@pytest.mark.parametrize("target", [None, 5, object(), b"".__class__, [], io.BytesIO])
def test_what_cannot_be_written_to_is_refused_with_what_can(target):
    with pytest.raises(TypeError, match=r"give a path|binary mode"):
        streamdcm.dcmwrite(target, small_dataset())


def test_what_is_no_dataset_is_refused():
    with pytest.raises(TypeError, match="must be a pydicom Dataset, not dict"):
        streamdcm.dcmwrite(io.BytesIO(), {})


def test_native_pixel_data_over_4_gib_is_refused_before_the_first_byte():
    class Huge(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            return 2**32 + 10 if whence == 2 else super().seek(offset, whence)

    target = io.BytesIO()
    with pytest.raises(OverflowError, match=r"\(7FE0,0010\) PixelData: 4,294,967,306 bytes do not fit"):
        streamdcm.dcmwrite(target, with_element(0x7FE00010, "OW", Huge()))
    assert target.getvalue() == b""


def test_a_value_over_64_kib_becomes_un_with_a_warning_or_is_refused():
    dataset = with_element(0x00204000, "LT", "x" * 70_001)
    with pytest.warns(UserWarning, match=r"\(0020,4000\) ImageComments: 70,002 bytes .* written as VR UN"):
        streamdcm.dcmwrite(io.BytesIO(), dataset)
    with pytest.raises(OverflowError, match="ImageComments"):
        streamdcm.dcmwrite(io.BytesIO(), dataset, long_values="refuse")
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    streamdcm.dcmwrite(io.BytesIO(), dataset, long_values="refuse")


def test_pixel_data_that_is_not_encapsulated_is_refused_for_a_compressed_syntax():
    dataset = small_dataset("1.2.840.10008.1.2.4.50")
    dataset.add_new(0x7FE00010, "OB", b"\xff\xd8\xff\xe0")
    with pytest.raises(ValueError, match=r"PixelData: .*encapsulate"):
        streamdcm.dcmwrite(io.BytesIO(), dataset)


def test_an_element_that_a_vr_depends_on_is_named_when_it_is_missing():
    dataset = small_dataset()
    dataset.WaveformBitsAllocated = 16
    item = Dataset()
    item.add(DataElement(0x54001010, "OB or OW", b"\1\0", already_converted=True))
    dataset.WaveformSequence = Sequence([item])
    named = r"WaveformSequence\[0\] > \(5400,1010\) WaveformData: .* WaveformBitsAllocated"
    with pytest.raises(AttributeError, match=named):
        streamdcm.dcmwrite(io.BytesIO(), dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk_size": 0}, "chunk_size must be at least 1 byte, a"),
        ({"part_size": "1 MiB"}, "part_size must be at least 5 MiB, a"),
        ({"chunk_size": "much"}, "chunk_size must be"),
        ({"hold_limit": -1}, "hold_limit must be"),
        ({"sequence_lengths": "long"}, "sequence_lengths must be one of 'preserve', 'defined', 'undefined'"),
        ({"group_lengths": True}, "group_lengths must be one of"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        streamdcm.dcmwrite(io.BytesIO(), small_dataset(), **options)


FLAGS = ["enforce_file_format", "force_encoding", "overwrite", "atomic", "durable", "check_frames", "frame_index"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, value) for name in FLAGS for value in (None, "no", 0)],
        *[("seekable", value) for value in ("no", 0)],
        *[("resume", value) for value in (None, "", 1)],
    ],
)
def test_a_flag_is_true_or_false(name, value, tmp_path):
    path = tmp_path / "old.dcm"
    path.write_bytes(b"old")
    with pytest.raises(PlanError, match=f"{name} must be"):
        streamdcm.dcmwrite(path, small_dataset(), **{name: value})
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("value", [None, "no", 0])
def test_appending_is_true_or_false(value):
    with pytest.raises(PlanError, match="append must be"):
        streamdcm.open_writer("old.dcm", small_dataset(), append=value)


@pytest.mark.parametrize("value", [None, "no", 0])
def test_leaving_file_meta_out_is_true_or_false(value):
    with pytest.raises(PlanError, match="file_meta must be"):
        streamdcm.iter_chunks(small_dataset(), file_meta=value)


def test_every_flag_is_checked():
    flags = {name for name, hint in get_type_hints(Options).items() if hint in (bool, bool | None)}
    as_pydicom = {"implicit_vr", "little_endian"}  # compared with the transfer syntax, and refused in its words
    assert flags == {*FLAGS, "seekable", "frames_on_loop", "file_meta", "append", "recover", *as_pydicom}


@pytest.mark.parametrize("function", ["dcmwrite", "iter_chunks", "encoded_size"])
def test_an_unknown_keyword_is_a_type_error_that_names_it(function):
    arguments = (io.BytesIO(), small_dataset()) if function == "dcmwrite" else (small_dataset(),)
    with pytest.raises(TypeError, match=rf"{function}\(\) got an unexpected keyword argument 'colour'"):
        getattr(streamdcm, function)(*arguments, colour="red")


@pytest.mark.parametrize("vr", ["OB", "OD", "OF", "OL", "OV", "OW", "UN"])
@pytest.mark.parametrize("empty", [[], (), ""])
def test_an_empty_list_is_an_empty_value(vr, empty):
    dataset = small_dataset()
    dataset.add(DataElement(0x00091001, vr, empty, already_converted=True))
    ours, theirs = io.BytesIO(), io.BytesIO()
    streamdcm.dcmwrite(ours, dataset)
    pydicom.dcmwrite(theirs, dataset)
    assert ours.getvalue() == theirs.getvalue()


def test_a_preamble_that_is_not_bytes_is_refused():
    dataset = pydicom.dcmread(get_testdata_file("CT_small.dcm"))
    dataset.preamble = "x" * 128
    with pytest.raises(TypeError, match="must be bytes, not str"):
        streamdcm.dcmwrite(io.BytesIO(), dataset)


def test_a_raw_value_of_an_impossible_length_is_the_error_that_pydicom_raises():
    dataset = small_dataset(ImplicitVRLittleEndian)
    dataset[0x00280010] = RawDataElement(Tag(0x00280010), "US", 3, b"123", 0, False, True)
    with pytest.raises(BytesLengthException, match="Rows: the raw value has a length"):
        streamdcm.dcmwrite(io.BytesIO(), dataset)


@pytest.mark.parametrize(("vr", "kind"), [("DS", TypeError), ("IS", TypeError), ("SV", OSError), ("UT", TypeError)])
def test_a_buffer_where_none_can_be_is_refused(vr, kind):
    dataset = with_element(0x00091001, vr, io.BytesIO(b"12"))
    with pytest.raises(kind, match=r"\(0009,1001\)"):
        streamdcm.dcmwrite(io.BytesIO(), dataset)


@pytest.mark.parametrize("pushed", [False, True])
def test_a_first_frame_that_is_none_is_refused_and_not_passed_over(pushed):
    dataset = template(ExplicitVRLittleEndian)
    frames = [None, bytes(70)]
    with pytest.raises(ValueTypeError, match="frame 1: is of type NoneType"):
        if pushed:
            with streamdcm.open_writer(io.BytesIO(), dataset) as writer:
                for frame in frames:
                    writer.write_frame(frame)
        else:
            streamdcm.dcmwrite(io.BytesIO(), dataset, frames=iter(frames))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda given: streamdcm.write_encoder("out.dcm", streamdcm.encoder(given)), "an encoder comes first"),
        (lambda given: streamdcm.rewrite(given, io.BytesIO()), "dcmwrite writes it"),
        (lambda given: streamdcm.encoded_size("in.dcm"), "pydicom.dcmread reads it from a file"),
        (lambda given: streamdcm.dcmwrite(io.BytesIO(), given, frames=lambda: []), "call it"),
        (lambda given: streamdcm.dcmwrite(io.BytesIO(), given, frames=3), "give a list or a generator of them"),
    ],
)
def test_what_was_meant_is_said(call, says):
    with pytest.raises((TypeError, ValueError), match=says):
        call(template(ExplicitVRLittleEndian))
