"""Values that `dcmread(defer_size=…)` left in their file are written from there."""

import io
import os
import shutil

import pydicom
import pytest
from pydicom.data import get_testdata_file

import streamdcm
from streamdcm.encode import _pydicom
from tests.support.writing import written

NATIVE, ENCAPSULATED = get_testdata_file("MR_small.dcm"), get_testdata_file("SC_rgb_rle_2frame.dcm")


@pytest.fixture(params=[NATIVE, ENCAPSULATED])
def path(request, tmp_path):
    return shutil.copy(request.param, tmp_path / "source.dcm")


@pytest.fixture
def nothing_loaded(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a deferred value was loaded")

    monkeypatch.setattr(_pydicom, "read_deferred_data_element", refuse)


@pytest.mark.usefixtures("nothing_loaded")
@pytest.mark.parametrize("chunk_size", [10, 1000, 1 << 20])
def test_pixel_data_is_copied_without_being_loaded(path, chunk_size):
    expected = written(pydicom.dcmread(path))
    dataset = pydicom.dcmread(path, defer_size=500)
    assert written(dataset, chunk_size=chunk_size) == expected
    assert b"".join(streamdcm.iter_chunks(dataset)) == expected
    assert streamdcm.encoded_size(dataset) == len(expected)
    assert dataset.get_item(0x7FE00010, keep_deferred=True).value is None


@pytest.mark.usefixtures("nothing_loaded")
def test_it_is_copied_into_a_deflated_file_too(tmp_path):
    dataset = pydicom.dcmread(NATIVE, defer_size=500)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    again = pydicom.dcmread(io.BytesIO(written(dataset)))
    assert again.PixelData == pydicom.dcmread(NATIVE).PixelData


def test_a_file_that_changed_since_it_was_read_is_an_error_and_not_garbage(path, tmp_path):
    dataset = pydicom.dcmread(path, defer_size=500)
    os.utime(path, (1, 1))
    with pytest.raises(streamdcm.errors.SourceError, match=r"PixelData: the file .* has changed"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)
    assert os.listdir(tmp_path) == ["source.dcm"]


def test_other_bytes_where_the_element_was_are_an_error_even_at_the_same_time(path, tmp_path):
    dataset = pydicom.dcmread(path, defer_size=500)
    status = os.stat(path)
    content = (tmp_path / "source.dcm").read_bytes()
    (tmp_path / "source.dcm").write_bytes(b"\0" * 7 + content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(streamdcm.errors.SourceError, match="has changed"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)


def test_a_file_that_changes_while_it_is_copied_is_an_error(path, tmp_path):
    dataset = pydicom.dcmread(path, defer_size=500)

    class Touching(io.BytesIO):
        def write(self, data):
            os.utime(path, (1, 1))
            return super().write(data)

    with pytest.raises(streamdcm.errors.SourceError, match="has changed"):
        streamdcm.dcmwrite(Touching(), dataset)


def test_a_file_that_is_gone_is_an_error_that_says_so(path, tmp_path):
    dataset = pydicom.dcmread(path, defer_size=500)
    os.unlink(path)
    with pytest.raises(OSError, match="cannot be opened: No such file"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset)
    assert os.listdir(tmp_path) == []
