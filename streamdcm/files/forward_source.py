"""A file that only goes forwards, scanned while it comes: what is held of it, and what passes."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.tags import PIXEL_TAGS
from streamdcm.errors import SourceError
from streamdcm.errors.translation import element_name
from streamdcm.files.deferred import Passing
from streamdcm.files.scan import Scanner
from streamdcm.files.scan_head import Head
from streamdcm.files.scan_walk import at_hand, walk
from streamdcm.files.scan_words import BLOCK, ENCODINGS, Encoding, Large, Run, Where
from streamdcm.files.scanned import Part, Scanned
from streamdcm.files.tape import Tape
from streamdcm.instructions import Copy, Encoder
from streamdcm.sources import BufferSource


class ForwardSource:
    """The dataset of a file, in the order in which it comes.

    Parameters
    ----------
    tape : Tape
        Where it comes from.
    where : Where
        The file, for errors.
    head : Head
        What came before the dataset.
    encoding : Encoding
        How the dataset is laid out.
    scanner : Scanner
        Scans it.
    hold_limit : int
        How many bytes of it may be held at a time.
    """

    def __init__(
        self, tape: Tape, where: Where, head: Head, encoding: Encoding, scanner: Scanner, hold_limit: int
    ) -> None:
        self.where = where
        self.head = head
        self.encoding = encoding
        self._tape = tape
        self._scanner = scanner
        self._hold_limit = hold_limit
        self._held = 0

    def next_large(self, parts: list[Part]) -> Encoder[Large | None]:
        """Scan to the next large element, which is returned; what comes before it is added."""
        large = yield from self._tape.answer(self._scanner.scan())
        runs = [run for run in self._scanner.runs if run.rows]
        self._scanner.runs.clear()
        for run in runs:
            self._count(run.rows[-1][4] - run.rows[0][2], run.rows[-1][0])
        parts += runs
        return large

    def _count(self, size: int, tag: int) -> None:
        self._held += size
        if self._held > self._hold_limit:
            raise SourceError(
                f"more than {self._hold_limit:,} bytes of {self.where.name} would be held, because it cannot "
                "seek; raise hold_limit, or give a source that can, such as streamdcm.spooled_source()",
                element_name(tag),
            )

    def hold(self, large: Large) -> Encoder[Run]:
        """Read a large element, and return it as a run."""
        if large.length is None:
            return (yield from self._hold_to_its_end(large))
        size = large.end - large.start
        self._count(size, large.tag)
        data = yield from self._tape.read(large.start, size)
        if len(data) < size:
            raise self.where.ends_early(large.start, large.tag)
        self._scanner.pass_over(large)
        value_at = large.value_at - large.start
        stated = UNDEFINED_LENGTH if large.undefined else large.length
        row = (large.tag, large.vr, 0, value_at, value_at + large.length, stated)
        odd = [0] if large.length & 1 and not large.undefined else []
        return Run(data[:size], large.start, [row], odd)

    def _hold_to_its_end(self, large: Large) -> Encoder[Run]:
        """Read an element of undefined length, as much more each time as there is already."""
        size = BLOCK
        while True:
            data = yield from self._tape.read(large.start, size)
            walked = at_hand(self._walk(large, data, large.start))
            if walked is not None:
                break
            if len(data) < size:
                raise self.where.ends_early(large.start, large.tag)
            size = 2 * len(data)
            if size > 2 * self._hold_limit:
                self._count(size, large.tag)
        self._count(walked.end - large.start, large.tag)
        self._scanner.pass_over(large, walked.end)
        value_at = large.value_at - large.start
        row = (large.tag, large.vr, 0, value_at, walked.value_end - large.start, UNDEFINED_LENGTH)
        odd = [0] if large.vr == b"UN" or not walked.is_regular else []
        return Run(data[: walked.end - large.start], large.start, [row], odd)

    def _walk(self, large: Large, data: bytes, base: int) -> Any:
        fragments = large.tag in PIXEL_TAGS or large.vr not in (None, b"SQ", b"UN")
        encoding = ENCODINGS[True, True] if large.vr == b"UN" else self.encoding
        return walk(self.where, large.tag, encoding, large.value_at, data, base, holds_fragments=fragments)

    def value(self, large: Large) -> Encoder[None]:
        """Yield the value of a large element, unheld."""
        if large.length is not None:
            yield from self._tape.take(large.value_at, large.length, large.start, large.tag)
            self._scanner.pass_over(large)
            return
        start, tag = large.start, large.tag
        walk = self._walk(large, b"", large.value_at)
        walked, upto = yield from self._tape.take_while(walk, large.value_at, start, tag)
        yield from self._tape.take(upto, walked.value_end - upto, start, tag)
        self._scanner.pass_over(large, walked.end)

    def skip(self, large: Large) -> Encoder[None]:
        """Read over a large element."""
        value = self.value(large)
        answer: Any = None
        try:
            while True:
                instruction = value.send(answer)
                answer = None if isinstance(instruction, (bytes, memoryview)) else (yield instruction)
        except StopIteration:
            return

    def scanned(self, parts: list[Part]) -> Scanned:
        """Return what was scanned, with access to what is held of it."""
        name = self.where.name
        return Scanned(self.head, self.encoding, parts, _Held(name, parts), name, self._tape.end)

    def release(self) -> None:
        """Hold nothing any longer: what was held is written."""
        self._held = 0


class _Held:
    """Access to what is held of a source; what is not is passed on when it comes."""

    def __init__(self, name: str, parts: Iterable[Part]) -> None:
        self.name = name
        self.size: int | None = None
        self.path: str | None = None
        self._runs = [part for part in parts if isinstance(part, Run)]

    def read(self, offset: int, size: int) -> bytes:
        """Return `size` bytes that are held."""
        for run in self._runs:
            if run.base <= offset < run.base + len(run.data):
                return run.data[offset - run.base : offset - run.base + size]
        return b""

    def range_of(self, offset: int, length: int | None, label: str) -> Copy:
        """Return what describes a value: what is held of it, or that it comes."""
        held = self.read(offset, length or 0)
        if length is not None and len(held) == length:
            return Copy(BufferSource(BytesIO(held), label), 0, length)
        return Copy(Passing(self.name, label), 0, length or 0)
