"""Datasets of many elements: streamdcm with and without its C module, pydicom, GDCM, DICOMSDL and highdicom.

``python -m tests.benchmarks.page.elements ROUNDS`` measures in one process and answers with JSON: whether the C module
is used is decided when it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.__main__ import small_cases
from tests.benchmarks.page.figures import Figure, figure_of
from tests.benchmarks.timing import by_turns
from tests.support import python_module

PACKAGES = ("pydicom", "python-gdcm", "dicomsdl", "highdicom")
PURE = "streamdcm, pure Python"


def measure(directory: Path, disk: Path, quick: bool) -> Iterator[Figure]:
    """Yield the milliseconds of a write of each contender."""
    rounds = 3 if quick else 7
    with_c, without = (_in_a_process(rounds, pure) for pure in ("", "1"))
    yield from with_c
    for figure in without:
        if figure.contender == "streamdcm":
            yield figure._replace(contender=PURE)


def _in_a_process(rounds: int, pure: str) -> list[Figure]:
    variables = os.environ | {"STREAMDCM_PURE": pure} if pure else {**os.environ}
    command = python_module("tests.benchmarks.page.elements", str(rounds))
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=True)
    return [Figure(*each) for each in json.loads(done.stdout)]


def _here(rounds: int) -> Iterator[Figure]:
    parent = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        for case in small_cases(Path(directory)):
            for contender, seconds in by_turns(case.contenders, rounds, case.batch).seconds.items():
                yield figure_of(case.name, contender, [each * 1000 for each in seconds])


if __name__ == "__main__":
    print(json.dumps(list(_here(int(sys.argv[1])))))
