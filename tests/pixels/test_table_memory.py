"""A frame takes 8 bytes of memory for its place in an offset table, half as much again while it is made; else none."""

from pathlib import Path

import pytest

from tests.support.memory import MIB, measure
from tests.support.space import needs_proc

FRAMES = 1_000_000

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.mark.parametrize(
    ("case", "for_each"),
    [("without", 0), ("unknown", 0), ("basic", 12), ("extended", 12), ("either", 12), ("listed", 12)],
)
def test_a_million_frames_take_what_is_promised_and_a_few_chunks(case: str, for_each: int, tmp_path: Path) -> None:
    written, added = measure("tests.support.children.small_frames", case, str(FRAMES), tmp_path)
    assert written > 18 * FRAMES
    assert added <= for_each * FRAMES + 4 * MIB, f"{added / MIB:.1f} MiB"
