"""``python -m tests.benchmarks`` measures streamdcm beside pydicom, GDCM and wsidicom.

From a checkout, after ``pip install -e '.[benchmark]'``. Every contender gets a dataset of its own for
every call and they run by turns; the ratios are medians of the rounds' ratios. Before a row is measured,
streamdcm's bytes are compared with pydicom's.
"""

import argparse
import io
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import pydicom

import streamdcm
from tests.benchmarks import datasets
from tests.benchmarks.batch import measure_batch
from tests.benchmarks.datasets import MIB
from tests.benchmarks.frames import measure_frames
from tests.benchmarks.objects import measure_objects
from tests.benchmarks.rewrite import measure_rewrite
from tests.benchmarks.timing import Contender, Timings, by_turns
from tests.benchmarks.transcode import measure_transcode, measure_workers

try:
    import gdcm
except ImportError:
    gdcm = None

MakeDataset = Callable[[], pydicom.Dataset]
ROW = "{:<47} {:>10} {:>10} {:>16} {:>14}  {}"


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
    parser.add_argument("only", nargs="*", help="measure only rows whose name contains one of these")
    options = parser.parse_args()
    short, long = (5, 3) if options.quick else (21, 9)

    print(f"Python {platform.python_version()}, pydicom {pydicom.__version__}, {os.cpu_count()} cores")
    print(ROW.format("", "pydicom", "streamdcm", "beside", "ratio", "target"))
    with ExitStack() as stack:
        memory = Path("/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir())
        tmpfs, disk = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent))) for parent in (memory, options.disk)
        )
        for case in (*small_cases(tmpfs), *bulk_cases(tmpfs, disk, (128 if options.quick else 1024) * MIB)):
            if not options.only or any(word in case.name for word in options.only):
                timings = by_turns(case.contenders, short if case.at_most is None else long, case.batch)
                print(row(case, timings), flush=True)
        if not options.only or "frames" in options.only:
            measure_frames(tmpfs, long, (128 if options.quick else 1024) * MIB)
        if not options.only or "rewrite" in options.only:
            measure_rewrite(tmpfs, 7 if options.quick else 21, (128 if options.quick else 1024) * MIB)
        if not options.only or "transcode" in options.only:
            measure_transcode(tmpfs, 3, (64 if options.quick else 512) * MIB)
        if not options.only or "workers" in options.only:
            measure_workers(tmpfs, 3, (64 if options.quick else 256) * MIB)
        if not options.only or "batch" in options.only:
            measure_batch(disk, 3 if options.quick else 5, 1000 if options.quick else 2000)
        if not options.only or "objects" in options.only:
            measure_objects(tmpfs, 3 if options.quick else 5, (128 if options.quick else 256) * MIB)


def row(case: Case, timings: Timings) -> str:
    """Return a line of the table."""
    beside = next((name for name in case.contenders if name not in ("pydicom", "streamdcm")), None)
    if case.at_most is not None and beside:
        ratio = timings.ratio("streamdcm", beside)
        shown, target, met = f"{ratio:.2f} x {beside}", f"<= {case.at_most:.2f}", ratio <= case.at_most
    else:
        ratio = timings.ratio("pydicom", "streamdcm")
        shown, target, met = f"{ratio:.1f} x", f">= {case.at_least}", ratio >= (case.at_least or 0)
    verdict = "" if case.at_least is case.at_most is None else f"{target} {'met' if met else 'MISSED'}"
    return ROW.format(
        case.name,
        duration(timings.median("pydicom")),
        duration(timings.median("streamdcm")),
        f"{beside} {duration(timings.median(beside))}" if beside else "",
        shown,
        verdict,
    ).rstrip()


def duration(seconds: float) -> str:
    """Return three digits and a unit."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def small_cases(directory: Path) -> Iterator[Case]:
    """Yield the rows in which elements count: encoding is what takes the time."""
    slice_ = datasets.encoded("CT_small.dcm")
    rt_plan = datasets.encoded("rtplan.dcm")
    directory_file = datasets.encoded("DICOMDIR")
    read, parsed = partial(partial, datasets.as_read), partial(partial, datasets.parsed)

    yield to_memory("CT slice, as read", read(slice_), batch=20, at_least=10)
    yield to_memory("CT slice, parsed", parsed(slice_), batch=20, at_least=10)
    # a new dataset for each call is not in the processor's caches; the same one again is
    yield to_memory("CT slice, as read, the same again", cache(read(slice_)), batch=20, at_least=10)
    yield to_memory("CT slice, parsed, the same again", cache(parsed(slice_)), batch=20, at_least=10)
    yield to_path("CT slice, as read, to a path on tmpfs", slice_, read(slice_), directory)
    yield to_path("CT slice, parsed, to a path on tmpfs", slice_, parsed(slice_), directory)

    name = "1,000 frames of functional groups"
    built = partial(datasets.functional_groups, 1000)
    yield to_memory(f"{name}, built", built, at_least=7)
    undefined = datasets.functional_groups_encoded(1000, undefined=True)
    yield to_memory(f"{name}, as read", read(undefined), at_least=7)
    yield to_memory(f"{name}, parsed", parsed(undefined), at_least=7)

    yield to_memory("RT plan, as read", read(rt_plan), batch=20)
    yield to_memory("RT plan, parsed", parsed(rt_plan), batch=20)
    yield to_memory("DICOMDIR, as read", read(directory_file), batch=20)
    yield to_memory("DICOMDIR, parsed", parsed(directory_file), batch=20)


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


def to_memory(name: str, make: MakeDataset, batch: int = 1, at_least: float | None = None) -> Case:
    """Return a row that writes to a new `io.BytesIO`."""
    ours, theirs = io.BytesIO(), io.BytesIO()
    streamdcm.dcmwrite(ours, make())
    pydicom.dcmwrite(theirs, make())
    if ours.getvalue() != theirs.getvalue():
        raise SystemExit(f"{name}: the bytes differ from pydicom's; there is nothing to compare")
    contenders = {
        "pydicom": Contender(make, lambda dataset: pydicom.dcmwrite(io.BytesIO(), dataset)),
        "streamdcm": Contender(make, lambda dataset: streamdcm.dcmwrite(io.BytesIO(), dataset)),
    }
    return Case(name, contenders, batch, at_least)


def to_path(name: str, data: bytes, make: MakeDataset, directory: Path) -> Case:
    """Return a row that writes to a path, GDCM beside the others."""
    target = directory / "slice.dcm"
    contenders = {
        "pydicom": writer(pydicom.dcmwrite, make, target),
        "streamdcm": writer(streamdcm.dcmwrite, make, target),
    }
    if gdcm is not None:
        source = directory / "source.dcm"
        source.write_bytes(data)
        contenders["gdcm"] = Contender(partial(gdcm_prepare, source, target), gdcm_write)
    return Case(name, contenders)


def writer(write: Callable[[str, pydicom.Dataset], object], make: MakeDataset, path: Path) -> Contender:
    """Return a contender that writes to a path at which there is no file yet."""

    def prepare() -> pydicom.Dataset:
        clear(path)
        return make()

    return Contender(prepare, partial(write, str(path)))


def clear(path: Path) -> None:
    """Remove a file and, if it was large, let the disk settle."""
    if path.is_file():
        large = path.stat().st_size > MIB
        path.unlink()
        if large:
            os.sync()


def plain_write(before_pixels: bytes, path: str, dataset: pydicom.Dataset) -> None:
    """Write the same bytes with nothing but write(), the pixel data in slices of 1 MiB."""
    view = memoryview(dataset["PixelData"].value)
    with open(path, "wb", buffering=0) as file:
        file.write(before_pixels)
        for start in range(0, len(view), MIB):
            file.write(view[start : start + MIB])


def gdcm_prepare(source: Path, target: Path) -> "tuple[gdcm.Reader, str]":
    """Read a file with GDCM."""
    clear(target)
    reader = gdcm.Reader()
    reader.SetFileName(str(source))
    if not reader.Read():
        raise SystemExit(f"GDCM cannot read {source}")
    return reader, str(target)


def gdcm_write(prepared: "tuple[gdcm.Reader, str]") -> None:
    """Write what GDCM read."""
    reader, target = prepared
    gdcm_writer = gdcm.Writer()
    gdcm_writer.SetFileName(target)
    gdcm_writer.SetFile(reader.GetFile())
    if not gdcm_writer.Write():
        raise SystemExit(f"GDCM cannot write {target}")


if __name__ == "__main__":
    main()
