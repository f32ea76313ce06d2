"""A forward-only scanner: where the elements of a dataset stand, found by their headers alone (PS3.5 §7).

It does no input: it asks for bytes and is sent them, as encoders are. What is small comes in runs, elements of one
block of bytes; what is bulk, or has an undefined length that is long, comes alone and with its range only. No value is
looked at. Every length is held against what is there, so that a shorter file is never taken for a whole one.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, NamedTuple, TypeAlias, TypeVar

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.tags import PIXEL_TAGS
from streamdcm.encode.vr import VRS
from streamdcm.errors import SourceError, element_name

T = TypeVar("T")

BULK: Final = 64 * 1024
"""Values of this length and more are not held: the scanner tells where they are."""

BLOCK: Final = 64 * 1024
"""How much is asked for at a time."""

_HELD: Final = 1024 * 1024
"""The longest element of undefined length that is asked for as a whole; a longer one is told as a range."""

SHORT: Final = frozenset(vr.encode() for vr, row in VRS.items() if not row.long_length)
LONG: Final = frozenset(vr.encode() for vr, row in VRS.items() if row.long_length)
_BLANK: Final = (b"\0\0", b"  ")
_SEQUENCE_END: Final = 0xFFFEE0DD
_ITEM_GROUP: Final = 0xFFFE0000
_DELIMITER_GROUP: Final = (b"\xfe\xff", b"\xff\xfe")


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
_IMPLICIT_LITTLE: Final = ENCODINGS[True, True]


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

    def error(self, problem: str, offset: int, tag: int | None = None) -> SourceError:
        """Make the error for what is wrong at an offset."""
        return SourceError(
            f"{problem}, at byte {offset:,} of {self.name}; the file is damaged or truncated, get it again from where "
            "it came",
            "" if tag is None else element_name(tag),
        )

    def ends_early(self, offset: int, tag: int | None = None) -> SourceError:
        """Make the error for a source that is shorter than what begins at an offset."""
        what = "the file ends within the header of an element" if tag is None else "the file ends before its value does"
        return self.error(what, offset, tag)


class Scanner:
    """Scans the elements of one dataset.

    Parameters
    ----------
    where : Where
        The source.
    encoding : Encoding
        How the dataset is laid out.
    at : int
        The offset of its first element.
    data : bytes, optional
        Bytes of the source that are at hand, from `base` on.
    base : int, optional
        Their offset.
    skips : bool, optional
        Whether the source can be asked for any offset: then elements of undefined length are walked to their end.

    Attributes
    ----------
    runs : list of Run
        What was found since the caller emptied it.
    """

    def __init__(
        self, where: Where, encoding: Encoding, at: int, data: bytes = b"", base: int = 0, *, skips: bool = True
    ) -> None:
        self.where = where
        self.encoding = encoding
        self.runs: list[Run] = []
        self.at = at
        self._data = data
        self._base = base
        self._skips = skips
        self._tight = _scan_implicit if encoding.implicit_vr else _scan_explicit

    def scan(self) -> Scan[Large | None]:
        """Scan to the next element that is large, or to the end, and return that element or `None`."""
        while True:
            run = self._run()
            at = self.at - self._base
            stop = self._tight(run, at, self.encoding)
            self.at = self._base + stop
            if run.rows and (not run.is_sorted or run.rows[-1][0] >= _ITEM_GROUP):
                self._refuse_items(run)
            left = len(self._data) - stop
            if left < 8:
                if (yield from self._ended(left)):
                    return None
                continue
            large = yield from self._slow(run, stop)
            if large is not None:
                return large

    def pass_over(self, large: Large, end: int | None = None) -> None:
        """Go on behind an element that `scan` returned."""
        self.at = large.end if end is None else end

    def _run(self) -> Run:
        """Return the run that the next elements belong to."""
        runs = self.runs
        if not runs or runs[-1].data is not self._data or not self._base <= self.at <= self._base + len(self._data):
            if not self._base <= self.at <= self._base + len(self._data):
                self._data, self._base = b"", self.at
            runs.append(Run(self._data, self._base))
        return runs[-1]

    def _more(self, size: int) -> Scan[bool]:
        """Ask for what is at the offset; whether there is more than there was."""
        had = self._base + len(self._data) - self.at
        if self.where.size is not None and self._base + len(self._data) >= self.where.size:
            return False
        self._data = yield Ask(self.at, max(size, BLOCK))
        self._base = self.at
        return len(self._data) > had

    def _ended(self, left: int) -> Scan[bool]:
        """Ask for more where less than a header is at hand; whether the dataset ends here."""
        if (yield from self._more(8)):
            return False
        # the end, or zeros that fill up a block; a single one is the start of a tag whose group has a zero in it
        if left == 1 or self._data[len(self._data) - left :].strip(b"\0"):
            raise self.where.ends_early(self.at)
        return True

    def _slow(self, run: Run, at: int) -> Scan[Large | None]:
        """Scan the element that stopped the tight loop, whose header begins at index `at`."""
        data, encoding = self._data, self.encoding
        group, number, length = encoding.implicit_header.unpack_from(data, at)
        tag = group << 16 | number
        if not tag and not data[at : at + 8].strip(b"\0"):
            yield from self._zeros()
            return None
        if tag >= _ITEM_GROUP and tag >> 16 == 0xFFFE:
            self._skip_delimiter(run, tag, length)
            return None
        vr: bytes | None = None
        value_at, is_odd = at + 8, False
        if not encoding.implicit_vr:
            vr, short = data[at + 4 : at + 6], encoding.header.unpack_from(data, at)[3]
            if vr in LONG:
                if at + 12 > len(data):
                    if not (yield from self._more(12)):
                        raise self.where.ends_early(self.at, tag)
                    return None
                value_at, (length,) = at + 12, encoding.long_length.unpack_from(data, at + 8)
            elif vr in SHORT or (vr.isalpha() and vr.isupper()):
                length = short
            elif vr in _BLANK:
                vr, length, is_odd = None, short, True
            else:  # an element in Implicit VR among others
                vr, is_odd = None, True
        start, size = self.at, self.where.size
        if length == UNDEFINED_LENGTH:
            return (yield from self._undefined(run, tag, vr, at, value_at, is_odd))
        end = self._base + value_at + length
        if size is not None and end > size:
            raise self.where.ends_early(start, tag)
        if length >= BULK:
            return Large(tag, vr, start, self._base + value_at, length, undefined=False)
        if end > self._base + len(data):
            if not (yield from self._more(value_at - at + length)):
                raise self.where.ends_early(start, tag)
            return None
        if is_odd or length & 1:
            run.odd.append(len(run.rows))
        run.add((tag, vr, at, value_at, value_at + length, length))
        self.at = end
        return None

    def _undefined(
        self, run: Run, tag: int, vr: bytes | None, at: int, value_at: int, is_odd: bool
    ) -> Scan[Large | None]:
        """Scan an element that a delimiter ends: in a run if it is at hand or short, else alone."""
        if vr in SHORT or (vr is not None and vr not in LONG):
            raise self.where.error("it has an undefined length, which its VR cannot have", self.at, tag)
        start, value = self.at, self._base + value_at
        holds_fragments = tag in PIXEL_TAGS or (vr is not None and vr not in (b"SQ", b"UN"))
        inner = _IMPLICIT_LITTLE if vr == b"UN" else self.encoding if not is_odd else _IMPLICIT_LITTLE
        walked = _at_hand(walk(self.where, tag, inner, value, self._data, self._base, holds_fragments=holds_fragments))
        if walked is None and tag not in PIXEL_TAGS and len(self._data) + self._base - start < _HELD:
            if (yield from self._more(2 * (len(self._data) + self._base - start))):
                return None
            raise self.where.ends_early(start, tag)
        if walked is None:
            if not self._skips:
                return Large(tag, vr, start, value, None, undefined=True)
            walked = yield from walk(
                self.where, tag, inner, value, self._data, self._base, holds_fragments=holds_fragments
            )
        elif walked.end - start < BULK:
            if is_odd or not walked.is_regular or vr == b"UN" or (walked.end - start) & 1:
                run.odd.append(len(run.rows))
            stop = walked.value_end - self._base
            run.add((tag, vr, at, value_at, stop, UNDEFINED_LENGTH))
            self.at = walked.end
            return None
        return Large(tag, vr, start, value, walked.value_end - value, undefined=True)

    def _refuse_items(self, run: Run) -> None:
        """Refuse items and delimiters that have a VR: only sequences have them, and they have none (PS3.5 §7.5)."""
        for tag, _, start, *_ in run.rows:
            if tag >> 16 == 0xFFFE:
                raise self.where.error(f"{element_name(tag)} stands where an element should", run.base + start)

    def _skip_delimiter(self, run: Run, tag: int, length: int) -> None:
        """Pass over the delimiter of a sequence that has a length all the same (PS3.5 §7.5.2)."""
        behind = run.rows[-1] if run.rows else None
        if tag != _SEQUENCE_END or length or behind is None or behind[1] not in (b"SQ", None):
            raise self.where.error(f"{element_name(tag)} stands where an element should", self.at)
        # what follows is a run of its own, so that nothing passes as a span over the delimiter
        self.at += 8
        self._data, self._base = self._data[self.at - self._base :], self.at

    def _zeros(self) -> Scan[None]:
        """Pass over zeros that fill up the end of a file; what is behind them is no element."""
        while True:
            rest = self._data[self.at - self._base :]
            if rest.strip(b"\0"):
                raise self.where.error("there are zeros where an element should be", self.at)
            self.at += len(rest)
            if not (yield from self._more(8)):
                return


class Walked(NamedTuple):
    """The end of a value of undefined length.

    Parameters
    ----------
    value_end : int
        The offset of its delimiter.
    end : int
        The offset behind the delimiter.
    is_regular : bool
        Whether it can be written as it stands: no retired Group Length in it, elements in ascending order and of even
        lengths, no length in a delimiter.
    """

    value_end: int
    end: int
    is_regular: bool


def _at_hand(walk: Scan[Walked]) -> Walked | None:
    """Return where a walk ends, or `None` if the bytes at hand do not tell."""
    try:
        next(walk)
    except StopIteration as stop:
        found: Walked = stop.value
        return found
    walk.close()
    return None


def walk(
    where: Where, tag: int, encoding: Encoding, at: int, data: bytes, base: int, *, holds_fragments: bool
) -> Scan[Walked]:
    """Find the end of a value of undefined length by the headers in it, without recursion.

    What has a length is passed over. It asks for ever higher offsets only.

    Parameters
    ----------
    where : Where
        The source.
    tag : int
        The element, for errors.
    encoding : Encoding
        How its items are laid out; those of a UN are in Implicit VR Little Endian (PS3.5 §6.2.2).
    at : int
        The offset of the value.
    data : bytes
        What is at hand of the source, from `base` on.
    base : int
        Its offset.
    holds_fragments : bool
        Whether the items are fragments, which have a length (PS3.5 §A.4).

    Raises
    ------
    SourceError
        If something stands where an item, an element or a delimiter should, or the source ends.
    """
    # One entry for each item that is open: the encoding of the sequence around it, whether that holds fragments only,
    # the encoding of the item, and the last tag in it.
    open_items: list[tuple[Encoding, bool, Encoding, int]] = []
    in_sequence, fragments = encoding, holds_fragments
    is_regular = True
    item: Encoding | None = None  # None between items
    last = 0
    size, needed = where.size, 8
    unpack = encoding.implicit_header.unpack_from
    while True:
        index = at - base
        if index + needed > len(data):
            ahead = base + len(data)
            if (size is None or ahead < size) and (at != base or len(data) < needed):
                data = yield Ask(at, 4096 if at > ahead + BLOCK else BLOCK)
                base, index = at, 0
            if index + needed > len(data):
                raise where.ends_early(at, tag)
        group, number, length = unpack(data, index)
        if item is None:  # PS3.5 §7.5: an item, or the end of the sequence
            if group != 0xFFFE or number not in (0xE000, 0xE0DD):
                raise where.error("its length is undefined, and it does not consist of items", at, tag)
            if number == 0xE0DD:
                is_regular = is_regular and not length
                if not open_items:
                    return Walked(at, at + 8, is_regular)
                in_sequence, fragments, item, last = open_items.pop()
                unpack = item.implicit_header.unpack_from
                at += 8
                continue
            if length != UNDEFINED_LENGTH:
                at += 8 + length
                if size is not None and at > size:
                    raise where.ends_early(at - length - 8, tag)
                is_regular = is_regular and not length & 1
                continue
            if fragments:
                raise where.error("a fragment has an undefined length", at, tag)
            if index + 16 > len(data):  # what is at least in an item
                needed = 16
                continue
            needed = 8
            vr = data[index + 12 : index + 14]
            item = in_sequence
            # writers put items in Implicit VR into sequences in Explicit VR
            if (
                not item.implicit_vr
                and not (vr.isalpha() and vr.isupper())
                and data[index + 8 : index + 10] not in _DELIMITER_GROUP
            ):
                item = ENCODINGS[True, item.little_endian]
                is_regular = False
            last = 0
            at += 8
            continue
        if group == 0xFFFE:
            if number != 0xE00D:
                raise where.error("there is no element, and no end of the item, where one should be", at, tag)
            is_regular = is_regular and not length
            item = None
            at += 8
            continue
        element = group << 16 | number
        header, inner, holds = 8, item, False
        vr = b""
        if not item.implicit_vr:
            _, _, vr, short = item.header.unpack_from(data, index)
            if vr in LONG:
                if index + 12 > len(data):
                    needed = 12
                    continue
                needed = 8
                header, (length,) = 12, item.long_length.unpack_from(data, index + 8)
            elif vr in SHORT or (vr.isalpha() and vr.isupper()) or vr in _BLANK:
                length = short
            else:
                is_regular = False
                inner = ENCODINGS[True, item.little_endian]
                vr = b""
        if element <= last or not number:
            is_regular = False
        last = element
        if length != UNDEFINED_LENGTH:
            at += header + length
            if size is not None and at > size:
                raise where.ends_early(at - header - length, tag)
            is_regular = is_regular and not length & 1
            continue
        if vr == b"UN":
            inner, is_regular = _IMPLICIT_LITTLE, False
        else:
            holds = element in PIXEL_TAGS or vr not in (b"", b"SQ")
        open_items.append((in_sequence, fragments, item, last))
        in_sequence, fragments, item = inner, holds, None
        unpack = inner.implicit_header.unpack_from
        at += header


def _scan_explicit(run: Run, at: int, encoding: Encoding) -> int:
    """Scan elements with VR from an index on, and return the index of the first that needs more than this loop."""
    data, rows = run.data, run.rows
    unpack, unpack_length = encoding.header.unpack_from, encoding.long_length.unpack_from
    append, short_vrs, long_vrs = rows.append, SHORT, LONG
    end = len(data)
    limit = end - 12
    last = rows[-1][0] if rows else 0
    while at <= limit:
        group, number, vr, length = unpack(data, at)
        if vr in short_vrs:
            value_at = at + 8
        elif vr in long_vrs:
            (length,) = unpack_length(data, at + 8)
            if length >= BULK:
                break
            value_at = at + 12
        else:
            break
        stop = value_at + length
        if stop > end:
            break
        tag = group << 16 | number
        if length & 1:
            run.odd.append(len(rows))
        if tag <= last or not number:
            run.is_sorted = False
        append((tag, vr, at, value_at, stop, length))
        at, last = stop, tag
    return at


def _scan_implicit(run: Run, at: int, encoding: Encoding) -> int:
    """Scan elements without VR from an index on, and return the index of the first that needs more than this loop."""
    data, rows = run.data, run.rows
    unpack, append = encoding.implicit_header.unpack_from, rows.append
    end = len(data)
    limit = end - 8
    last = rows[-1][0] if rows else 0
    while at <= limit:
        group, number, length = unpack(data, at)
        if length >= BULK or group == 0xFFFE or not group:
            break
        value_at = at + 8
        stop = value_at + length
        if stop > end:
            break
        tag = group << 16 | number
        if length & 1:
            run.odd.append(len(rows))
        if tag <= last or not number:
            run.is_sorted = False
        append((tag, None, at, value_at, stop, length))
        at, last = stop, tag
    return at
