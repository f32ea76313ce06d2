"""The asynchronous functions write what the synchronous ones write, to every kind of target, from every source."""

import io
from collections.abc import AsyncIterator, Iterable, Iterator
from inspect import isawaitable
from typing import Any

import anyio
import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm.errors import PlanError, ValueTypeError
from tests.support.async_targets import KINDS
from tests.support.images import WithDlpack, as_jpeg, template
from tests.support.writing import in_order, written

CT = get_testdata_file("CT_small.dcm")


def ct(**changes) -> Dataset:
    dataset = pydicom.dcmread(CT)
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def large() -> Dataset:
    return ct(PixelData=np.random.default_rng(1).bytes(3_000_000))


def with_syntax(syntax) -> Dataset:
    dataset = large()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def buffered() -> Dataset:
    return ct(PixelData=io.BytesIO(bytes(range(256)) * 8000))


def deferred() -> Dataset:
    return pydicom.dcmread(CT, defer_size=100)


def with_stream() -> Dataset:
    return ct(PixelData=streamdcm.ByteStream([b"odd", bytearray(70_000), b"even!"]))


def multi_frame(syntax=ExplicitVRLittleEndian) -> Dataset:
    return template(syntax, rows=256, columns=256)


def reused(count: int) -> Iterator[np.ndarray]:
    """Frames that are all in one buffer, one after the other."""
    frame = np.empty((256, 256), "uint16")
    for number in range(count):
        frame[:] = number
        yield frame
        frame[:] = 0xFFFF


async def as_async(frames: Iterable[Any]) -> AsyncIterator[Any]:
    for frame in frames:
        await anyio.lowlevel.checkpoint()
        yield frame


async def as_awaitables(frames: Iterable[Any]) -> AsyncIterator[Any]:
    """Frames that are not there yet when they are given."""
    for frame in frames:
        yield later(frame)


async def later(frame: Any) -> Any:
    await anyio.lowlevel.checkpoint()
    return frame


class ByIndex:
    """Frames that are asked for by their index, and no other way."""

    def __getitem__(self, index: int) -> np.ndarray:
        return list(map(np.copy, reused(17)))[index]


def tiles(count: int) -> Iterator[bytes]:
    return (as_jpeg(bytes([number]) * (1000 * number + 501)) for number in range(count))


DATASETS = {
    "small": ct,
    "large": large,
    "big_endian": lambda: with_syntax(ExplicitVRBigEndian),
    "deflated": lambda: with_syntax(DeflatedExplicitVRLittleEndian),
    "buffered": buffered,
    "deferred": deferred,
    "stream": with_stream,
}
FRAMES = {
    "frames": (ExplicitVRLittleEndian, lambda: reused(17), {}),
    "frames_on_loop": (ExplicitVRLittleEndian, lambda: reused(17), {"frames_on_loop": True}),
    "async_frames": (ExplicitVRLittleEndian, lambda: as_async(reused(17)), {}),
    "counted_async_frames": (ExplicitVRLittleEndian, lambda: as_async(reused(17)), {"number_of_frames": 17}),
    "awaitable_frames": (ExplicitVRLittleEndian, lambda: as_awaitables(reused(17)), {}),
    "tensors": (ExplicitVRLittleEndian, lambda: map(WithDlpack, reused(17)), {}),
    "async_tensors": (ExplicitVRLittleEndian, lambda: as_async(map(WithDlpack, reused(17))), {}),
    "by_index": (ExplicitVRLittleEndian, ByIndex, {}),
    "by_index_on_loop": (ExplicitVRLittleEndian, ByIndex, {"frames_on_loop": True}),
    "awaitable_tiles": (JPEGBaseline8Bit, lambda: as_awaitables(tiles(40)), {"max_frames": 50}),
    "tiles": (JPEGBaseline8Bit, lambda: tiles(40), {"max_frames": 50}),
    "async_tiles": (JPEGBaseline8Bit, lambda: as_async(tiles(40)), {"max_frames": 50}),
}
SYNC_FRAMES = {ExplicitVRLittleEndian: lambda: reused(17), JPEGBaseline8Bit: lambda: tiles(40)}

each_target = pytest.mark.parametrize("kind", KINDS)


async def what(arrived):
    answer = arrived()
    return await answer if isawaitable(answer) else answer


@each_target
@pytest.mark.parametrize("name", DATASETS)
async def test_it_writes_the_same_bytes(kind, name):
    dataset = DATASETS[name]()
    async with KINDS[kind]() as (target, arrived):
        result = await streamdcm.dcmwrite_async(target, dataset, chunk_size=300_000)
        content = await what(arrived)
    assert content == written(DATASETS[name]())
    assert result.bytes_written == len(content)


@each_target
@pytest.mark.parametrize("name", FRAMES)
async def test_it_writes_the_same_bytes_with_frames(kind, name):
    syntax, frames, options = FRAMES[name]
    async with KINDS[kind]() as (target, arrived):
        result = await streamdcm.dcmwrite_async(target, multi_frame(syntax), frames=frames(), **options)
        content = await what(arrived)
    sync_options = {key: value for key, value in options.items() if key != "frames_on_loop"}
    write = written if kind in {"path", "memory", "anyio_file", "native_file"} else in_order
    assert content == write(multi_frame(syntax), frames=SYNC_FRAMES[syntax](), **sync_options)
    assert result.bytes_written == len(content)


async def test_where_frames_are_used_is_true_or_false():
    with pytest.raises(PlanError, match="frames_on_loop must be True or False"):
        await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=reused(1), frames_on_loop=None)


async def test_a_frame_that_cannot_be_awaited_well_is_named():
    async def frames() -> AsyncIterator[Any]:
        yield later(bytes(131_072))
        yield fails()

    async def fails() -> bytes:
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="the camera is gone") as caught:
        await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=frames())
    assert any("frame 2" in note for note in caught.value.__notes__)


async def test_awaitables_of_a_synchronous_iterable_are_refused_with_the_remedy():
    frame = later(bytes(131_072))
    with pytest.raises(ValueTypeError, match=r"frame 1: is of type coroutine; await it, or give an asynchronous"):
        await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=[frame])
    frame.close()


@pytest.mark.parametrize("on_loop", [True, False])
async def test_what_gives_no_frames_is_refused_on_the_loop_too(on_loop):
    with pytest.raises(PlanError, match="frames must be an iterable"):
        await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=b"frame", frames_on_loop=on_loop)


async def test_a_generator_that_was_used_before_is_refused():
    frames = as_async(reused(1))
    await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=frames)
    with pytest.raises(PlanError, match="was used before; make a new one"):
        await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=frames)
