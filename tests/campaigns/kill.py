"""SIGKILL at random moments of every function that writes: then there is what was there before, or all that is new.

A process without threads forks one for each round, so that a round takes hardly longer than the write, and adopts what
the killed one leaves behind.
"""

import ctypes
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import streamdcm
from streamdcm.sinks import path_atomic
from streamdcm.sinks.hidden_files import abandoned_files
from tests.campaigns import Budget, repeatable
from tests.campaigns.system_calls import each_call
from tests.campaigns.writes import ASYNC_WRITES, WRITES, Write, prepare, quietly, run_async
from tests.support import python_module

_HIDDEN: Final = re.compile(r"\.[0-9a-f]{12}\.partial")
_ADOPT: Final = 36  # PR_SET_CHILD_SUBREAPER
_PATIENCE: Final = 20.0
_RARE: Final = 0.15
"""How often what takes seconds is tried, of the rounds that it would get."""


def run(budget: Budget) -> Counter[str]:
    """Kill until the budget is used up."""
    given = json.dumps([budget.seed, budget.rounds, budget.seconds, budget.only])
    command = python_module("tests.campaigns.kill", given)
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return Counter(json.loads(done.stdout))


class Campaign:
    """What is killed, and what it writes when nobody kills it."""

    def __init__(self) -> None:
        self.writes: dict[str, tuple[Write, Callable[[Path], Any]]] = {}
        for name, write in WRITES.items():
            self.writes[name] = write, write.run
        for (name, write), backend in itertools.product(ASYNC_WRITES.items(), ("asyncio", "trio")):
            self.writes[f"{name} on {backend}"] = write, _on_loop(write, backend)
        self.known: dict[str, tuple[float, list[bytes]]] = {}

    def whole(self, name: str) -> tuple[float, list[bytes]]:
        """How long a write takes, and what it writes."""
        if name not in self.known:
            write, function = self.writes[name]
            with tempfile.TemporaryDirectory() as place:
                prepare(Path(place))
                write.put_old(Path(place), replaces=False)
                begun = time.monotonic()
                status = os.waitpid(_forked(lambda: function(Path(place))), 0)[1]
                seconds = time.monotonic() - begun
                assert status == 0, f"{name} failed, as it says above"
                self.known[name] = seconds, [(Path(place) / "out" / target).read_bytes() for target in write.targets]
        return self.known[name]

    def round(self, chance: random.Random) -> Counter[str]:
        """Kill one write, and look at what is left."""
        name = chance.choice([*self.writes])
        if name == "batch" and chance.random() > _RARE:
            name = "dcmwrite"
        write, function = self.writes[name]
        seconds, expected = self.whole(name)
        is_hidden = chance.random() < 0.3
        replaces = write.replaces and chance.random() < 0.6
        in_call = chance.random() < 0.4 and name != "batch"
        delay = seconds * (chance.uniform(0, 1.1) if chance.random() < 0.6 else chance.uniform(0.8, 1.1))
        number = chance.randrange(1, 40)

        def child() -> None:
            if is_hidden:
                path_atomic.open_unnamed = lambda directory, mode: None  # type: ignore[assignment]
            if in_call:
                with each_call(_killing(number)):
                    function(directory)
            else:
                function(directory)

        with tempfile.TemporaryDirectory() as place:
            directory = Path(place)
            prepare(directory)
            old = write.put_old(directory, replaces=replaces)
            process = _forked(child)
            if not in_call:
                time.sleep(delay)
                os.kill(process, signal.SIGKILL)
            status = os.waitpid(process, 0)[1]
            is_killed = os.WIFSIGNALED(status)
            assert is_killed or status == 0, f"{name} failed, as it says above"
            _adopted_have_ended()
            seen = _looked_at(directory / "out", write, expected, old, is_hidden=is_hidden)
            assert is_killed or seen == "the new files", f"{name} ended, and left {seen}"
        return Counter({f"{name}: killed" if is_killed else f"{name}: was faster": 1, f"left {seen}": 1})


def _looked_at(out: Path, write: Write, expected: list[bytes], old: bytes | None, *, is_hidden: bool) -> str:
    """Check what is in the directory of the targets, and say what it is."""
    names = set(os.listdir(out))
    hidden = {name for name in names if _HIDDEN.fullmatch(name)}
    assert names - hidden <= set(write.targets), f"there is {names - hidden - set(write.targets)}"
    new = 0
    for target, content in zip(write.targets, expected, strict=True):
        path = out / target
        if not path.exists():
            assert old is None, f"{target} was there and is lost"
            continue
        found = path.read_bytes()
        assert found in (content, old), f"{target} is neither the old file nor the new one"
        new += found == content
    if hidden and not is_hidden:
        left = [(out / name).read_bytes() for name in hidden]
        assert all(each in expected for each in left), "a hidden file is left that is not complete"
    found_again = [*abandoned_files(str(out))]
    assert {os.path.basename(file.path) for file in found_again} == hidden, "a hidden file cannot be found"
    for file in found_again:
        file.remove()
    assert set(os.listdir(out)) <= set(write.targets)
    what = "the new files" if new == len(expected) else f"{new} new files" if new else "what was there before"
    return f"{what}, and hidden ones that were found" if hidden else what


def _killing(number: int) -> Callable[[str, int], None]:
    """Return what kills this process before or after a system call with a number."""

    def at(name: str, count: int) -> None:
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def _on_loop(write: Write, backend: str) -> Callable[[Path], None]:
    return lambda directory: run_async(write.run, directory, backend)


def _forked(function: Callable[[], Any]) -> int:
    """Call a function in a process of its own; return its number."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        quietly(function)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _adopted_have_ended() -> None:
    """Wait for the processes that the killed one had started: they end when nobody speaks to them any more."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            process, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        assert process or time.monotonic() < deadline, "processes are left"
        if not process:
            time.sleep(0.02)


def main(given: str) -> None:
    """Be the process that forks."""
    seed, rounds, seconds, only = json.loads(given)
    assert ctypes.CDLL(None).prctl(_ADOPT, 1, 0, 0, 0) == 0
    for name in streamdcm.__all__:
        getattr(streamdcm, name)  # imported once, and not in each process
    campaign, seen = Campaign(), Counter[str]()
    budget = Budget(seed, rounds, seconds, only)
    with repeatable(budget):
        for chance in budget.each_round():
            seen += campaign.round(chance)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
