"""What pydicom says while we ask it for something is said in our words; what others hear stays what it was."""

import io
import logging
import threading
import warnings

import pydicom
import pytest
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileMetaDataset
from pydicom.errors import BytesLengthException
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

import streamdcm
from streamdcm.encode.discreet import discreet, multiplicity_of, value_of
from streamdcm.errors import ElementLookupError, ValueLengthError, ValueTypeError
from streamdcm.errors.telling import silenced


def raw(tag: int, vr: str, value: bytes) -> Dataset:
    dataset = Dataset()
    dataset._dict[Tag(tag)] = RawDataElement(Tag(tag), vr, len(value), value, 0, False, True)
    return dataset


SOP_INSTANCE, CHARACTER_SET, ROWS = 0x00080018, 0x00080005, 0x00280010


def test_a_warning_has_our_text_and_the_category_and_number_of_pydicoms(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.warns(UserWarning) as theirs:
        _ = raw(SOP_INSTANCE, "UI", b"1.a").SOPInstanceUID
    caplog.clear()
    with pytest.warns(UserWarning) as ours:
        assert value_of(raw(SOP_INSTANCE, "UI", b"1.a"), "SOPInstanceUID") == "1.a"
    assert [each.category for each in ours] == [each.category for each in theirs]
    text = "(0008,0018) SOPInstanceUID: the value is not one that its VR can have (PS3.5 §6.2); it is written as it is"
    assert {str(each.message) for each in ours} == {text}
    assert {(record.name, record.getMessage()) for record in caplog.records} == {("streamdcm", text)}


def test_an_error_names_the_element_and_keeps_what_callers_catch() -> None:
    with pytest.raises(BytesLengthException) as caught:
        value_of(raw(ROWS, "US", b"SEC"), "Rows")
    assert isinstance(caught.value, ValueLengthError)
    assert str(caught.value).startswith("(0028,0010) Rows: ")
    assert "SEC" not in str(caught.value)


def test_a_value_of_a_wrong_type_is_refused_where_it_decides() -> None:
    dataset = Dataset()
    dataset["SOPInstanceUID"] = pydicom.DataElement(SOP_INSTANCE, "UI", 12, already_converted=True)
    with pytest.raises(ValueTypeError, match="SOPInstanceUID"):
        value_of(dataset, "SOPInstanceUID")


def test_what_is_not_there_is_the_default() -> None:
    assert value_of(Dataset(), "Rows", 7) == 7
    assert multiplicity_of(Dataset(), "FrameTimeVector") == 0


def test_an_unknown_character_set_is_not_quoted() -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(ExplicitVRLittleEndian)
    dataset["SpecificCharacterSet"] = pydicom.DataElement(CHARACTER_SET, "CS", "SECRET", already_converted=True)
    with pytest.warns(UserWarning, match=r"^\(0008,0005\) SpecificCharacterSet: .* does not define") as caught:
        streamdcm.dcmwrite(io.BytesIO(), dataset)
    assert not any("SECRET" in str(each.message) for each in caught)


def test_others_hear_pydicom_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Another thread, and whoever asks outside of the block."""
    heard: list[str] = []

    def other() -> None:
        _ = raw(SOP_INSTANCE, "UI", b"1.a").SOPInstanceUID

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with discreet("here"):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()
        other()
    heard = [str(each.message) for each in caught]
    assert len(heard) == 2
    assert all(text.startswith("Invalid value for VR UI: '1.a'") for text in heard)
    assert [record.name for record in caplog.records] == ["pydicom", "pydicom"]
    assert all(each.filename == caught[0].filename for each in caught)


def test_what_is_measured_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with silenced(), discreet("here"):
        _ = raw(SOP_INSTANCE, "UI", b"1.a").SOPInstanceUID
    assert not caplog.records


def test_a_character_set_that_settings_refuse_is_a_lookup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydicom.config.settings, "_reading_validation_mode", pydicom.config.RAISE)
    with pytest.raises(LookupError) as caught, discreet("here"):
        pydicom.charset.convert_encodings("SECRET")
    assert isinstance(caught.value, ElementLookupError)
    assert "SECRET" not in str(caught.value)
