"""What servers say they have stored, and what hostile ones say."""

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdcm.network.answers import UnclearError, parsed_answer
from tests.support.peers import stored_json

XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
  <DicomAttribute tag="00081190" vr="UR" keyword="RetrieveURL"><Value number="1">http://x</Value></DicomAttribute>
  <DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence">
    <Item number="1">
      <DicomAttribute tag="00081150" vr="UI"><Value number="1">1.2</Value></DicomAttribute>
      <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.3</Value></DicomAttribute>
      <DicomAttribute tag="00081197" vr="US"><Value number="1">272</Value></DicomAttribute>
    </Item>
  </DicomAttribute>
  <DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence">
    <Item number="1">
      <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.4</Value></DicomAttribute>
      <DicomAttribute tag="00081196" vr="US"><Value number="1">45056</Value></DicomAttribute>
    </Item>
    <Item number="2">
      <DicomAttribute tag="00081155" vr="UI"><Value number="1"> 1.2.5 </Value></DicomAttribute>
    </Item>
  </DicomAttribute>
</NativeDicomModel>"""


def test_json_and_xml_say_the_same():
    in_json = parsed_answer(stored_json("1.2.5", failed={"1.2.3": 272}, warned={"1.2.4": 0xB000}))
    assert parsed_answer(XML) == in_json
    assert in_json.stored == {"1.2.4": 0xB000, "1.2.5": None}
    assert in_json.failed == {"1.2.3": 272}


def test_other_failures_and_a_list_of_one_are_read():
    item = {"00081155": {"vr": "UI", "Value": ["1.2"]}, "00081197": {"vr": "US", "Value": ["42753"]}}
    answer = parsed_answer(json.dumps([{"0008119A": {"vr": "SQ", "Value": [item]}}]).encode())
    assert answer.failed == {"1.2": 42753}


@pytest.mark.parametrize("element", ['{"vr": "SQ"}', "5", '{"Value": [7]}', '{"Value": [{"00081155": 5}]}', "null"])
def test_what_names_nothing_names_nothing(element):
    answer = parsed_answer(f'{{"00081199": {element}}}'.encode())
    assert not answer.stored
    assert not answer.failed


HOSTILE = {
    "nothing": b"",
    "a text": b"Stored.",
    "a web page": b"<html><body>Sign in</body></html>",
    "half": b'{"00081199": {"vr": "SQ", "Value": [',
    "a list": b"[1, 2]",
    "brackets": b"[" * 5000,
    "objects": b'{"a":' * 5000,
    "not text": b'{"\xff\xfe": 1}',
    "half an XML": XML[:200],
    "a document type": b'<!DOCTYPE a [<!ENTITY b "c">]>' + XML.partition(b"?>")[2].strip(),
    "deep XML": b"<NativeDicomModel>" + b"<Item>" * 5000,
    "an encoding that nobody knows": XML.replace(b"UTF-8", b"klingon"),
    "an encoding of several bytes": XML.replace(b"UTF-8", b"utf-7"),
    "an encoding that cannot be read": XML.replace(b"UTF-8", b"punycode"),
    "a bomb": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + b"c" * 1000 + b'">]><a>&b;</a>',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_answers_are_unclear(content):
    with pytest.raises(UnclearError):
        parsed_answer(content)


@given(st.one_of(st.binary(max_size=200), st.integers(0, len(XML)).map(lambda cut: XML[:cut] + XML[cut + 7 :])))
def test_no_answer_crashes(content):
    with suppress(UnclearError):
        parsed_answer(content)


def test_a_long_text_is_read_in_no_time():
    """A parser gives it line by line: put together each time, 16 MiB of lines would take most of an hour."""
    start = time.process_time()
    parsed_answer(b"<NativeDicomModel>" + b"\n" * 1_000_000 + b"</NativeDicomModel>")
    assert time.process_time() - start < 5


def test_a_value_is_put_together():
    answer = parsed_answer(XML.replace(b"1.2.4<", b"&#49;.2<!-- a comment -->.4<"))
    assert answer.stored == {"1.2.4": 0xB000, "1.2.5": None}


def test_numbers_that_are_none_are_no_reasons():
    for value in ("9" * 5000, -1, 1.5, None, [], "0x110"):
        item = {"00081155": {"Value": ["1.2"]}, "00081197": {"Value": [value]}}
        answer = parsed_answer(json.dumps({"00081198": {"Value": [item]}}).encode())
        assert answer.failed == {"1.2": None}
