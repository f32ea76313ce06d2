"""What a write has done."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What a write has done.

    Parameters
    ----------
    bytes_written : int
        The number of bytes in the stream; what was overwritten later counts once.
    patches : int
        How often bytes were overwritten when their value became known.
    location : str or None
        Where the bytes went: a path; `None` for objects without a name.
    offset_table : {"basic", "extended", "empty"} or None
        The offset table that encapsulated frames were given.
    reason : str
        Why it was that one.
    """

    bytes_written: int
    patches: int
    location: str | None
    offset_table: str | None = None
    reason: str = ""
