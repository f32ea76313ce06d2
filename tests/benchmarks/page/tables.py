"""The figures as tables of Markdown, in the places of the page that are marked for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.benchmarks.page.figures import Figure, figures_in

_PLACE = re.compile(r"<!-- figures: ([\w-]+) -->\n.*?<!-- end -->", re.DOTALL)

_ORDER = ("streamdcm", "obstore", "pydicom")

MORE_IS_BETTER = frozenset({"targets", "frame-sizes"})
"""The plots that show rates; the others show what something costs."""


def refreshed(page: str, kept: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a page with the tables of what was kept."""

    def table(place: re.Match[str]) -> str:
        name = place[1]
        return f"<!-- figures: {name} -->\n\n{table_of(name, kept[name])}\n\n<!-- end -->" if name in kept else place[0]

    return _PLACE.sub(table, page)


def table_of(name: str, report: Mapping[str, Any]) -> str:
    """Return a table: a line for each row, a column for each contender, the best one in bold."""
    figures = figures_in(report)
    contenders = sorted(dict.fromkeys(figure.contender for figure in figures), key=place_of)
    best = max if name in MORE_IS_BETTER else min
    lines = [f"| | {' | '.join(contenders)} |", f"|---|{'---:|' * len(contenders)}"]
    for row in dict.fromkeys(figure.row for figure in figures):
        there = {figure.contender: figure for figure in figures if figure.row == row}
        peers = [figure.value for figure in there.values() if figure.contender != "write()"]
        ahead = best(peers)
        cells = [_cell(there.get(contender), ahead) for contender in contenders]
        lines.append(f"| {_label(row)} | {' | '.join(cells)} |")
    versions = ", ".join(f"{package} {version}" for package, version in report["versions"].items() if version)
    signed = f"`{report['command']}`, {report['date']}; {report['machine']}; {versions}."
    return "\n".join([*lines, "", f"{signed} In small: half of the rounds."])


def place_of(contender: str) -> int:
    """Return where a contender stands among the others."""
    return next((place for place, name in enumerate(_ORDER) if contender.startswith(name)), len(_ORDER))


def _label(row: str | float) -> str:
    """Return what is at the beginning of a line, which breaks at commas alone."""
    if isinstance(row, str):
        return row.replace(", ", ",<br>").replace(" ", "&nbsp;")
    return f"{row:,}"


def _cell(figure: Figure | None, ahead: float) -> str:
    if figure is None:
        return ""
    text = number(figure.value)
    spread = f" <small>{number(figure.low)} to {number(figure.high)}</small>" if figure.low != figure.high else ""
    is_ahead = figure.value == ahead and figure.contender != "write()"
    return (f"**{text}**" if is_ahead else text) + spread


def number(value: float) -> str:
    """Return three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
