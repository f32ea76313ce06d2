"""Frames that come one by one, beside pydicom's way to encapsulate them, wsidicom's writer and plain write()."""

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import pydicom
from pydicom import Dataset
from pydicom.encaps import encapsulate, encapsulate_buffer
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

import streamdcm
from tests.benchmarks.datasets import MIB, instance
from tests.benchmarks.report import Report, Row
from tests.benchmarks.timing import Contender, Timings, by_turns
from tests.support.functional_groups import enhanced, groups_of
from tests.support.images import as_jpeg
from tests.support.memory import measure

try:
    from upath import UPath
    from wsidicom.file.io.frame_index import OffsetTableType
    from wsidicom.file.io.wsidicom_writer import WsiDicomWriter
except ImportError:
    WsiDicomWriter = None

ROW = "{:<57} {:>11} {:>11} {:>11} {:>11} {:>11}  {}"
WITHOUT = "without groups"
COLUMNS = ("encapsulate", "enc._buffer", "wsidicom", "write()", "streamdcm")
ITEM = b"\xfe\xff\x00\xe0"
DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"


class Frames(NamedTuple):
    """So many frames of one size, made from a few that are different."""

    pool: list[bytes]
    count: int

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]
        return islice(cycle(self.pool), self.count)

    @property
    def size(self) -> int:
        """The number of bytes of one."""
        return len(self.pool[0])


class FrameCase(NamedTuple):
    """A row of the table."""

    name: str
    frames: Frames
    contenders: Mapping[str, Callable[[Path], object]]
    at_most: float | None = None
    """How many times as long as plain write()."""
    at_least: int | None = None
    """Frames a second."""
    least_share: float | None = None
    """How fast, beside frames without functional groups."""


def measure_frames(directory: Path, rounds: int, size: int, report: Report) -> None:
    """Measure all rows and print them."""
    print(f"\n{ROW.format('frames to tmpfs', *COLUMNS, 'target')}")
    for case in (*large(size), *small(100_000), *with_groups()):
        print(_line(case, directory / "frames.dcm", rounds, report), flush=True)
    print()
    for line in (*growth(directory / "frames.dcm"), *memory(directory / "frames.dcm")):
        print(line, flush=True)


def large(size: int) -> Iterator[FrameCase]:
    """Yield rows of frames of 256 KiB: streamdcm is to cost no more than writing them."""
    frames = Frames([as_jpeg(os.urandom(256 * 1024)) for _ in range(64)], size // (256 * 1024))
    few = Frames(frames.pool, 32)
    yield FrameCase("8 MiB of 256 KiB frames, encapsulated", few, encapsulated(few, has_table=True), at_most=1.1)
    name = f"{size // MIB:,} MiB of 256 KiB frames"
    yield FrameCase(f"{name}, encapsulated", frames, encapsulated(frames, has_table=True), at_most=1.1)
    yield FrameCase(f"{name}, native", frames, native(frames, 512, 512), at_most=1.1)


def small(count: int) -> Iterator[FrameCase]:
    """Yield rows of frames of 100 bytes: what counts is the cost of a frame."""
    frames = Frames([as_jpeg(os.urandom(100)) for _ in range(64)], count)
    name = f"{count:,} frames of 100 bytes"
    least = 300_000
    contenders = encapsulated(frames, has_table=False)
    yield FrameCase(f"{name}, encapsulated, no table", frames, contenders, at_least=least)
    for label, options in (
        ("table of known size", {"number_of_frames": count, "offset_table": "extended"}),
        ("a reserved table", {"max_frames": count}),
    ):
        ours = {"streamdcm": partial(pull, JPEGBaseline8Bit, frames, options)}
        yield FrameCase(f"{name}, {label}", frames, ours, at_least=least)
    ours = {"streamdcm": partial(push, JPEGBaseline8Bit, frames, {})}
    yield FrameCase(f"{name}, pushed", frames, ours, at_least=least)
    yield FrameCase(f"{name}, native", frames, native(frames, 10, 10), at_least=least)


def with_groups() -> Iterator[FrameCase]:
    """Yield rows of frames that come with their functional groups: beside those that come without."""
    items = [groups_of(number) for number in range(64)]
    for rows, count in ((128, 8_000), (256, 4_000), (512, 1_000)):
        frames = Frames([os.urandom(2 * rows * rows) for _ in range(8)], count)
        contenders = {
            "streamdcm": partial(acquire, rows, frames, items),
            WITHOUT: partial(acquire, rows, frames, [None]),
        }
        name = f"{count:,} frames of {frames.size // 1024} KiB with functional groups"
        yield FrameCase(name, frames, contenders, least_share=0.5)


def encapsulated(frames: Frames, has_table: bool) -> dict[str, Callable[[Path], object]]:
    """Return who can encapsulate; the frames' number is known where they have a table."""
    options = {"number_of_frames": frames.count, "offset_table": "basic"} if has_table else {}
    contenders: dict[str, Callable[[Path], object]] = {
        "streamdcm": partial(pull, JPEGBaseline8Bit, frames, options),
        "write()": partial(plain_items, frames),
        "encapsulate": partial(pydicom_bytes, frames, has_table),
    }
    if frames.count <= 32:  # its cost grows with more than the square of the number: 128 of 256 KiB take 25 s
        contenders["enc._buffer"] = partial(pydicom_buffers, frames, has_table)
    if WsiDicomWriter is not None:
        table = OffsetTableType.BASIC if has_table else OffsetTableType.EMPTY
        contenders["wsidicom"] = partial(wsidicom_tiles, frames, JPEGBaseline8Bit, table)
    return contenders


def native(frames: Frames, rows: int, columns: int) -> dict[str, Callable[[Path], object]]:
    """Return who can write native frames; streamdcm is not told their number."""
    contenders: dict[str, Callable[[Path], object]] = {
        "streamdcm": partial(pull, ExplicitVRLittleEndian, frames, {}, rows=rows, columns=columns),
        "write()": partial(plain_frames, frames),
    }
    if WsiDicomWriter is not None:
        contenders["wsidicom"] = partial(wsidicom_tiles, frames, ExplicitVRLittleEndian, OffsetTableType.NONE)
    return contenders


def growth(path: Path) -> Iterator[str]:
    """Yield what one frame costs, from a thousand to a million."""
    counts = (1_000, 10_000, 100_000, 1_000_000)
    for label, syntax in (("encapsulated", JPEGBaseline8Bit), ("native", ExplicitVRLittleEndian)):
        costs = []
        for count in counts:
            frames = Frames([as_jpeg(os.urandom(100)) for _ in range(64)], count)
            options = {"number_of_frames": count, "offset_table": "extended"} if syntax.is_compressed else {}
            write = partial(pull, syntax, frames, options, rows=10, columns=10)
            timings = by_turns({"streamdcm": _contender(write, path)}, 3, max(1, 10_000 // count))
            costs.append(timings.median("streamdcm") / count)
        shown = ", ".join(f"{cost * 1e6:.2f} µs of {count:,}" for count, cost in zip(counts, costs, strict=True))
        yield f"a frame of 100 bytes, {label}: {shown}; {costs[-1] / costs[-2]:.2f} x from 100,000 to 1,000,000"


def memory(path: Path) -> Iterator[str]:
    """Yield what is added to a process's anonymous memory at the peak, for little and for much."""
    for case in ("encapsulated", "native"):
        peaks = []
        for count in (64, 512):
            _, added = measure("tests.support.children.frames", case, str(count), path)
            peaks.append(f"{count * 2:,} MiB: {added / MIB:.1f} MiB")
            path.unlink()
        yield f"memory added by frames of 2 MiB, {case}: {', '.join(peaks)}"


def pull(syntax: UID, frames: Frames, options: dict[str, Any], path: Path, **pixels: int) -> None:
    """Write frames with streamdcm, which asks for them."""
    streamdcm.dcmwrite(path, _template(syntax, **pixels), frames=iter(frames), **options)


def push(syntax: UID, frames: Frames, options: dict[str, Any], path: Path) -> None:
    """Write frames with streamdcm, which is given them."""
    with streamdcm.open_writer(path, _template(syntax), **options) as writer:
        for frame in frames:
            writer.write_frame(frame)


def acquire(rows: int, frames: Frames, items: Sequence[Dataset | None], path: Path) -> None:
    """Write frames, pushed with an item of functional groups each, or without."""
    with streamdcm.open_writer(path, enhanced(rows=rows), max_frames=frames.count) as writer:
        for frame, item in zip(frames, cycle(items), strict=False):
            writer.write_frame(frame, groups=item)


def pydicom_bytes(frames: Frames, has_table: bool, path: Path) -> None:
    """Write frames with pydicom, encapsulated in memory."""
    dataset = _template(JPEGBaseline8Bit)
    dataset.add_new("PixelData", "OB", encapsulate(list(frames), has_bot=has_table))
    pydicom.dcmwrite(path, dataset)


def pydicom_buffers(frames: Frames, has_table: bool, path: Path) -> None:
    """Write frames with pydicom, each in a buffer."""
    dataset = _template(JPEGBaseline8Bit)
    dataset.add_new("PixelData", "OB", encapsulate_buffer([io.BytesIO(frame) for frame in frames], has_bot=has_table))
    pydicom.dcmwrite(path, dataset)


def plain_items(frames: Frames, path: Path) -> None:
    """Write frames as items with nothing but write()."""
    header = ITEM + frames.size.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(_start(JPEGBaseline8Bit))
        for frame in frames:
            file.write(header)
            file.write(frame)
        file.write(DELIMITER)


def plain_frames(frames: Frames, path: Path) -> None:
    """Write frames with nothing but write()."""
    with path.open("wb") as file:
        file.write(_start(ExplicitVRLittleEndian))
        for frame in frames:
            file.write(frame)


class _Tile(NamedTuple):
    area: int


@dataclass
class _Slide:
    """What wsidicom's writer asks of the dataset of a slide."""

    dataset: Dataset
    frame_count: int
    tile_size: _Tile
    bits: int = 8
    samples_per_pixel: int = 1

    @property
    def instance_uid(self) -> UID:
        return self.dataset.SOPInstanceUID

    def as_dataset(self) -> Dataset:
        return self.dataset


def wsidicom_tiles(frames: Frames, syntax: UID, table: Any, path: Path) -> None:
    """Write frames with the writer that wsidicom has for tiles."""
    slide = _Slide(_template(syntax), frames.count, _Tile(frames.size))
    with WsiDicomWriter.open_instance(UPath(path), syntax, table, slide) as writer:
        writer.write_tiles(frames)
        writer.finalize(slide)


def _template(syntax: UID, rows: int = 512, columns: int = 512) -> Dataset:
    dataset = instance(VLWholeSlideMicroscopyImageStorage)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    return dataset


def _start(syntax: UID) -> bytes:
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, _template(syntax))
    return buffer.getvalue()


def _contender(write: Callable[[Path], object], path: Path) -> Contender:
    """Return a contender that writes to a path at which there is no file yet."""

    def prepare() -> Path:
        path.unlink(missing_ok=True)
        return path

    return Contender(prepare, write)


def _line(case: FrameCase, path: Path, rounds: int, report: Report) -> str:
    timings = by_turns({name: _contender(write, path) for name, write in case.contenders.items()}, rounds)
    path.unlink()
    row = report.add(_row(case, timings))
    cells = []
    for name in COLUMNS:
        if name not in row.seconds:
            cells.append("")
        elif case.at_most is not None:
            cells.append(f"{case.frames.count * case.frames.size / MIB / row.seconds[name]:,.0f} MiB/s")
        else:
            cells.append(f"{case.frames.count / row.seconds[name]:,.0f}/s")
    return ROW.format(case.name, *cells, f"{row.verdict}  {row.lead}").rstrip()


def _row(case: FrameCase, timings: Timings) -> Row:
    seconds = {name: timings.median(name) for name in case.contenders}
    if case.at_most is not None:
        ratio = timings.ratio("streamdcm", "write()")
        target = f"{ratio:.2f} x write() <= {case.at_most:.2f}"
        return Row("frames", case.name, seconds, ratio=ratio, target=target, met=ratio <= case.at_most)
    if case.least_share is not None:
        ratio = timings.ratio(WITHOUT, "streamdcm")
        target = f"{ratio:.2f} x the rate without >= {case.least_share:.2f}"
        return Row("frames", case.name, seconds, ratio=ratio, target=target, met=ratio >= case.least_share)
    assert case.at_least is not None
    rate = case.frames.count / seconds["streamdcm"]
    return Row("frames", case.name, seconds, ratio=rate, target=f">= {case.at_least:,}/s", met=rate >= case.at_least)
