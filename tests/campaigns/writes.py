"""Every function that writes files, each with what it is given: what the campaigns disturb."""

import asyncio
import io
import shutil
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import trio
from anyio.lowlevel import checkpoint
from pydicom import Dataset
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, RLELossless

import streamdcm
from streamdcm.batch import Batch
from streamdcm.cli.app import main
from tests.support.images import template

OLD: Final = b"what was there before"
COUNT: Final = 24
CHUNK: Final = 100_000


class Write(NamedTuple):
    """A function that writes.

    `run` is given a directory with an ``in.dcm``. The targets are in the directory ``out``, which is there, and get
    their names one by one or together.
    """

    run: Callable[[Path], object]
    targets: tuple[str, ...] = ("1.dcm",)
    replaces: bool = True
    """Whether what is there may be replaced."""
    is_in_place: bool = False
    """Whether the target is the source, or goes on from what is there: it is a copy of ``in.dcm`` then."""

    def put_old(self, directory: Path, *, replaces: bool) -> bytes | None:
        """Put in its place what the function finds there, and return it."""
        if not (replaces or self.is_in_place):
            return None
        old = (directory / "in.dcm").read_bytes() if self.is_in_place else OLD
        for target in self.targets:
            (directory / "out" / target).write_bytes(old)
        return old


def dataset() -> Dataset:
    """A multi-frame image without its frames."""
    made = template(ExplicitVRLittleEndian, rows=256, columns=256, PatientName="A^B", PatientID="1")
    made.SOPClassUID = EnhancedCTImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.SharedFunctionalGroupsSequence = [Dataset()]
    return made


def frames() -> Iterator[np.ndarray]:
    """Its frames, all of them in one buffer."""
    frame = np.zeros((256, 256), "uint16")
    for number in range(COUNT):
        frame[:] = number
        yield frame


async def async_frames() -> AsyncIterator[bytes]:
    """The same on an event loop."""
    for frame in frames():
        await checkpoint()
        yield frame.tobytes()


def prepare(directory: Path) -> None:
    """Make what is read, and where it is written to."""
    (directory / "out").mkdir()
    streamdcm.dcmwrite(directory / "in.dcm", dataset(), frames=frames(), number_of_frames=COUNT)


def write(directory: Path, **options: Any) -> None:
    streamdcm.dcmwrite(directory / "out/1.dcm", dataset(), frames=frames(), chunk_size=CHUNK, **options)


def push(directory: Path) -> None:
    with streamdcm.open_writer(directory / "out/1.dcm", dataset(), chunk_size=CHUNK) as writer:
        for frame in frames():
            writer.write_frame(frame)


def append(directory: Path) -> None:
    """Write more frames behind those that are there."""
    with streamdcm.open_writer(directory / "out/1.dcm", append=True, chunk_size=CHUNK) as writer:
        for frame in frames():
            writer.write_frame(frame)


def encode(directory: Path) -> None:
    whole = streamdcm.encoder(dataset(), frames=frames())
    streamdcm.write_encoder(whole, directory / "out/1.dcm", chunk_size=CHUNK)


def rewrite(directory: Path, **options: Any) -> None:
    streamdcm.rewrite(directory / "in.dcm", directory / "out/1.dcm", chunk_size=CHUNK, **options)


def rewrite_in_place(directory: Path) -> None:
    path = directory / "out/1.dcm"
    streamdcm.rewrite(path, path, chunk_size=CHUNK, edit={"PatientID": "2"})


def rewrite_stream(directory: Path) -> None:
    content = (directory / "in.dcm").read_bytes()
    pieces = (content[start : start + 50_000] for start in range(0, len(content), 50_000))
    streamdcm.rewrite(pieces, directory / "out/1.dcm", chunk_size=CHUNK)


def copy(directory: Path) -> None:
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        command = ["copy", str(directory / "in.dcm"), str(directory / "out/1.dcm"), "--set", "PatientID=2"]
        assert main(command) == 0


def many(directory: Path) -> None:
    """A batch of three files, on two processes."""
    (directory / "sources").mkdir()
    for name in IN_PARTS:
        shutil.copyfile(directory / "in.dcm", directory / "sources" / name)
    batch = Batch(directory / "sources", directory / "out/{name}", edit={"PatientID": "2"}, overwrite=True)
    report = batch.run(journal=directory / "run.sqlite", workers=2, chunk=1)
    assert (report.done, report.failed) == (3, 0)


async def write_async(directory: Path, **options: Any) -> None:
    await streamdcm.dcmwrite_async(directory / "out/1.dcm", dataset(), chunk_size=CHUNK, **options)


async def push_async(directory: Path) -> None:
    async with streamdcm.open_writer_async(directory / "out/1.dcm", dataset(), chunk_size=CHUNK) as writer:
        for frame in frames():
            await writer.write_frame(frame)


async def encode_async(directory: Path) -> None:
    whole = streamdcm.encoder(dataset(), frames=frames())
    await streamdcm.write_encoder_async(whole, directory / "out/1.dcm", chunk_size=CHUNK)


async def rewrite_async(directory: Path) -> None:
    await streamdcm.rewrite_async(
        directory / "in.dcm", directory / "out/1.dcm", chunk_size=CHUNK, edit={"PatientID": "2"}
    )


async def rewrite_stream_async(directory: Path) -> None:
    content = (directory / "in.dcm").read_bytes()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 50_000):
            await checkpoint()
            yield content[start : start + 50_000]

    await streamdcm.rewrite_async(pieces(), directory / "out/1.dcm", chunk_size=CHUNK)


def _with(function: Callable[..., Any], **options: Callable[[], Any]) -> Callable[[Path], Any]:
    """Give a function options that are made anew for each call."""
    return lambda directory: function(directory, **{name: make() for name, make in options.items()})


IN_PARTS: Final = ("1.dcm", "2.dcm", "3.dcm")


def in_parts(directory: Path) -> Callable[[int], Path]:
    """Name the instances of a concatenation."""
    return lambda number: directory / f"out/{number}.dcm"


def split(directory: Path) -> None:
    streamdcm.dcmwrite(in_parts(directory), dataset(), frames=frames(), chunk_size=CHUNK, split=8)


async def split_async(directory: Path) -> None:
    await streamdcm.dcmwrite_async(in_parts(directory), dataset(), frames=frames(), chunk_size=CHUNK, split=8)


ASYNC_WRITES: Final[Mapping[str, Write]] = {
    "dcmwrite_async": Write(_with(write_async, frames=frames)),
    "dcmwrite_async of asynchronous frames": Write(_with(write_async, frames=async_frames)),
    "dcmwrite_async split": Write(split_async, IN_PARTS),
    "open_writer_async": Write(push_async),
    "write_encoder_async": Write(encode_async),
    "rewrite_async": Write(rewrite_async),
    "rewrite_async of a stream": Write(rewrite_stream_async),
}

WRITES: Final[Mapping[str, Write]] = {
    "dcmwrite": Write(write),
    "dcmwrite durable": Write(_with(write, durable=lambda: True)),
    "dcmwrite of a new file": Write(_with(write, overwrite=lambda: False), replaces=False),
    "dcmwrite split": Write(split, IN_PARTS),
    "open_writer": Write(push),
    "write_encoder": Write(encode),
    "rewrite": Write(_with(rewrite, edit=lambda: {"PatientID": "2"})),
    "rewrite decoded": Write(_with(rewrite, transfer_syntax=lambda: str(RLELossless))),
    "rewrite of a stream": Write(rewrite_stream),
    "rewrite in place": Write(rewrite_in_place, is_in_place=True),
    "open_writer append": Write(append, is_in_place=True),
    "copy": Write(copy),
    "batch": Write(many, IN_PARTS),
}


def run_async(function: Callable[[Path], Any], directory: Path, backend: str) -> None:
    """Run an asynchronous function on an event loop of its own."""
    run = trio.run if backend == "trio" else lambda main, *given: asyncio.run(main(*given))
    run(function, directory)


def quietly(function: Callable[..., Any], *given: Any) -> Any:
    """Call a function without warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*given)
