"""Objects in S3: what arrives, and that nothing is left behind when it does not."""

import io

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file

import streamdcm
from tests.objects.conftest import Bucket

MIB = 1024 * 1024


def small() -> Dataset:
    return dcmread(get_testdata_file("CT_small.dcm"))


def large(mebibytes: int = 12) -> Dataset:
    dataset = small()
    dataset.Rows, dataset.Columns = 1024, 512  # 1 MiB a frame
    dataset.NumberOfFrames = mebibytes
    dataset.PixelData = np.random.default_rng(0).bytes(mebibytes * MIB)
    return dataset


def in_memory(dataset: Dataset, **options) -> bytes:
    file = io.BytesIO()
    streamdcm.dcmwrite(file, dataset, **options)
    return file.getvalue()


def test_a_small_object_is_put_at_once(bucket: Bucket):
    result = streamdcm.dcmwrite(bucket.url(), small(), storage_options=bucket.options)
    assert bucket.read() == in_memory(small())
    assert result.location == bucket.url()
    assert result.bytes_written == len(bucket.read())
    assert bucket.head()["ContentType"] == "application/dicom"
    assert "-" not in bucket.head()["ETag"]
    assert not bucket.pending()


def test_a_large_object_is_put_in_parts(bucket: Bucket):
    streamdcm.dcmwrite(bucket.url(), large(), storage_options=bucket.options, part_size="5 MiB", metadata={"site": "A"})
    assert bucket.read() == in_memory(large())
    head = bucket.head()
    assert head["ETag"].endswith('-3"')
    assert head["ContentType"] == "application/dicom"
    assert head["Metadata"] == {"site": "A"}
    assert not bucket.pending()


def test_frames_whose_number_is_not_known_arrive_with_all_lengths_right(bucket: Bucket):
    def frames():
        for number in range(12):
            yield np.full((1024, 512), number, "<i2")

    dataset = large(1)
    streamdcm.dcmwrite(bucket.url(), dataset, frames=frames(), storage_options=bucket.options)
    assert bucket.read() == in_memory(dataset, frames=frames())
    assert dcmread(io.BytesIO(bucket.read())).NumberOfFrames == 12
    assert bucket.head()["ETag"].endswith('-2"')
