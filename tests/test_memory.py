"""Peak memory does not grow with what is written (a gigabyte each time, in a process of its own)."""

import selectors
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MIB = 1 << 20
CHILD = Path(__file__).with_name("memory_child.py")

memory_marks = pytestmark = [
    pytest.mark.memory,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc/PID/status"),
]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A directory on tmpfs if that has room for a gigabyte, where writing is fastest."""
    tmpfs = Path("/dev/shm")
    if not tmpfs.is_dir() or shutil.disk_usage(tmpfs).free < 1536 * MIB:
        yield tmp_path
        (tmp_path / "out.dcm").unlink(missing_ok=True)
    else:
        with tempfile.TemporaryDirectory(dir=tmpfs) as name:
            yield Path(name)


@pytest.mark.parametrize("sink", ["to_path", "to_write_only", "to_chunks", "to_size"])
@pytest.mark.parametrize("value", ["in_memory", "memmap", "mapped", "buffered"])
def test_a_gigabyte_of_bulk_data_adds_8_mib(value: str, sink: str, directory: Path) -> None:
    written, added = measure(value, sink, directory)
    assert 1 << 30 < written < (1 << 30) + 1024
    assert added <= 8 * MIB, f"{added / MIB:.1f} MiB"


@pytest.mark.parametrize("sink", ["to_path", "to_chunks"])
def test_a_million_lazy_items_add_24_mib(sink: str, directory: Path) -> None:
    written, added = measure("lazy_items", sink, directory)
    item = 8 + 12 + 8 + 8 + 8  # two item headers, a sequence's, an element's, two numbers
    assert 1_000_000 * item < written < 1_000_000 * item + 1024
    assert added <= 24 * MIB, f"{added / MIB:.1f} MiB"


def measure(value: str, sink: str, directory: Path) -> tuple[int, int]:
    """Return the bytes that the child wrote and the anonymous memory that this took."""
    written, added = measure_command([sys.executable, str(CHILD), value, sink, str(directory)])
    return int(written), added


def measure_command(command: list[str]) -> tuple[str, int]:
    """Return what a child says that it did, and the anonymous memory that this took.

    Sampled every millisecond from out here: no lock of the interpreter is between us and its peak.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", "the child failed; its error is above"
        before = peak = anonymous(child.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            child.stdin.write("go\n")
            child.stdin.flush()
            while not selector.select(timeout=0.001):
                peak = max(peak, anonymous(child.pid))
        answer = child.stdout.readline()
        child.communicate("end\n")
    assert child.returncode == 0, "the child failed; its error is above"
    return answer, peak - before


def anonymous(pid: int) -> int:
    """Return RssAnon of a process in bytes (0 once it has exited)."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def test_the_measure_sees_what_is_allocated(directory: Path) -> None:
    """A copy of the value, kept for a moment, is found."""
    written, added = measure("in_memory", "to_copy", directory)
    assert written == 1 << 30
    assert added > 1000 * MIB
