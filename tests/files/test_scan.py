"""The scanner against pydicom's reader, on whole files and on what real and broken writers make of them."""

import io
import random
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.errors import NotDicomError, RecursiveDatasetError, SourceError, StreamdcmError
from streamdcm.files import inflate
from streamdcm.files.access import accessed
from streamdcm.files.scan import Scanner
from streamdcm.files.scan_words import BLOCK, ENCODINGS, Ask, Large, Run, Scan, Where
from streamdcm.files.scanned import scan_file
from tests.support.corpus import CORPUS, DATA, is_one_of_many, name

UNDEFINED = 0xFFFFFFFF
FILES = DATA / "test_files"
CT = FILES / "CT_small.dcm"
DAMAGED = {"MR_truncated.dcm", "no_meta.dcm", "rtplan_truncated.dcm"}
WHOLE = [path for path in CORPUS if path.name not in DAMAGED and not is_one_of_many(path)]
EXPLICIT, IMPLICIT, BIG = ENCODINGS[False, True], ENCODINGS[True, True], ENCODINGS[False, False]
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        warnings.filterwarnings("ignore", message="Expected (im|ex)plicit VR")
        yield


Placed = tuple[int, int, int]
"""Tag, offset of the value, and length field."""


def placed(parts: list[Run | Large]) -> list[Placed]:
    elements: list[Placed] = []
    for part in parts:
        if isinstance(part, Large):
            elements.append((part.tag, part.value_at, UNDEFINED if part.undefined else part.length or 0))
        else:
            elements += [(row[0], part.base + row[3], row[5]) for row in part.rows]
    return elements


def placed_by_pydicom(path: Path) -> list[Placed]:
    dataset = pydicom.dcmread(path, force=True)
    elements = {}
    for element in dataset.values():
        if isinstance(element, DataElement):
            length = UNDEFINED if element.is_undefined_length else -1
            elements[int(element.tag)] = (element.file_tell, length)
        else:
            elements[int(element.tag)] = (element.value_tell, element.length)
    return [(tag, at, length) for tag, (at, length) in elements.items()]


@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_it_finds_the_elements_that_pydicom_finds(path: Path) -> None:
    with accessed(path) as access:
        scanned = scan_file(access, force=True, hold_limit=0)
    found = {tag: (at, length) for tag, at, length in placed(scanned.parts)}
    expected = placed_by_pydicom(path)
    assert list(found) == [tag for tag, _, _ in expected]
    for tag, at, length in expected:
        assert found[tag][0] == at
        if length >= 0:  # pydicom parses the character set as it reads it, and forgets its length
            assert found[tag][1] == length


def scanned_in_pieces(content: bytes, encoding: Any, sizes: Iterator[int], *, skips: bool) -> list[Run | Large]:
    """What a scanner finds that is never given more than it asks for, and at times fewer bytes than that at first."""
    scanner = Scanner(Where("the content", len(content)), encoding, 0, skips=skips)
    parts: list[Run | Large] = []
    while True:
        large = answered(scanner.scan(), content, sizes)
        parts += scanner.runs
        scanner.runs.clear()
        if large is None:
            return parts
        parts.append(large)
        scanner.pass_over(large)


def answered(scan: Scan[Any], content: bytes, sizes: Iterator[int]) -> Any:
    try:
        ask = next(scan)
        while True:
            assert isinstance(ask, Ask)
            ask = scan.send(content[ask.offset : ask.offset + ask.size + next(sizes)])
    except StopIteration as stop:
        return stop.value


@pytest.mark.parametrize("path", [CT, FILES / "rtplan.dcm", FILES / "MR_small_bigendian.dcm", FILES / "SC_rgb_rle.dcm"])
def test_any_division_of_the_input_gives_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with accessed(path) as access:
        whole = scan_file(access, force=True, hold_limit=0)
    content, chance = path.read_bytes(), random.Random(path.name)
    expected = placed(whole.parts)
    for block in (16, 100, 1000):
        monkeypatch.setattr("streamdcm.files.scan.BLOCK", block)
        sizes = iter(lambda block=block: chance.randrange(block), -1)
        parts = scanned_in_pieces(content[whole.head.at :], whole.encoding, sizes, skips=True)
        assert [(tag, at + whole.head.at, length) for tag, at, length in placed(parts)] == expected


# --- What stands inside of values ---------------------------------------------------------------------


def element(tag: int, vr: bytes, value: bytes, length: int | None = None, order: str = "<") -> bytes:
    length = len(value) if length is None else length
    start = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if not vr:
        return start + struct.pack(f"{order}L", length) + value
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return start + vr + struct.pack(f"{order}HL", 0, length) + value
    return start + vr + struct.pack(f"{order}H", length) + value


def item(content: bytes, length: int | None = None) -> bytes:
    return element(0xFFFEE000, b"", content, length) + (ITEM_END if length == UNDEFINED else b"")


def file_with(dataset: bytes, syntax: str = ExplicitVRLittleEndian) -> bytes:
    uid = syntax.encode() + b"\0" * (len(syntax) & 1)
    return bytes(128) + b"DICM" + element(0x00020010, b"UI", uid) + dataset


def rewritten(content: bytes, **options: Any) -> bytes:
    target = io.BytesIO()
    streamdcm.rewrite(io.BytesIO(content), target, **options)
    streamed = io.BytesIO()
    streamdcm.rewrite(iter([content[i : i + 37] for i in range(0, len(content), 37)]), streamed, **options)
    assert streamed.getvalue() == target.getvalue()
    return target.getvalue()


NAME = element(0x00100010, b"PN", b"Doe^Jane")
BEHIND = element(0x00400254, b"LO", b"behind")


@pytest.mark.parametrize("inner", [ITEM_END * 0, element(0x00100020, b"LO", b"ID"), SEQUENCE_END[:0]])
@pytest.mark.parametrize("length", [None, UNDEFINED])
def test_a_sequence_passes_as_it_stands(inner: bytes, length: int | None) -> None:
    value = item(inner, length) + item(b"") + SEQUENCE_END
    dataset = NAME + element(0x00321064, b"SQ", value, UNDEFINED) + BEHIND
    assert rewritten(file_with(dataset)).endswith(dataset)


def un_of_undefined_length(order: str) -> bytes:
    inner = element(0x00100020, b"", b"ID") + element(0x00080060, b"", b"MR")[:0]
    nested = element(0x00400100, b"", item(inner, UNDEFINED) + SEQUENCE_END, UNDEFINED)
    return element(0x00321064, b"UN", item(nested) + item(nested, UNDEFINED) + SEQUENCE_END, UNDEFINED, order)


@pytest.mark.parametrize(
    ("syntax", "order"), [(ExplicitVRLittleEndian, "<"), (ExplicitVRBigEndian, ">")], ids=["little", "big"]
)
def test_a_un_of_undefined_length_holds_implicit_vr_little_endian(syntax: str, order: str) -> None:
    """PS3.5 §6.2.2, CP-246: whatever the transfer syntax, the items and their delimiters too."""
    name, behind = (
        element(0x00100010, b"PN", b"Doe^Jane", order=order),
        element(0x00400254, b"LO", b"behind", order=order),
    )
    after = pydicom.dcmread(io.BytesIO(rewritten(file_with(name + un_of_undefined_length(order) + behind, syntax))))
    for outer in after.RequestedProcedureCodeSequence:
        assert outer.ScheduledProcedureStepSequence[0].PatientID == "ID"
    assert (after.PatientName, after.PerformedProcedureStepDescription) == ("Doe^Jane", "behind")


@pytest.mark.parametrize("vr", [b"SQ", b"UN", b""], ids=["SQ", "UN", "implicit"])
def test_ten_thousand_levels_are_passed_on_or_refused(vr: bytes) -> None:
    depth, inner = 10_000, b"" if vr == b"UN" else vr
    outermost = element(0x00321064, vr, b"", UNDEFINED) + item(b"", UNDEFINED)[:8]
    level = element(0x00321064, inner, b"", UNDEFINED) + item(b"", UNDEFINED)[:8]
    dataset = outermost + level * depth + (ITEM_END + SEQUENCE_END) * (depth + 1)
    content = file_with(dataset, ExplicitVRLittleEndian if vr else ImplicitVRLittleEndian)
    assert rewritten(content).endswith(dataset)
    with pytest.raises(RecursiveDatasetError, match="nested too deeply"):
        rewritten(content, transfer_syntax=ExplicitVRBigEndian)


# --- What real files do -------------------------------------------------------------------------------


@pytest.mark.parametrize("vr", [b"\0\0", b"  "])
def test_a_blank_vr_is_that_of_the_dictionary(vr: bytes) -> None:
    blank = NAME[:4] + vr + NAME[6:]
    assert rewritten(file_with(blank + BEHIND)).endswith(NAME + BEHIND)


def test_an_element_in_implicit_vr_among_others_is_given_its_vr() -> None:
    implicit = element(0x00100020, b"", b"ID")
    assert rewritten(file_with(NAME + implicit + BEHIND)).endswith(NAME + element(0x00100020, b"LO", b"ID") + BEHIND)


@pytest.mark.parametrize("zeros", [2, 7, 8, 100, 3 * BLOCK])
def test_zeros_behind_the_data_are_left_out(zeros: int) -> None:
    assert rewritten(file_with(NAME + BEHIND + bytes(zeros))) == rewritten(file_with(NAME + BEHIND))


def test_zeros_with_something_behind_them_are_an_error() -> None:
    with pytest.raises(SourceError, match="there are zeros where an element should be, at byte 176 of the"):
        rewritten(file_with(NAME + bytes(16) + BEHIND))


@pytest.mark.parametrize("length", [0, 4])
def test_a_delimiter_of_pixel_data_with_a_length_is_written_without(length: int) -> None:
    syntax = "1.2.840.10008.1.2.5"
    value = element(0x7FE00010, b"OB", item(b"") + item(b"frag"), UNDEFINED)
    delimiter = SEQUENCE_END[:4] + struct.pack("<L", length)
    assert rewritten(file_with(NAME + value + delimiter, syntax)).endswith(NAME + value + SEQUENCE_END)


@pytest.mark.parametrize("vr", [b"UL", b"LO", b"OB"])
def test_group_lengths_of_any_vr_are_left_out(vr: bytes) -> None:
    length = element(0x00100000, vr, b"\0\0\0\0")
    assert rewritten(file_with(length + NAME + BEHIND)).endswith(NAME + BEHIND)


def test_a_sequence_with_a_length_may_end_in_a_delimiter() -> None:
    value = item(element(0x00100020, b"LO", b"ID"))
    inside = element(0x00321064, b"SQ", value + SEQUENCE_END)
    assert rewritten(file_with(NAME + inside + BEHIND)).endswith(NAME + inside + BEHIND)
    behind = element(0x00321064, b"SQ", value)
    assert rewritten(file_with(NAME + behind + SEQUENCE_END + BEHIND)).endswith(NAME + behind + BEHIND)


@pytest.mark.parametrize(("vr", "pad"), [(b"LO", b" "), (b"UI", b"\0"), (b"OB", b"\0"), (b"UT", b" "), (b"PN", b" ")])
@pytest.mark.parametrize("options", [{}, {"edit": {"StudyID": "1"}}, {"edit": lambda dataset: None}])
def test_odd_values_are_padded(vr: bytes, pad: bytes, options: Any) -> None:
    """PS3.5 §7.1.1: values have even length."""
    odd, even = element(0x00091001, vr, b"odd"), element(0x00091001, vr, b"odd" + pad)
    creator = element(0x00090010, b"LO", b"ACME")
    assert creator + even in rewritten(file_with(creator + odd + NAME), **options)


def test_odd_values_without_vr_are_padded_as_the_dictionary_says() -> None:
    odd = element(0x00080018, b"", b"1.2") + element(0x00100010, b"", b"odd")
    even = element(0x00080018, b"", b"1.2\0") + element(0x00100010, b"", b"odd ")
    assert rewritten(file_with(odd, ImplicitVRLittleEndian)).endswith(even)


def test_elements_out_of_order_are_sorted_and_the_last_of_each_is_taken() -> None:
    other = element(0x00100010, b"PN", b"Other^^^")
    dataset = BEHIND + other + element(0x00080060, b"CS", b"MR") + NAME
    assert rewritten(file_with(dataset)).endswith(element(0x00080060, b"CS", b"MR") + NAME + BEHIND)


# --- What is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (NAME[:5], "^the file ends within the header of an element, at byte 160 of the BytesIO"),
        (NAME + b"\0", "^the file ends within the header of an element, at byte 176 of the BytesIO"),
        (NAME[:-1], r"^\(0010,0010\) PatientName: the file ends before its value does, behind byte 160 of"),
        (element(0x00100010, b"OB", b"", 0x10000), r"^\(0010,0010\) PatientName: the file ends before its value does"),
        (element(0x00321064, b"SQ", item(b"", 8), UNDEFINED), r"^\(0032,1064\) .*: the file ends before its value"),
        (element(0x00321064, b"SQ", b"garbage!", UNDEFINED), "does not consist of items, at byte 172"),
        (
            element(0x00321064, b"SQ", item(ITEM_END * 2, UNDEFINED), UNDEFINED) + SEQUENCE_END,
            "does not consist of items",
        ),
        (element(0x7FE00010, b"OB", item(b"", UNDEFINED), UNDEFINED) + SEQUENCE_END, "a fragment has an undefined"),
        (ITEM_END + NAME, r"\(FFFE,E00D\) .*stands where an element should, at byte 160"),
        (SEQUENCE_END + NAME, r"\(FFFE,E0DD\) .*stands where an element should"),
        (element(0xFFFEE00D, b"LO", b"") + NAME, r"\(FFFE,E00D\) .*stands where an element should"),
    ],
)
def test_damage_is_refused_with_its_place(dataset: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        streamdcm.rewrite(io.BytesIO(file_with(dataset)), io.BytesIO())
    with pytest.raises(SourceError, match=message.replace("of the BytesIO", "of the list_iterator")):
        streamdcm.rewrite(iter([file_with(dataset)]), io.BytesIO())


def test_a_file_that_ends_within_its_file_meta_information_is_refused() -> None:
    whole = CT.read_bytes()
    for end in range(133, 336):
        with pytest.raises(SourceError, match="the file ends"):
            streamdcm.rewrite(io.BytesIO(whole[:end]), io.BytesIO())


@pytest.mark.parametrize("content", [b"", b"DICM", b"not DICOM at all" * 20, bytes(200)])
def test_what_is_not_dicom_is_refused(content: bytes) -> None:
    with pytest.raises(
        NotDicomError, match=r"the BytesIO lacks the prefix DICM .* leave it out if it is not"
    ) as raised:
        streamdcm.rewrite(io.BytesIO(content), io.BytesIO())
    assert isinstance(raised.value, pydicom.errors.InvalidDicomError)
    assert isinstance(raised.value, StreamdcmError)


def test_a_deflated_dataset_out_of_order_is_inflated_twice_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step back would inflate all from the start."""
    starts = []
    start_again = inflate.Inflated._start_again
    monkeypatch.setattr(inflate.Inflated, "_start_again", lambda self: (starts.append(1), start_again(self))[1])
    body = b"".join(element(0x00090000 + number, b"OB", bytes(70_000)) for number in range(0x1100, 0x1000, -1))
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    content = bytes(128) + b"DICM" + element(0x00020010, b"UI", b"1.2.840.10008.1.2.1.99")
    content += compressor.compress(body) + compressor.flush()
    written = io.BytesIO()
    streamdcm.rewrite(io.BytesIO(content), written, transfer_syntax=ExplicitVRLittleEndian)
    assert len(starts) <= 2
    assert len(written.getvalue()) > len(body)
    with pytest.raises(SourceError, match=r"^\(0009,.*stands behind elements with higher tags"):
        streamdcm.rewrite(io.BytesIO(content), io.BytesIO(), hold_limit=1_000_000)
