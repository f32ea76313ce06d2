"""What a write has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from streamdcm.engine.frame_index import FrameIndex

OffsetTableKind: TypeAlias = Literal["basic", "extended", "empty"]


@dataclass(frozen=True, slots=True)
class Checksum:
    """A digest of what was written.

    Parameters
    ----------
    algorithm : {"sha256"}
        How it was computed.
    digest : str
        Hexadecimal digits.
    parts : int or None
        `None`: it is that of the bytes. A number: it is that of the digests of so many parts, one after the other,
        as S3 shows it for an object that was uploaded in parts.

    Examples
    --------
    >>> streamdcm.dcmwrite("out.dcm", ds, checksum="sha256").checksum.algorithm
    'sha256'
    """

    algorithm: Literal["sha256"]
    digest: str
    parts: int | None = None


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
    offset_table_reason : str
        Why it was that one.
    instances : tuple of WriteResult
        With ``split=``, what was done for each instance, in order; the numbers above are their sums then.
    checksum : Checksum or None
        The digest that was asked for.
    frames : FrameIndex or None
        Where each frame is, if that was asked for with ``frame_index=True``; that of each instance with ``split=``.

    Examples
    --------
    >>> result = streamdcm.dcmwrite("out.dcm", ds)
    >>> result.location
    'out.dcm'
    """

    bytes_written: int
    patches: int
    location: str | None
    offset_table: OffsetTableKind | None = None
    offset_table_reason: str = ""
    instances: tuple[WriteResult, ...] = ()
    checksum: Checksum | None = None
    frames: FrameIndex | None = None

    @property
    def reason(self) -> str:
        """The earlier name of `offset_table_reason`."""
        return self.offset_table_reason
