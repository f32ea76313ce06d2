"""Damaged files: our own errors or a result that reads equal, no hang, flat memory, and nothing left behind.

The seed is that of the day; a failure names it and the round. By hand: ``python -m tests.campaigns fuzz``.
"""

import pytest

from tests.campaigns import Budget, run

CASES = 2000
BATCHES = 8


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_damaged_files_are_refused_in_our_own_words_or_read_equal(batch: int) -> None:
    first = batch * CASES // BATCHES
    seen = run("fuzz", Budget(rounds=first + CASES // BATCHES, number=first))
    assert seen.total() == CASES // BATCHES
