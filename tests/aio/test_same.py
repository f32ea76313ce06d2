"""One table of cases for both drivers: the same bytes, the same exceptions, the same calls of the sink in one order."""

import errno
import io
import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from inspect import isawaitable
from typing import Any, NamedTuple

import pytest
from pydicom import DataElement, config
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import (
    DatasetTypeError,
    EncodeError,
    HoldLimitError,
    InvalidValueError,
    PlanError,
    SinkContractError,
    SourceError,
    ValueTypeError,
)
from tests.aio import test_write as cases
from tests.aio.conftest import LOOPS as BOTH
from tests.aio.test_write import ct, large, multi_frame

LOOPS = [
    *BOTH,
    pytest.param(
        ("asyncio", {"use_uvloop": True}),
        marks=[
            pytest.mark.anyio,
            pytest.mark.skipif(
                find_spec("uvloop") is None, reason="uvloop is not installed: pip install '.[test-all]'"
            ),
        ],
        id="uvloop",
    ),
]


class Recording:
    """A sink that writes down what is called, and answers `write` as it is told to."""

    def __init__(self, answer: Callable[[int, bytes], Any]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._answer = answer
        self._file = io.BytesIO()

    def write(self, data: bytes) -> Any:
        self.calls.append(("write", type(data), bytes(data)))
        answer = self._answer(len(self.calls), data)
        self._file.write(data[: answer if type(answer) is int else len(data)])
        return answer


class Seeking(Recording):
    """The same, which can seek."""

    def seek(self, offset: int, whence: int = 0) -> int:
        self.calls.append(("seek", offset, whence))
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        self.calls.append(("tell",))
        return self._file.tell()


class AsyncRecording(Recording):
    """The same, awaited."""

    async def write(self, data: bytes) -> Any:
        return super().write(data)


class AsyncSeeking(Seeking):
    """The same, awaited."""

    async def write(self, data: bytes) -> Any:
        return super().write(data)

    async def seek(self, offset: int, whence: int = 0) -> int:
        return super().seek(offset, whence)

    async def tell(self) -> int:
        return super().tell()


def all_of_it(number: int, data: bytes) -> int:
    return len(data)


def nothing_said(number: int, data: bytes) -> None:
    return None


def a_part(number: int, data: bytes) -> int:
    return min(len(data), 10_007)


def full(after: int) -> Callable[[int, bytes], int]:
    def answer(number: int, data: bytes) -> int:
        if number > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(data)

    return answer


def refuse(event: streamdcm.ProgressEvent) -> None:
    raise InterruptedError("enough")


def frames_that_fail(count: int):
    yield from cases.reused(count)
    raise LookupError("the camera is gone")


class Case(NamedTuple):
    """A write: what is written, with which options, what the sink answers, and what is raised, if anything is.

    `write_only` is raised where the sink cannot seek, and something else, or nothing, where it can.
    """

    dataset: Callable[[], Any]
    options: Callable[[], dict[str, Any]] = dict
    answer: Callable[[int, bytes], Any] = all_of_it
    raises: type[Exception] | None = None
    write_only: type[Exception] | None = None


def bad_number():
    dataset = ct()
    dataset.add(DataElement(0x00280010, "US", 100_000, validation_mode=config.IGNORE))
    return dataset


def bad_number_behind_much():
    dataset = large()
    dataset.add_new(0x7FE10010, "LO", "creator")
    dataset.add(DataElement(0x7FE11001, "US", 100_000, validation_mode=config.IGNORE))
    return dataset


TABLE = {
    **{name: Case(make) for name, make in cases.DATASETS.items()},
    "short_writes": Case(large, dict, a_part),
    "none": Case(large, dict, nothing_said),
    "nothing_taken": Case(large, dict, lambda number, data: 0, raises=SinkContractError),
    "too_much_taken": Case(large, dict, lambda number, data: len(data) + 1, raises=SinkContractError),
    "nonsense": Case(large, dict, lambda number, data: "all", raises=SinkContractError),
    "full_at_once": Case(large, dict, full(0), raises=OSError),
    "full": Case(large, dict, full(4), raises=OSError),
    "bad_number": Case(bad_number, raises=EncodeError),
    "bad_number_behind_much": Case(bad_number_behind_much, raises=EncodeError),
    "no_dataset": Case(lambda: "dataset", raises=DatasetTypeError),
    "contradiction": Case(ct, lambda: {"implicit_vr": True, "little_endian": False}, raises=PlanError),
    "progress_raises": Case(ct, lambda: {"progress": refuse}, raises=InterruptedError),
    "small_chunks": Case(large, lambda: {"chunk_size": 5000}),
    "frames": Case(multi_frame, lambda: {"frames": cases.reused(9)}),
    "frames_counted": Case(multi_frame, lambda: {"frames": cases.reused(9), "number_of_frames": 9}),
    "frames_too_few": Case(
        multi_frame, lambda: {"frames": cases.reused(9), "number_of_frames": 10}, raises=EncodeError
    ),
    "frames_too_many": Case(
        multi_frame, lambda: {"frames": cases.reused(9), "number_of_frames": 8}, raises=InvalidValueError
    ),
    "frames_fail": Case(multi_frame, lambda: {"frames": frames_that_fail(5)}, raises=LookupError),
    "frames_wrong": Case(multi_frame, lambda: {"frames": [bytes(131072), b"short"]}, raises=ValueTypeError),
    "frames_none": Case(multi_frame, lambda: {"frames": [bytes(131072), None]}, raises=ValueTypeError),
    "frames_held_back": Case(
        multi_frame,
        lambda: {"frames": cases.reused(9), "hold_limit": 200_000, "spool": "never"},
        write_only=HoldLimitError,
    ),
    "frames_in_a_temporary_file": Case(multi_frame, lambda: {"frames": cases.reused(9), "hold_limit": 200_000}),
    "deflated_frames_in_a_temporary_file": Case(
        lambda: multi_frame(DeflatedExplicitVRLittleEndian), lambda: {"frames": cases.reused(9), "hold_limit": 200_000}
    ),
    "frames_no_iterable": Case(multi_frame, lambda: {"frames": 5}, raises=PlanError),
    "tiles": Case(lambda: multi_frame(JPEGBaseline8Bit), lambda: {"frames": cases.tiles(40), "max_frames": 50}),
    "list": Case(lambda: multi_frame(JPEGBaseline8Bit), lambda: {"frames": list(cases.tiles(40))}),
    "stream_fails": Case(lambda: ct(PixelData=streamdcm.ByteStream([b"one", "two"])), raises=SourceError),
    "stream_too_short": Case(lambda: ct(PixelData=streamdcm.ByteStream(iter([b"one"]), 100)), raises=SourceError),
}


def asynchronous(options: dict[str, Any]) -> dict[str, Any]:
    """The same options, with frames that come from the event loop if they come one by one."""
    frames = options.get("frames")
    if hasattr(frames, "__next__"):
        options["frames"] = cases.as_async(frames)
    return options


@pytest.fixture(params=LOOPS, autouse=True)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop: uvloop, too."""
    return request.param


def expected_of(case: Case, *, can_seek: bool) -> type[Exception] | None:
    return case.raises or (None if can_seek else case.write_only)


@pytest.mark.parametrize("change", [dict, asynchronous, lambda options: {**options, "frames_on_loop": True}])
@pytest.mark.parametrize("sinks", [(Recording, AsyncRecording), (Seeking, AsyncSeeking)], ids=["write_only", "seeking"])
@pytest.mark.parametrize("name", TABLE)
async def test_both_drivers_do_the_same(name, sinks, change):
    case = TABLE[name]
    sync_sink, async_sink = (sink(case.answer) for sink in sinks)
    first, second = case.dataset(), case.dataset()
    expected = outcome = None
    raised = expected_of(case, can_seek=sinks[0] is Seeking)
    with pytest.raises(raised) if raised else nullcontext() as caught:
        expected = streamdcm.dcmwrite(sync_sink, first, **case.options())
    if raised:
        expected = told(caught.value)
    try:
        outcome = await streamdcm.dcmwrite_async(async_sink, second, **change(case.options()))
    except Exception as error:
        outcome = told(error)
    assert outcome == expected
    assert async_sink.calls == sync_sink.calls


@pytest.mark.parametrize("change", [dict, asynchronous])
@pytest.mark.parametrize("name", TABLE)
@pytest.mark.slow
async def test_both_drivers_leave_the_same_file(name, change, tmp_path):
    case, outcomes = TABLE[name], []
    for folder, write, options in (
        ("sync", streamdcm.dcmwrite, case.options()),
        ("async", streamdcm.dcmwrite_async, change(case.options())),
    ):
        path = tmp_path / folder / "out.dcm"
        path.parent.mkdir()
        path.write_bytes(b"old")
        dataset = case.dataset()
        try:
            result = write(path, dataset, **options)
            result = replace(await result if isawaitable(result) else result, location=None)
        except Exception as error:
            result = told(error)
        outcomes.append((result, os.listdir(path.parent), path.read_bytes()))
    assert outcomes[0] == outcomes[1]


def told(error: Exception) -> tuple[Any, ...]:
    """What a caller sees of an error; the name of the sink's class differs."""
    cause = error.__cause__
    return (
        type(error),
        re.sub(r"\bAsync(?=Seeking|Recording)", "", str(error)),
        getattr(error, "__notes__", []),
        cause and type(cause),
    )


@pytest.mark.parametrize("name", TABLE)
async def test_chunks_are_the_same(name):
    case = TABLE[name]
    datasets = [case.dataset() for _ in range(3)]
    expected, chunks, prefetched = [], [], []
    expected_error = error = prefetched_error = None
    try:
        expected.extend(streamdcm.iter_chunks(datasets[0], **case.options()))
    except Exception as raised:
        expected_error = told(raised)
    try:
        async for chunk in streamdcm.iter_chunks_async(datasets[1], **case.options()):
            chunks.append(chunk)
    except Exception as raised:
        error = told(raised)
    try:
        async with streamdcm.open_chunks_async(datasets[2], **asynchronous(case.options())) as ahead:
            async for chunk in ahead:
                prefetched.append(chunk)
    except Exception as raised:
        prefetched_error = told(raised)
    assert error == prefetched_error == expected_error
    raises = expected_of(case, can_seek=False)
    if case.answer is all_of_it and raises is not None:
        assert issubclass(expected_error[0], raises)
    else:
        assert expected_error is None
    assert chunks == prefetched
    assert set(map(type, chunks)) <= {bytes}
    if error is None:
        assert chunks == expected
