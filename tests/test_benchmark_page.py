"""The benchmark page and the README show the figures that are kept, each with its place, date, versions and spread."""

import json
import re
from xml.etree import ElementTree

import pytest

from tests.benchmarks.page.figures import KEPT, MEMORY, PAGE, figure_of, figures_in, kept
from tests.benchmarks.page.tables import refreshed, table_of
from tests.support import ROOT

NAMES = ("elements", "first-byte", "frame-sizes", "targets", "uploads")


def test_the_tables_are_those_of_the_kept_figures() -> None:
    page = PAGE.read_text("utf-8")
    assert tuple(kept()) == NAMES
    assert sorted(re.findall(r"<!-- figures: ([\w-]+) -->", page)) == list(NAMES)
    assert refreshed(page, kept()) == page, "python -m tests.benchmarks.page --from-kept"


@pytest.mark.parametrize("name", NAMES)
def test_a_report_says_where_its_figures_come_from(name: str) -> None:
    report = kept()[name]
    for said in ("date", "machine", "versions", "command"):
        assert report[said]
    for figure in figures_in(report):
        assert 0 < figure.low <= figure.value <= figure.high
    drawn = "".join(ElementTree.parse(KEPT / f"{name}.svg").getroot().itertext())
    assert report["date"] in drawn


def test_the_readme_has_the_figures_of_memory() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = {row["contender"]: row for row in json.loads(MEMORY.read_text("utf-8"))["rows"] if row["mib"] == 2048}
    told = re.search(
        r"\*\*([\d.]+) MiB\*\* .* pydicom takes ([\d,]+) MiB.*?\*\*(\d+) times\*\* as fast", readme, re.DOTALL
    )
    assert told is not None
    assert float(told[1]) == pytest.approx(rows["streamdcm"]["peak_mib"], rel=0.2)
    assert float(told[2].replace(",", "")) == pytest.approx(rows["pydicom"]["peak_mib"], rel=0.05)
    assert int(told[3]) == pytest.approx(rows["pydicom"]["seconds"] / rows["streamdcm"]["seconds"], rel=0.2)


def test_the_best_of_a_row_is_bold_and_a_plain_write_is_not() -> None:
    figures = [
        figure_of("x", name, [value]) for name, value in (("streamdcm", 2.0), ("pydicom", 3.0), ("write()", 1.0))
    ]
    report = {"command": "c", "date": "d", "machine": "m", "versions": {"python": "3"}}
    report["figures"] = [each._asdict() for each in figures]
    assert "| x | **2** | 3 | 1 |" in table_of("elements", report)
    assert "| x | 2 | **3** | 1 |" in table_of("targets", report)
