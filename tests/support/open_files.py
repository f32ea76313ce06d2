"""The files that a process has open, with or without a name."""

import os
from contextlib import suppress
from pathlib import Path


def open_files(folder: Path, process: int | str = "self") -> list[int]:
    """Return the size of each file in a folder that a process has open."""
    sizes = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for file in Path(f"/proc/{process}/fd").iterdir():
            with suppress(FileNotFoundError):
                if os.readlink(file).startswith(f"{folder}/"):
                    sizes.append(file.stat().st_size)
    return sizes
