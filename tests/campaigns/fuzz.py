"""Damaged files through `rewrite`, `read_header` and `index_file`: our own errors, or what pydicom reads alike.

No case takes long or much memory, and nothing is left behind.
"""

import io
import os
import random
import resource
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

import streamdcm
from streamdcm.files.index import index_file
from tests.campaigns import Budget, unlogged
from tests.support.corpus import CORPUS, is_one_of_many
from tests.support.damage import damaged

SECONDS: Final = 10
MOST_MEMORY: Final = 300 * 1024  # in KiB, above what the process had
SOURCES: Final = [path.read_bytes() for path in CORPUS if path.stat().st_size < 60_000 and not is_one_of_many(path)]


def name_it(dataset: Dataset) -> None:
    dataset.add_new(0x00100020, "LO", "named")  # pydicom parses the old value where an attribute is set


CHANGES: Final[list[dict[str, Any]]] = [
    {},
    {},
    {"edit": {"PatientName": "Doe^Jane", "PatientBirthDate": None, "WindowCenter": [1, 2]}},
    {"edit": name_it},
    {"edit": {"SpecificCharacterSet": "ISO_IR 192"}},
    {"transfer_syntax": "ImplicitVRLittleEndian"},
    {"transfer_syntax": "ExplicitVRLittleEndian"},
    {"transfer_syntax": "ExplicitVRBigEndian"},
    {"transfer_syntax": "DeflatedExplicitVRLittleEndian"},
    {"sequence_lengths": "defined"},
    {"group_lengths": "write"},
]


class TooSlowError(BaseException):
    """A case took longer than it may."""


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    def stop(*arguments: object) -> None:
        raise TooSlowError

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


def one(chance: random.Random, directory: Path) -> str:
    """Put a damaged file through a function, and say what came of it."""
    content, change = damaged(chance.choice(SOURCES), chance), chance.choice(CHANGES)
    is_stream, force = chance.random() < 0.5, chance.random() < 0.5
    size = chance.choice((100, 5000, 70_000))
    target = directory / "out.dcm"
    source: Any = io.BytesIO(content)
    if is_stream:
        source = iter([content[start : start + size] for start in range(0, len(content), size)])
    kind = chance.choices(("rewrite", "header", "index"), (8, 1, 1))[0]
    try:
        with at_most(SECONDS):
            if kind == "header":
                streamdcm.read_header(source, force=force)
            elif kind == "index":
                index_file(io.BytesIO(content), force=force)
            else:
                streamdcm.rewrite(source, target, force=force, **change)
    except streamdcm.StreamdcmError:
        assert os.listdir(directory) == []
        return f"{kind}: refused"
    if kind == "rewrite":
        if not change:
            assert reads_equal(content, target.read_bytes()), "it reads differently"
        target.unlink()
    assert os.listdir(directory) == []
    return f"{kind}: done"


def reads_equal(before: bytes, after: bytes) -> bool:
    """Whether pydicom reads the same, where it reads what was given at all."""
    try:
        source = pydicom.dcmread(io.BytesIO(before), force=True)
        if not is_read_whole(source):
            return True
        expected = values(source)
    except Exception:
        return True
    return values(pydicom.dcmread(io.BytesIO(after), force=True)) == expected


def is_read_whole(dataset: Dataset) -> bool:
    """Whether pydicom has got all bytes of each value; it takes a shorter file for a whole one."""
    raw = [element for element in dataset.values() if isinstance(element, RawDataElement)]
    has_syntax = bool(dataset.file_meta.get("TransferSyntaxUID")) and len(dataset) > 0
    return has_syntax and all(len(e.value or b"") == e.length for e in raw if e.length != 0xFFFFFFFF)


def values(dataset: Dataset) -> dict[int, Any]:
    return {int(tag): value(dataset[tag]) for tag in dataset._dict if int(tag) & 0xFFFF}


def value(element: Any) -> Any:
    if element.VR == "SQ":
        return [values(item) for item in element.value]
    if isinstance(element.value, bytes):
        return element.value + b"\0" * (len(element.value) & 1) or None  # padded as it is written
    return None if element.is_empty else str(element.value).rstrip(" \0")


def run(budget: Budget) -> Counter[str]:
    """Damage files until the budget is used up."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = Counter[str]()
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings(), unlogged():
        warnings.simplefilter("ignore")
        for chance in budget.each_round():
            seen[one(chance, Path(place))] += 1
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert more < MOST_MEMORY, f"{more // 1024} MiB more than before"
    return seen
