"""``python -m tests.benchmarks`` measures streamdcm beside pydicom, GDCM, DICOMSDL, highdicom and wsidicom.

From a checkout, after ``pip install -e '.[benchmark]'``. Every contender gets a dataset of its own for
every call and they run by turns; the ratios are medians of the rounds' ratios. Before a row is measured,
streamdcm's bytes are compared with pydicom's. ``--json FILE`` keeps the figures.
"""

import argparse
import io
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pydicom

import streamdcm
from tests.benchmarks import datasets
from tests.benchmarks.batch import measure_batch
from tests.benchmarks.contenders import MakeDataset, in_memory, to_path, writer
from tests.benchmarks.datasets import MIB
from tests.benchmarks.frames import measure_frames
from tests.benchmarks.objects import measure_objects
from tests.benchmarks.report import Report, Row
from tests.benchmarks.rewrite import measure_rewrite
from tests.benchmarks.timing import Contender, Timings, by_turns
from tests.benchmarks.transcode import measure_transcode, measure_workers

COLUMNS = ("pydicom", "streamdcm", "gdcm", "dicomsdl", "highdicom", "write()")
LINE = "{:<47}" + " {:>9}" * len(COLUMNS) + " {:>8}  {:<14} {}"


class Case(NamedTuple):
    """A row of the table."""

    name: str
    contenders: dict[str, Contender]
    batch: int = 1
    at_least: float | None = None
    """How many times as fast as pydicom."""
    at_most: float | None = None
    """How many times as long as a plain write()."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, 128 MiB instead of 1 GiB")
    parser.add_argument("--disk", default=tempfile.gettempdir(), help="a directory on a disk (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here")
    parser.add_argument("only", nargs="*", help="measure only rows whose name contains one of these")
    options = parser.parse_args()
    short, long = (5, 3) if options.quick else (21, 9)
    report = Report()

    print(f"Python {platform.python_version()}, pydicom {pydicom.__version__}, {os.cpu_count()} cores")
    print(LINE.format("", *COLUMNS, "ratio", "target", "").rstrip())
    with ExitStack() as stack:
        memory = Path("/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir())
        tmpfs, disk = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent))) for parent in (memory, options.disk)
        )
        for case in (*small_cases(tmpfs), *bulk_cases(tmpfs, disk, (128 if options.quick else 1024) * MIB)):
            if not options.only or any(word in case.name for word in options.only):
                timings = by_turns(case.contenders, short if case.at_most is None else long, case.batch)
                print(line(report.add(row(case, timings))), flush=True)
        if not options.only or "frames" in options.only:
            measure_frames(tmpfs, long, (128 if options.quick else 1024) * MIB, report)
        if not options.only or "rewrite" in options.only:
            measure_rewrite(tmpfs, 7 if options.quick else 21, (128 if options.quick else 1024) * MIB, report)
        if not options.only or "transcode" in options.only:
            measure_transcode(tmpfs, 3, (64 if options.quick else 512) * MIB, report)
        if not options.only or "workers" in options.only:
            measure_workers(tmpfs, 3, (64 if options.quick else 256) * MIB)
        if not options.only or "batch" in options.only:
            measure_batch(disk, 3 if options.quick else 5, 1000 if options.quick else 2000)
        if not options.only or "objects" in options.only:
            measure_objects(tmpfs, 3 if options.quick else 5, (128 if options.quick else 256) * MIB, report)
    if options.json:
        report.write(options.json)


def row(case: Case, timings: Timings) -> Row:
    """Return a row with its medians, beside pydicom or beside plain write()."""
    seconds = {name: timings.median(name) for name in case.contenders}
    if case.at_most is not None:
        ratio = timings.ratio("streamdcm", "write()")
        target, met = f"<= {case.at_most:.2f}", ratio <= case.at_most
        return Row("datasets", case.name, seconds, ratio=ratio, target=target, met=met)
    ratio = timings.ratio("pydicom", "streamdcm")
    if case.at_least is None:
        return Row("datasets", case.name, seconds, ratio=ratio)
    return Row("datasets", case.name, seconds, ratio=ratio, target=f">= {case.at_least:g}", met=ratio >= case.at_least)


def line(shown: Row) -> str:
    """Return a line of the table."""
    cells = [duration(shown.seconds[name]) if name in shown.seconds else "" for name in COLUMNS]
    return LINE.format(shown.name, *cells, f"{shown.ratio:.2f} x", shown.verdict, shown.lead).rstrip()


def duration(seconds: float) -> str:
    """Return three digits and a unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def small_cases(directory: Path) -> Iterator[Case]:
    """Yield the rows in which elements count: encoding is what takes the time."""
    read, parsed = partial(partial, datasets.as_read), partial(partial, datasets.parsed)
    five = datasets.few_elements
    yield case_in_memory("five elements, built", five, batch=50, at_least=5)

    slice_ = datasets.encoded("CT_small.dcm")
    name = "CT slice"
    yield case_in_memory(f"{name}, as read", read(slice_), slice_, batch=20, at_least=9, is_image=True)
    yield case_in_memory(f"{name}, parsed", parsed(slice_), batch=20, at_least=7)
    # a new dataset for each call is not in the processor's caches; the same one again is
    yield case_in_memory(f"{name}, as read, the same again", cache(read(slice_)), batch=20)
    yield case_in_memory(f"{name}, parsed, the same again", cache(parsed(slice_)), batch=20)
    target = directory / "slice.dcm"
    yield Case(f"{name}, as read, to a path on tmpfs", to_path(read(slice_), slice_, target), 20, at_least=6)
    yield Case(f"{name}, parsed, to a path on tmpfs", to_path(parsed(slice_), None, target), 20)

    name = "1,000 frames of functional groups"
    yield case_in_memory(f"{name}, built", partial(datasets.functional_groups, 1000), at_least=12)
    undefined = datasets.functional_groups_encoded(1000, undefined=True)
    yield case_in_memory(f"{name}, as read", read(undefined), undefined, at_least=9)
    yield case_in_memory(f"{name}, parsed", parsed(undefined), at_least=9)

    for name, file, least_as_read, least_parsed in (
        ("RT plan", "rtplan.dcm", 4, 7),
        ("DICOMDIR", "DICOMDIR", 4, 9),
        ("structured report", "test-SR.dcm", None, 9),
    ):
        data = datasets.encoded(file)
        yield case_in_memory(f"{name}, as read", read(data), data, batch=20, at_least=least_as_read)
        yield case_in_memory(f"{name}, parsed", parsed(data), batch=20, at_least=least_parsed)

    contours = datasets.contours_encoded()
    yield case_in_memory("RT structure set of 100,000 numbers, built", datasets.contours)
    yield case_in_memory("RT structure set of 100,000 numbers, as read", read(contours), contours)
    yield case_in_memory("RT structure set of 100,000 numbers, parsed", parsed(contours))


def bulk_cases(tmpfs: Path, disk: Path, size: int) -> Iterator[Case]:
    """Yield the rows in which bytes count: streamdcm is to cost no more than writing them."""
    make = datasets.bulk(size)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, make())
    before_pixels = bytes(buffer.getbuffer()[:-size])
    del buffer
    for name, path in (
        ("/dev/null", Path(os.devnull)),
        ("tmpfs", tmpfs / "bulk.dcm"),
        ("disk", disk / "bulk.dcm"),
    ):
        contenders = {
            "pydicom": writer(pydicom.dcmwrite, make, path),
            "streamdcm": writer(streamdcm.dcmwrite, make, path),
            "write()": writer(partial(plain_write, before_pixels), make, path),
        }
        yield Case(f"{size // MIB:,} MiB of pixel data to {name}", contenders, at_most=1.05)


def case_in_memory(
    name: str,
    make: MakeDataset,
    data: bytes | None = None,
    *,
    batch: int = 1,
    at_least: float | None = None,
    is_image: bool = False,
) -> Case:
    """Return a row that writes to memory; see `in_memory`."""
    ours, theirs = io.BytesIO(), io.BytesIO()
    streamdcm.dcmwrite(ours, make())
    pydicom.dcmwrite(theirs, make())
    if ours.getvalue() != theirs.getvalue():
        raise SystemExit(f"{name}: the bytes differ from pydicom's; there is nothing to compare")
    return Case(name, in_memory(make, data, is_image=is_image), batch, at_least)


def plain_write(before_pixels: bytes, path: str, dataset: pydicom.Dataset) -> None:
    """Write the same bytes with nothing but write(), the pixel data in slices of 1 MiB."""
    view = memoryview(dataset["PixelData"].value)
    with open(path, "wb", buffering=0) as file:
        file.write(before_pixels)
        for start in range(0, len(view), MIB):
            file.write(view[start : start + MIB])


if __name__ == "__main__":
    main()
