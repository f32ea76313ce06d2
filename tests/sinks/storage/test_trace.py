"""In which order the parts of an upload leave."""

import pytest
from pydicom.uid import ExplicitVRLittleEndian

import streamdcm
from streamdcm.write.trace import Record
from tests.sinks.storage.conftest import Bucket
from tests.support.images import template


@pytest.mark.slow
def test_parts_leave_when_no_field_in_them_is_open(bucket: Bucket) -> None:
    records: list[Record] = []
    dataset = template(ExplicitVRLittleEndian)
    dataset.Rows = dataset.Columns = 1024
    size = dataset.BitsAllocated // 8 * 1024 * 1024
    frames = (bytes(size) for _ in range(8))
    url, options = bucket.url("traced.dcm"), bucket.options
    with streamdcm.open_writer(
        url, dataset, storage_options=options, part_size="5 MiB", trace=records.append
    ) as writer:
        for frame in frames:
            writer.write_frame(frame)
    parts = [record for record in records if record["event"] == "part"]
    numbers = [record["number"] for record in parts]
    assert records[0]["policy"] == "parts"
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert numbers[0] == 2  # the first waits for the number of frames
    fills = [index for index, record in enumerate(records) if record["event"] == "fill"]
    assert records.index(parts[numbers.index(1)]) > fills[0]
    assert sum(record["size"] for record in parts) == len(bucket.read("traced.dcm"))
