"""``python -m tests.benchmarks.memory`` measures peak memory and time against the size of an image, beside pydicom.

``--json FILE`` keeps the figures, ``--plot FILE`` draws them (SVG); ``--from FILE`` draws what was kept. Each run is a
process of its own, the contenders by turns; the peak is the anonymous memory above the start, sampled from outside.
"""

import argparse
import json
import platform
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pydicom

from tests.benchmarks.memory_child import CONTENDERS
from tests.benchmarks.page.figures import machine
from tests.benchmarks.plots import draw_memory
from tests.support.memory import MIB, measure

SIZES = (64, 256, 512, 1024, 2048, 4096)


def main() -> None:
    """Measure or read, print, keep and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.memory", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, metavar="MIB")
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where to write (%(default)s)")
    parser.add_argument("--from", dest="kept", type=Path, metavar="FILE", help="do not measure, read these figures")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    options = parser.parse_args()

    if options.kept:
        report = json.loads(options.kept.read_text("utf-8"))
    else:
        report = figures(options.sizes, options.rounds, options.directory)
    for row in report["rows"]:
        print("{contender:<10} {mib:>6} MiB  {peak_mib:>8.1f} MiB above the start  {seconds:>7.2f} s".format_map(row))
    if options.json:
        write(report, options.json)
    if options.plot:
        draw_memory(report, options.plot)


def figures(sizes: Sequence[int], rounds: int, directory: Path) -> dict[str, Any]:
    """Measure each contender with each size; return the medians, and where they come from."""
    rows = []
    for size in sizes:
        runs: dict[str, list[tuple[int, int]]] = {name: [] for name in CONTENDERS}
        with tempfile.TemporaryDirectory(dir=directory) as there:
            for _ in range(rounds):
                for name in CONTENDERS:
                    target = Path(there, "image.dcm")
                    runs[name].append(measure("tests.benchmarks.memory_child", name, str(size), target))
                    target.unlink()
        for name, taken in runs.items():
            milliseconds, peaks = zip(*taken, strict=True)
            rows.append(
                {
                    "contender": name,
                    "mib": size,
                    "peak_mib": round(statistics.median(peaks) / MIB, 1),
                    "spread_mib": round((max(peaks) - min(peaks)) / MIB, 1),
                    "seconds": round(statistics.median(milliseconds) / 1000, 3),
                    "spread_seconds": round((max(milliseconds) - min(milliseconds)) / 1000, 3),
                }
            )
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": {"python": platform.python_version(), "pydicom": pydicom.__version__},
        "command": "python -m tests.benchmarks.memory",
        "rows": rows,
    }


def write(report: Mapping[str, Any], path: Path) -> None:
    """Keep a report."""
    path.write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
