"""Frames that are coded in asynchronous writes: the same bytes, and nothing left when they are cancelled."""

import io
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from pydicom import Dataset, Sequence, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSNearLossless

import streamdcm
from streamdcm.errors import CodecError, EncodeError, PlanError
from tests.support.coded import KINDS, Kind, arrays, described
from tests.support.tools import package

package("imagecodecs")


def native(path: Path, count: int) -> Path:
    dataset = described(KINDS[1], ExplicitVRLittleEndian, NumberOfFrames=count)
    streamdcm.dcmwrite(path, dataset, frames=arrays(KINDS[1], count))
    return path


def coders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("streamdcm-codec")]


async def test_the_same_bytes(tmp_path: Path) -> None:
    source = native(tmp_path / "in.dcm", 9)
    streamdcm.rewrite(source, tmp_path / "sync.dcm", transfer_syntax=JPEG2000Lossless)

    await streamdcm.rewrite_async(source, tmp_path / "async.dcm", transfer_syntax=JPEG2000Lossless, codec_workers=2)
    async with await streamdcm.rewrite_chunks_async(
        source, transfer_syntax=JPEG2000Lossless, offset_table="empty"
    ) as given:
        chunks = b"".join([chunk async for chunk in given])
    assert (tmp_path / "async.dcm").read_bytes() == (tmp_path / "sync.dcm").read_bytes()
    streamdcm.rewrite(source, tmp_path / "empty.dcm", transfer_syntax=JPEG2000Lossless, offset_table="empty")
    assert chunks == (tmp_path / "empty.dcm").read_bytes()


async def test_arrays_are_encoded(tmp_path: Path) -> None:
    dataset, frames = described(KINDS[1], JPEG2000Lossless), arrays(KINDS[1], 5)
    streamdcm.dcmwrite(tmp_path / "sync.dcm", dataset, frames=frames)

    await streamdcm.dcmwrite_async(tmp_path / "async.dcm", dataset, frames=frames)
    assert (tmp_path / "async.dcm").read_bytes() == (tmp_path / "sync.dcm").read_bytes()


async def test_a_cancelled_write_leaves_nothing(tmp_path: Path) -> None:
    reached = threading.Event()
    frame = arrays(KINDS[1], 1)[0]

    def endless() -> Iterator[np.ndarray]:
        for number in range(10**9):
            if number == 20:
                reached.set()
            yield frame

    async def write() -> None:
        options: dict[str, Any] = {"frames": endless(), "codec_workers": 2}
        await streamdcm.dcmwrite_async(tmp_path / "out.dcm", described(KINDS[1], JPEG2000Lossless), **options)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        while not reached.is_set():
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


async def test_a_damaged_frame(tmp_path: Path) -> None:
    source = native(tmp_path / "in.dcm", 5)
    streamdcm.rewrite(source, source, transfer_syntax=JPEG2000Lossless, offset_table="empty")
    data = bytearray(source.read_bytes())
    third = [at for at in range(len(data)) if data[at : at + 4] == b"\xff\x4f\xff\x51"][2]
    data[third + 10] ^= 0xFF
    source.write_bytes(data)

    with pytest.raises(CodecError, match="frame 3"):
        await streamdcm.rewrite_async(source, tmp_path / "out.dcm", transfer_syntax=ExplicitVRLittleEndian)
    assert [path.name for path in tmp_path.iterdir()] == ["in.dcm"]
    assert coders() == []


async def trickle(frames: Any) -> AsyncIterator[Any]:
    for frame in frames:
        await anyio.sleep(0)
        yield frame


def synchronously(dataset: Any, frames: Any, **options: Any) -> bytes:
    return b"".join(streamdcm.iter_chunks(dataset, frames=iter(frames), offset_table="empty", **options))


@pytest.mark.parametrize("given", [list, iter, np.array, trickle], ids=["list", "iterator", "array", "asynchronous"])
@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSNearLossless])
async def test_arrays_from_anywhere(given: Any, syntax: str) -> None:
    dataset, frames = described(KINDS[1], syntax), arrays(KINDS[1], 6)
    options: dict[str, Any] = {"codec_workers": 2, "offset_table": "empty", "number_of_frames": 6}
    wanted = synchronously(dataset, frames, number_of_frames=6)

    chunks = [chunk async for chunk in streamdcm.iter_chunks_async(dataset, frames=given(frames), **options)]
    async with streamdcm.open_chunks_async(dataset, frames=given(frames), **options) as opened:
        same = [chunk async for chunk in opened]
    target = io.BytesIO()
    await streamdcm.dcmwrite_async(target, dataset, frames=given(frames), seekable=False, **options)
    assert b"".join(chunks) == b"".join(same) == target.getvalue() == wanted
    assert coders() == []


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSNearLossless])
@pytest.mark.parametrize("kind", [KINDS[1], KINDS[5]], ids=lambda kind: kind.name)
async def test_arrays_are_pushed(tmp_path: Path, kind: Kind, syntax: str) -> None:
    dataset, frames = described(kind, syntax), arrays(kind, 6)
    streamdcm.dcmwrite(tmp_path / "sync.dcm", dataset, frames=iter(frames))

    async with streamdcm.open_writer_async(tmp_path / "async.dcm", dataset, codec_workers=2) as writer:
        for frame in frames:
            await writer.write_frame(frame)
    assert (tmp_path / "async.dcm").read_bytes() == (tmp_path / "sync.dcm").read_bytes()
    assert coders() == []


async def test_codestreams_from_asynchronous_iterables(tmp_path: Path) -> None:
    dataset = described(KINDS[1], JPEG2000Lossless)
    streamdcm.dcmwrite(tmp_path / "sync.dcm", dataset, frames=arrays(KINDS[1], 3))
    coded = list(generate_frames(dcmread(tmp_path / "sync.dcm").PixelData, number_of_frames=3))

    await streamdcm.dcmwrite_async(tmp_path / "async.dcm", dataset, frames=trickle(coded), number_of_frames=3)
    assert (tmp_path / "async.dcm").read_bytes() == (tmp_path / "sync.dcm").read_bytes()
    with pytest.raises(PlanError, match="codec_workers"):
        await streamdcm.dcmwrite_async(tmp_path / "no.dcm", dataset, frames=trickle(coded), codec_workers=2)
    with pytest.raises(EncodeError, match="frame 2"):
        mixed = trickle([arrays(KINDS[1], 1)[0], coded[1]])
        await streamdcm.dcmwrite_async(tmp_path / "no.dcm", dataset, frames=mixed)
    assert not (tmp_path / "no.dcm").exists()
    assert coders() == []


@pytest.mark.parametrize("way", ["given", "pushed"])
async def test_a_cancelled_write_of_the_loops_own_arrays_leaves_nothing(tmp_path: Path, way: str) -> None:
    dataset, frame = described(KINDS[1], JPEG2000Lossless), arrays(KINDS[1], 1)[0]
    reached, closed = anyio.Event(), []

    async def endless() -> AsyncIterator[np.ndarray]:
        try:
            for number in range(10**9):
                if number == 20:
                    reached.set()
                await anyio.sleep(0)
                yield frame
        finally:
            closed.append(True)

    async def write() -> None:
        if way == "given":
            await streamdcm.dcmwrite_async(tmp_path / "out.dcm", dataset, frames=endless(), codec_workers=2)
        async with (
            streamdcm.open_writer_async(tmp_path / "out.dcm", dataset, codec_workers=2) as writer,
            aclosing(endless()) as frames,
        ):
            async for given in frames:
                await writer.write_frame(given)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await reached.wait()
        tasks.cancel_scope.cancel()
    assert closed
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


async def test_arrays_are_divided_when_they_are_encoded(tmp_path: Path) -> None:
    frames = arrays(KINDS[1], 5)
    dataset = described(KINDS[1], JPEG2000Lossless, SharedFunctionalGroupsSequence=Sequence([Dataset()]))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.InstanceNumber = "1.2.9", "1.2.10", 1
    for name, given in (("list", frames), ("loop", trickle(frames)), ("pushed", None)):
        target = tmp_path / f"{name}.dcm"
        if given is not None:
            result = await streamdcm.dcmwrite_async(target, dataset, frames=given, split=2)
        else:
            async with streamdcm.open_writer_async(target, dataset, split=2) as writer:
                for frame in frames:
                    await writer.write_frame(frame)
            result = writer.result
        parts = [np.atleast_3d(dcmread(part.location).pixel_array.T).T for part in result.instances]
        assert np.array_equal(np.concatenate(parts), frames)


async def test_the_pixels_of_a_dataset(tmp_path: Path) -> None:
    dataset = dcmread(native(tmp_path / "in.dcm", 5))
    options: dict[str, Any] = {"transfer_syntax": JPEG2000Lossless, "offset_table": "empty"}
    wanted = b"".join(streamdcm.iter_chunks(dataset, **options))

    assert b"".join([chunk async for chunk in streamdcm.iter_chunks_async(dataset, **options)]) == wanted
    async with streamdcm.open_chunks_async(dataset, **options) as opened:
        assert b"".join([chunk async for chunk in opened]) == wanted
    async with streamdcm.open_reader_async(dataset, **options) as reader:
        assert await reader.read() == wanted
    assert coders() == []
