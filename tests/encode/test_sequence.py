"""Sequences that are too long to be held, on sinks that can be patched and on those that cannot."""

import io
from collections.abc import Iterator

import pydicom
import pytest
from pydicom import DataElement, Dataset, Sequence
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

import streamdcm
from streamdcm.encode import sequence as sequence_stage


class LazySequence(Sequence):
    """Items that are made when they are asked for."""

    def __init__(self, count: int, wobble: int = 0) -> None:
        super().__init__()
        self.count = count
        self.wobble = wobble
        self.passes = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Dataset]:
        self.passes += 1
        for index in range(self.count):
            item = Dataset()
            item.ReferencedFrameNumber = index + self.wobble * 10 ** (3 * self.passes)
            item.TextValue = "x" * 1000
            yield item


def dataset_with(items: Sequence, syntax: str = ExplicitVRLittleEndian, undefined: bool = False) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PatientID = "before"
    dataset.ContentSequence = items
    dataset["ContentSequence"].is_undefined_length = undefined
    dataset.add_new(0x00700006, "ST", "after")
    return dataset


def written_by_pydicom(dataset: Dataset) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    return buffer.getvalue()


@pytest.fixture
def small_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence_stage, "HOLD", 50_000)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("count", [0, 1, 48, 49, 50, 300])
@pytest.mark.usefixtures("small_hold")
def test_a_long_sequence_has_the_same_bytes_everywhere(syntax: str, undefined: bool, count: int) -> None:
    dataset = dataset_with(LazySequence(count), syntax, undefined)
    expected = written_by_pydicom(dataset)
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset)
    assert buffer.getvalue() == expected
    assert b"".join(streamdcm.iter_chunks(dataset)) == expected
    assert streamdcm.encoded_size(dataset) == len(expected)


@pytest.mark.usefixtures("small_hold")
def test_a_sink_that_seeks_is_patched_once_and_reads_the_items_once() -> None:
    items = LazySequence(1000)
    dataset = dataset_with(items)
    items.passes = 0
    result = streamdcm.dcmwrite(io.BytesIO(), dataset)
    assert result.patches == 1
    assert items.passes == 1


@pytest.mark.usefixtures("small_hold")
def test_a_sink_that_cannot_seek_gets_the_length_first_by_reading_the_items_again() -> None:
    items = LazySequence(1000)
    dataset = dataset_with(items)
    items.passes = 0
    chunks = list(streamdcm.iter_chunks(dataset, hold_limit=100))
    assert sum(map(len, chunks)) > 1_000_000
    assert items.passes == 2


@pytest.mark.usefixtures("small_hold")
def test_items_that_differ_the_second_time_are_an_error_that_names_the_sequence() -> None:
    items = LazySequence(1000, wobble=1)
    with pytest.raises(streamdcm.errors.EncodeError, match=r"\(0040,A730\) ContentSequence: its items took"):
        list(streamdcm.iter_chunks(dataset_with(items)))


@pytest.mark.usefixtures("small_hold")
@pytest.mark.parametrize("undefined", [False, True])
def test_a_length_that_does_not_fit_becomes_undefined(monkeypatch: pytest.MonkeyPatch, undefined: bool) -> None:
    monkeypatch.setattr(sequence_stage, "MAX_LENGTH", 200_000)
    dataset = dataset_with(LazySequence(300))
    expected = written_by_pydicom(dataset_with(LazySequence(300), undefined=True))
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset)
    assert buffer.getvalue() == expected
    assert b"".join(streamdcm.iter_chunks(dataset)) == expected


def test_a_dataset_that_contains_itself_is_refused(tmp_path) -> None:
    dataset = dataset_with(Sequence())
    dataset.ContentSequence.append(dataset)
    target = tmp_path / "out.dcm"
    with pytest.raises(RecursionError, match=r"\(0040,A730\) ContentSequence: the sequence is nested too deeply"):
        streamdcm.dcmwrite(target, dataset)
    assert list(tmp_path.iterdir()) == []


def test_the_path_of_items_is_in_the_error() -> None:
    inner = Dataset()
    inner.add(DataElement(0x00280010, "US", 70000, already_converted=True))
    outer = Dataset()
    outer.ContentSequence = Sequence([Dataset(), inner])
    dataset = dataset_with(Sequence([outer]))
    with pytest.raises(streamdcm.errors.NumberError) as caught:
        streamdcm.dcmwrite(io.BytesIO(), dataset)
    assert caught.value.path == ("(0040,A730) ContentSequence[0] > (0040,A730) ContentSequence[1] > (0028,0010) Rows")
    assert "70000" not in str(caught.value)
