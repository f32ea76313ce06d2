"""The child of ``test_recover.py``: ``python -m tests.support.children.capturing FOLDER SYNC_EVERY ENCAPSULATED``.

Captures frames until it is killed; after each it says how many there are.
"""

import sys
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from tests.support.functional_groups import enhanced, frames


def jpeg(number: int) -> bytes:
    """A frame of which lengths differ."""
    return b"\xff\xd8\xff" + number.to_bytes(4, "big") + bytes(number % 50) + b"\xff\xd9"


def main(folder: str, sync_every: str, encapsulated: str) -> None:
    """Capture until the end."""
    is_encapsulated = encapsulated == "1"
    ds = enhanced(JPEGBaseline8Bit if is_encapsulated else ExplicitVRLittleEndian)
    path = Path(folder) / "live.dcm"
    every = int(sync_every)
    with streamdcm.open_writer(path, ds, max_frames=100_000, recover=True, sync_every=every) as writer:
        for number, (pixels, item) in enumerate(frames(100_000)):
            writer.write_frame(jpeg(number) if is_encapsulated else pixels, groups=item)
            print(number + 1, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
