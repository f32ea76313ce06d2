"""File systems of one's own, for who may mount some."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotMountedError(Exception):
    """This machine lets nobody mount anything."""


@contextmanager
def mounted_at(point: Path, *arguments: str) -> Iterator[None]:
    """Mount something for the time of the block; `arguments` are those of the command, but for the place."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        raise NotMountedError("mounting needs root")
    done = subprocess.run(["mount", *arguments, str(point)], capture_output=True, text=True)
    if done.returncode != 0:
        raise NotMountedError(f"cannot mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)
