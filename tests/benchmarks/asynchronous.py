"""``python -m tests.benchmarks.asynchronous`` measures the asynchronous functions beside the synchronous ones.

Small files are measured beside ``anyio.to_thread.run_sync(pydicom.dcmwrite)``, which is what people do today.

From a checkout, after ``pip install -e '.[test]'``. All contenders of a row run by turns; the ratios are medians of the
rounds' ratios.
"""

import argparse
import asyncio
import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import anyio
import pydicom
import trio

import streamdcm
from tests.benchmarks import datasets
from tests.benchmarks.datasets import MIB
from tests.benchmarks.timing import Contender, by_turns

ROW = "{:<58} {:>14} {:>14}  {}"
LOOPS = ("asyncio", "trio")
Address = tuple[str, int]
Connected = tuple[Any, Callable[[Any], Awaitable[object]]]
Connect = Callable[[Address], AbstractAsyncContextManager[Connected]]

# Takes what comes through any number of connections, one after the other, in a process of its own
READER = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    buffer = bytearray(1 << 20)
    while True:
        with server.accept()[0] as connection:
            while connection.recv_into(buffer):
                pass
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.asynchronous", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 128 MiB instead of 1 GiB")
    options = parser.parse_args()
    rounds, size, files = (5, 128 * MIB, 200) if options.quick else (9, 1024 * MIB, 500)
    print(
        f"Python {platform.python_version()}, anyio {version('anyio')}, trio {version('trio')}, {os.cpu_count()} cores"
    )
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=memory) as name, reader() as address:
        folder = Path(name)
        bulk(folder, address, size, rounds)
        ranges(folder, address, size, rounds)
        small_files(folder, files, rounds)
        threads(folder, files, rounds)
        ticker(folder, address, size)


def bulk(folder: Path, address: Address, size: int, rounds: int) -> None:
    """Measure pixel data in memory: an asynchronous write is to take no more than 15 % longer."""
    print(ROW.format(f"{size // MIB:,} MiB of pixel data", "synchronous", "asynchronous", "ratio, at most 1.15"))
    make = datasets.bulk(size)
    path = folder / "bulk.dcm"
    to_path = {"synchronous": Contender(lambda: cleared(path, make), partial(streamdcm.dcmwrite, path))}
    for loop in LOOPS:
        write = partial(anyio.run, partial(streamdcm.dcmwrite_async, path), backend=loop)
        to_path[f"{loop}, to a path"] = Contender(lambda: cleared(path, make), write)
    compare(to_path, rounds)
    to_socket = {"synchronous": Contender(make, partial(write_to_socket, address))}
    for loop, connect, kind in TARGETS:
        for how, run in (("to", send), ("bare loop to", send_bare)):
            contender = Contender(make, partial(anyio.run, partial(run, connect, address), backend=loop))
            to_socket[f"{loop}, {how} {kind}"] = contender
    compare(to_socket, rounds)
    path.unlink()


def ranges(folder: Path, address: Address, size: int, rounds: int) -> None:
    """Measure pixel data in a file, which the kernel sends: they, too, are to take no more than 15 % longer."""
    print(
        ROW.format(f"{size // MIB:,} MiB from a file to a socket", "synchronous", "asynchronous", "ratio, at most 1.15")
    )
    source = folder / "source"
    source.write_bytes(os.urandom(MIB) * (size // MIB))
    with source.open("rb") as file:

        def make() -> pydicom.Dataset:
            dataset = datasets.bulk(MIB)()
            dataset.PixelData = file
            return dataset

        contenders = {"synchronous": Contender(make, partial(write_to_socket, address))}
        for loop, connect, kind in TARGETS:
            run = partial(anyio.run, partial(send, connect, address), backend=loop)
            contenders[f"{loop}, to {kind}"] = Contender(make, run)
        compare(contenders, rounds)
    source.unlink()


def compare(contenders: dict[str, Contender], rounds: int) -> None:
    """Measure contenders, the first of which is the measure of the others, and print a line for each of those."""
    timings = by_turns(contenders, rounds)
    for name in list(contenders)[1:]:
        ratio = timings.ratio(name, "synchronous")
        times = (f"{timings.median(which) * 1000:.0f} ms" for which in ("synchronous", name))
        verdict = "" if "bare" in name else "met" if ratio <= 1.15 else "MISSED"
        print(ROW.format(name, *times, f"{ratio:.2f} {verdict}"), flush=True)


def small_files(folder: Path, files: int, rounds: int) -> None:
    """Measure CT slices to paths, many at a time: at least five times as many as by pydicom in threads."""
    print(ROW.format("CT slices a second", "pydicom", "streamdcm", "ratio, at least 5"))
    data = datasets.encoded("CT_small.dcm")
    for loop in LOOPS:
        for tasks in (1, 10, 100):
            contenders = {
                name: Contender(
                    lambda: [datasets.as_read(data) for _ in range(files)],
                    partial(anyio.run, partial(write_all, write, folder, tasks), backend=loop),
                )
                for name, write in (("pydicom", in_thread), ("streamdcm", streamdcm.dcmwrite_async))
            }
            timings = by_turns(contenders, rounds)
            ratio = timings.ratio("pydicom", "streamdcm")
            rates = (f"{files / timings.median(name):,.0f}" for name in contenders)
            name = f"{loop}, {tasks} at a time"
            print(ROW.format(name, *rates, f"{ratio:.1f} {'met' if ratio >= 5 else 'MISSED'}"), flush=True)


def threads(folder: Path, files: int, rounds: int) -> None:
    """Measure CT slices to paths by two threads, and by tasks, beside one after the other: no slower than that.

    pydicom and plain writes show what is Python's own: it gives its lock up at each system call.
    """
    data = datasets.encoded("CT_small.dcm")

    def plain(path: str, _: pydicom.Dataset) -> None:
        with open(f"{path}.new", "wb", buffering=0) as file:
            file.write(data)
        os.replace(f"{path}.new", path)

    print(ROW.format(f"{files} CT slices to paths", "in turn", "at a time", "ratio, at most 1"))
    writers: dict[str, Callable[[str, pydicom.Dataset], object]] = {
        "streamdcm": streamdcm.dcmwrite,
        "pydicom": pydicom.dcmwrite,
        "open, write, replace": plain,
    }
    for name, write in writers.items():
        ways: dict[str, Callable[[list[pydicom.Dataset]], object]] = {
            "in turn": partial(in_turn, write, folder),
            "two threads": partial(by_two_threads, write, folder),
        }
        if name == "streamdcm":
            for loop in LOOPS:
                tasks = partial(write_all, streamdcm.dcmwrite_async, folder, 10)
                ways[f"{loop}, 10 at a time"] = partial(anyio.run, tasks, backend=loop)
        contenders = {
            way: Contender(lambda: [datasets.as_read(data) for _ in range(files)], run) for way, run in ways.items()
        }
        timings = by_turns(contenders, rounds)
        for way in list(ways)[1:]:
            ratio = timings.ratio(way, "in turn")
            times = (f"{timings.median(which) * 1000:.0f} ms" for which in ("in turn", way))
            verdict = "" if name != "streamdcm" else "met" if ratio <= 1 else "MISSED"
            print(ROW.format(f"{name}, {way}", *times, f"{ratio:.2f} {verdict}".rstrip()), flush=True)


def in_turn(write: Callable[[str, pydicom.Dataset], object], folder: Path, todo: list[pydicom.Dataset]) -> None:
    """Write all datasets, one after the other."""
    for number, dataset in enumerate(todo):
        write(str(folder / f"{number}.dcm"), dataset)


def by_two_threads(write: Callable[[str, pydicom.Dataset], object], folder: Path, todo: list[pydicom.Dataset]) -> None:
    """Write all datasets, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(write, [str(folder / f"{number}.dcm") for number in range(len(todo))], todo):
            pass


def ticker(folder: Path, address: Address, size: int) -> None:
    """Measure how late a task is at worst that wakes up each millisecond while a file goes to a socket."""
    print(ROW.format("How late a task is at worst", "nothing else", "while writing", ""))
    source = folder / "source"
    source.write_bytes(os.urandom(MIB) * (size // MIB))
    for loop in LOOPS:
        idle, busy = anyio.run(partial(worst_delays, address, source), backend=loop)
        name = f"{loop}, {size // MIB:,} MiB from a file to a socket"
        print(ROW.format(name, f"{idle * 1000:.1f} ms", f"{busy * 1000:.1f} ms", ""), flush=True)


async def worst_delays(address: Address, source: Path) -> tuple[float, float]:
    """Return the worst delay while nothing else happens, and while a file is sent."""
    with source.open("rb") as file:
        dataset = datasets.bulk(MIB)()
        dataset.PixelData = file
        sending = partial(send, anyio_stream, address, dataset)
        return await worst_delay(partial(anyio.sleep, 0.5)), await worst_delay(sending)


async def worst_delay(work: Callable[[], Awaitable[object]]) -> float:
    """Return how late a task was at worst while something was done."""
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            due = perf_counter() + 0.001
            await anyio.sleep(0.001)
            worst = max(worst, perf_counter() - due)

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await work()
        group.cancel_scope.cancel()
    return worst


async def write_all(
    write: Callable[[str, pydicom.Dataset], Awaitable[object]], folder: Path, tasks: int, todo: list[pydicom.Dataset]
) -> None:
    """Write all datasets, so many at a time."""
    numbers = count()

    async def work() -> None:
        while todo:
            await write(str(folder / f"{next(numbers)}.dcm"), todo.pop())

    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(work)


async def in_thread(path: str, dataset: pydicom.Dataset) -> None:
    """Write a file as it is done today."""
    await anyio.to_thread.run_sync(pydicom.dcmwrite, path, dataset)


def write_to_socket(address: Address, dataset: pydicom.Dataset) -> None:
    """Write to a blocking socket."""
    with socket.create_connection(address) as connection:
        streamdcm.dcmwrite(connection, dataset)


async def send(connect: Connect, address: Address, dataset: pydicom.Dataset) -> None:
    """Write to a stream."""
    async with connect(address) as (stream, _):
        await streamdcm.dcmwrite_async(stream, dataset)


async def send_bare(connect: Connect, address: Address, dataset: pydicom.Dataset) -> None:
    """Send the pixel data, and nothing else, in slices of 1 MiB: what the event loop itself takes."""
    view = memoryview(dataset["PixelData"].value)
    async with connect(address) as (_, send_all):
        for start in range(0, len(view), MIB):
            await send_all(view[start : start + MIB])


@asynccontextmanager
async def anyio_stream(address: Address) -> AsyncIterator[Connected]:
    """Give a stream of anyio, and what sends through it."""
    async with await anyio.connect_tcp(*address) as stream:
        yield stream, stream.send


@asynccontextmanager
async def asyncio_stream(address: Address) -> AsyncIterator[Connected]:
    """Give a stream of asyncio, and what sends through it."""
    _, writer = await asyncio.open_connection(*address)

    async def write(data: memoryview) -> None:
        writer.write(data)
        await writer.drain()

    yield writer, write
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def trio_stream(address: Address) -> AsyncIterator[Connected]:
    """Give a stream of trio, and what sends through it."""
    async with await trio.open_tcp_stream(*address) as stream:
        yield stream, stream.send_all


@asynccontextmanager
async def pair(address: Address) -> AsyncIterator[Connected]:
    """Give reader and writer of asyncio, and what sends through the writer."""
    async with asyncio_stream(address) as (writer, write):
        yield (asyncio.StreamReader(), writer), write


@asynccontextmanager
async def plain_socket(address: Address) -> AsyncIterator[Connected]:
    """Give a socket of the standard library that does not block, and what sends through it."""
    with socket.create_connection(address) as connection:
        connection.setblocking(False)

        async def send_all(data: memoryview) -> None:
            while data:
                await anyio.wait_writable(connection)
                data = data[connection.send(data) :]

        yield connection, send_all


TARGETS: Final[tuple[tuple[str, Connect, str], ...]] = (
    ("asyncio", anyio_stream, "anyio's stream"),
    ("asyncio", asyncio_stream, "its own stream"),
    ("asyncio", pair, "a (reader, writer) pair"),
    ("asyncio", plain_socket, "a socket"),
    ("trio", anyio_stream, "anyio's stream"),
    ("trio", trio_stream, "its own stream"),
    ("trio", plain_socket, "a socket"),
)
"""What streams and sockets are written to: the event loop, what connects, and how it is called."""


def cleared(path: Path, make: Callable[[], pydicom.Dataset]) -> pydicom.Dataset:
    """Remove a file, and make the dataset that is to be written there."""
    path.unlink(missing_ok=True)
    return make()


@contextmanager
def reader() -> Iterator[Address]:
    """Give the address of a process that reads and forgets."""
    with subprocess.Popen([sys.executable, "-c", READER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "127.0.0.1", int(process.stdout.readline())
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
