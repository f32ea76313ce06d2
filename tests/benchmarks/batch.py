"""``python -m tests.benchmarks.batch``: many small instances, beside loops, multiprocessing and dask.bag with pydicom.

Each run is a process of its own, contenders take turns, and rows are medians of the milliseconds of CPU and of time
that an instance takes, without the start of workers. The CPU is that of all processes: coordinator, workers, scheduler.

``--figure FILE`` draws throughput against the number of workers (SVG), ``--json FILE`` keeps the figures, and
``--from FILE`` draws what was kept.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pydicom
from pydicom import examples

from tests.benchmarks.batch_child import CONTENDERS
from tests.support import python_module

ROW = "{:<26} {:>10} {:>10} {:>10} {:>12}"
AGAIN = 5000
"""How many instances a second are skipped that are done."""


class Took(NamedTuple):
    """Milliseconds of an instance, and how many are skipped a second."""

    cpu: float
    wall: float
    again: float


def measure_batch(directory: Path, rounds: int, count: int, names: Sequence[str] = tuple(CONTENDERS)) -> None:
    """Measure and print: CT instances of 39 KB, two workers, an edit of two elements."""
    print(ROW.format(f"batch, {count:,} instances", "CPU ms", "ms", "skips/s", "CPU/loop"))
    source = make_instances(directory / "source", count)
    runs: dict[str, list[Took]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            runs[name].append(taken(name, source, directory / "work", 2))
    for name, each in runs.items():
        ratio = ratio_of([run.cpu for run in each], [run.cpu for run in runs["loop of rewrite"]])
        cpu, wall, again = (statistics.median(column) for column in zip(*each, strict=True))
        shown = f"{again:,.0f}" if again else ""
        print(ROW.format(name, f"{cpu:.3f}", f"{wall:.3f}", shown, f"{ratio:.2f}"), flush=True)
    for line in targets(runs):
        print(line)


def targets(runs: dict[str, list[Took]]) -> list[str]:
    """Return whether each target is reached; the second one needs free cores."""
    loop, local, dask = runs["loop of rewrite"], runs["streamdcm"], runs["streamdcm, dask"]
    cpu = ratio_of([run.cpu for run in local], [run.cpu for run in loop])
    speed = ratio_of([run.wall for run in loop], [run.wall for run in local])
    again = statistics.median(run.again for run in local)
    cluster = ratio_of([run.cpu for run in dask], [run.cpu for run in local])
    return [
        _verdict("CPU of an instance, beside a loop of rewrite", cpu, cpu <= 1.15, "at most 1.15"),
        _verdict("speed, beside that loop, on free cores", speed, speed >= 1.7, "at least 1.7"),
        _verdict("instances skipped a second, all done", again, again >= AGAIN, f"at least {AGAIN:,}"),
        _verdict("CPU with dask, beside local workers", cluster, cluster <= 1.3, "at most 1.3"),
    ]


def _verdict(what: str, value: float, is_reached: bool, target: str) -> str:
    return f"{what}: {value:,.2f}, {target}: {'reached' if is_reached else 'NOT REACHED'}"


def ratio_of(some: Sequence[float], others: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(one / other for one, other in zip(some, others, strict=True))


def taken(name: str, source: Path, directory: Path, workers: int) -> Took:
    """Run a contender in a process of its own."""
    directory.mkdir()
    command = python_module("tests.benchmarks.batch_child", name, source, directory, workers)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return Took(*map(float, done.stdout.split()[-3:]))


def make_instances(directory: Path, count: int) -> Path:
    """Write CT instances of 39 KB, a hundred in a folder."""
    dataset = pydicom.dcmread(examples.get_path("ct"))
    for number in range(count):
        folder = directory / f"{number // 100:04}"
        folder.mkdir(parents=True, exist_ok=True)
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        dataset.save_as(folder / f"{number:06}.dcm")
    return directory


def figures(directory: Path, rounds: int, count: int, workers: Sequence[int]) -> dict[str, Any]:
    """Measure throughput against the number of workers."""
    source = make_instances(directory / "source", count)
    rows = []
    names = [name for name in CONTENDERS if "loop" not in name]
    for number in workers:
        runs: dict[str, list[Took]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                runs[name].append(taken(name, source, directory / "work", number))
        for name, each in runs.items():
            rate = 1000 / statistics.median(run.wall for run in each)
            rows.append({"contender": name, "workers": number, "instances_per_second": round(rate)})
            print(f"{name:<26} {number} workers  {rate:>8,.0f} instances/s", flush=True)
    return {
        "date": date.today().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "versions": {"python": platform.python_version(), "pydicom": pydicom.__version__},
        "command": "python -m tests.benchmarks.batch --figure",
        "rows": rows,
    }


def main() -> None:
    """Measure, print, keep and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.batch", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=2000, help="how many instances (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="*", default=(1, 2, 3, 4), help="for the figure")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--only", nargs="*", default=tuple(CONTENDERS), help="only these contenders")
    parser.add_argument("--figure", type=Path, metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--from", dest="kept", type=Path, metavar="FILE", help="do not measure, read these figures")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory) as there:
        if given.figure is None:
            measure_batch(Path(there), given.rounds, given.count, given.only)
            return
        report = json.loads(given.kept.read_text("utf-8")) if given.kept else None
        report = report or figures(Path(there), given.rounds, given.count, given.workers)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    from tests.benchmarks.plots import draw_throughput

    draw_throughput(report, given.figure)


if __name__ == "__main__":
    main()
