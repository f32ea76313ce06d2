"""Cancelled anywhere, a write leaves nothing: no file, no task, no thread, no open source."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Iterator
from time import perf_counter

import anyio
import numpy as np
import pytest
from sniffio import current_async_library

import streamdcm
from tests.aio.targets import KINDS
from tests.aio.test_write import multi_frame, written

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


def cancelled_after(delay: float, native: bool):
    """asyncio can cancel a task without anyio, which has no shield against it."""
    return asyncio.timeout(delay) if native else anyio.fail_after(delay)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync_frames", "async_frames"])
@pytest.mark.parametrize("kind", KINDS)
async def test_cancelled_at_random_points_it_leaves_nothing(kind, asynchronous, tmp_path):
    chance = random.Random(f"{kind} {asynchronous}")
    expected = written(multi_frame(), frames=Frames().sync())
    duration = 0.0
    finished = 0
    for attempt in range(50):
        frames = Frames()
        source = frames.asynchronous() if asynchronous else frames.sync()
        native = attempt % 2 == 1 and current_async_library() == "asyncio"
        async with KINDS[kind]() as (target, _):
            began = perf_counter()
            try:
                async with anyio.create_task_group() as group:  # a task left behind would keep it from ending
                    if attempt:
                        await group.start(cancel_write, target, source, chance.uniform(0, duration), native)
                    else:
                        await streamdcm.dcmwrite_async(target, multi_frame(), frames=source, chunk_size=50_000)
            finally:
                if not attempt:
                    duration = perf_counter() - began
            assert frames.open == 0
            if kind == "path":
                assert os.listdir(target.parent) in ([], ["out.dcm"])
                if target.exists():
                    finished += 1
                    assert target.read_bytes() == expected
    assert finished < 50


async def cancel_write(target, source, delay, native, *, task_status) -> None:
    task_status.started()
    try:
        if native:
            async with asyncio.timeout(delay):
                await streamdcm.dcmwrite_async(target, multi_frame(), frames=source, chunk_size=50_000)
        else:
            with anyio.fail_after(delay):
                await streamdcm.dcmwrite_async(target, multi_frame(), frames=source, chunk_size=50_000)
    except TimeoutError:
        return
