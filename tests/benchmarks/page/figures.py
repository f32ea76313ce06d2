"""Figures as they are kept: what was measured, where, with which versions, and how much the rounds differ."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import ROOT

PICTURES = ROOT / "docs" / "pictures"
KEPT = PICTURES / "benchmarks"
MEMORY = PICTURES / "memory.json"
PAGE = ROOT / "docs" / "explanation" / "benchmarks.md"


class Figure(NamedTuple):
    """One point of a plot.

    Attributes
    ----------
    row : str or float
        What was written, or its size: a place on the axis.
    contender : str
        Who wrote it.
    value, low, high : float
        The median of the rounds, and their quartiles.
    """

    row: str | float
    contender: str
    value: float
    low: float
    high: float


def figure_of(row: str | float, contender: str, rounds: Sequence[float]) -> Figure:
    """Return the median and the quartiles of what the rounds gave."""
    low, _, high = statistics.quantiles(rounds, n=4, method="inclusive") if len(rounds) > 1 else [rounds[0]] * 3
    return Figure(row, contender, *(_rounded(each) for each in (statistics.median(rounds), low, high)))


def report_of(figures: Iterable[Figure], command: str, packages: Sequence[str]) -> dict[str, Any]:
    """Return what is kept: the figures, and where they come from."""
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in packages},
        "command": command,
        "figures": [figure._asdict() for figure in figures],
    }


def figures_in(report: Mapping[str, Any]) -> list[Figure]:
    """Return the figures of what was kept."""
    return [Figure(**each) for each in report["figures"]]


def read_report(path: Path) -> dict[str, Any]:
    """Read what was kept."""
    return dict(json.loads(path.read_text("utf-8")))


def kept() -> dict[str, dict[str, Any]]:
    """Return the reports of the page, by the names of their plots."""
    return {path.stem: read_report(path) for path in sorted(KEPT.glob("*.json"))}


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Keep a report, a line for each figure."""
    head = json.dumps({name: value for name, value in report.items() if name != "figures"}, indent=1)
    lines = ",\n  ".join(json.dumps(each) for each in report["figures"])
    path.write_text(f'{head[:-2]},\n "figures": [\n  {lines}\n ]\n}}\n', "utf-8")


def machine() -> str:
    """Say what this machine is."""
    model = ""
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = (line.partition(":") for line in cpus.read_text().splitlines())
        model = next((f", {value.strip()}" for name, _, value in lines if name.strip() == "model name"), "")
    return f"{platform.system()} {platform.machine()}{model}, {os.cpu_count()} cores"


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
