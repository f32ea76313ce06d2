"""What the tests of memory need of the machine."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.memory import MIB

needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc/PID/status")


@contextlib.contextmanager
def directory_for(size: int) -> Iterator[Path]:
    """A directory with room for `size` bytes: on tmpfs if memory allows, where writing is fastest, else on disk."""
    tmpfs = Path("/dev/shm")
    margin = 512 * MIB
    on_tmpfs = tmpfs.is_dir() and min(shutil.disk_usage(tmpfs).free, _available() // 2) > size + margin
    parent = tmpfs if on_tmpfs else Path(tempfile.gettempdir())
    if shutil.disk_usage(parent).free < size + margin:
        pytest.skip(f"{parent} has no room for {size // MIB:,} MiB")
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Path(name)


def _available() -> int:
    """Return the bytes of memory that programs can still take."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
