"""A gibibyte of frames whose number is not known takes little memory, where what waits for it is held back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import MIB, measure
from tests.support.space import directory_for, needs_proc

CHILD = "tests.support.children.held"
WAYS = ["chunks", "pipe", "sockets", "async_chunks", "async_stream"]

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture
def directory() -> Iterator[Path]:
    with directory_for(1024 * MIB) as path:
        yield path


@pytest.mark.parametrize("way", WAYS)
def test_a_gigabyte_adds_what_is_held_and_16_mib(way: str, directory: Path) -> None:
    written, added = measure(CHILD, way, "1024", directory)
    assert 1 << 30 < written < (1 << 30) + 2000
    assert added <= (64 + 16) * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("way", ["deflated", "tiny_frames"])
def test_so_do_frames_that_are_compressed_and_tiny_ones(way: str, directory: Path) -> None:
    _, added = measure(CHILD, way, "120", directory)
    assert added <= (64 + 16) * MIB, f"{added / MIB:.1f} MiB"
