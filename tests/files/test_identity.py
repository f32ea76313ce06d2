"""`read_header`: what a file is, from its start alone, judged by pydicom."""

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

import streamdcm
from streamdcm.errors import NotDicomError, SourceError
from tests.support.corpus import CORPUS, DATA, is_one_of_many, name
from tests.support.oracle import dataset_offset

FILES = DATA / "test_files"
CT = FILES / "CT_small.dcm"
DAMAGED = {"no_meta.dcm"}
WHOLE = [path for path in CORPUS if path.name not in DAMAGED and not is_one_of_many(path)]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pydicom")
        warnings.filterwarnings("ignore", message="Expected (im|ex)plicit VR")
        yield


@pytest.mark.parametrize("path", WHOLE, ids=name)
def test_it_reads_what_pydicom_reads(path: Path) -> None:
    header, dataset = streamdcm.read_header(path, force=True), pydicom.dcmread(path, force=True)
    meta = dataset.file_meta
    assert header.transfer_syntax_uid == meta.get("TransferSyntaxUID")
    assert header.sop_class_uid == (dataset.get("SOPClassUID", meta.get("MediaStorageSOPClassUID")) or None)
    assert header.sop_instance_uid == (dataset.get("SOPInstanceUID", meta.get("MediaStorageSOPInstanceUID")) or None)
    assert header.study_instance_uid == (dataset.get("StudyInstanceUID") or None)
    assert header.series_instance_uid == (dataset.get("SeriesInstanceUID") or None)
    assert header.dataset_offset == dataset_offset(path.read_bytes())


@pytest.mark.parametrize("path", [CT, FILES / "image_dfl.dcm", FILES / "SC_rgb_rle_2frame.dcm"], ids=name)
def test_a_stream_is_read_alike(path: Path) -> None:
    content = path.read_bytes()
    stream = iter([content[start : start + 1000] for start in range(0, len(content), 1000)])
    assert streamdcm.read_header(stream) == streamdcm.read_header(path)


def test_it_reads_no_more_than_it_needs() -> None:
    class Counting(io.BytesIO):
        count = 0

        def read(self, size: Any = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    dataset = pydicom.dcmread(CT)
    dataset.PixelData = bytes(10_000_000)
    dataset.EncapsulatedDocument = bytes(1_000_000)
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset)
    source = Counting(b"before" + target.getvalue())
    source.seek(6)
    assert streamdcm.read_header(source).series_instance_uid == dataset.SeriesInstanceUID
    assert source.count < 400_000
    assert source.tell() == 6


def test_it_steps_over_bulk_in_front_of_what_it_looks_for() -> None:
    dataset = pydicom.dcmread(CT)
    dataset.add_new(0x00090010, "LO", "ACME")
    dataset.add_new(0x00091001, "OB", bytes(1_000_000))
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset)
    expected = streamdcm.read_header(CT)
    assert streamdcm.read_header(iter([target.getvalue()])) == expected
    target.seek(0)
    assert streamdcm.read_header(target) == expected


def test_what_cannot_be_read_is_an_error() -> None:
    content = CT.read_bytes()
    with pytest.raises(SourceError, match="the file ends"):
        streamdcm.read_header(io.BytesIO(content[:700]))
    with pytest.raises(NotDicomError):
        streamdcm.read_header(io.BytesIO(content[1:]))
    with pytest.raises(FileNotFoundError):
        streamdcm.read_header("/nowhere/in.dcm")
