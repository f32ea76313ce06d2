"""The child of ``test_table_memory.py``: ``python -m tests.support.children.small_frames CASE FRAMES DIRECTORY``.

Writes compressed frames of ten bytes, all of them one object.
"""

import sys
from collections.abc import Callable
from itertools import repeat
from pathlib import Path

from pydicom.uid import JPEGBaseline8Bit

import streamdcm
from tests.support.images import template
from tests.support.memory import keep_freed_memory, run_case
from tests.support.targets import Counting

FRAME = bytes.fromhex("FFD8FFFE0004 0000 FFD9")


class Counted:
    """As many frames as are asked for, which are not in memory; their lengths are not known ahead."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> "repeat[bytes]":
        return repeat(FRAME, self._count)


def _write(target: object, frames: object, **options: object) -> int:
    dataset = template(JPEGBaseline8Bit, bits=8)
    return streamdcm.dcmwrite(target, dataset, frames=frames, **options).bytes_written  # type: ignore[arg-type]


def without(count: int, path: Path) -> int:
    """No table, to what cannot seek."""
    return _write(Counting(), Counted(count), offset_table="empty")


def unknown(count: int, path: Path) -> int:
    """No table, because the number of frames is not known."""
    return _write(path, iter(Counted(count)))


def basic(count: int, path: Path) -> int:
    """A basic table, which is filled in at the end."""
    return _write(path, Counted(count), offset_table="basic")


def extended(count: int, path: Path) -> int:
    """An extended table, which is filled in at the end."""
    return _write(path, Counted(count), offset_table="extended")


def either(count: int, path: Path) -> int:
    """A field that is reserved for either table."""
    return _write(path, iter(Counted(count)), max_frames=count + 1000, offset_table="extended")


def listed(count: int, path: Path) -> int:
    """An extended table, which is known ahead: the list itself is not counted."""
    return _write(path, LIST, offset_table="extended")


CASES: dict[str, Callable[[int, Path], int]] = {
    function.__name__: function for function in (without, unknown, basic, extended, either, listed)
}
LIST: list[bytes] = []


def main(case: str, count: str, directory: str) -> None:
    """Run one case, after a small one that loads what is loaded once."""
    keep_freed_memory()
    LIST[:] = [FRAME]
    CASES[case](1, Path(directory) / "first.dcm")
    if case == "listed":
        LIST[:] = [FRAME] * int(count)
    run_case(lambda: CASES[case](int(count), Path(directory) / "out.dcm"))


if __name__ == "__main__":
    main(*sys.argv[1:])
