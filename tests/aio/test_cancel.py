"""Cancelled anywhere, a write leaves nothing: no file, no task, no thread, no open source."""

import asyncio
import contextlib
import os
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple

import anyio
import numpy as np
import pytest
from sniffio import current_async_library

import streamdcm
from tests.aio.test_write import ct, multi_frame
from tests.campaigns.cancel import Counted, cancelled_at
from tests.support.async_targets import KINDS, Awaited
from tests.support.writing import written

POINTS = 40
COUNT = 12


class Frames:
    """Frames that remember whether they were closed, and by which thread."""

    def __init__(self) -> None:
        self.open = 0

    def sync(self) -> Iterator[np.ndarray]:
        frame = np.zeros((256, 256), "uint16")
        self.open += 1
        try:
            for _ in range(COUNT):
                yield frame
        finally:
            self.open -= 1

    async def asynchronous(self) -> AsyncIterator[np.ndarray]:
        frame = np.zeros((256, 256), "uint16")
        self.open += 1
        try:
            for _ in range(COUNT):
                await anyio.sleep(0)
                yield frame
        finally:
            self.open -= 1


class Run(NamedTuple):
    """One write that is cancelled: with which frames, to what."""

    frames: Frames
    target: Any


async def pull_sync(run: Run) -> None:
    await streamdcm.dcmwrite_async(run.target, multi_frame(), frames=run.frames.sync(), chunk_size=50_000)


async def pull_async(run: Run) -> None:
    await streamdcm.dcmwrite_async(run.target, multi_frame(), frames=run.frames.asynchronous(), chunk_size=50_000)


async def push(run: Run) -> None:
    async with streamdcm.open_writer_async(run.target, multi_frame(), chunk_size=50_000) as writer:
        for frame in Frames().sync():
            await writer.write_frame(frame)


async def iterate(run: Run) -> None:
    chunks = streamdcm.iter_chunks_async(
        multi_frame(), frames=run.frames.sync(), number_of_frames=COUNT, chunk_size=50_000
    )
    async with aclosing(chunks):
        async for _ in chunks:
            await anyio.sleep(0)


async def iterate_ahead(run: Run) -> None:
    async with streamdcm.open_chunks_async(
        multi_frame(), frames=run.frames.asynchronous(), number_of_frames=COUNT, chunk_size=50_000
    ) as chunks:
        async for _ in chunks:
            await anyio.sleep(0)


ON_TARGETS = [(write, kind) for write in (pull_sync, pull_async, push) for kind in KINDS]


@pytest.mark.parametrize(("write", "kind"), [*ON_TARGETS, (iterate, "memory"), (iterate_ahead, "memory")])
@pytest.mark.slow
async def test_cancelled_at_random_points_it_leaves_nothing(write, kind):
    chance = random.Random(f"{write} {kind}")
    expected = written(multi_frame(), frames=Frames().sync())
    longest = None
    for attempt in range(POINTS):
        run_frames = Frames()
        native = attempt % 2 == 1 and current_async_library() == "asyncio"
        async with KINDS[kind]() as (target, _):
            began = perf_counter()
            async with anyio.create_task_group() as group:  # which would wait for a task that is left behind
                delay = longest and chance.uniform(0, longest)
                group.start_soon(cancelled, partial(write, Run(run_frames, target)), delay, native)
            longest = longest or perf_counter() - began
            assert run_frames.open == 0
            if kind == "path":
                assert os.listdir(target.parent) in ([], ["out.dcm"])
                assert not target.exists() or target.read_bytes() == expected


async def cancelled(write: Callable[[], Awaitable[None]], delay: float | None, native: bool) -> None:
    """Write, for so many seconds; asyncio can cancel a task without anyio, and knows no shield against that."""
    with contextlib.suppress(TimeoutError):
        if native:
            async with asyncio.timeout(delay):
                await write()
        elif delay is None:
            await write()
        else:
            with anyio.fail_after(delay):
                await write()


async def test_a_write_that_is_cancelled_before_it_begins_leaves_nothing(tmp_path):
    for target in (tmp_path / "new", Awaited()):
        frames = Frames()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await streamdcm.dcmwrite_async(target, multi_frame(), frames=frames.sync())
        assert scope.cancelled_caught
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("frames", [None, [bytes(131072)], "async"])
async def test_a_deadline_that_is_over_when_a_write_begins_ends_it(frames, tmp_path):
    async def asynchronous():
        yield bytes(131072)

    options = {} if frames is None else {"frames": asynchronous() if frames == "async" else frames}
    dataset = ct() if frames is None else multi_frame()
    if current_async_library() == "asyncio":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await streamdcm.dcmwrite_async(tmp_path / "out.dcm", dataset, **options)
    with anyio.move_on_after(0) as scope:
        await streamdcm.dcmwrite_async(tmp_path / "out.dcm", dataset, **options)
    assert scope.cancelled_caught
    assert os.listdir(tmp_path) == []


async def test_what_the_loop_knows_and_has_not_passed_on_ends_a_write_before_the_commit(tmp_path):
    with anyio.CancelScope() as scope:
        await streamdcm.dcmwrite_async(tmp_path / "out.dcm", ct(), progress=lambda event: scope.cancel())
    assert scope.cancelled_caught
    assert os.listdir(tmp_path) == []


async def test_a_source_that_is_waiting_is_waited_for(tmp_path):
    asked, go_on, closed = threading.Event(), threading.Event(), []

    def camera():
        try:
            while True:
                asked.set()
                assert go_on.wait(30)
                yield bytes(131072)
        finally:
            closed.append(True)

    async def cancel(group):
        while not asked.is_set():
            await anyio.sleep(0.001)
        group.cancel_scope.cancel()
        go_on.set()

    for target in (tmp_path / "new", Awaited()):
        asked.clear()
        go_on.clear()
        closed.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(cancel, group)
            await streamdcm.dcmwrite_async(target, multi_frame(), frames=camera())
            raise AssertionError("it was not cancelled")
        assert closed == [True]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("source", ["file", "stream"])
@pytest.mark.parametrize("is_native", [False, True])
async def test_a_cancellation_after_the_commit_says_that_it_came_too_late(tmp_path, source, is_native):
    if is_native and current_async_library() != "asyncio":
        return
    streamdcm.dcmwrite(tmp_path / "in.dcm", ct())
    content, target = (tmp_path / "in.dcm").read_bytes(), tmp_path / "out.dcm"

    async def pieces():
        await anyio.lowlevel.checkpoint()
        yield content

    def write():
        return streamdcm.rewrite_async(pieces() if source == "stream" else tmp_path / "in.dcm", target)

    whole = Counted(write(), None, lambda: None)
    await whole
    expected, late = target.read_bytes(), 0
    for number in range(whole.count):
        target.unlink(missing_ok=True)
        ended, notes = await cancelled_at(write(), number, is_native)
        is_late = ended == "cancelled" and target.exists()
        assert is_late == ("complete; the cancellation came too late" in notes)
        assert not target.exists() or target.read_bytes() == expected
        late += is_late
    assert late or not is_native, "anyio has a shield against its own"
