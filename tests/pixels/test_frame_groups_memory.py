"""Functional groups that come with their frames are not kept in memory until the last one has come.

An upload has parts of 8 MiB: the one with the length of the sequence, one in the field, one of pixels, and those on
their way. What is put aside is in memory up to 16 MiB of items and 16 MiB of frames.
"""

from pathlib import Path

import pytest

from tests.support.memory import MIB, measure
from tests.support.space import needs_proc

FRAMES = 100_000
ITEMS = 600 * FRAMES

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.mark.parametrize(
    ("case", "bound"),
    [
        ("patched", 8 * MIB),
        ("parts", 48 * MIB),
        ("spooled", 40 * MIB),
        ("in_order", 40 * MIB),
        ("captured", 40 * MIB),
        ("appended", 40 * MIB),
    ],
)
def test_items_of_600_bytes_take_no_more_than_what_is_on_its_way(case: str, bound: int, tmp_path: Path) -> None:
    written, added = measure("tests.support.children.frame_groups", case, str(FRAMES), tmp_path)
    assert written > ITEMS
    assert added <= bound, f"{added / MIB:.1f} MiB"
