"""The child of ``test_frame_groups_memory.py``: ``python -m tests.support.children.frame_groups CASE FRAMES FOLDER``.

Writes small frames, each with functional groups of some 600 bytes, which are made when they are asked for.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydicom import Dataset

import streamdcm
from streamdcm.sinks import PartsOutput
from tests.support.functional_groups import enhanced, groups_of
from tests.support.memory import run_case
from tests.support.targets import Counting

ROWS = 8
FRAME = bytes(2 * ROWS * ROWS)
COMMENT = 600 - 250


class Parts(PartsOutput):
    """Parts that go nowhere."""

    def open(self) -> None: ...

    def put(self, number: int, data: bytearray) -> None: ...

    def put_whole(self, data: bytearray) -> None: ...

    def commit(self) -> None: ...

    def abort(self) -> None: ...


def _frames(count: int) -> Iterator[tuple[bytes, Dataset]]:
    for number in range(count):
        yield FRAME, groups_of(number, comment=COMMENT)


def _write(target: Any, count: int, **options: Any) -> int:
    dataset = enhanced(rows=ROWS)
    return streamdcm.dcmwrite(target, dataset, frames=_frames(count), **options).bytes_written


def patched(count: int, path: Path) -> int:
    """Into a field of a file."""
    return _write(path, count, max_frames=count)


def parts(count: int, path: Path) -> int:
    """Into a field of an upload."""
    return _write(Parts(), count, max_frames=count)


def spooled(count: int, path: Path) -> int:
    """Put aside, since nobody says how many there may be."""
    return _write(path, count)


def in_order(count: int, path: Path) -> int:
    """Put aside, since the target cannot seek."""
    return _write(Counting(), count, max_frames=count)


def captured(count: int, path: Path) -> int:
    """Into a field of a file that can be recovered, however seldom all is to reach the disk."""
    options: Any = {"max_frames": count, "recover": True, "sync_every": 1e6}
    with streamdcm.open_writer(path, enhanced(rows=ROWS), **options) as writer:
        for frame, item in _frames(count):
            writer.write_frame(frame, groups=item)
    return path.stat().st_size


def appended(count: int, path: Path) -> int:
    """Behind as many of a file."""
    patched(count, path)
    return streamdcm.append(path, _frames(count)).bytes_written


CASES: dict[str, Callable[[int, Path], int]] = {
    function.__name__: function for function in (patched, parts, spooled, in_order, captured, appended)
}


def main(case: str, count: str, directory: str) -> None:
    """Run one case, after a small one that loads what is loaded once."""
    CASES[case](3, Path(directory) / "first.dcm")
    run_case(lambda: CASES[case](int(count), Path(directory) / "out.dcm"))


if __name__ == "__main__":
    main(*sys.argv[1:])
