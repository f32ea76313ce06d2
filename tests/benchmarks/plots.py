"""The plots of the benchmarks, as SVG that reads on light and on dark pages."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tests.benchmarks.page.figures import Figure as Measured
from tests.benchmarks.page.figures import figures_in
from tests.benchmarks.page.tables import number, place_of

COLOURS = {"streamdcm": "#1f8a70", "pydicom": "#d9622b"}
OTHERS = {
    "streamdcm, pure Python": "#63b59f",
    "gdcm": "#8e6bd6",
    "dicomsdl": "#3b82d8",
    "highdicom": "#c2557f",
    "wsidicom": "#b58a1b",
    "obstore": "#3b82d8",
}
NEUTRAL = "#7d8590"
"""Readable on white and on black."""

_BESIDE = {"textcoords": "offset points", "verticalalignment": "center"}

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
    for axes, key, spread, label in (
        (memory, "peak_mib", "spread_mib", "peak memory, MiB"),
        (time, "seconds", "spread_seconds", "seconds"),
    ):
        for name, colour in COLOURS.items():
            rows = [row for row in report["rows"] if row["contender"] == name]
            sizes, values = [row["mib"] for row in rows], [row[key] for row in rows]
            half = [row.get(spread, 0) / 2 for row in rows]
            axes.errorbar(sizes, values, half, fmt="o-", color=colour, linewidth=2, markersize=4, clip_on=False)
            axes.annotate(name, (sizes[-1], values[-1]), (-4, 6), textcoords="offset points", color=colour, ha="right")
        _axis_of_sizes(axes, max(row["mib"] for row in report["rows"]))
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
    _finish(figure, report, path)


def draw_lines(report: Mapping[str, Any], path: Path, x_label: str, y_label: str) -> None:
    """Draw a line for each contender, both axes logarithmic, with the quartiles of the rounds."""
    figure, axes = plt.subplots(figsize=(8, 3.8), layout="constrained")
    figures = figures_in(report)
    for name in dict.fromkeys(each.contender for each in figures):
        points = [each for each in figures if each.contender == name]
        sizes, colour = [each.row for each in points], _colour(name)
        axes.plot(sizes, [each.value for each in points], "o-", color=colour, linewidth=2, markersize=4, label=name)
        low, high = [each.low for each in points], [each.high for each in points]
        axes.fill_between(sizes, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = sorted({each.row for each in figures})
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.yaxis.set_major_formatter(_plain)
    axes.grid(axis="y", color=NEUTRAL, alpha=0.25)
    axes.legend(frameon=False, fontsize=9)
    _finish(figure, report, path)


def draw_bars(report: Mapping[str, Any], path: Path, label: str, *, log: bool = False) -> None:
    """Draw a bar for each row and contender, with the quartiles of the rounds and the value beside it."""
    figures = figures_in(report)
    figure, axes = plt.subplots(figsize=(8, 0.9 + _height(figures)), layout="constrained")
    _bars(axes, figures, label, log)
    _name_colours(figure, figures)
    _finish(figure, report, path)


def draw_uploads(report: Mapping[str, Any], path: Path) -> None:
    """Draw seconds and memory side by side, as bars."""
    figures = figures_in(report)
    figure, both = plt.subplots(1, 2, figsize=(9, 1.2 + _height(figures) / 2), layout="constrained")
    for axes, unit in zip(both, ("seconds", "MiB of memory"), strict=True):
        there = [each for each in figures if str(each.row).startswith(unit)]
        _bars(axes, [each._replace(row=str(each.row).removeprefix(f"{unit}, ")) for each in there], unit, log=False)
    _name_colours(figure, figures)
    _finish(figure, report, path)


def _height(figures: Sequence[Measured]) -> float:
    return 0.2 * (len(figures) + len({each.row for each in figures}))


def _bars(axes: Axes, figures: Sequence[Measured], label: str, log: bool) -> None:
    at, ticks = 0.0, []
    for row in dict.fromkeys(each.row for each in figures):
        begin = at
        for each in sorted((each for each in figures if each.row == row), key=lambda each: place_of(each.contender)):
            error = [[each.value - each.low], [each.high - each.value]]
            axes.barh(at, each.value, 0.8, color=_colour(each.contender), xerr=error, ecolor=NEUTRAL)
            axes.annotate(number(each.value), (max(each.value, each.high), at), (4, 0), **_BESIDE, fontsize=8)
            at += 1
        ticks.append(((begin + at - 1) / 2, str(row)))
        at += 1
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.set_ylim(at - 1, -1)
    axes.margins(x=0.12)
    if log:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(_plain)
    axes.set_xlabel(label)
    axes.grid(axis="x", color=NEUTRAL, alpha=0.25)


def _name_colours(figure: Figure, figures: Sequence[Measured]) -> None:
    names = sorted(dict.fromkeys(each.contender for each in figures), key=place_of)
    handles = [Patch(color=_colour(name), label=name) for name in names]
    figure.legend(handles=handles, frameon=False, fontsize=9, ncols=3, loc="outside upper left")


def draw_throughput(report: Mapping[str, Any], path: Path) -> None:
    """Draw instances a second against the number of workers, a line for each contender."""
    figure, axes = plt.subplots(figsize=(8, 3.4), layout="constrained")
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
    figure.legend(frameon=False, fontsize=9, handlelength=3, ncols=4, loc="outside upper left")
    _finish(figure, report, path)


def _colour(name: str) -> str:
    known = COLOURS | OTHERS
    return next((known[each] for each in sorted(known, key=len, reverse=True) if name.startswith(each)), NEUTRAL)


def _plain(value: float, _: object) -> str:
    return number(value)


def _finish(figure: Figure, report: Mapping[str, Any], path: Path) -> None:
    _sign(figure, report)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _sign(figure: Figure, report: Mapping[str, Any]) -> None:
    """Say where the figures come from."""
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items() if version)
    signed = f"{report['command']} · {report['date']}\n{report['machine']} · {versions}"
    figure.text(0, -0.01, signed, fontsize=8, verticalalignment="top")


def _axis_of_sizes(axes: Axes, largest: int) -> None:
    step = 2 ** max(math.ceil(math.log2(largest)) - 2, 0)
    ticks = range(0, largest + 1, step)
    axes.set_xticks(ticks, [f"{tick / 1024:g} GiB" if tick else "0" for tick in ticks])
    axes.set_xlabel("size of the image")
    axes.grid(axis="y", color=NEUTRAL, alpha=0.25)
