"""Numbers of bytes as people write them: ``512 KiB``, ``2 GB``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

UNITS: Final = {
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate(("k", "M", "G", "T"), 1)},
    **{f"{prefix}iB": 1024**power for power, prefix in enumerate(("K", "M", "G", "T"), 1)},
}
"""What a unit has in bytes (IEC 80000-13)."""

_BY_NAME: Final = {"": 1, "bytes": 1, **{unit.lower(): size for unit, size in UNITS.items()}}
_TEXT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def bytes_in(text: str) -> int | None:
    """Return the number of bytes that a text such as ``"512 KiB"`` says; `None` if it says none.

    Examples
    --------
    >>> bytes_in("512 KiB"), bytes_in("1.5 TB"), bytes_in("much")
    (524288, 1500000000000, None)
    """
    found = _TEXT.fullmatch(text)
    unit = None if found is None else _BY_NAME.get(found[2].lower())
    if found is None or unit is None:
        return None
    return int(Decimal(found[1]) * unit)


def binary_size(count: float) -> str:
    """Return a number of bytes in the binary unit that suits it.

    Examples
    --------
    >>> binary_size(1536), binary_size(5 * 1024**4)
    ('1.5 KiB', '5.0 TiB')
    """
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{count:.{0 if unit == 'bytes' or count >= 100 else 1}f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"
