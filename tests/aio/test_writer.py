"""Frames are pushed on an event loop as they are in a thread."""

import gc
import io
import os
import threading
import warnings

import anyio
import pydicom
import pytest
from pydicom.uid import MPEG4HP41

import streamdcm
from streamdcm.aio import threads
from streamdcm.errors import EncodeError, PlanError, ReentryError
from tests.aio.test_write import as_async, ct, multi_frame, reused, what
from tests.support.async_targets import KINDS, Awaited
from tests.support.writing import in_order, written

PATCHABLE = {"path", "memory", "anyio_file", "native_file"}


@pytest.mark.parametrize("kind", KINDS)
async def test_frames_are_pushed_and_late_values_set(kind):
    dataset = multi_frame()
    dataset.LossyImageCompression = "01"
    async with KINDS[kind]() as (target, arrived):
        async with streamdcm.open_writer_async(target, dataset, late=["LossyImageCompressionRatio"]) as writer:
            for frame in reused(17):
                await writer.write_frame(frame)
            writer.set("LossyImageCompressionRatio", 12.3)
        content = await what(arrived)
    expected = io.BytesIO()
    sync_target = expected if kind in PATCHABLE else Awaited()
    if kind not in PATCHABLE:
        sync_target.write = expected.write
    with streamdcm.open_writer(sync_target, dataset, late=["LossyImageCompressionRatio"]) as sync:
        for frame in reused(17):
            sync.write_frame(frame)
        sync.set("LossyImageCompressionRatio", 12.3)
    assert content == expected.getvalue()
    assert writer.result.bytes_written == len(content)
    assert writer.result.patches == sync.result.patches


async def test_a_recording_is_not_lost_for_a_stale_number_of_frames(tmp_path):
    dataset = multi_frame()
    dataset.NumberOfFrames = 3
    writer = await streamdcm.open_writer_async(tmp_path / "out.dcm", dataset).__aenter__()
    for frame in reused(17):
        await writer.write_frame(frame)
    with pytest.warns(UserWarning, match="NumberOfFrames in the dataset says 3, and 17 is written"):
        await writer.close()
    assert pydicom.dcmread(tmp_path / "out.dcm").NumberOfFrames == 17


async def test_a_video_is_pushed(tmp_path):
    dataset = multi_frame(MPEG4HP41)
    async with streamdcm.open_writer_async(tmp_path / "video.dcm", dataset, late=["NumberOfFrames"]) as writer:
        for piece in (b"one", bytearray(70_000), b"two"):
            await writer.write(piece)
        writer.set("NumberOfFrames", 3)
        with pytest.raises(PlanError, match="bit stream"):
            await writer.write_frame(b"frame")
    assert pydicom.dcmread(tmp_path / "video.dcm").NumberOfFrames == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_leaves_what_was_there(kind, tmp_path):
    async with KINDS[kind]() as (target, _):
        with pytest.raises(EncodeError, match="bytes"):
            async with streamdcm.open_writer_async(target, multi_frame()) as writer:
                await writer.write_frame(bytes(131072))
                await writer.write_frame(b"short")
        with pytest.raises(ValueError, match="not open"):
            await writer.write_frame(bytes(131072))
        if kind == "path":
            assert os.listdir(target.parent) == []


async def test_leaving_by_an_exception_leaves_what_was_there(tmp_path):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(KeyError):
        async with streamdcm.open_writer_async(tmp_path / "old", multi_frame()) as writer:
            await writer.write_frame(bytes(131072))
            raise KeyError
    with anyio.move_on_after(0.05):
        async with streamdcm.open_writer_async(tmp_path / "old", multi_frame()) as writer:
            while True:
                await writer.write_frame(bytes(131072))
    assert writer.result is None
    assert os.listdir(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


async def test_wrong_arguments_are_refused_when_the_block_begins(tmp_path):
    with pytest.raises(PlanError):
        async with streamdcm.open_writer_async(tmp_path / "new", ct(), implicit_vr=True, little_endian=False):
            raise AssertionError("the block was entered")
    with pytest.raises(TypeError, match="does not take frames="):
        streamdcm.open_writer_async(tmp_path / "new", ct(), frames=[])
    assert os.listdir(tmp_path) == []


async def test_a_second_task_is_refused():
    class Waiting(Awaited):
        async def write(self, data):
            await anyio.sleep(0.01)
            return await super().write(data)

    target = Waiting()
    async with streamdcm.open_writer_async(target, multi_frame(), number_of_frames=2) as writer:
        async with anyio.create_task_group() as group:
            group.start_soon(writer.write_frame, bytes(131072))
            await anyio.wait_all_tasks_blocked()
            for intrude in (lambda: writer.write_frame(bytes(131072)), writer.close, writer.abort):
                with pytest.raises(ReentryError):
                    await intrude()
            with pytest.raises(ReentryError):
                writer.set("ImageComments", "late")
        await writer.write_frame(bytes(131072))
    assert target.data == in_order(multi_frame(), frames=[bytes(131072)] * 2)


@pytest.mark.parametrize("make", [io.BytesIO, Awaited])
async def test_other_values_may_come_from_the_loop(make):
    dataset = multi_frame()
    dataset.EncapsulatedDocument = streamdcm.ByteStream(as_async([b"a doc", b"ument"]))
    target = make()
    async with streamdcm.open_writer_async(target, dataset, number_of_frames=1) as writer:
        await writer.write_frame(bytes(131072))
    dataset.EncapsulatedDocument = b"a document"
    data = target.getvalue() if make is io.BytesIO else target.data
    assert data == written(dataset, frames=[bytes(131072)])


async def test_closing_is_once():
    target = io.BytesIO()
    async with streamdcm.open_writer_async(target, multi_frame()) as writer:
        await writer.write_frame(bytes(131072))
        result = await writer.close()
        assert await writer.close() is result
        await writer.abort()
    assert writer.result is result
    assert target.getvalue() == written(multi_frame(), frames=iter([bytes(131072)]))


async def dropped(target, make_frames) -> None:
    writer = streamdcm.open_writer_async(target, multi_frame())
    await writer.__aenter__()
    for frame in make_frames:
        await writer.write_frame(frame)


@pytest.mark.parametrize("make", [None, Awaited])
async def test_a_writer_that_is_dropped_leaves_neither_file_nor_thread(make, tmp_path):
    before = set(threading.enumerate())
    for worker in threads._idle:
        before.discard(worker._thread)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        await dropped(tmp_path / "new.dcm" if make is None else make(), [bytes(131072)])
        gc.collect()
    assert [str(each.message) for each in told if "AsyncFrameWriter was dropped" in str(each.message)]
    assert os.listdir(tmp_path) == []
    left = {thread for thread in threading.enumerate() if thread.name.startswith("streamdcm")} - before
    assert left <= {worker._thread for worker in threads._idle}


async def test_a_writer_that_is_dropped_before_it_is_entered_leaves_nothing(tmp_path):
    streamdcm.open_writer_async(tmp_path / "new.dcm", multi_frame())
    gc.collect()
    assert os.listdir(tmp_path) == []
