"""Timing of contenders side by side, in one run and by turns, so that what slows the machine
down slows all of them."""

import gc
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple


class Contender(NamedTuple):
    """One way to do a job: `prepare` makes its argument, untimed and new for every call of `run`."""

    prepare: Callable[[], Any]
    run: Callable[[Any], object]


class Timings(NamedTuple):
    """The seconds that a call of each contender took, round by round."""

    seconds: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Return the median of one contender's rounds."""
        return statistics.median(self.seconds[name])

    def ratio(self, slower: str, faster: str) -> float:
        """Return the median of the rounds' ratios: both sides of each were taken one after the other."""
        pairs = zip(self.seconds[slower], self.seconds[faster], strict=True)
        return statistics.median(slow / fast for slow, fast in pairs)


def by_turns(contenders: Mapping[str, Contender], rounds: int, batch: int = 1) -> Timings:
    """Time the contenders by turns.

    Parameters
    ----------
    contenders : mapping of str to Contender
        What to measure; each round takes them in a random order, the same in every run.
    rounds : int
        How often; one more round comes first and is thrown away.
    batch : int
        How many calls make one time, for jobs that are short.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders.items())
    shuffle = random.Random(0).shuffle
    for _ in range(rounds + 1):
        shuffle(order)
        for name, contender in order:
            seconds[name].append(_time(contender, batch))
    return Timings({name: times[1:] for name, times in seconds.items()})


def _time(contender: Contender, batch: int) -> float:
    """Return the seconds of one call, the mean of `batch` calls, each right after what it needs was made."""
    prepare, run = contender
    seconds = 0.0
    gc.collect()
    gc.disable()
    try:
        for _ in range(batch):
            argument = prepare()
            start = perf_counter()
            run(argument)
            seconds += perf_counter() - start
        return seconds / batch
    finally:
        gc.enable()
