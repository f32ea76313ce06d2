"""The campaigns for a few seconds each, with the seed of the day; that of damaged files is in ``tests/files``."""

import pytest

from tests.campaigns import Budget, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "budget"),
    [
        ("kill", Budget(seconds=10)),
        ("cancel", Budget(seconds=8)),
        ("faults", Budget(seconds=10)),
        ("soak", Budget(rounds=8)),
    ],
)
def test_nothing_is_lost_and_nothing_left(name: str, budget: Budget) -> None:
    assert run(name, budget).total()
