"""What is recorded of a write is what was done: to files, streams, uploads, on a loop, and where it fails."""

import asyncio
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import PlanError
from streamdcm.write.trace import Record
from tests.support.images import compressed, pixels, template

SIZES = [50_000] * 6


class Stream:
    """What can only be written to, in order."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.content = b""
        self._fails_at = fails_at

    def write(self, data: Any) -> int:
        if self._fails_at is not None and len(self.content) >= self._fails_at:
            raise OSError(28, "no space left")
        self.content += bytes(data)
        return len(data)


def traced(target: Any, **options: Any) -> list[Record]:
    """Write frames whose number is not known, and return what was recorded."""
    records: list[Record] = []
    frames = (frame for frame in compressed(SIZES))
    dataset = template(JPEGBaseline8Bit, bits=8)
    streamdcm.dcmwrite(
        target, dataset, frames=frames, number_of_frames="count", max_frames=10, trace=records.append, **options
    )
    return records


def events(records: list[Record], *names: str) -> list[Record]:
    return [record for record in records if record["event"] in names]


def covered(records: list[Record]) -> int:
    """Return how many bytes went out in order, and see that none was left out."""
    end = 0
    for record in events(records, "write", "transfer"):
        assert record["offset"] == end
        end += record["size"]
    return end


def test_a_file_is_written_and_patched_where_fields_were_left_open(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    records = traced(path)
    assert (records[0]["target"], records[0]["policy"]) == (str(path), "patch")
    assert covered(records) == path.stat().st_size == records[-2]["encoded"]
    open_fields = [(record["offset"], record["size"]) for record in events(records, "reserve")]
    assert sorted(open_fields) == sorted((record["offset"], record["size"]) for record in events(records, "fill"))
    assert {(record["offset"], record["size"]) for record in events(records, "patch")} <= set(open_fields)
    assert events(records, "patch")
    assert records[-1]["outcome"] == "committed"
    times = [record["t"] for record in records]
    assert times == sorted(times)


def test_a_stream_gets_nothing_behind_an_open_field_and_a_temporary_file_takes_it() -> None:
    stream = Stream()
    records = traced(stream, hold_limit=100_000)
    assert records[0]["policy"] == "in_order"
    first = events(records, "reserve")[0]["offset"]
    last = max(index for index, record in enumerate(records) if record["event"] == "fill")
    before = [record for record in records[:last] if record["event"] == "write"]
    assert all(record["offset"] + record["size"] <= first for record in before)
    assert sum(record["size"] for record in events(records, "keep")) > 100_000
    assert covered(records) == len(stream.content)


def test_it_is_the_same_for_an_asynchronous_target() -> None:
    class Target:
        def __init__(self) -> None:
            self.content = b""

        async def write(self, data: Any) -> int:
            self.content += bytes(data)
            return len(data)

    target, records = Target(), []
    dataset = template(JPEGBaseline8Bit, bits=8)
    asyncio.run(streamdcm.dcmwrite_async(target, dataset, frames=compressed(SIZES), trace=records.append))
    assert covered(records) == len(target.content)
    assert (records[0]["event"], records[-1]["outcome"]) == ("begin", "committed")
    on_thread: list[Record] = []
    asyncio.run(streamdcm.dcmwrite_async(io.BytesIO(), dataset, frames=compressed(SIZES), trace=on_thread.append))
    assert covered(on_thread) == len(target.content)
    assert on_thread[-1]["outcome"] == "committed"


def test_a_path_gets_one_object_a_line_and_no_value(tmp_path: Path) -> None:
    dataset = template(ExplicitVRLittleEndian)
    dataset.PatientName = "Doe^Jane"
    log = tmp_path / "trace.jsonl"
    log.write_text("what was there")
    streamdcm.dcmwrite(tmp_path / "a.dcm", dataset, frames=pixels(4), trace=log)
    records = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert covered(records) == (tmp_path / "a.dcm").stat().st_size
    assert "Doe" not in log.read_text("utf-8")


def test_instances_of_a_concatenation_follow_one_another(tmp_path: Path) -> None:
    log = tmp_path / "trace.jsonl"
    dataset = template(ExplicitVRLittleEndian)
    dataset.SharedFunctionalGroupsSequence = [Dataset()]
    streamdcm.dcmwrite(tmp_path / "a-{number}.dcm", dataset, frames=pixels(4), split=2, trace=log)
    records = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert [record["outcome"] for record in events(records, "end")] == ["complete"] * 2
    assert [record["instance"] for record in events(records, "begin")] == [1, 2]
    assert len({record["target"] for record in events(records, "begin")}) == 2


def test_what_fails_says_so_and_leaves_its_trace(tmp_path: Path) -> None:
    log = tmp_path / "trace.jsonl"
    stream = Stream(fails_at=60_000)
    with pytest.raises(OSError, match="no space left"):
        streamdcm.dcmwrite(
            stream, template(JPEGBaseline8Bit, bits=8), frames=compressed(SIZES), offset_table="basic", trace=log
        )
    records = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    assert covered(records) == len(stream.content)
    assert records[-1]["outcome"] == "OSError"


@pytest.mark.parametrize("given", [5, [], b"path"])
def test_what_records_nothing_is_refused(given: Any) -> None:
    with pytest.raises(PlanError, match="trace must be a path, or a function"):
        streamdcm.dcmwrite(io.BytesIO(), template(ExplicitVRLittleEndian), trace=given)


def test_the_bytes_are_the_same_with_a_trace() -> None:
    frames = compressed(SIZES)

    def written(**options: Callable[[Record], object]) -> bytes:
        target = io.BytesIO()
        dataset = template(JPEGBaseline8Bit, bits=8)
        streamdcm.dcmwrite(target, dataset, frames=iter(frames), number_of_frames="count", max_frames=9, **options)  # type: ignore[arg-type]
        return target.getvalue()

    assert written() == written(trace=lambda record: None)


def by_asyncio(target: Path, trace: Path) -> None:
    asyncio.run(streamdcm.dcmwrite_async(target, template(ExplicitVRLittleEndian), trace=trace))


def at_once(target: Path, trace: Path) -> None:
    streamdcm.dcmwrite(target, template(ExplicitVRLittleEndian), trace=trace)


@pytest.mark.parametrize("write", [at_once, by_asyncio], ids=lambda write: write.__name__)
@pytest.mark.parametrize("is_there", [True, False])
def test_a_trace_is_not_written_over_its_target(
    write: Callable[[Path, Path], None], is_there: bool, tmp_path: Path
) -> None:
    target, other = tmp_path / "out.dcm", tmp_path / "link"
    if is_there:
        target.write_bytes(b"before")
    other.symlink_to(target)
    for trace in (target, other, tmp_path / "." / "out.dcm"):
        with pytest.raises(PlanError, match="trace= and the target are one file"):
            write(target, trace)
    assert (target.read_bytes() if target.exists() else None) == (b"before" if is_there else None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out.dcm"][: 1 + is_there]


@pytest.mark.parametrize("write", [at_once, by_asyncio], ids=lambda write: write.__name__)
def test_a_trace_that_cannot_be_written_is_found_before_the_first_byte(
    write: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    (tmp_path / "out.dcm").write_bytes(b"before")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write(tmp_path / "out.dcm", tmp_path / "nowhere" / "trace")
    assert (tmp_path / "out.dcm").read_bytes() == b"before"


def test_a_trace_is_not_written_over_its_source(tmp_path: Path) -> None:
    source = tmp_path / "in.dcm"
    streamdcm.dcmwrite(source, template(ExplicitVRLittleEndian))
    before = source.read_bytes()
    with pytest.raises(PlanError, match="trace= and the source are one file"):
        streamdcm.rewrite(source, tmp_path / "out.dcm", trace=source)
    assert source.read_bytes() == before
    assert not (tmp_path / "out.dcm").exists()


def test_a_full_disk_is_said_of_the_trace(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with pytest.raises(OSError, match="/dev/full") as caught:
        at_once(tmp_path / "out.dcm", Path("/dev/full"))
    assert "out.dcm: complete" in caught.value.__notes__[0]
