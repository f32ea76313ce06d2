"""The child of ``objects.py``: ``python -m tests.benchmarks.objects_child CONTENDER SIZE``.

Answers with the bytes that it wrote to files of this machine.
"""

import sys
from pathlib import Path

from tests.benchmarks.objects import JOBS
from tests.support.memory import run_case


def written_to_disk() -> int:
    """Return the bytes that this process has handed to file systems (but not to tmpfs)."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


if __name__ == "__main__":
    name, size = sys.argv[1], int(sys.argv[2])
    job = JOBS[name](size)
    JOBS[name](1 << 20)(None)  # what is imported and kept once is not counted

    def run() -> int:
        before = written_to_disk()
        job(None)
        return written_to_disk() - before

    run_case(run)
