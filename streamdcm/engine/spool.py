"""Where that goes which is held back and is too much for memory: descriptions of a temporary file, without any I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streamdcm.instructions import Chunk

AUTO: Final = "auto"
"""The choice of a temporary file in the directory that the system has for such."""

NEVER: Final = "never"
"""The choice of an error in place of a temporary file."""


@dataclass(frozen=True, slots=True, eq=False)
class Spool:
    """A temporary file, which whoever runs an encoder opens when the first bytes are to go there.

    Parameters
    ----------
    directory : str or None
        Where it is; `None` for where the system has its temporary files.
    """

    directory: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Keep:
    """Write these buffers to a temporary file, from which a `Copy` will take them. They are borrowed.

    Parameters
    ----------
    spool : Spool
        The file.
    offset : int
        Where in it, in bytes; what was there before is not needed any more.
    buffers : sequence of bytes-like
        The bytes.
    """

    spool: Spool
    offset: int
    buffers: Sequence[Chunk]


def spool_for(choice: str) -> Spool | None:
    """Return the temporary file for a choice: `AUTO`, `NEVER`, or a directory."""
    if choice == NEVER:
        return None
    return Spool(None if choice == AUTO else choice)
