"""Rows of the tables: printed as they come, kept for JSON; each says who is ahead."""

import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

PEERS: Final = ("pydicom", "python-gdcm", "dicomsdl", "highdicom", "wsidicom", "obstore", "boto3", "numpy")
FLOORS: Final = frozenset({"write()"})
"""What writes nothing but bytes that are ready: nobody to be ahead of."""


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Parameters
    ----------
    table, name : str
        Where it stands, and what was written.
    seconds : mapping of str to float
        What a call of each contender took: the median of its rounds.
    clock : {"wall", "CPU"}
        What was measured.
    ratio : float or None
        What the target is about.
    target : str
        What `ratio` is to be.
    met : bool or None
        Whether it is; `None` without a target.
    """

    table: str
    name: str
    seconds: Mapping[str, float]
    clock: str = "wall"
    ratio: float | None = None
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        """The target, and whether it is met."""
        return "" if self.met is None else f"{self.target} {'met' if self.met else 'MISSED'}"

    @property
    def ahead(self) -> str | None:
        """Who took least, if there are several."""
        peers = {name: seconds for name, seconds in self.seconds.items() if name not in FLOORS}
        return min(peers, key=peers.__getitem__) if len(peers) > 1 else None

    @property
    def lead(self) -> str:
        """Who is ahead, and by how much of whom."""
        if self.ahead is None:
            return ""
        others = {name: took for name, took in self.seconds.items() if name != self.ahead and name not in FLOORS}
        second = min(others, key=others.__getitem__)
        return f"{self.ahead} ahead, {others[second] / self.seconds[self.ahead]:.2f} x {second}"


@dataclass
class Report:
    """All rows of a run, and where they come from."""

    rows: list[Row] = field(default_factory=list)

    def add(self, row: Row) -> Row:
        """Keep a row, and return it."""
        self.rows.append(row)
        return row

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        path.write_text(json.dumps(self._content(), indent=1) + "\n", "utf-8")

    def _content(self) -> dict[str, Any]:
        return {
            "date": date.today().isoformat(),
            "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            "versions": {"python": platform.python_version()} | {name: _version(name) for name in PEERS},
            "command": f"python -m tests.benchmarks {' '.join(sys.argv[1:])}".rstrip(),
            "rows": [asdict(row) | {"ahead": row.ahead} for row in self.rows],
        }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
