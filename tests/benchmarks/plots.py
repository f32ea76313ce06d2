"""The plots of the benchmarks, as SVG that reads on light and on dark pages."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = {"streamdcm": "#1f8a70", "pydicom": "#d9622b"}
NEUTRAL = "#7d8590"
"""Readable on white and on black."""

mpl.use("svg")
mpl.rcParams.update(
    {
        "axes.edgecolor": NEUTRAL,
        "axes.labelcolor": NEUTRAL,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "font.size": 11,
        "svg.fonttype": "none",
        "svg.hashsalt": "streamdcm",
        "text.color": NEUTRAL,
        "xtick.color": NEUTRAL,
        "ytick.color": NEUTRAL,
    }
)


def draw_memory(report: Mapping[str, Any], path: Path) -> None:
    """Draw peak memory and time against the size of the image, a line for each contender."""
    figure, (memory, time) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for axes, key, label in ((memory, "peak_mib", "peak memory, MiB"), (time, "seconds", "seconds")):
        for name, colour in COLOURS.items():
            rows = [row for row in report["rows"] if row["contender"] == name]
            sizes, values = [row["mib"] for row in rows], [row[key] for row in rows]
            axes.plot(sizes, values, "o-", color=colour, linewidth=2, markersize=4, clip_on=False)
            axes.annotate(name, (sizes[-1], values[-1]), (-4, 6), textcoords="offset points", color=colour, ha="right")
        _axis_of_sizes(axes, max(row["mib"] for row in report["rows"]))
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    _sign(figure, report)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def draw_throughput(report: Mapping[str, Any], path: Path) -> None:
    """Draw instances a second against the number of workers, a line for each contender."""
    figure, axes = plt.subplots(figsize=(6.5, 3.4), layout="constrained")
    for name in dict.fromkeys(row["contender"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["contender"] == name]
        workers, rates = [row["workers"] for row in rows], [row["instances_per_second"] for row in rows]
        colour = COLOURS["streamdcm" if name.startswith("streamdcm") else "pydicom"]
        style = "o--" if "dask" in name else "o-"
        axes.plot(workers, rates, style, color=colour, linewidth=2, markersize=4, clip_on=False, label=name)
    axes.set_xticks(sorted({row["workers"] for row in report["rows"]}))
    axes.set_xlabel("workers")
    axes.set_ylabel("instances a second")
    axes.set_ylim(bottom=0)
    axes.grid(axis="y", color=NEUTRAL, alpha=0.25)
    axes.legend(frameon=False, fontsize=9)
    _sign(figure, report)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _sign(figure: Figure, report: Mapping[str, Any]) -> None:
    """Say where the figures come from."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    figure.text(0, -0.06, f"{report['command']} · {report['date']} · {report['machine']} · {versions}", fontsize=8)


def _axis_of_sizes(axes: Axes, largest: int) -> None:
    step = 2 ** max(math.ceil(math.log2(largest)) - 2, 0)
    ticks = range(0, largest + 1, step)
    axes.set_xticks(ticks, [f"{tick / 1024:g} GiB" if tick else "0" for tick in ticks])
    axes.set_xlabel("size of the image")
    axes.grid(axis="y", color=NEUTRAL, alpha=0.25)
