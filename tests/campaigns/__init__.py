"""Campaigns: many rounds of one kind of trouble, each other than the last; short in the tests, long by hand.

``python -m tests.campaigns kill|cancel|faults|fuzz|soak`` runs one for ``--seconds`` or ``--rounds``. Its seed, that of
the day unless ``--seed`` says another, is printed first; a failure names the round, and ``--only`` repeats it.
"""

import datetime
import importlib
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def seed_of_the_day() -> int:
    """The number of the day: another one tomorrow, and the same one for who looks into a failure today."""
    return int(datetime.date.today().strftime("%Y%m%d"))


@contextmanager
def unlogged() -> Iterator[None]:
    """Log nothing in a block: what goes wrong there is meant to."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


@dataclass
class Budget:
    """How long a campaign goes on: until its rounds are done or its time is over, whatever is first."""

    seed: int = field(default_factory=seed_of_the_day)
    rounds: int | None = None
    seconds: float | None = None
    only: int | None = None
    """The one round to run, from 1."""
    number: int = 0
    """That of the round that was begun last."""

    def each_round(self) -> Iterator[random.Random]:
        """Give what decides about each round."""
        begun = time.monotonic()
        if self.only is not None:
            self.number = self.only - 1
        while self._goes_on(begun):
            self.number += 1
            yield random.Random(f"{self.seed} {self.number}")

    def _goes_on(self, begun: float) -> bool:
        if self.only is not None:
            return self.number < self.only
        is_over = self.seconds is not None and time.monotonic() - begun >= self.seconds
        return not is_over and (self.rounds is None or self.number < self.rounds)


@contextmanager
def repeatable(budget: Budget) -> Iterator[None]:
    """Say with an error in which round it came."""
    try:
        yield
    except BaseException as error:
        if budget.number:
            error.add_note(f"in round {budget.number} of seed {budget.seed}")
        raise


def run(name: str, budget: Budget) -> Counter[str]:
    """Run a campaign, and return how often it has seen what."""
    campaign = importlib.import_module(f"tests.campaigns.{name}")
    with repeatable(budget):
        seen: Counter[str] = campaign.run(budget)
    return seen
