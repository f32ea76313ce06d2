"""Damaged files: our own errors or a result that reads equal, no hang, flat memory, and nothing left behind.

The seed is that of the day; a failure names it. ``STREAMDCM_FUZZ_CASES`` and ``STREAMDCM_FUZZ_SEED`` say how many
cases to run, and which.
"""

import datetime
import io
import logging
import os
import random
import resource
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

import streamdcm
from tests.support.corpus import CORPUS, is_one_of_many
from tests.support.damage import damaged

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("STREAMDCM_FUZZ_CASES", "2000"))
SEED = int(os.environ.get("STREAMDCM_FUZZ_SEED", datetime.date.today().strftime("%Y%m%d")))
BATCHES = 8
SECONDS = 10
MOST_MEMORY = 300 * 1024  # in KiB, above what the process had

SOURCES = [path.read_bytes() for path in CORPUS if path.stat().st_size < 60_000 and not is_one_of_many(path)]


def name_it(dataset: Dataset) -> None:
    dataset.add_new(0x00100020, "LO", "named")  # pydicom parses the old value where an attribute is set


CHANGES: list[dict[str, Any]] = [
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


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


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


@pytest.mark.parametrize("batch", range(BATCHES))
def test_damaged_files_are_refused_in_our_own_words_or_read_equal(batch: int, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    target = tmp_path / "out.dcm"
    for number in range(batch, CASES, BATCHES):
        chance = random.Random(f"{SEED} {number}")
        content, change = damaged(chance.choice(SOURCES), chance), chance.choice(CHANGES)
        is_stream, force = chance.random() < 0.5, chance.random() < 0.5
        size = chance.choice((100, 5000, 70_000))
        source: Any = io.BytesIO(content)
        if is_stream:
            source = iter([content[start : start + size] for start in range(0, len(content), size)])
        try:
            with at_most(SECONDS):
                streamdcm.rewrite(source, target, force=force, **change)
        except streamdcm.StreamdcmError:
            assert os.listdir(tmp_path) == []
            continue
        except BaseException as error:
            raise AssertionError(f"case {number} of seed {SEED}: {type(error).__name__}") from error
        if not change:
            assert reads_equal(content, target.read_bytes()), f"case {number} of seed {SEED}: reads differently"
        target.unlink()
        assert os.listdir(tmp_path) == []
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY


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
