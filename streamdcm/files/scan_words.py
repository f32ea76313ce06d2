"""What a scan asks for and what it finds: the words that scanners and those who answer them have in common."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple, TypeAlias, TypeVar

from streamdcm.encode.vr import VRS
from streamdcm.errors import SourceError
from streamdcm.errors.translation import element_name

T = TypeVar("T")

BLOCK: Final = 64 * 1024
"""How much is asked for at a time."""

SHORT: Final = frozenset(vr.encode() for vr, row in VRS.items() if not row.long_length)
LONG: Final = frozenset(vr.encode() for vr, row in VRS.items() if row.long_length)
BLANK: Final = (b"\0\0", b"  ")
"""What stands in the place of a VR where a writer had none."""


class Ask(NamedTuple):
    """A request for the bytes of the source from `offset` on: `size` of them or more, fewer only at its end."""

    offset: int
    size: int


Scan: TypeAlias = Generator[Ask, bytes, T]
"""What asks for bytes of a source, and returns what it found."""

Row: TypeAlias = tuple[int, bytes | None, int, int, int, int]
"""An element of a run: tag; VR, `None` if there is none; where its header, its value, and what is behind its value
begin in the block; and its length field. A plain tuple, because there is one for each element of a file."""


@dataclass(slots=True)
class Run:
    """Elements that stand one behind the other in one block of bytes.

    Parameters
    ----------
    data : bytes
        The block.
    base : int
        The offset of the block in the source.
    rows : list of Row
        The elements.
    odd : list of int
        The indices of those that are not written as they stand: with an odd length, without the VR that they should
        have, with a length in their delimiter, or in the other of Implicit and Explicit VR than the dataset.
    is_sorted : bool
        Whether the tags ascend, and no retired Group Length is among them.
    """

    data: bytes
    base: int
    rows: list[Row] = field(default_factory=list)
    odd: list[int] = field(default_factory=list)
    is_sorted: bool = True

    def add(self, row: Row) -> None:
        """Add an element."""
        tag = row[0]
        if not tag & 0xFFFF or (self.rows and tag <= self.rows[-1][0]):
            self.is_sorted = False
        self.rows.append(row)


@dataclass(frozen=True, slots=True)
class Large:
    """An element whose value was not asked for.

    Parameters
    ----------
    tag : int
        The tag.
    vr : bytes or None
        The VR, `None` if there is none.
    start, value_at : int
        The offsets of its header and of its value in the source.
    length : int or None
        The number of bytes of the value, without a delimiter; `None` if the end was not looked for.
    undefined : bool
        Whether a delimiter ends it.
    """

    tag: int
    vr: bytes | None
    start: int
    value_at: int
    length: int | None
    undefined: bool

    @property
    def end(self) -> int:
        """The offset of what is behind the element."""
        assert self.length is not None
        return self.value_at + self.length + (8 if self.undefined else 0)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How headers are laid out, as a scanner unpacks them (PS3.5 §7.1)."""

    implicit_vr: bool
    little_endian: bool
    header: Struct = field(init=False, repr=False, compare=False)
    implicit_header: Struct = field(init=False, repr=False, compare=False)
    long_length: Struct = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = "<" if self.little_endian else ">"
        object.__setattr__(self, "header", Struct(f"{order}HH2sH"))
        object.__setattr__(self, "implicit_header", Struct(f"{order}HHL"))
        object.__setattr__(self, "long_length", Struct(f"{order}L"))


ENCODINGS: Final = {
    (implicit, little): Encoding(implicit, little) for implicit in (False, True) for little in (False, True)
}
IMPLICIT_LITTLE: Final = ENCODINGS[True, True]


@dataclass(frozen=True, slots=True)
class Where:
    """What errors name: the source, and how long it says that it is.

    Parameters
    ----------
    name : str
        The name of the source.
    size : int, optional
        The offset of its end, if that is known.
    """

    name: str
    size: int | None = None

    def error(self, problem: str, offset: int, tag: int | None = None, *, place: str = "at") -> SourceError:
        """Make the error for what is wrong at an offset."""
        return SourceError(
            f"{problem}, {place} byte {offset:,} of {self.name}; the file is damaged or truncated, get it again from "
            "where it came",
            "" if tag is None else element_name(tag),
        )

    def ends_early(self, offset: int, tag: int | None = None) -> SourceError:
        """Make the error for a source that is shorter than what begins at an offset."""
        if tag is None:
            return self.error("the file ends within the header of an element", offset)
        return self.error("the file ends before its value does", offset, tag, place="behind")
