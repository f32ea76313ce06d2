"""``streamdcm demo``: play an ultrasound loop into a file of any size, and read frames of it back."""

from __future__ import annotations

import argparse
import random
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import get_frame
from pydicom.uid import generate_uid

from streamdcm.cleanup import afterwards
from streamdcm.cli.camera import Camera, loop_of
from streamdcm.cli.memory import MemoryMeter
from streamdcm.cli.progress import shown
from streamdcm.engine.result import WriteResult
from streamdcm.errors import StreamdcmError, TargetError
from streamdcm.options.sizes import binary_size, bytes_in
from streamdcm.write.functions import dcmwrite

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]

_LOOP: Final = "examples_ybr_color.dcm"
_MOST_COMPARED: Final = 100
_PIXEL_DATA_HEADER: Final = 12


class ReadBackError(StreamdcmError):
    """Frames that were read back are not those that were written."""


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "demo",
        help=summary,
        description="Play an ultrasound loop that ships with pydicom through a generator into one DICOM file, then "
        "read frames at random through its offset table and compare them. The file is removed at the end.",
        examples=("streamdcm demo", "streamdcm demo --size '5 GiB' --out loop.dcm"),
    )
    command.add_argument("--size", type=_size, default="1 GiB", help="how many bytes the frames make (1 GiB)")
    command.add_argument("--out", type=Path, metavar="PATH", help="write to this file, and leave it there")
    command.add_argument("--keep", action="store_true", help="leave the temporary file there")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Play, write, read back and compare, as the arguments say.

    Raises
    ------
    ReadBackError
        If a frame does not come back as it was written.
    TargetError
        If the file cannot be where it is asked for.
    """
    dataset = dcmread(str(get_testdata_file(_LOOP, download=False)))
    camera = Camera(loop_of(dataset), given.size)
    with _place(given.out, given.keep) as path:
        _check_place(path, given.size)
        recording = record(camera, dataset, path, given.quiet)
        comparison = compare(camera, path)
        if not given.quiet:
            fate = "" if given.out or given.keep else " (removed now)"
            print(_report(camera, recording, comparison, f"{path}{fate}"))
    comparison.check()


@dataclass(frozen=True, slots=True)
class Recording:
    """What writing the file took."""

    result: WriteResult
    seconds: float
    memory: MemoryMeter


@dataclass(frozen=True, slots=True)
class Comparison:
    """What reading it back has shown: the kind of offset table, the frames compared and those that differ."""

    table: str
    frames: list[int]
    wrong: list[int]
    number_of_frames_is_right: bool

    def check(self) -> None:
        """Refuse a difference.

        Raises
        ------
        ReadBackError
            If the number of frames is wrong, or a frame.
        """
        if not self.number_of_frames_is_right:
            raise ReadBackError("(0028,0008) NumberOfFrames in the file is not the number of frames that were played")
        if self.wrong:
            raise ReadBackError(
                f"{len(self.wrong):,} of {len(self.frames):,} frames did not come back as they were written; "
                f"the first is frame {self.wrong[0] + 1:,}"
            )


def record(camera: Camera, dataset: Dataset, path: Path, quiet: bool) -> Recording:
    """Write what the camera plays as an instance of its own, with the other elements of the dataset."""
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    memory = MemoryMeter()
    start = time.perf_counter()
    with shown(quiet=quiet, label="playing", total=camera.size, memory=memory.read) as show:
        result = dcmwrite(path, dataset, frames=camera, max_frames=camera.most, progress=show)
    return Recording(result, time.perf_counter() - start, memory)


def compare(camera: Camera, path: Path) -> Comparison:
    """Read frames at random with pydicom, through the offset table, and compare them with what was played."""
    with path.open("rb") as file:
        dataset = dcmread(file, stop_before_pixels=True)
        file.seek(_PIXEL_DATA_HEADER, 1)
        extended = _extended_table(dataset)
        frames = sorted(random.sample(range(camera.played), min(camera.played, _MOST_COMPARED)))
        start = file.tell()
        wrong = []
        for index in frames:
            file.seek(start)
            try:
                frame = get_frame(file, index, extended_offsets=extended)
            except (ValueError, struct.error):
                frame = b""
            if frame != camera.frame(index):
                wrong.append(index)
    table = "basic" if extended is None else "extended"
    return Comparison(table, frames, wrong, dataset.NumberOfFrames == camera.played)


def _extended_table(dataset: Dataset) -> tuple[list[int], list[int]] | None:
    """Return offsets and lengths of frames, if the dataset has an extended offset table (PS3.3 §C.7.6.3.1.8)."""
    if "ExtendedOffsetTable" not in dataset:
        return None
    offsets, lengths = dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths
    layout = f"<{len(offsets) // 8}Q"
    return list(struct.unpack(layout, offsets)), list(struct.unpack(layout, lengths))


def _report(camera: Camera, recording: Recording, comparison: Comparison, place: str) -> str:
    result, seconds, memory = recording.result, recording.seconds, recording.memory
    equal = len(comparison.frames) - len(comparison.wrong)
    rows = {
        "file": place,
        "bytes": f"{result.bytes_written:,} ({binary_size(result.bytes_written)})",
        "frames": f"{camera.played:,}, one by one from a generator",
        "time": f"{seconds:.2f} s",
        "throughput": f"{result.bytes_written / seconds / 2**20:,.0f} MiB/s, {camera.played / seconds:,.0f} frames/s",
        "peak memory": _memory_said(memory),
        "patches": f"{result.patches:,}",
        "offset table": f"{comparison.table}; {result.offset_table_reason}",
        "read back": f"{equal:,} of {len(comparison.frames):,} frames, taken at random, are equal",
    }
    width = max(map(len, rows))
    title = f"An ultrasound loop of {len(camera.loop)} frames, played until its frames made {binary_size(camera.size)}:"
    return "\n".join((title, "", *(f"  {name:{width}}  {text}" for name, text in rows.items())))


def _memory_said(memory: MemoryMeter) -> str:
    if memory.start is None or memory.most is None:
        return "psutil tells it: pip install 'streamdcm[cli]'"
    return f"{binary_size(memory.most)}, {binary_size(memory.most - memory.start)} above the start"


@contextmanager
def _place(out: Path | None, keep: bool) -> Iterator[Path]:
    """Give the path to write to; a temporary one is removed at the end, unless it is to be kept."""
    if out is not None:
        yield out
        return
    directory = Path(tempfile.mkdtemp(prefix="streamdcm-"))
    path = directory / "demo.dcm"
    with afterwards(lambda: None if keep and path.exists() else shutil.rmtree(directory)):
        yield path


def _check_place(path: Path, size: int) -> None:
    if path.exists() and not path.is_file():
        raise TargetError(f"{path} is not a file that frames can be read back from; give another path")
    free = shutil.disk_usage(path.parent).free
    needed = size + size // 50 + 2**20  # frames, their item headers and offsets; the other elements
    if free < needed:
        raise TargetError(
            f"{path.parent} has {binary_size(free)} free, but {binary_size(needed)} are needed; "
            "ask for less with --size, or for another place with --out"
        )


def _size(text: str) -> int:
    size = bytes_in(text) or 0
    if size < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500MB, '2 GiB' or a number of bytes")
    return size
