"""Cancellations at random awaits of every asynchronous function, on asyncio and trio: nothing is left of any."""

import asyncio
import gc
import io
import os
import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import trio
from anyio import get_cancelled_exc_class
from anyio.lowlevel import checkpoint
from pydicom.uid import RLELossless
from sniffio import current_async_library

import streamdcm
from streamdcm.aio import threads
from tests.campaigns import Budget
from tests.campaigns.writes import ASYNC_WRITES, CHUNK, COUNT, OLD, Write, dataset, frames, prepare
from tests.support.async_targets import Awaited

_AT_A_TIME: Final = 25
"""How many rounds one event loop lives for."""

Function = Callable[[Path], Coroutine[Any, Any, object]]


class Frames:
    """Frames that remember whether they were closed."""

    def __init__(self) -> None:
        self.open = 0

    def sync(self) -> Iterator[Any]:
        self.open += 1
        try:
            yield from frames()
        finally:
            self.open -= 1

    async def asynchronous(self) -> AsyncIterator[bytes]:
        self.open += 1
        try:
            for frame in frames():
                await checkpoint()
                yield frame.tobytes()
        finally:
            self.open -= 1

    async def arrays(self) -> AsyncIterator[Any]:
        self.open += 1
        try:
            for frame in frames():
                await checkpoint()
                yield frame
        finally:
            self.open -= 1


class Case(NamedTuple):
    """A function that is cancelled."""

    run: Callable[[Path, Frames], Coroutine[Any, Any, object]]
    targets: tuple[str, ...] = ()


async def to_awaited(directory: Path, given: Frames) -> None:
    await streamdcm.dcmwrite_async(Awaited(), dataset(), frames=given.asynchronous(), chunk_size=CHUNK)


async def to_memory(directory: Path, given: Frames) -> None:
    await streamdcm.dcmwrite_async(io.BytesIO(), dataset(), frames=given.sync(), chunk_size=CHUNK)


async def iterated(directory: Path, given: Frames) -> None:
    how = {"frames": given.asynchronous(), "number_of_frames": COUNT, "chunk_size": CHUNK}
    async with aclosing(streamdcm.iter_chunks_async(dataset(), **how)) as chunks:
        async for _ in chunks:
            await checkpoint()


async def opened(directory: Path, given: Frames) -> None:
    how = {"frames": given.sync(), "number_of_frames": COUNT, "chunk_size": CHUNK}
    async with streamdcm.open_chunks_async(dataset(), **how) as chunks:
        async for _ in chunks:
            await checkpoint()


async def read(directory: Path, given: Frames) -> None:
    how = {"frames": given.asynchronous(), "number_of_frames": COUNT, "chunk_size": CHUNK}
    async with streamdcm.open_reader_async(dataset(), **how) as reader:
        while await reader.read(70_000):
            pass


async def encoder_chunks(directory: Path, given: Frames) -> None:
    encoder = streamdcm.encoder(dataset(), frames=given.sync(), number_of_frames=COUNT, patchable=False)
    async with aclosing(streamdcm.encoder_chunks_async(encoder, chunk_size=CHUNK)) as chunks:
        async for _ in chunks:
            await checkpoint()


async def rewritten(directory: Path, given: Frames) -> None:
    async with await streamdcm.rewrite_chunks_async(directory / "in.dcm", chunk_size=CHUNK) as chunks:
        async for _ in chunks:
            await checkpoint()


async def coded(directory: Path, given: Frames) -> None:
    made = dataset()
    made.file_meta.TransferSyntaxUID = RLELossless
    how = {"frames": given.arrays(), "number_of_frames": COUNT, "chunk_size": CHUNK, "codec_workers": 2}
    await streamdcm.dcmwrite_async(directory / "out/1.dcm", made, **how)


async def push_coded(directory: Path, given: Frames) -> None:
    made = dataset()
    made.file_meta.TransferSyntaxUID = RLELossless
    async with streamdcm.open_writer_async(directory / "out/1.dcm", made, codec_workers=2) as writer:
        for frame in frames():
            await writer.write_frame(frame)


async def append(directory: Path, given: Frames) -> None:
    shutil.copyfile(directory / "in.dcm", directory / "more.dcm")
    async with streamdcm.open_writer_async(directory / "more.dcm", append=True, chunk_size=CHUNK) as writer:
        for frame in frames():
            await writer.write_frame(frame)


async def header(directory: Path, given: Frames) -> None:
    await streamdcm.read_header_async(directory / "in.dcm")


async def size(directory: Path, given: Frames) -> None:
    large = dataset()
    large.EncapsulatedDocument = bytes(1 << 20)
    await streamdcm.encoded_size_async(large, frames=[bytes(256 * 256 * 2)] * COUNT)


def _case(write: Write) -> Case:
    async def run(directory: Path, given: Frames) -> None:
        await write.run(directory)

    return Case(run, write.targets)


CASES: Final = {name: _case(write) for name, write in ASYNC_WRITES.items()} | {
    "dcmwrite_async to an awaited object": Case(to_awaited),
    "dcmwrite_async to memory": Case(to_memory),
    "iter_chunks_async": Case(iterated),
    "open_chunks_async": Case(opened),
    "open_reader_async": Case(read),
    "encoder_chunks_async": Case(encoder_chunks),
    "rewrite_chunks_async": Case(rewritten),
    "dcmwrite_async of arrays to encode": Case(coded, ("1.dcm",)),
    "open_writer_async of arrays to encode": Case(push_coded, ("1.dcm",)),
    "open_writer_async append": Case(append),
    "read_header_async": Case(header),
    "encoded_size_async": Case(size),
}


class Counted:
    """Awaits a coroutine, and calls something when it is about to wait for the time with a number.

    Parameters
    ----------
    coroutine : coroutine
        What is awaited.
    number : int or None
        The number, from 0; `None` for never.
    interfere : callable
        What is called.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, object], number: int | None, interfere: Callable[[], object]
    ) -> None:
        self.count = 0
        self._coroutine = coroutine
        self._number = number
        self._interfere = interfere

    def __await__(self) -> Generator[Any, Any, object]:
        step: Callable[[Any], Any] = self._coroutine.send
        argument: Any = None
        while True:
            try:
                awaited = step(argument)
            except StopIteration as stop:
                return stop.value
            if self.count == self._number:
                self._interfere()
            self.count += 1
            try:
                step, argument = self._coroutine.send, (yield awaited)
            except BaseException as error:
                step, argument = self._coroutine.throw, error


class Campaign:
    """What is cancelled, how often it waits, and what it writes when nobody cancels it."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[int, list[bytes]]] = {}

    async def rounds(self, chances: Iterator[random.Random]) -> Counter[str]:
        """Cancel, again and again, on one event loop."""
        seen = Counter[str]()
        for chance in chances:
            name = chance.choice([*CASES])
            with tempfile.TemporaryDirectory() as place:
                directory = Path(place)
                prepare(directory)
                if name not in self.known:
                    await self._whole(name, directory)
                seen += await self._round(name, directory, chance)
        return seen

    async def _whole(self, name: str, directory: Path) -> None:
        case = CASES[name]
        counted = Counted(case.run(directory, Frames()), None, lambda: None)
        await counted
        targets = [directory / "out" / target for target in case.targets]
        self.known[name] = counted.count, [target.read_bytes() for target in targets]
        for target in targets:
            target.unlink()

    async def _round(self, name: str, directory: Path, chance: random.Random) -> Counter[str]:
        case = CASES[name]
        waits, expected = self.known[name]
        replaces = chance.random() < 0.5
        for target in case.targets if replaces else ():
            (directory / "out" / target).write_bytes(OLD)
        is_native = chance.random() < 0.5 and current_async_library() == "asyncio"
        number, given = chance.randrange(waits + 1), Frames()
        before = _descriptors()
        ended, notes = await cancelled_at(case.run(directory, given), number, is_native)
        assert given.open == 0, "the frames are open"
        assert _tasks() == 1, "a task is left"
        _wait_for_threads()
        if _descriptors() > before:
            gc.collect()
            assert _descriptors() <= before, "file descriptors are left"
        assert set(os.listdir(directory / "out")) <= set(case.targets), os.listdir(directory / "out")
        new = 0
        for target, content in zip(case.targets, expected, strict=True):
            path = directory / "out" / target
            found = path.read_bytes() if path.exists() else None
            assert found == content or found == (OLD if replaces else None), f"{target} is neither old nor new"
            new += found == content
        if case.targets:
            is_complete = new == len(expected)
            assert is_complete or new == 0, f"{new} of {len(expected)} files have their names"
            assert is_complete or ended != "completed", "it ended, and there is no new file"
            is_told = ended == "completed" or "complete" in notes
            assert is_told or not is_complete, (
                f"{name} at await {number} of {waits}: it was complete, and nothing said so"
            )
        way = "task.cancel()" if is_native else f"a scope on {current_async_library()}"
        return Counter({f"{name}: {ended}": 1, f"cancelled by {way}": ended == "cancelled"})


async def cancelled_at(coroutine: Coroutine[Any, Any, object], number: int, is_native: bool) -> tuple[str, str]:
    """Cancel at an await; return whether that ended the call, and the notes of the cancellation."""
    said: list[str] = []

    async def watched() -> None:
        try:
            await coroutine
        except get_cancelled_exc_class() as error:
            said.extend(getattr(error, "__notes__", ()))
            raise

    if is_native:
        task = asyncio.create_task(_awaited(watched, number))
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled", "\n".join(said)
        return "completed", ""
    with anyio.CancelScope() as scope:
        await Counted(watched(), number, scope.cancel)
    return "cancelled" if scope.cancelled_caught else "completed", "\n".join(said)


async def _awaited(function: Callable[[], Coroutine[Any, Any, None]], number: int) -> None:
    task = asyncio.current_task()
    assert task is not None
    await Counted(function(), number, task.cancel)


def _wait_for_threads() -> None:
    """Let a thread end that encodes a frame whose result nobody wants any more."""
    end = time.monotonic() + 5.0
    while len(started := [each for each in threading.enumerate() if each.name.startswith("streamdcm")]) > len(
        threads._idle
    ):
        assert time.monotonic() < end, f"threads are at work: {started}"
        time.sleep(0.01)


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def _tasks() -> int:
    if current_async_library() == "asyncio":
        return len(asyncio.all_tasks())
    nursery = trio.lowlevel.current_task().parent_nursery
    assert nursery is not None
    return len(nursery.child_tasks)


def run(budget: Budget) -> Counter[str]:
    """Cancel until the budget is used up, on both event loops by turns."""
    campaign, seen = Campaign(), Counter[str]()
    chances = budget.each_round()
    for number in range(1 << 30):
        backend = ("asyncio", "trio")[number % 2]
        few = _few(chances)
        done = anyio.run(campaign.rounds, few, backend=backend)
        if not done:
            return seen
        seen += done
    return seen


def _few(chances: Iterator[random.Random]) -> Iterator[random.Random]:
    for _, chance in zip(range(_AT_A_TIME), chances, strict=False):
        yield chance
