"""Golden bytes of every VR, unpadded, in both byte orders (PS3.5 §6.2)."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.valuerep import DA, DT, EXPLICIT_VR_LENGTH_32, IS, TM, VR, DSdecimal, DSfloat, PersonName

from streamdcm.encode.layout import make_context
from streamdcm.encode.vr import AMBIGUOUS_VRS, BULK_VRS, VRS
from streamdcm.encode.vr.numbers import encode_lut_descriptor
from streamdcm.errors import NumberError

LITTLE, BIG = make_context(True, ["iso8859"]), make_context(False, ["iso8859"])

SAME_IN_BOTH_ORDERS = [
    ("AE", "STORE", b"STORE"),
    ("AE", ["A", "B"], b"A\\B"),
    ("AS", "042Y", b"042Y"),
    ("CS", MultiValue(str, ["ORIGINAL", "PRIMARY"]), b"ORIGINAL\\PRIMARY"),
    ("CS", b"odd", b"odd"),
    ("DA", "20261123", b"20261123"),
    ("DA", date(2026, 11, 23), b"20261123"),
    ("DA", date(999, 1, 2), b"09990102"),
    ("DA", DA("20261123"), b"20261123"),
    ("DA", [date(2026, 11, 23), "20261124", None], b"20261123\\20261124\\"),
    ("DS", "1.50", b"1.50"),
    ("DS", DSfloat("1.50"), b"1.50"),
    ("DS", DSfloat(1.5), b"1.5"),
    ("DS", DSdecimal("1.500"), b"1.500"),
    ("DS", Decimal("0.1"), b"0.1"),
    ("DS", 2, b"2"),
    ("DS", [1.5, None, DSfloat("3.0")], b"1.5\\\\3.0"),
    ("DS", np.array([1.5, 2.5]), b"1.5\\2.5"),
    ("DT", datetime(2026, 11, 23, 10, 50, 37), b"20261123105037"),
    ("DT", datetime(2026, 11, 23, 10, 50, 37, 500), b"20261123105037.000500"),
    ("DT", datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC), b"20261123010203+0000"),
    ("DT", datetime(26, 11, 23, 1, 2, 3, tzinfo=timezone(timedelta(hours=-3.5))), b"00261123010203-0330"),
    ("DT", DT("2026"), b"2026"),
    ("IS", IS("007"), b"007"),
    ("IS", IS(7), b"7"),
    ("IS", (1, 2), b"1\\2"),
    ("LO", "text", b"text"),
    ("LO", b"bytes", b"bytes"),
    ("LO", [b"a", b"b"], b"a\\b"),
    ("LO", (), b""),
    ("LT", "a\\b", b"a\\b"),
    ("OB", b"odd", b"odd"),
    ("OB", bytearray(b"abcd"), b"abcd"),
    ("OW", np.array([1, 2], "<u2"), b"\1\0\2\0"),
    ("OD", memoryview(b"12345678"), b"12345678"),
    ("OF", b"1234", b"1234"),
    ("OL", b"1234", b"1234"),
    ("OV", b"12345678", b"12345678"),
    ("OW", np.zeros((0, 4), "u1"), b""),
    ("PN", PersonName("Doe^Jane=a=b"), b"Doe^Jane=a=b"),
    ("PN", [PersonName("A^B"), PersonName("C")], b"A^B\\C"),
    ("SH", "short", b"short"),
    ("ST", "text", b"text"),
    ("TM", "105037", b"105037"),
    ("TM", time(10, 50, 37), b"105037"),
    ("TM", time(10, 50, 37, 250000), b"105037.250000"),
    ("TM", TM("1050"), b"1050"),
    ("UC", "c" * 70, b"c" * 70),
    ("UI", "1.2.3", b"1.2.3"),
    ("UI", ["1.2", "3.4"], b"1.2\\3.4"),
    ("UN", b"\0\1\2", b"\0\1\2"),
    ("UR", "urn:oid:1.2", b"urn:oid:1.2"),
    ("UT", "text", b"text"),
]

NUMBERS = [
    ("AT", Tag("PatientName"), b"\x10\x00\x10\x00", b"\x00\x10\x00\x10"),
    ("AT", [0x00080018, Tag(0x7FE0, 0x0010)], b"\x08\x00\x18\x00\xe0\x7f\x10\x00", b"\x00\x08\x00\x18\x7f\xe0\x00\x10"),
    ("FD", 1.5, b"\0\0\0\0\0\0\xf8\x3f", b"\x3f\xf8\0\0\0\0\0\0"),
    ("FL", [1.5, -2], b"\0\0\xc0\x3f\0\0\0\xc0", b"\x3f\xc0\0\0\xc0\0\0\0"),
    ("SL", -2, b"\xfe\xff\xff\xff", b"\xff\xff\xff\xfe"),
    ("SS", MultiValue(int, [-1, 258]), b"\xff\xff\x02\x01", b"\xff\xff\x01\x02"),
    ("SV", -(2**63), b"\0\0\0\0\0\0\0\x80", b"\x80\0\0\0\0\0\0\0"),
    ("UL", 0x01020304, b"\x04\x03\x02\x01", b"\x01\x02\x03\x04"),
    ("US", (1, 2), b"\1\0\2\0", b"\0\1\0\2"),
    ("US", np.uint16(258), b"\x02\x01", b"\x01\x02"),
    ("UV", 2**64 - 1, b"\xff" * 8, b"\xff" * 8),
]


@pytest.mark.parametrize(("vr", "value", "encoded"), SAME_IN_BOTH_ORDERS)
def test_text_and_bytes_do_not_depend_on_the_byte_order(vr, value, encoded):
    assert bytes(VRS[vr].encode(value, LITTLE)) == encoded
    assert bytes(VRS[vr].encode(value, BIG)) == encoded


@pytest.mark.parametrize(("vr", "value", "little", "big"), NUMBERS)
def test_numbers_are_in_the_byte_order_of_the_encoding(vr, value, little, big):
    assert VRS[vr].encode(value, LITTLE) == little
    assert VRS[vr].encode(value, BIG) == big


@pytest.mark.parametrize("vr", [vr for vr in VRS if vr != "SQ"])
def test_nothing_is_no_bytes(vr):
    assert bytes(VRS[vr].encode(None, LITTLE)) == b""


@pytest.mark.parametrize(("vr", "value"), [("US", -1), ("SS", 1.5), ("FL", 1e300), ("UL", [1, None]), ("US", "1")])
def test_a_number_that_does_not_fit_is_an_error_that_tells_the_range_and_not_the_value(vr, value):
    with pytest.raises(NumberError, match="numbers"):
        VRS[vr].encode(value, LITTLE)


def test_the_first_value_of_a_lut_descriptor_is_never_negative():
    assert encode_lut_descriptor([65535, -1, 16], LITTLE) == b"\xff\xff\xff\xff\x10\x00"


def test_text_that_needs_escape_sequences_gets_them():
    japanese = make_context(True, ["iso8859", "iso2022_jp"])
    name = PersonName("Yamada^Tarou=山田^太郎")
    encoded = VRS["PN"].encode(name, japanese)
    assert encoded == b"Yamada^Tarou=" + b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    assert VRS["LO"].encode("山", japanese) == b"\x1b$B;3\x1b(B"


def test_encoding_a_name_leaves_it_without_remembered_bytes():
    name = PersonName("Müller")
    VRS["PN"].encode(name, LITTLE)
    assert name.original_string is None


def test_the_rows_are_those_of_pydicom():
    assert VRS.keys() | AMBIGUOUS_VRS.keys() == {vr.value for vr in VR}
    assert {vr for vr, row in VRS.items() if row.long_length} == EXPLICIT_VR_LENGTH_32
    assert {"OB", "OD", "OF", "OL", "OV", "OW", "UN", "OB or OW"} == BULK_VRS


@pytest.mark.parametrize("vr", [vr for vr, row in VRS.items() if row.fixed and row.word > 1])
def test_a_value_of_a_fixed_size_takes_that(vr):
    assert len(VRS[vr].encode(1, LITTLE)) == VRS[vr].longest
