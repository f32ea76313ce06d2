"""Where no thread can be started, a write fails and the next one works; nothing waits for what is not there."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

import streamdcm
from streamdcm.aio import driver, threads
from streamdcm.aio.shared_threads import SharedThreads
from tests.aio.test_write import ct, multi_frame, reused
from tests.support.async_targets import Awaited
from tests.support.writing import written


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Let threads want more memory for their stacks than there are addresses, so that none starts."""
    idle, threads._idle[:] = list(threads._idle), []
    shared, driver.shared_threads = driver.shared_threads, SharedThreads()
    size = threading.stack_size(1 << 47)
    try:
        yield
    finally:
        threading.stack_size(size)
        threads._idle += idle
        driver.shared_threads = shared


async def dcmwrite(path) -> None:
    await streamdcm.dcmwrite_async(path, ct())


async def rewrite(path) -> None:
    await streamdcm.rewrite_async(io.BytesIO(written(ct())), path)


async def push(path) -> None:
    async with streamdcm.open_writer_async(path, multi_frame()) as writer:
        await writer.write_frame(next(reused(1)))


@pytest.mark.parametrize("write", [dcmwrite, rewrite, push])
async def test_a_thread_that_cannot_be_started_is_an_error_and_no_more(write, tmp_path):
    with no_more_threads(), pytest.raises(RuntimeError, match="can't start new thread"):
        await write(tmp_path / "failed.dcm")
    with anyio.fail_after(20):
        for number in range(3):
            await write(tmp_path / f"{number}.dcm")
    assert sorted(os.listdir(tmp_path)) == ["0.dcm", "1.dcm", "2.dcm"]


@pytest.mark.parametrize("make", [io.BytesIO, Awaited])
async def test_frames_are_closed_where_no_thread_can_be_started(make):
    closed = []

    def frames():
        try:
            yield from reused(3)
        finally:
            closed.append(True)

    begun = frames()
    next(begun)
    with no_more_threads(), anyio.fail_after(20), pytest.raises(RuntimeError, match="can't start new thread"):
        await streamdcm.dcmwrite_async(make(), multi_frame(), frames=begun)
    assert closed == [True]


async def test_threads_have_the_name_of_the_library():
    names = []

    def frames():
        names.append(threading.current_thread().name)
        yield from reused(1)

    await streamdcm.dcmwrite_async(io.BytesIO(), multi_frame(), frames=frames())
    assert names[0].startswith("streamdcm")
    assert names[0] != threading.current_thread().name
