"""Bulk values follow the byte order of the encoding, word by word, where that is asked for (PS3.5 §7.3, §8.2)."""

import io
import os

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

import streamdcm
from streamdcm.encode.bulk import swap_words, swapped, value_bytes
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery
from streamdcm.write.driver import write
from tests.support.images import template

WORDS = {"OB": 1, "OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8, "UN": 1}


def read_back(dataset, **read):
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    buffer.seek(0)
    return pydicom.dcmread(buffer, **read)


def converted(dataset, syntax, *, patchable=True, chunk_size=1 << 20):
    dataset.file_meta.TransferSyntaxUID = syntax
    options = Options(chunk_size=chunk_size)
    plan = plan_file(dataset, options, Capabilities(patchable), converts_file=True)
    buffer = io.BytesIO()
    delivery = Delivery(buffer)
    delivery.resolve(seekable=patchable)
    write(plan.encode(), delivery, options, None)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()))


def bulk_dataset(vr, data, *, depth):
    inner = Dataset()
    inner.add_new(0x00091010, vr, data)
    inner.add_new(0x00091011, "US", 0x0102)
    inner.add_new(0x00090010, "LO", "US")
    dataset = template(ExplicitVRBigEndian)
    for _ in range(depth):
        outer = Dataset()
        outer.ReferencedSeriesSequence = Sequence([inner])
        inner = outer
    dataset.update(inner)
    return dataset


@pytest.mark.parametrize("vr", WORDS)
@pytest.mark.parametrize("size", [16, 200_000])
@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("chunk_size", [7, 1 << 20])
def test_words_are_reversed_and_numbers_encoded_anew(vr, size, depth, chunk_size):
    data = os.urandom(size)
    word = WORDS[vr]
    expected = b"".join(data[at : at + word][::-1] for at in range(0, size, word))
    again = converted(read_back(bulk_dataset(vr, data, depth=depth)), ExplicitVRLittleEndian, chunk_size=chunk_size)
    for _ in range(depth):
        again = again.ReferencedSeriesSequence[0]
    assert again[0x00091010].value == expected
    assert again[0x00091011].value == 0x0102


def test_deferred_values_are_converted_as_they_are_read(tmp_path):
    data = os.urandom(3 << 20)
    source = bulk_dataset("OL", data, depth=0)
    source.save_as(tmp_path / "in.dcm")
    dataset = pydicom.dcmread(tmp_path / "in.dcm", defer_size=1000)
    again = converted(dataset, ExplicitVRLittleEndian, chunk_size=65_537)
    assert again[0x00091010].value == swap_words(data, 4)
    assert dataset.get_item(0x00091010, keep_deferred=True).value is None


def test_without_the_option_bytes_are_written_as_they_are():
    dataset = read_back(bulk_dataset("OW", b"1234", depth=0))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset)
    assert pydicom.dcmread(io.BytesIO(buffer.getvalue()))[0x00091010].value == b"1234"


def test_an_odd_value_of_words_is_completed_before_it_is_reversed():
    dataset = read_back(bulk_dataset("OW", b"1234", depth=0))
    dataset[0x00091010].value = b"123"
    assert converted(dataset, ExplicitVRLittleEndian)[0x00091010].value == b"21\x003"


@given(st.binary(max_size=100), st.sampled_from([2, 4, 8]), st.lists(st.integers(1, 20), max_size=10))
def test_any_pieces_make_the_same_words(data, word, sizes):
    def pieces():
        start = 0
        for size in (*sizes, 100):
            yield data[start : start + size]
            start += size
        return len(data)

    assert b"".join(swapped(pieces(), word)) == b"".join(swapped(value_bytes(data), word))
    whole = data.ljust(-(-len(data) // word) * word, b"\0")
    assert b"".join(swapped(pieces(), word)) == (swap_words(whole, word) if whole else b"")
