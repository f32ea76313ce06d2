"""The campaigns for a few seconds each, with one seed for all days; that of damaged files is in ``tests/files``."""

import pytest

from tests.campaigns import Budget, run

pytestmark = pytest.mark.slow

SEED = 1
"""What is found on another day is no news of a change: other seeds are for campaigns by hand."""


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        ("kill", Budget(SEED, seconds=10)),
        ("cancel", Budget(SEED, seconds=8)),
        ("faults", Budget(SEED, seconds=10)),
        ("soak", Budget(SEED, rounds=8)),
    ],
)
def test_nothing_is_lost_and_nothing_left(name: str, budget: Budget) -> None:
    assert run(name, budget).total()
