"""Whether a file without the DICM prefix can be DICOM at all, before ``--force`` has it read."""

from __future__ import annotations

import os
from typing import BinaryIO, Final

from streamdcm.encode.vr import VRS
from streamdcm.errors import PlanError
from streamdcm.sinks import printable

_PREFIX_END: Final = 132
_GROUPS: Final = (0x0002, 0x0008)


def refuse_implausible(path: str) -> None:
    """Refuse a file whose first element is none that a DICOM file begins with.

    It has a tag of group 0002 or 0008, in Explicit VR a VR of the standard, and a length within the file (PS3.5 §7.1).

    Raises
    ------
    PlanError
        If it is not so.
    OSError
        If the file cannot be read.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        return  # what was read of a pipe would be gone
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = _PREFIX_END if file.read(_PREFIX_END).endswith(b"DICM") else 0
        file.seek(start)
        if not _begins_with_an_element(file, size - start):
            raise PlanError(
                f"{printable(path)} does not begin with an element of group 0002 or 0008, so that it is not DICOM; "
                "--force reads DICOM that lacks the prefix, and nothing else"
            )


def _begins_with_an_element(file: BinaryIO, size: int) -> bool:
    header = file.read(12)
    for order in ("little", "big"):
        if len(header) < 8 or int.from_bytes(header[:2], order) not in _GROUPS:
            continue
        vr = header[4:6].decode("latin-1")
        if vr in VRS:
            is_long = VRS[vr].long_length
            length = int.from_bytes(header[8:12] if is_long else header[6:8], order)
            return length <= size - (12 if is_long else 8)
        if order == "little":
            return int.from_bytes(header[4:8], order) <= size - 8
    return False
