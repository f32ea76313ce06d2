"""Many files in another transfer syntax, on all processors: python process_pool.py IN OUT.

`streamdcm.batch` does the same with a journal, and goes on where it stopped.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import streamdcm


def convert(source: Path, target: Path) -> str:
    """Do one file; what fails leaves no target."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        result = streamdcm.rewrite(source, target, transfer_syntax="DeflatedExplicitVRLittleEndian")
    except (streamdcm.StreamdcmError, OSError) as error:
        return f"{source}: {error}"
    return f"{target}: {result.bytes_written:,} bytes"


def main(folder: Path, out: Path) -> None:
    sources = sorted(folder.rglob("*.dcm"))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for line in pool.map(convert, sources, [out / path.relative_to(folder) for path in sources]):
            print(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
