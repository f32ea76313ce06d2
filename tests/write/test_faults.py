"""Faults of sinks and sources: nothing is lost, nothing half-written is left, and the error is the fault's own."""

import errno
import gzip
import io
import os
import resource
import signal
import subprocess
import threading
import time
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from streamdcm.engine.progress import Progress
from streamdcm.errors.telling import silenced
from streamdcm.options import Options
from streamdcm.sinks import Delivery
from streamdcm.write.driver import Writing
from tests.support import python
from tests.support.writing import written

CT = get_testdata_file("CT_small.dcm")


class FullAfter:
    """A sink that takes so many bytes and no more."""

    def __init__(self, room):
        self.room = room
        self.taken = b""

    def write(self, data):
        part = data[: self.room - len(self.taken)]
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.taken += part
        return len(part)


@pytest.mark.slow
def test_a_sink_that_fails_at_any_byte_gets_what_came_before_and_its_own_error_comes_out():
    dataset = pydicom.dcmread(CT)
    del dataset.PixelData
    expected = written(dataset)
    for room in range(len(expected)):
        sink = FullAfter(room)
        with pytest.raises(OSError, match="No space left") as caught:
            streamdcm.dcmwrite(sink, dataset, chunk_size=512)
        assert type(caught.value) is OSError
        assert sink.taken == expected[:room]


@pytest.mark.slow
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "old.dcm"
    target.write_bytes(b"old")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    script = (
        "import sys, pydicom, streamdcm\n"
        "try:\n    streamdcm.dcmwrite(sys.argv[1], pydicom.dcmread(sys.argv[2]))\n"
        "except OSError as error:\n    print('errno', error.errno)"
    )
    done = subprocess.run(python(script, target, CT), preexec_fn=limit, capture_output=True, text=True, check=False)
    assert done.stdout == f"errno {errno.EFBIG}\n", done.stderr
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["old.dcm"]


def test_a_file_may_be_written_over_itself_while_values_are_still_in_it(tmp_path):
    path = tmp_path / "ct.dcm"
    path.write_bytes(Path(CT).read_bytes())
    dataset = pydicom.dcmread(path, defer_size=64)
    dataset.PatientID = "changed"
    streamdcm.dcmwrite(path, dataset)
    again = pydicom.dcmread(path)
    assert again.PatientID == "changed"
    assert again.PixelData == pydicom.dcmread(CT).PixelData


def test_a_file_with_values_still_in_it_is_not_truncated(tmp_path):
    path = tmp_path / "ct.dcm"
    path.write_bytes(Path(CT).read_bytes())
    dataset = pydicom.dcmread(path, defer_size=64)
    with pytest.raises(ValueError, match="leave atomic=False out"):
        streamdcm.dcmwrite(path, dataset, atomic=False)
    assert path.read_bytes() == Path(CT).read_bytes()
    with open(path, "rb") as value:
        dataset = pydicom.dcmread(CT)
        dataset.PixelData = value
        with pytest.raises(ValueError, match="leave atomic=False out"):
            streamdcm.dcmwrite(path, dataset, atomic=False)
    streamdcm.dcmwrite(path, pydicom.dcmread(path), atomic=False)


def test_the_positions_of_buffered_values_stay_as_they_were_at_every_moment(tmp_path):
    (tmp_path / "raw").write_bytes(bytes(300_001))
    with open(tmp_path / "raw", "rb") as file, open(tmp_path / "raw", "r+b") as both_ways:
        values = [io.BytesIO(bytes(200_001)), file, both_ways]
        for value in values:
            value.seek(1001)
        dataset = Dataset()
        dataset.BitsAllocated = 8
        dataset.PixelData = values[0]
        item = Dataset()
        item.EncapsulatedDocument = values[1]
        dataset.ContentSequence = [item]
        dataset.add_new(0x00420011, "OB", values[2])

        class Watching(io.BytesIO):
            def write(self, data):
                assert [value.tell() for value in values] == [1001] * 3
                return super().write(data)

        sink = Watching()
        streamdcm.dcmwrite(sink, dataset, implicit_vr=True, chunk_size=10_000)
        streamdcm.dcmwrite(sink, dataset, implicit_vr=True)
        assert len(sink.getvalue()) == 2 * len(written(dataset, implicit_vr=True))


def test_several_threads_may_write_one_dataset_and_its_buffers_at_once():
    dataset = pydicom.dcmread(CT)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    dataset.PixelData = io.BufferedRandom(io.BytesIO(bytes(range(256)) * 4000))
    expected = written(dataset)
    results = []

    def work():
        results.append([written(dataset, chunk_size=1000 + len(results)) for _ in range(5)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[expected] * 5] * 4


def test_several_threads_that_silence_warnings_leave_the_filters_as_they_were():
    before = list(warnings.filters)

    def work():
        for _ in range(200):
            with silenced():
                time.sleep(0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


@pytest.mark.parametrize("name", ["advance", "close", "abandon"])
def test_a_write_that_is_entered_again_by_its_own_sink_is_refused(name):
    writing = None

    class Reentering(io.BytesIO):
        def write(self, data):
            getattr(writing, name)(*([None] if name == "abandon" else []))

    delivery = Delivery(Reentering())
    delivery.resolve(seekable=False)
    writing = Writing((chunk for chunk in [bytes(100_000)]), delivery, Options(), Progress(None))
    with pytest.raises(streamdcm.errors.ReentryError):
        writing.advance()


class TestProgress:
    def dataset(self):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.add_new(0x7FE00010, "OW", bytes(5_000_000))
        return dataset

    def test_it_is_told_before_the_commit_and_knows_the_total(self, tmp_path):
        target = tmp_path / "out.dcm"
        events = []

        def progress(event):
            events.append((event, target.exists()))

        result = streamdcm.dcmwrite(target, self.dataset(), progress=progress)
        assert events[-1] == (streamdcm.ProgressEvent(result.bytes_written, result.bytes_written), False)
        assert target.exists()

    def test_it_is_not_told_too_often(self):
        events = []
        streamdcm.dcmwrite(io.BytesIO(), self.dataset(), progress=events.append, chunk_size=1000)
        assert len(events) < 20

    def test_raising_in_it_cancels_the_write_and_leaves_the_old_file(self, tmp_path):
        target = tmp_path / "old.dcm"
        target.write_bytes(b"old")

        def cancel(event):
            raise InterruptedError("enough")

        with pytest.raises(InterruptedError, match="enough"):
            streamdcm.dcmwrite(target, self.dataset(), progress=cancel)
        assert target.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["old.dcm"]

    def test_a_deflated_file_has_no_total(self):
        dataset, events = self.dataset(), []
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
        with gzip.GzipFile(fileobj=io.BytesIO(), mode="wb") as compressed:
            streamdcm.dcmwrite(compressed, dataset, progress=events.append)
        assert events[-1].total is None
