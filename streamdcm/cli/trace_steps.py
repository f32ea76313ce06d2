"""A trace of a write, read: for each step where bytes are, and how many wait."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from streamdcm.errors import SourceError

HELD, OPEN, SENT, PATCHED = 1, 2, 3, 4
"""What becomes of bytes: they wait, are a field without its value, are at the target, were overwritten there."""

_SIZES: Final = ("offset", "size", "encoded", "number")


class Step(NamedTuple):
    """One thing that happened.

    Attributes
    ----------
    seconds : float
        When.
    event : str
        What, as the trace calls it.
    start, stop : int
        The bytes of the stream that it is about.
    encoded : int
        How many bytes the encoder had given.
    waiting : int
        How many of them were neither at the target nor in a temporary file.
    spooled : int
        How many were in a temporary file.
    """

    seconds: float
    event: str
    start: int
    stop: int
    encoded: int
    waiting: int
    spooled: int


@dataclass
class Instance:
    """The trace of one instance.

    Parameters
    ----------
    target : str
        What it was written to.
    policy : str
        In which order the target takes bytes.
    steps : list of Step
        What happened, in order.
    outcome : str
        How it ended; empty if the trace breaks off.
    """

    target: str
    policy: str
    steps: list[Step] = field(default_factory=list)
    outcome: str = ""

    @property
    def size(self) -> int:
        """How many bytes there were in the end."""
        return max((max(step.stop, step.encoded) for step in self.steps), default=0)

    @property
    def most_waiting(self) -> int:
        """The most bytes that waited in memory."""
        return max((step.waiting for step in self.steps), default=0)


def read_trace(path: str) -> list[Instance]:
    """Read the records of a file.

    Raises
    ------
    SourceError
        If it is no trace.
    OSError
        If it cannot be read.
    """
    records: dict[int, list[dict[str, Any]]] = {}
    with open(path, encoding="utf-8") as lines:
        for number, record in enumerate(_records(lines, path), start=1):
            instance = record.get("instance")
            if not isinstance(instance, int) or not isinstance(record.get("event"), str) or not _has_sizes(record):
                raise _no_trace(path, number)
            records.setdefault(instance, []).append(record)
    if not records:
        raise SourceError(f"{path} has no record; write one with the option trace of dcmwrite and its kin")
    return [_instance(of_one) for _, of_one in sorted(records.items())]


def _records(lines: Iterable[str], path: str) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            record = json.loads(line)
            if not isinstance(record, dict):
                raise _no_trace(path, number)
            yield record
    except ValueError as error:
        raise _no_trace(path, number or 1) from error


def _has_sizes(record: dict[str, Any]) -> bool:
    sizes = (record.get(name, 0) for name in _SIZES)
    return isinstance(record.get("t"), (int, float)) and all(isinstance(size, int) and size >= 0 for size in sizes)


def _no_trace(path: str, number: int) -> SourceError:
    return SourceError(f"line {number:,} of {path} is no record of a trace, which the option trace of dcmwrite writes")


def _instance(records: list[dict[str, Any]]) -> Instance:
    first = records[0] if records[0]["event"] == "begin" else {}
    found = Instance(str(first.get("target") or "a target without a name"), str(first.get("policy", "")))
    starts = _starts_of_parts(records)
    gone = spooled = 0
    for record in records:
        event, size, encoded = record["event"], record.get("size", 0), record.get("encoded", 0)
        if event == "end":
            found.outcome = str(record.get("outcome", ""))
        elif event == "begin":
            continue
        start = starts[record.get("number", 0)] if event == "part" else record.get("offset", gone + spooled)
        if event in ("write", "transfer", "part", "insert"):
            gone += size
            spooled -= min(spooled, size) if event == "transfer" else 0
        elif event == "keep":
            spooled += size
        elif event == "end":
            size, encoded = 0, found.steps[-1].encoded if found.steps else 0
        waiting = max(encoded - gone - spooled, 0)
        found.steps.append(Step(record["t"], event, start, start + size, encoded, waiting, spooled))
    return found


def _starts_of_parts(records: list[dict[str, Any]]) -> dict[int, int]:
    """Return where each part begins; one that never left is taken to be as large as the one before."""
    sizes = {record.get("number", 0): record.get("size", 0) for record in records if record["event"] == "part"}
    starts, at, last = {0: 0}, 0, next(iter(sizes.values()), 0)
    for number in range(1, min(max(sizes, default=0), 100_000) + 1):
        starts[number] = at
        last = sizes.get(number, last)
        at += last
    return starts


def cells(instance: Instance, count: int) -> Iterator[tuple[Step, list[int]]]:
    """Give after each step what has become of the bytes, in so many cells of the same size; the list is reused.

    A cell shows the last thing that happened to one of its bytes.
    """
    size = max(instance.size, 1)
    state = [0] * count
    encoded = 0
    for step in instance.steps:
        if step.encoded > encoded:
            for index in _span(encoded, step.encoded, size, count):
                state[index] = state[index] or HELD
            encoded = step.encoded
        become = _BECOMES.get(step.event)
        if become is not None:
            for index in _span(step.start, step.stop, size, count):
                if not (become == SENT and state[index] == OPEN and instance.policy == "patch"):
                    state[index] = become
        yield step, state


_BECOMES: Final = {
    "reserve": OPEN,
    "fill": HELD,
    "write": SENT,
    "transfer": SENT,
    "part": SENT,
    "patch": PATCHED,
    "insert": PATCHED,
}


def _span(start: int, stop: int, size: int, count: int) -> range:
    if stop <= start:
        return range(0)
    first = min(start * count // size, count - 1)
    return range(first, max(min(-(-stop * count // size), count), first + 1))


def words_of(step: Step) -> str:
    """Say what happened, as a sentence without an end."""
    place = f"bytes {step.start:,} to {step.stop:,}"
    return {
        "reserve": f"the encoder leaves {place} open: their value is not known yet",
        "fill": f"the value of {place} is known now",
        "write": f"{place} go to the target",
        "transfer": f"{place} go from file to file",
        "part": f"{place} leave as a part",
        "patch": f"{place} at the target are overwritten with their value",
        "keep": f"{place} go to a temporary file, because they have to wait",
        "insert": f"{step.stop - step.start:,} bytes are put in at byte {step.start:,}, and what is behind moves",
        "end": "the end",
    }.get(step.event, step.event)
