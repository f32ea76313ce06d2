"""What the table of `test_same` does not write: files anew, to handles and URLs, divided, pushed, given up."""

import gc
import gzip
import io
import os
import warnings
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from inspect import isawaitable
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
from pydicom import Dataset, Sequence
from pydicom.data import get_testdata_file
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

import streamdcm
from streamdcm.errors import InvalidValueError, NotDicomError, PlanError, ReentryError, SourceError, ValueTypeError
from tests.aio.test_same import LOOPS, AsyncRecording, Recording, all_of_it, full, told
from tests.aio.test_write import ct, large
from tests.support.images import template
from tests.support.open_files import open_files

CT = get_testdata_file("CT_small.dcm")
FRAMES = [bytes([number]) * 8192 for number in range(5)]
Twin = Callable[..., Awaitable[Any]]


@pytest.fixture(params=LOOPS, autouse=True)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop: uvloop, too."""
    return request.param


class Driver:
    """Calls functions, or their twins."""

    def __init__(self, suffix: str, folder: Path) -> None:
        self.folder = folder
        self.sinks: list[Recording] = []
        self._suffix = suffix

    async def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        result = getattr(streamdcm, name + self._suffix)(*arguments, **options)
        return await result if isawaitable(result) else result

    async def chunks(self, name: str, *arguments: Any, **options: Any) -> list[bytes]:
        given = await self.call(name, *arguments, **options)
        return [chunk async for chunk in given] if hasattr(given, "__aiter__") else list(given)

    def sink(self, answer: Callable[[int, bytes], Any] = all_of_it) -> Recording:
        self.sinks.append((AsyncRecording if self._suffix else Recording)(answer))
        return self.sinks[-1]

    def writer(self, target: Any, **options: Any) -> Any:
        return getattr(streamdcm, f"open_writer{self._suffix}")(target, enhanced(), **options)

    @asynccontextmanager
    async def opened(self, writer: Any) -> AsyncIterator[Callable[[Any], Awaitable[None]]]:

        async def push(frame: Any) -> None:
            result = writer.write_frame(frame)
            if isawaitable(result):
                await result

        if self._suffix:
            async with writer:
                yield push
        else:
            with writer:
                yield push


class Way(NamedTuple):
    """Something that is done by either driver, and what it raises, if anything."""

    run: Callable[[Driver], Awaitable[Any]]
    raises: type[Exception] | None = None


def enhanced() -> Dataset:
    groups = Sequence([Dataset()])
    return template(ExplicitVRLittleEndian, rows=64, columns=64, SharedFunctionalGroupsSequence=groups)


def cut(folder: Path) -> Path:
    path = folder / "cut.dcm"
    path.write_bytes(Path(CT).read_bytes()[:-100])
    return path


def rewritten(source: Any = CT, **options: Any) -> Callable[[Driver], Awaitable[Any]]:
    return lambda driver: driver.call(
        "rewrite", source(driver.folder) if callable(source) else source, driver.folder / "out.dcm", **options
    )


async def rewritten_to_a_sink(driver: Driver) -> Any:
    return await driver.call("rewrite", CT, driver.sink(), edit={"PatientName": "Doe^Jane"})


async def rewritten_to_a_full_sink(driver: Driver) -> Any:
    return await driver.call("rewrite", CT, driver.sink(full(0)), transfer_syntax=ExplicitVRBigEndian)


async def to_a_file(driver: Driver) -> Any:
    with open(driver.folder / "out.dcm", "w+b") as file:
        file.write(b"before")
        result = await driver.call("dcmwrite", file, large())
        return file.tell(), result.bytes_written


async def to_gzip(driver: Driver) -> Any:
    with gzip.open(driver.folder / "out.gz", "wb") as file:
        await driver.call("dcmwrite", file, large())
    content = (driver.folder / "out.gz").read_bytes()
    os.unlink(driver.folder / "out.gz")
    return gzip.decompress(content)


async def to_a_member(driver: Driver) -> Any:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive, archive.open("out.dcm", "w") as member:
        await driver.call("dcmwrite", member, large())
    with zipfile.ZipFile(content) as archive:
        return archive.read("out.dcm")


async def to_a_handle_of_fsspec(driver: Driver) -> Any:
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open(f"file://{driver.folder}/out.dcm", "wb") as file:
        return (await driver.call("dcmwrite", file, large())).bytes_written


async def to_a_file_url(driver: Driver) -> Any:
    return await driver.call("dcmwrite", f"file://{driver.folder}/out.dcm", large())


async def to_a_url(driver: Driver) -> Any:
    fsspec = pytest.importorskip("fsspec")
    url = "memory://same/out.dcm"
    result = await driver.call("dcmwrite", url, large(), checksum="sha256")
    with fsspec.open(url, "rb") as file:
        return result, file.read()


def divided(**options: Any) -> Callable[[Driver], Awaitable[Any]]:
    return lambda driver: driver.call(
        "dcmwrite", lambda number: driver.sink(options.get("answer", all_of_it)), enhanced(), split=2, **options
    )


async def divided_and_full(driver: Driver) -> Any:
    return await driver.call("dcmwrite", lambda _: driver.sink(full(0)), enhanced(), frames=iter(FRAMES), split=2)


async def divided_over_paths(driver: Driver) -> Any:
    return await driver.call("dcmwrite", driver.folder / "out.dcm", enhanced(), frames=iter(FRAMES), split="20 KB")


async def pushed(driver: Driver) -> None:
    async with driver.opened(driver.writer(driver.sink())) as push:
        for frame in FRAMES:
            await push(frame)


async def pushed_and_wrong(driver: Driver) -> None:
    async with driver.opened(driver.writer(driver.folder / "out.dcm")) as push:
        await push(FRAMES[0])
        await push(b"short")


async def given_up_by_an_error(driver: Driver) -> None:
    async with driver.opened(driver.writer(driver.folder / "out.dcm")) as push:
        await push(FRAMES[0])
        raise LookupError("the camera is gone")


async def dropped(driver: Driver) -> list[str]:
    """Open a writer and forget it."""

    async def forget() -> None:
        writer = driver.writer(driver.folder / "out.dcm")
        entered = writer.__aenter__() if hasattr(writer, "__aenter__") else writer.__enter__()
        if isawaitable(entered):
            await entered

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        await forget()
        gc.collect()
        with anyio.fail_after(5):
            while open_files(driver.folder):
                await anyio.sleep(0.01)
    return [each.category.__name__ for each in caught]


async def never_opened(driver: Driver) -> None:
    driver.writer(driver.folder / "out.dcm")
    gc.collect()


async def opened_twice(driver: Driver) -> None:
    writer = driver.writer(driver.folder / "out.dcm")
    async with driver.opened(writer) as push:
        await push(FRAMES[0])
    async with driver.opened(writer):
        raise AssertionError


WAYS = {
    "rewrite": Way(rewritten()),
    "rewrite_edited": Way(rewritten(edit={"PatientName": "Doe^Jane"})),
    "rewrite_by_function": Way(rewritten(edit=lambda ds: setattr(ds, "PatientID", "5"))),
    "rewrite_to_another_syntax": Way(rewritten(transfer_syntax="ExplicitVRBigEndian")),
    "rewrite_to_a_sink": Way(rewritten_to_a_sink),
    "rewrite_to_a_full_sink": Way(rewritten_to_a_full_sink, OSError),
    "rewrite_of_nothing": Way(rewritten(lambda folder: folder / "missing.dcm"), FileNotFoundError),
    "rewrite_of_no_dicom": Way(rewritten(lambda _: io.BytesIO(b"text" * 100)), NotDicomError),
    "rewrite_of_a_damaged_file": Way(rewritten(cut), SourceError),
    "rewrite_with_a_wrong_edit": Way(rewritten(edit={"NoSuchKeyword": 1}), PlanError),
    "rewrite_chunks": Way(lambda driver: driver.chunks("rewrite_chunks", CT, edit={"PatientID": "5"})),
    "iter_chunks_converted": Way(
        lambda driver: driver.chunks("iter_chunks", ct(), transfer_syntax=ExplicitVRBigEndian)
    ),
    "encoder_chunks": Way(lambda driver: driver.chunks("encoder_chunks", streamdcm.encoder(large(), file_meta=False))),
    "read_header": Way(lambda driver: driver.call("read_header", CT)),
    "encoded_size": Way(lambda driver: driver.call("encoded_size", large())),
    "file": Way(to_a_file),
    "gzip": Way(to_gzip),
    "member": Way(to_a_member),
    "handle_of_fsspec": Way(to_a_handle_of_fsspec),
    "file_url": Way(to_a_file_url),
    "url": Way(to_a_url),
    "split": Way(divided(frames=FRAMES)),
    "split_of_unknown_number": Way(lambda driver: divided(frames=iter(FRAMES))(driver)),
    "split_over_paths": Way(divided_over_paths),
    "split_and_full": Way(divided_and_full, OSError),
    "split_with_too_many": Way(
        lambda driver: divided(frames=iter(FRAMES), number_of_frames=4)(driver), InvalidValueError
    ),
    "split_without_frames": Way(divided(), PlanError),
    "pushed": Way(pushed),
    "pushed_and_wrong": Way(pushed_and_wrong, ValueTypeError),
    "given_up_by_an_error": Way(given_up_by_an_error, LookupError),
    "dropped": Way(dropped),
    "never_opened": Way(never_opened),
    "opened_twice": Way(opened_twice, ReentryError),
}


@pytest.mark.parametrize("name", WAYS)
async def test_both_drivers_go_the_same_way(name, tmp_path):
    outcomes, drivers = [], []
    for suffix in ("", "_async"):
        folder = tmp_path / f"to{suffix}"
        folder.mkdir()
        driver = Driver(suffix, folder)
        drivers.append(driver)
        outcomes.append(await outcome_of(WAYS[name], driver))
    assert outcomes[1] == outcomes[0]
    assert [sink.calls for sink in drivers[1].sinks] == [sink.calls for sink in drivers[0].sinks]


async def outcome_of(way: Way, driver: Driver) -> Any:
    """What is returned or raised, without the name of the folder, and what is in the folder then."""
    result = None
    with pytest.raises(way.raises) if way.raises else nullcontext() as caught:
        result = await way.run(driver)
    if caught is not None:
        result = [str(part).replace(str(driver.folder), "") for part in told(caught.value)]
    elif isinstance(result, streamdcm.WriteResult):
        instances = tuple(replace(each, location=None) for each in result.instances)
        result = replace(result, location=None, instances=instances)
    return result, {name: (driver.folder / name).read_bytes() for name in sorted(os.listdir(driver.folder))}
