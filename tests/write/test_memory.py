"""Peak memory does not grow with what is written (a gigabyte each time, in a process of its own)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import MIB, measure
from tests.support.space import directory_for, needs_proc

CHILD = "tests.support.children.memory"

pytestmark = [pytest.mark.memory, needs_proc]


@pytest.fixture
def directory() -> Iterator[Path]:
    with directory_for(1024 * MIB) as path:
        yield path


@pytest.mark.parametrize("sink", ["to_path", "to_write_only", "to_chunks", "to_size"])
@pytest.mark.parametrize("value", ["in_memory", "memmap", "mapped", "buffered"])
def test_a_gigabyte_of_bulk_data_adds_8_mib(value: str, sink: str, directory: Path) -> None:
    written, added = measure(CHILD, value, sink, directory)
    assert 1 << 30 < written < (1 << 30) + 1024
    assert added <= 8 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("sink", ["to_path", "to_chunks"])
def test_a_million_lazy_items_add_24_mib(sink: str, directory: Path) -> None:
    written, added = measure(CHILD, "lazy_items", sink, directory)
    item = 8 + 12 + 8 + 8 + 8  # two item headers, a sequence's, an element's, two numbers
    assert 1_000_000 * item < written < 1_000_000 * item + 1024
    assert added <= 24 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("sink", ["to_path", "to_write_only", "to_chunks", "to_path_with_group_lengths"])
def test_fifty_thousand_items_made_anew_of_a_kibibyte_add_24_mib(sink: str, directory: Path) -> None:
    written, added = measure(CHILD, "made_items", sink, directory)
    assert 50_000 * 1030 < written < 50_000 * 1100
    assert added <= 24 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("sink", ["to_path", "to_write_only", "to_chunks", "to_size", "to_path_with_group_lengths"])
def test_thousands_of_texts_in_a_row_add_8_mib(sink: str, directory: Path) -> None:
    written, added = measure(CHILD, "texts", sink, directory)
    assert 40_000_000 < written < 41_000_000
    assert added <= 8 * MIB, f"{added / MIB:.1f} MiB"


def test_long_texts_add_one_of_them_and_8_mib(directory: Path) -> None:
    written, added = measure(CHILD, "long_texts", "to_path", directory)
    assert 40_000_000 < written < 40_010_000
    assert added <= 4_000_000 + 8 * MIB, f"{added / MIB:.1f} MiB"


def test_the_measure_sees_what_is_allocated(directory: Path) -> None:
    """A copy of the value, kept for a moment, is found."""
    written, added = measure(CHILD, "in_memory", "to_copy", directory)
    assert written == 1 << 30
    assert added > 1000 * MIB
