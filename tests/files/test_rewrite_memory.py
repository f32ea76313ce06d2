"""Rewriting a file takes no more memory for more pixel data (a gigabyte each time, in a process of its own)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import MIB, measure
from tests.support.space import directory_for, needs_proc

CHILD = "tests.support.children.rewrite"

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture
def directory() -> Iterator[Path]:
    with directory_for(1024 * MIB) as path:
        yield path


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("native", "edited"),
        ("native", "mapped"),
        ("encapsulated", "mapped"),
        ("native", "implicit"),
        ("native", "deflated"),
        ("encapsulated", "edited"),
        ("deflated", "edited"),
        ("deflated", "implicit"),
    ],
)
@pytest.mark.parametrize("way", ["file", "stream"])
def test_a_gigabyte_of_pixel_data_adds_8_mib(source: str, change: str, way: str, directory: Path) -> None:
    written, added = measure(CHILD, source, change, directory, way)
    assert written < 1 << 22 if "deflated" in (change, source) and change != "implicit" else written > 1 << 30
    assert added <= 8 * MIB, f"{added / MIB:.1f} MiB"


def test_pixel_data_that_an_edit_asks_for_are_seen_in_memory(directory: Path) -> None:
    _, added = measure(CHILD, "native", "loaded", directory, "file")
    assert added > 1000 * MIB
