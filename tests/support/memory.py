"""Measures the memory of a child process from outside."""

import contextlib
import ctypes
import gc
import selectors
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support import python_module

MIB = 1 << 20
_MMAP_THRESHOLD = -3
"""What GNU's ``malloc.h`` calls M_MMAP_THRESHOLD."""


def measure(child: str, *arguments: str | Path, memory_of: Callable[[int], int] | None = None) -> tuple[int, int]:
    """Return the bytes that a child wrote and the anonymous memory that this took, or what `memory_of` a process is.

    The child is a module that calls `run_case`. Sampled every millisecond from out here: no lock of the
    interpreter is between us and its peak.
    """
    memory_of = memory_of or anonymous
    command = python_module(child, *arguments)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the child failed; its error is above"
        before = peak = memory_of(process.pid)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            process.stdin.write("go\n")
            process.stdin.flush()
            while not selector.select(timeout=0.001):
                peak = max(peak, memory_of(process.pid))
        answer = process.stdout.readline()
        process.communicate("end\n")
    assert process.returncode == 0, "the child failed; its error is above"
    return int(answer), peak - before


def of_all(pid: int) -> int:
    """Return RssAnon of a process and of those that it started."""
    total = anonymous(pid)
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            total += sum(of_all(int(child)) for child in children.read_text().split())
    return total


def anonymous(pid: int) -> int:
    """Return RssAnon of a process in bytes (0 once it has exited)."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def run_case(write: Callable[[], int]) -> None:
    """Be the child: say ``ready``, wait for a line, write, print the number of bytes, wait for the end."""
    _give_back()
    print("ready", flush=True)
    sys.stdin.readline()
    print(write(), flush=True)
    sys.stdin.readline()


def keep_freed_memory() -> None:
    """Let the C library serve all requests from one heap, as it does by itself when a large block was freed once.

    Then an array that grows is copied, and leaves holes. Which libraries are imported decides it otherwise.
    """
    with contextlib.suppress(AttributeError):  # a C library other than GNU's
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 32 * MIB)


def _give_back() -> None:
    """Return what was freed to the system, or the write would take it without being seen."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # a C library other than GNU's
        ctypes.CDLL(None).malloc_trim(0)
