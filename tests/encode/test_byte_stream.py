"""Values whose bytes come one piece after the other, at any depth, of known and of unknown length."""

import io
import os
import warnings

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm import ByteStream
from streamdcm.errors import LengthOverflowError
from tests.support.targets import KINDS
from tests.support.tools import run
from tests.support.writing import written

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]


def dataset_with(value, syntax=ExplicitVRLittleEndian, *, depth=0, keyword="EncapsulatedDocument"):
    """A dataset with a value `depth` sequences deep, and elements behind it."""
    dataset = Dataset()
    setattr(dataset, keyword, value)
    for _ in range(depth):
        outer = Dataset()
        dataset.PatientComments = "behind"
        outer.ReferencedSeriesSequence = Sequence([dataset])
        dataset = outer
    dataset.preamble = bytes(128)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPInstanceUID = "1.2.3"
    dataset.add_new(0x7FE10010, "LO", "BEHIND")
    return dataset


def innermost(dataset, depth):
    for _ in range(depth):
        dataset = dataset.ReferencedSeriesSequence[0]
    return dataset


class Pipe(io.RawIOBase):
    """A reader that cannot seek and gives less than it is asked for."""

    def __init__(self, data):
        self._left = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._left.readinto(memoryview(buffer)[:1000])


SOURCES = {
    "list": lambda data: [data[start : start + 7] for start in range(0, len(data), 7)],
    "generator": lambda data: (data[start : start + 4001] for start in range(0, len(data), 4001)),
    "memoryviews": lambda data: iter([memoryview(data), b"", bytearray()]),
    "reader": Pipe,
    "buffer": io.BytesIO,
}


class TestBytes:
    @pytest.mark.parametrize("syntax", SYNTAXES)
    @pytest.mark.parametrize("kind", SOURCES)
    @pytest.mark.parametrize("depth", [0, 1, 3])
    @pytest.mark.parametrize("known", [True, False])
    def test_they_are_written_as_if_they_had_been_in_memory(self, syntax, kind, depth, known):
        data = os.urandom(100_001)
        stream = ByteStream(SOURCES[kind](data), len(data) if known else None)
        again = pydicom.dcmread(io.BytesIO(written(dataset_with(stream, syntax, depth=depth))))
        assert innermost(again, depth).EncapsulatedDocument == data + b"\0"
        assert again[0x7FE10010].value == "BEHIND"
        if known:
            stream = ByteStream(SOURCES[kind](data), len(data))
            assert written(dataset_with(stream, syntax, depth=depth)) == written(
                dataset_with(data, syntax, depth=depth)
            )

    @pytest.mark.parametrize("target", KINDS)
    @pytest.mark.parametrize("depth", [0, 2])
    def test_they_are_the_same_on_every_target(self, target, depth):
        data = os.urandom(300_000)
        expected = written(dataset_with(ByteStream([data]), depth=depth))
        with KINDS[target]() as (sink, arrived):
            streamdcm.dcmwrite(sink, dataset_with(ByteStream([data]), depth=depth), chunk_size=1000)
            assert arrived() == expected
        assert b"".join(streamdcm.iter_chunks(dataset_with(ByteStream([data]), depth=depth))) == expected

    @given(st.lists(st.binary(max_size=50)), st.booleans(), st.integers(0, 2))
    def test_any_pieces_make_the_same_bytes(self, pieces, known, depth):
        data = b"".join(pieces)
        length = len(data) if known else None
        expected = written(dataset_with(ByteStream([data], length), depth=depth))
        assert written(dataset_with(ByteStream(iter(pieces), length), depth=depth)) == expected

    def test_long_sequences_around_them_are_the_same_where_nothing_can_be_patched(self):
        dataset = dataset_with(b"")
        items = [Dataset() for _ in range(3)]
        for item in items:
            item.EncapsulatedDocument = bytes(9 << 20)
        items[2].EncapsulatedDocument = ByteStream([b"12"])
        dataset.ReferencedSeriesSequence = Sequence(items)
        with KINDS["write_only"]() as (sink, arrived):
            streamdcm.dcmwrite(sink, dataset)
            assert arrived() == written(dataset)

    def test_dcmtk_reads_what_is_around_them(self, tmp_path):
        dataset = dataset_with(ByteStream([b"1234"]), depth=2)
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)
        assert run("dcmdump", "-q", tmp_path / "out.dcm").returncode == 0


class TestLengths:
    def test_what_encloses_an_unknown_length_has_an_undefined_one(self):
        data = written(dataset_with(ByteStream([b"12"]), depth=1))
        again = pydicom.dcmread(io.BytesIO(data))
        assert again["ReferencedSeriesSequence"].is_undefined_length
        assert again.ReferencedSeriesSequence[0].is_undefined_length_sequence_item

    def test_defined_lengths_need_a_known_one(self, tmp_path):
        dataset = dataset_with(ByteStream([b"12"]), depth=1)
        with pytest.raises(ValueError, match=r"ReferencedSeriesSequence\[0\] > .*EncapsulatedDocument: .* its length"):
            streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, sequence_lengths="defined")
        assert os.listdir(tmp_path) == []
        dataset = dataset_with(ByteStream([b"12"], 2), depth=1)
        assert len(written(dataset, sequence_lengths="defined"))

    @pytest.mark.parametrize("length", [2, 6])
    @pytest.mark.parametrize("depth", [0, 1])
    def test_another_length_than_the_announced_one_is_an_error(self, tmp_path, length, depth):
        dataset = dataset_with(ByteStream([b"12", b"34"], length), depth=depth)
        with pytest.raises(streamdcm.errors.SourceError, match=r"EncapsulatedDocument: its source .* announced"):
            streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)
        assert os.listdir(tmp_path) == []

    def test_a_reader_is_asked_for_no_more_than_was_announced(self):
        reader = Pipe(b"1234rest")
        assert written(dataset_with(ByteStream(reader, 4)))
        assert reader.read() == b"rest"

    def test_a_reader_that_can_seek_tells_its_length_and_keeps_its_position(self):
        reader = io.BytesIO(b"before1234")
        reader.seek(6)
        dataset = dataset_with(ByteStream(reader))
        assert streamdcm.encoded_size(dataset) == len(written(dataset)) == len(written(dataset))
        assert reader.tell() == 6
        with pytest.raises(ValueError, match="holds 4 bytes"):
            written(dataset_with(ByteStream(reader, 5)))

    @pytest.mark.parametrize("known", [True, False])
    @pytest.mark.parametrize(
        ("keyword", "vr", "word"), [("RedPaletteColorLookupTableData", "OW", 2), ("FloatPixelData", "OF", 4)]
    )
    def test_no_multiple_of_the_word_is_an_error(self, known, keyword, vr, word):
        data = bytes(word + 1)
        dataset = dataset_with(ByteStream([data], len(data) if known else None), keyword=keyword)
        with pytest.raises(ValueError, match=f"{keyword}: .* no multiple of the {word} bytes of a word of VR {vr}"):
            written(dataset)

    def test_the_size_of_what_is_not_known_is_refused_and_nothing_is_used_up(self):
        dataset = dataset_with(ByteStream(iter([b"12"])))
        with pytest.raises(ValueError, match="give the ByteStream its length"):
            streamdcm.encoded_size(dataset)
        events = []
        data = written(dataset, progress=events.append)
        assert (events[-1].bytes_written, events[-1].total) == (len(data), None)

    def test_the_size_of_what_is_known_does_not_use_it_up(self):
        dataset = dataset_with(ByteStream(iter([b"12"]), 2), depth=1)
        size = streamdcm.encoded_size(dataset)
        events = []
        assert len(written(dataset, progress=events.append)) == size == events[-1].total

    def test_group_lengths_count_what_is_known_only_at_the_end(self):
        dataset = dataset_with(ByteStream(iter([b"12"])), depth=1)
        again = pydicom.dcmread(io.BytesIO(written(dataset, group_lengths="write")))
        assert innermost(again, 1).EncapsulatedDocument == b"12"
        assert innermost(again, 1)[0x00420000].value == 12 + 2
        assert 0x00080000 in again
        assert 0x7FE10000 in again


class TestSources:
    def test_one_that_gives_its_bytes_once_is_refused_the_second_time(self):
        dataset = dataset_with(ByteStream(iter([b"12"])))
        written(dataset)
        with pytest.raises(streamdcm.errors.SourceError, match="was read before"):
            written(dataset)

    def test_one_that_can_be_iterated_again_is_written_again(self):
        dataset = dataset_with(ByteStream([b"12"]))
        assert written(dataset) == written(dataset)

    @pytest.mark.parametrize("known", [True, False])
    def test_one_that_fails_is_closed_and_leaves_nothing(self, tmp_path, known):
        closed = []

        def source():
            try:
                yield bytes(100_000)
                raise RuntimeError("unplugged")
            finally:
                closed.append(True)

        dataset = dataset_with(ByteStream(source(), 200_000 if known else None))
        with pytest.raises(RuntimeError, match="unplugged"):
            streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)
        assert closed == [True]
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("bad", [None, "text", 7])
    def test_what_it_gives_must_be_bytes(self, bad):
        with pytest.raises(streamdcm.errors.SourceError, match=f"object of type {type(bad).__name__}"):
            written(dataset_with(ByteStream(iter([b"12", bad]))))

    @pytest.mark.parametrize("source", [b"12", "text", 7, None])
    def test_it_takes_an_iterable_or_a_reader(self, source):
        with pytest.raises(TypeError, match="iterable of bytes-like objects"):
            ByteStream(source)

    def test_pydicom_takes_it_as_a_value_without_a_warning_and_says_that_it_cannot_read_it(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            dataset = dataset_with(ByteStream([b"12"]))
            assert "ByteStream" in str(dataset)
        with pytest.raises(OSError, match="read"):
            dataset.EncapsulatedDocument.read()

    def test_encapsulated_pixel_data_are_given_as_frames(self):
        dataset = dataset_with(ByteStream([b"12"]), JPEGBaseline8Bit, keyword="PixelData")
        with pytest.raises(ValueError, match=r"PixelData: .* frames="):
            written(dataset)

    def test_frames_may_be_pushed_into_a_dataset_with_streams(self, tmp_path):
        from tests.support.images import template

        dataset = template(DeflatedExplicitVRLittleEndian, EncapsulatedDocument=ByteStream(iter([b"ab", b"cd"])))
        with streamdcm.open_writer(tmp_path / "out.dcm", dataset) as writer:
            writer.write_frame(bytes(70))
            writer.write_frame(bytes(70))
        again = pydicom.dcmread(tmp_path / "out.dcm")
        assert again.EncapsulatedDocument == b"abcd"
        assert again.NumberOfFrames == 2


def test_a_stream_of_unknown_length_in_the_file_meta_information_is_refused():
    dataset = dataset_with(b"")
    dataset.file_meta.FileMetaInformationGroupLength = 0
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = ByteStream(iter([b"ab", b"cd"]), length=4)
    assert b"abcd" in written(dataset)
    dataset.file_meta.PrivateInformation = ByteStream(iter([b"ab", b"cd"]))
    with pytest.raises(LengthOverflowError, match=r"\(0002,0000\).* give the ByteStream its length"):
        written(dataset)
