"""``python -m tests.benchmarks.page`` measures what the benchmark page shows, and draws it: ten minutes, idle.

The figures are kept as JSON in docs/pictures/benchmarks, drawn as SVG beside it, and written as tables into
docs/explanation/benchmarks.md; those of memory are also in the README, as docs/pictures/memory.json and .svg.
``--from-kept`` draws what was kept and measures nothing, ``--quick`` takes two minutes and is for trying out alone.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks import memory
from tests.benchmarks.page import elements, first_byte, frame_sizes, targets, uploads
from tests.benchmarks.page.figures import KEPT, MEMORY, PAGE, Figure, kept, read_report, report_of, write_report
from tests.benchmarks.page.tables import refreshed
from tests.benchmarks.plots import draw_bars, draw_lines, draw_memory, draw_uploads

Measure = Callable[[Path, Path, bool], Iterator[Figure]]


class Plot(NamedTuple):
    """A plot of the page: how its figures are measured, from which packages, and how they are drawn."""

    measure: Measure
    packages: tuple[str, ...]
    draw: Callable[[Mapping[str, Any], Path], None]


PLOTS = {
    "targets": Plot(targets.measure, targets.PACKAGES, lambda report, path: draw_bars(report, path, "MiB/s")),
    "first-byte": Plot(
        first_byte.measure,
        first_byte.PACKAGES,
        lambda report, path: draw_lines(report, path, "size of the image, MiB", "milliseconds to the first bytes"),
    ),
    "frame-sizes": Plot(
        frame_sizes.measure,
        frame_sizes.PACKAGES,
        lambda report, path: draw_lines(report, path, "bytes of a frame", "frames a second"),
    ),
    "elements": Plot(
        elements.measure, elements.PACKAGES, lambda report, path: draw_bars(report, path, "milliseconds", log=True)
    ),
    "uploads": Plot(uploads.measure, uploads.PACKAGES, draw_uploads),
}


def main() -> None:
    """Measure, keep, draw, and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less data: the figures are no good")
    parser.add_argument("--from-kept", action="store_true", help="measure nothing, draw what was kept")
    parser.add_argument(
        "--disk", type=Path, default=Path(tempfile.gettempdir()), help="a directory on a disk (%(default)s)"
    )
    parser.add_argument("only", nargs="*", help=f"only these: memory {' '.join(PLOTS)}")
    options = parser.parse_args()
    KEPT.mkdir(exist_ok=True)

    wanted = options.only or ["memory", *PLOTS]
    if not options.from_kept:
        for name in wanted:
            begun = time.monotonic()
            keep(name, options.disk, options.quick)
            print(f"{name}: measured in {time.monotonic() - begun:.0f} s", flush=True)
    for name in wanted:
        draw(name)
    PAGE.write_text(refreshed(PAGE.read_text("utf-8"), kept()), "utf-8")


def keep(name: str, disk: Path, quick: bool) -> None:
    """Measure one plot's figures and keep them."""
    shared = Path("/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir())
    if name == "memory":
        sizes = (64, 128) if quick else (64, 256, 512, 1024, 2048)
        memory.write(memory.figures(sizes, 1 if quick else 3, shared), MEMORY)
        return
    plot = PLOTS[name]
    with ExitStack() as stack:
        tmpfs, on_disk = (Path(stack.enter_context(tempfile.TemporaryDirectory(dir=each))) for each in (shared, disk))
        figures = list(plot.measure(tmpfs, on_disk, quick))
    command = f"python -m tests.benchmarks.page{' --quick' if quick else ''} {name}"
    write_report(report_of(figures, command, plot.packages), KEPT / f"{name}.json")


def draw(name: str) -> None:
    """Draw what was kept of one plot."""
    if name == "memory":
        draw_memory(read_report(MEMORY), MEMORY.with_suffix(".svg"))
    else:
        PLOTS[name].draw(read_report(KEPT / f"{name}.json"), KEPT / f"{name}.svg")


if __name__ == "__main__":
    main()
