"""Counts the instructions that writing a slice, and a frame, takes: ``python -m tests.support.instructions --record``.

Time depends on what else a machine does, and on the machine. Instructions under callgrind do not: the hash seed is
fixed, nothing is counted before all is imported and warm, and the difference of two runs that differ in nothing but
the number of slices, or of frames, leaves out how counting begins. They depend on how Python was built, and on whether
the C module is there, so a figure is recorded for each; ``STREAMDCM_PURE=1`` in the environment counts without it.
"""

import argparse
import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from streamdcm.encode.hot import HOT
from tests.support import python_module
from tests.support.tools import need

RECORD: Final = Path(__file__).with_name("instructions.json")
PATH: Final = "pure Python" if HOT is None else "C"
BUILD: Final = f"{platform.python_version()}, {platform.python_compiler()}, {platform.machine()}, hot path: {PATH}"
"""The Python at hand, and who encodes plain elements."""

_CHILD: Final = "tests.support.children.instructions"
_SLICES, _MORE_SLICES = 20, 120
_FRAMES, _MORE_FRAMES = 500, 3_000


class Instructions(NamedTuple):
    """How many instructions it takes to write one."""

    slice: int
    frame: int


def count() -> Instructions:
    """Count them, in half a minute of CPU time."""
    base = _run(_SLICES, _FRAMES)
    slices, frames = _run(_MORE_SLICES, _FRAMES), _run(_SLICES, _MORE_FRAMES)
    return Instructions((slices - base) // (_MORE_SLICES - _SLICES), (frames - base) // (_MORE_FRAMES - _FRAMES))


def recorded() -> Instructions | None:
    """Return what was recorded for the Python at hand, if it was."""
    found = json.loads(RECORD.read_text("utf-8")).get(BUILD)
    return None if found is None else Instructions(**found)


def record(counted: Instructions) -> None:
    """Record what was counted, in the place of what was before."""
    figures = json.loads(RECORD.read_text("utf-8")) | {BUILD: counted._asdict()}
    RECORD.write_text(json.dumps(dict(sorted(figures.items())), indent=1) + "\n", "utf-8")


def _run(slices: int, frames: int) -> int:
    need("vgdb")
    command = [need("valgrind"), "--tool=callgrind", "--callgrind-out-file=/dev/null", "--instr-atstart=no"]
    command += python_module(_CHILD, slices, frames)
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONHASHSEED": "0"})
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1])


def main() -> None:
    """Count, print, and record."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.instructions", description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"write the figures to {RECORD.name}")
    options = parser.parse_args()
    counted = count()
    print(f"{BUILD}: {counted.slice:,} for a slice, {counted.frame:,} for a frame; recorded: {recorded()}")
    if options.record:
        record(counted)


if __name__ == "__main__":
    main()
