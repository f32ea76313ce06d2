"""A forward-only scanner: where the elements of a dataset stand, found by their headers alone (PS3.5 §7).

It does no input: it asks for bytes and is sent them, as encoders are. What is small comes in runs, elements of one
block of bytes; what is bulk, or has an undefined length that is long, comes alone and with its range only. No value is
looked at. Every length is held against what is there, so that a shorter file is never taken for a whole one.
"""

from __future__ import annotations

from typing import Final

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.tags import PIXEL_TAGS, SEQUENCE_DELIMITER
from streamdcm.errors.translation import element_name
from streamdcm.files.scan_walk import at_hand, walk
from streamdcm.files.scan_words import (
    BLANK,
    BLOCK,
    IMPLICIT_LITTLE,
    LONG,
    SHORT,
    Ask,
    Encoding,
    Large,
    Run,
    Scan,
    Where,
)

BULK: Final = 64 * 1024
"""Values of this length and more are not held: the scanner tells where they are."""

_HELD: Final = 1024 * 1024
"""The longest element of undefined length that is asked for as a whole; a longer one is told as a range."""

_ITEM_GROUP: Final = 0xFFFE0000


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
            before = len(run.rows)
            at = self.at - self._base
            stop = self._tight(run, at, self.encoding)
            self.at = self._base + stop
            if len(run.rows) > before and (not run.is_sorted or run.rows[-1][0] >= _ITEM_GROUP):
                self._refuse_items(run, before)
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
            elif vr in BLANK:
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
        inner = IMPLICIT_LITTLE if vr == b"UN" else self.encoding if not is_odd else IMPLICIT_LITTLE
        walked = at_hand(walk(self.where, tag, inner, value, self._data, self._base, holds_fragments=holds_fragments))
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

    def _refuse_items(self, run: Run, first: int) -> None:
        """Refuse items and delimiters that have a VR: only sequences have them, and they have none (PS3.5 §7.5)."""
        for tag, _, start, *_ in run.rows[first:]:
            if tag >> 16 == 0xFFFE:
                raise self.where.error(f"{element_name(tag)} stands where an element should", run.base + start)

    def _skip_delimiter(self, run: Run, tag: int, length: int) -> None:
        """Pass over the delimiter of a sequence that has a length all the same (PS3.5 §7.5.2)."""
        behind = run.rows[-1] if run.rows else None
        if tag != SEQUENCE_DELIMITER or length or behind is None or behind[1] not in (b"SQ", None):
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
