"""Long runs, sync and async, that take no more memory, files and threads at the end than soon after the beginning.

And two processes that race for one name: one of them gets it, each time.
"""

import gc
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import anyio

import streamdcm
from tests.campaigns import Budget
from tests.campaigns.writes import ASYNC_WRITES, WRITES, dataset, frames, prepare, quietly
from tests.support import python_module
from tests.support.memory import MIB, anonymous

_WARM_UP: Final = 0.2
_MORE: Final = 16 * MIB
"""How much the memory of the second half may be above that of the first, which fragments it."""
_RACES: Final = 500
_AT_ONCE: Final = 3
"""How many asynchronous writes there are at a time."""
_LEFT_OUT: Final = {"batch"}
"""What starts processes, which are not measured here."""


class Standing:
    """What the process has."""

    def __init__(self) -> None:
        gc.collect()
        self.memory = anonymous(os.getpid())
        self.descriptors = len(os.listdir("/proc/self/fd"))
        self.threads = threading.active_count()


async def on_loop(chance: random.Random, directory: Path, count: int) -> None:
    """Write with asynchronous functions, several at a time."""
    async with anyio.create_task_group() as group:
        for number in range(count):
            place = directory / str(number)
            place.mkdir()
            prepare(place)
            group.start_soon(ASYNC_WRITES[chance.choice([*ASYNC_WRITES])].run, place)


def one(chance: random.Random) -> str:
    """Write somehow, and say how."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        if chance.random() < 0.5:
            backend = chance.choice(["asyncio", "trio"])
            anyio.run(on_loop, chance, directory, chance.randint(1, _AT_ONCE), backend=backend)
            return f"on {backend}"
        prepare(directory)
        name = chance.choice([name for name in WRITES if name not in _LEFT_OUT])
        WRITES[name].put_old(directory, replaces=False)
        quietly(WRITES[name].run, directory)
        with streamdcm.open_reader(dataset(), frames=frames()) as reader:
            streamdcm.rewrite(iter(lambda: reader.read(100_000), b""), io.BytesIO())
        return name


def run(budget: Budget) -> Counter[str]:
    """Write until the budget is used up, and race."""
    seen = Counter[str]()
    begun, standings = Standing(), list[Standing]()
    for chance in budget.each_round():
        seen[one(chance)] += 1
        standings.append(Standing())
    check(begun, standings)
    first, last = _halves(standings)
    seen["MiB in the first half, on average"] = round(_average(first) / MIB)
    seen["MiB in the second half, on average"] = round(_average(last) / MIB)
    races = min(_RACES, 10 * (budget.rounds or _RACES))
    seen["races"] += race(races)
    return seen


def check(begun: Standing, standings: list[Standing]) -> None:
    """Nothing grows."""
    first, last = _halves(standings)
    more = _average(last) - _average(first)
    assert more < _MORE, f"{more / MIB:.1f} MiB more memory in the second half than in the first"
    assert _most(last, "descriptors") <= _most(first, "descriptors"), "file descriptors are left"
    # A write has a thread, and its frames may have one; those that were at work together stay for a while.
    assert _most(last, "threads") <= begun.threads + 2 * _AT_ONCE, f"{_most(last, 'threads')} threads"


def _halves(standings: list[Standing]) -> tuple[list[Standing], list[Standing]]:
    warm = standings[int(len(standings) * _WARM_UP) :]
    return warm[: len(warm) // 2], warm[len(warm) // 2 :]


def _most(standings: list[Standing], name: str) -> int:
    return max(getattr(standing, name) for standing in standings)


def _average(standings: list[Standing]) -> float:
    return sum(standing.memory for standing in standings) / max(len(standings), 1)


def race(count: int) -> int:
    """Let two processes write the same names at the same time, which are not to be replaced; one wins each."""
    with tempfile.TemporaryDirectory() as place:
        command = python_module("tests.campaigns.soak", place, str(count), str(time.time() + 5))
        racers = [subprocess.Popen([*command, str(number)], stdout=subprocess.PIPE, text=True) for number in (1, 2)]
        won = []
        for racer in racers:
            said, _ = racer.communicate()
            assert racer.returncode == 0
            won.append(set(json.loads(said)))
        names = sorted(os.listdir(place))
        assert not won[0] & won[1], "both have won a race"
        assert len(won[0] | won[1]) == count, "nobody has won a race"
        assert names == sorted(f"{number}.dcm" for number in range(count)), "hidden files are left"
        for number in range(count):
            winner = 1 if number in won[0] else 2
            assert (Path(place) / f"{number}.dcm").read_bytes() == _of_racer(winner), "the file is the loser's"
    return count


def _of_racer(number: int) -> bytes:
    file = io.BytesIO()
    streamdcm.dcmwrite(file, _given(number))
    return file.getvalue()


def _given(number: int) -> Any:
    given = dataset()
    given.PatientID = str(number)
    return given


def main(place: str, count: str, start: str, number: str) -> None:
    """Be one of two that race."""
    given, won = _given(int(number)), []
    time.sleep(max(float(start) - time.time(), 0))
    for name in range(int(count)):
        try:
            streamdcm.dcmwrite(Path(place) / f"{name}.dcm", given, overwrite=False)
            won.append(name)
        except FileExistsError:
            pass
        while not os.path.exists(f"{place}/{name}.dcm"):  # nobody gets ahead of the other
            pass
    print(json.dumps(won))


if __name__ == "__main__":
    main(*sys.argv[1:])
