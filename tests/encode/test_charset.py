"""Text in several character sets: what is written is what was meant, as DCMTK reads it and as the standard says."""

import io
import warnings
from typing import Any

import pydicom
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.encode.code_extensions import NAME_DELIMITERS, TEXT_DELIMITERS, decode_extended, encode_extended
from tests.support.images import template as without_pixels
from tests.support.tools import run
from tests.support.writing import written


def template(syntax: str, **keywords: Any) -> Dataset:
    """A dataset of one frame, with its pixel data."""
    dataset = without_pixels(syntax, **keywords)
    dataset.add_new(0x7FE00010, "OW", bytes(70))
    return dataset


NO_SHRINKING = (Phase.explicit, Phase.generate)  # the judge takes its time
ASCII = "ab XY09"
ALPHABETS = {
    "ISO 2022 IR 6": "",
    "ISO 2022 IR 13": "ﾔﾏﾀﾞﾛｳ",
    "ISO 2022 IR 58": "张小东王字",
    "ISO 2022 IR 87": "山田太郎やま",
    "ISO 2022 IR 100": "éßüñ",
    "ISO 2022 IR 101": "čřžő",
    "ISO 2022 IR 109": "ĦĥŜ",
    "ISO 2022 IR 110": "ĸŖĻ",
    "ISO 2022 IR 126": "ΔΨλ",
    "ISO 2022 IR 127": "عرب",
    "ISO 2022 IR 138": "שלם",
    "ISO 2022 IR 144": "ЛюкЖя",
    "ISO 2022 IR 148": "ğĞİ",
    "ISO 2022 IR 149": "김희중홍길동ß",
    "ISO 2022 IR 159": "丂丄",
    "ISO 2022 IR 166": "กขค",
}
TWO_BYTES = {"ISO 2022 IR 58", "ISO 2022 IR 87", "ISO 2022 IR 149", "ISO 2022 IR 159"}
# Those that DCMTK's conversion library has
JUDGED = [
    ["ISO 2022 IR 6", "ISO 2022 IR 58"],
    ["ISO 2022 IR 100", "ISO 2022 IR 58"],
    ["ISO 2022 IR 6", "ISO 2022 IR 149"],
    ["ISO 2022 IR 100", "ISO 2022 IR 149"],
    ["ISO 2022 IR 6", "ISO 2022 IR 100", "ISO 2022 IR 144"],
    ["ISO 2022 IR 100", "ISO 2022 IR 101", "ISO 2022 IR 126", "ISO 2022 IR 166"],
    ["ISO 2022 IR 144", "ISO 2022 IR 127", "ISO 2022 IR 138", "ISO 2022 IR 109", "ISO 2022 IR 110", "ISO 2022 IR 148"],
]
ALL = [
    *JUDGED,
    ["ISO 2022 IR 6", "ISO 2022 IR 87", "ISO 2022 IR 159"],
    ["ISO 2022 IR 13", "ISO 2022 IR 87"],
    ["ISO 2022 IR 6", "ISO 2022 IR 58", "ISO 2022 IR 149", "ISO 2022 IR 87"],
]


def words(terms: list[str]) -> st.SearchStrategy[str]:
    """Words with characters of all these sets; those of one byte in pairs, because DCMTK counts in twos after IR 58."""
    pieces = [2 * character for character in ASCII]
    for term in terms:
        times = 1 if term in TWO_BYTES else 2
        pieces += [times * character for character in ALPHABETS[term]]
    return st.lists(st.sampled_from(pieces), min_size=1, max_size=6).map(lambda found: f"ab{''.join(found).strip()}zz")


def names(terms: list[str]) -> st.SearchStrategy[str]:
    group = st.lists(words(terms), min_size=1, max_size=3).map("^".join)
    return st.lists(group, min_size=1, max_size=3).map("=".join)


def texts(terms: list[str]) -> st.SearchStrategy[str]:
    return st.lists(words(terms), min_size=1, max_size=3).map("\r\n".join)


def with_texts(terms: list[str], pairs: list[tuple[str, str]]) -> Dataset:
    """A dataset with an item for each name and text, which stands in an LO too: there in one line."""
    dataset = template(ExplicitVRLittleEndian)
    dataset.SpecificCharacterSet = terms
    items = []
    for name, text in pairs:
        item = Dataset()
        item.PatientName, item.InstitutionAddress, item.InstitutionName = name, text, text.replace("\r\n", "  ")
        items.append(item)
    dataset.ReferencedImageSequence = Sequence(items)
    return dataset


def pairs_of(dataset: Dataset) -> list[tuple[str, str]]:
    for item in dataset.ReferencedImageSequence:
        assert item.InstitutionName == item.InstitutionAddress.replace("\r\n", "  ")
    return [(str(item.PatientName), item.InstitutionAddress) for item in dataset.ReferencedImageSequence]


@pytest.mark.parametrize("terms", JUDGED, ids=" ".join)
def test_dcmconv_reads_what_was_meant(terms: list[str], tmp_path: Any) -> None:
    source, target = tmp_path / "a.dcm", tmp_path / "b.dcm"

    @settings(max_examples=3, phases=NO_SHRINKING)
    @given(st.lists(st.tuples(names(terms), texts(terms)), min_size=20, max_size=20))
    def check(pairs: list[tuple[str, str]]) -> None:
        source.write_bytes(written(with_texts(terms, pairs), enforce_file_format=True))
        converted = run("dcmconv", "+U8", source, target)
        assert converted.returncode == 0, converted.stdout
        assert pairs_of(pydicom.dcmread(target)) == pairs

    check()


@pytest.mark.parametrize("terms", ALL, ids=" ".join)
def test_a_text_is_decoded_to_what_was_encoded(terms: list[str]) -> None:
    codecs = pydicom.charset.convert_encodings(terms)

    @settings(max_examples=50)
    @given(names(terms), texts(terms))
    def check(name: str, text: str) -> None:
        assert decode_extended(encode_extended(name, codecs, NAME_DELIMITERS), codecs, NAME_DELIMITERS) == name
        assert decode_extended(encode_extended(text, codecs, TEXT_DELIMITERS), codecs, TEXT_DELIMITERS) == text

    check()


@pytest.mark.parametrize("terms", ALL, ids=" ".join)
def test_a_text_is_the_same_in_utf_8(terms: list[str]) -> None:
    """`rewrite` recodes what was written, raw ESC bytes left out."""

    @settings(max_examples=5, phases=NO_SHRINKING)
    @given(st.lists(st.tuples(names(terms), texts(terms)), min_size=5, max_size=5))
    def check(pairs: list[tuple[str, str]]) -> None:
        def to_utf_8(dataset: Dataset) -> None:
            dataset.SpecificCharacterSet = "ISO_IR 192"

        target = io.BytesIO()
        streamdcm.rewrite(io.BytesIO(written(with_texts(terms, pairs))), target, edit=to_utf_8)
        assert b"\x1b" not in target.getvalue()
        target.seek(0)
        assert pairs_of(pydicom.dcmread(target)) == pairs

    check()


# PS3.5 §K.2 and §K.3
CHINESE_NAME = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="
CHINESE_TEXT = (
    b"The first line includes\x1b$)A\xd6\xd0\xce\xc4.\r\n"
    b"The second line includes\x1b$)A\xd6\xd0\xce\xc4, too.\r\n"
    b"The third line.\r\n"
)


def test_the_examples_of_annex_k_are_written_like_that() -> None:
    codecs = pydicom.charset.convert_encodings(["", "ISO 2022 IR 58"])
    name, text = CHINESE_NAME.decode("gb2312"), CHINESE_TEXT.decode("gb2312")
    dataset = template(ExplicitVRLittleEndian, SpecificCharacterSet=["", "ISO 2022 IR 58"])
    dataset.PatientName = name.replace("\x1b$)A", "")
    dataset.PatientComments = text.replace("\x1b$)A", "")
    data = written(dataset)
    assert CHINESE_NAME.rstrip(b"=") in data
    assert CHINESE_TEXT in data
    assert decode_extended(CHINESE_TEXT, codecs, TEXT_DELIMITERS) == dataset.PatientComments


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_file_that_was_read_keeps_its_bytes(syntax: str) -> None:
    dataset = template(ExplicitVRLittleEndian, SpecificCharacterSet=["", "ISO 2022 IR 58"])
    dataset.PatientName = pydicom.valuerep.PersonName(CHINESE_NAME, ["iso8859", "iso_ir_58"])
    dataset.add_new("PatientComments", "LT", CHINESE_TEXT)
    target = io.BytesIO()
    streamdcm.rewrite(io.BytesIO(written(dataset)), target, transfer_syntax=syntax)
    assert CHINESE_NAME.rstrip(b"=") in target.getvalue()  # an empty group at the end may be left out
    assert CHINESE_TEXT in target.getvalue()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xd6\xd0", "no character set that is in force"),
        (b"\x1b$)A\xd6\xd0\r\n\xd6\xd0", "no character set that is in force"),
        (b"\x1b$)C\xd6\xd0", "escape sequence of no character set"),
    ],
)
def test_what_breaks_the_rules_is_not_decoded(data: bytes, problem: str) -> None:
    with pytest.raises(UnicodeError, match=problem):
        decode_extended(data, ["iso8859", "iso_ir_58"], TEXT_DELIMITERS)


@pytest.mark.parametrize("terms", ["x", ["", "x"], "ISO IR 100"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("read", [None, ImplicitVRLittleEndian])
@pytest.mark.filterwarnings("ignore")
def test_a_doubtful_character_set_is_warned_of_as_often_as_by_pydicom_in_another_encoding(
    terms: Any, nested: bool, read: Any
) -> None:
    def made() -> Dataset:
        dataset = template(ExplicitVRLittleEndian, PatientName="Doe")
        item = Dataset()
        dataset.ReferencedImageSequence = Sequence([item])
        (item if nested else dataset).SpecificCharacterSet = terms
        if read is None:
            return dataset
        again = pydicom.dcmread(io.BytesIO(written(dataset, enforce_file_format=True)))
        again.file_meta.TransferSyntaxUID = read
        return again

    def warnings_of(write: Any, dataset: Dataset) -> int:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            write(io.BytesIO(), dataset)
        return len(told)

    assert warnings_of(streamdcm.dcmwrite, made()) == warnings_of(pydicom.dcmwrite, made())


def test_a_character_set_with_a_character_that_no_name_has_is_an_error_of_ours() -> None:
    dataset = template(ExplicitVRLittleEndian)
    with pytest.warns(UserWarning):
        dataset.SpecificCharacterSet = "ISO_IR 100\0"
    with pytest.raises(streamdcm.errors.InvalidValueError, match="SpecificCharacterSet"):
        written(dataset)
