"""What is inside a sequence: its items and their elements, as deep as is wanted (PS3.5 §7.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.tags import PIXEL_TAGS
from streamdcm.errors import StreamdcmError
from streamdcm.files.access import Access, performed
from streamdcm.files.dataset import dictionary_vr
from streamdcm.files.piece import Piece
from streamdcm.files.scan_walk import walk
from streamdcm.files.scan_words import BLOCK, ENCODINGS, IMPLICIT_LITTLE, LONG, Encoding, Where

MOST_ITEMS: Final = 100
"""How many items of a sequence are looked into."""

LONGEST_VALUE: Final = 1024
"""The longest value that is kept where values were asked for."""

_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD


def inside(
    access: Access, where: Where, sequence: Piece, encoding: Encoding, depth: int, *, with_values: bool
) -> Iterator[Piece]:
    """Give the items of a sequence and their elements, if the piece is one; damaged ones up to where they are damaged.

    Parameters
    ----------
    access : Access
        The file.
    where : Where
        It, for errors.
    sequence : Piece
        An element.
    encoding : Encoding
        How the dataset is laid out that it is in.
    depth : int
        How many sequences deep to look.
    with_values : bool
        Whether to keep the values of short elements.
    """
    if _is_sequence(sequence):
        inner = IMPLICIT_LITTLE if sequence.vr == "UN" else encoding
        yield from _Nested(access, where, with_values=with_values).items(sequence, inner, depth)


def _is_sequence(piece: Piece) -> bool:
    if piece.tag is None or piece.tag in PIXEL_TAGS:
        return False
    return piece.vr == "SQ" or piece.undefined or (not piece.vr and dictionary_vr(piece.tag) == "SQ")


class _Nested:
    """Looks into sequences, by reads of a block at a time."""

    def __init__(self, access: Access, where: Where, *, with_values: bool) -> None:
        self._access = access
        self._where = where
        self._with_values = with_values
        self._data, self._base = b"", 0

    def items(self, sequence: Piece, encoding: Encoding, depth: int) -> Iterator[Piece]:
        """Give the items of a sequence and what is in them."""
        at, end = sequence.offset + sequence.header, sequence.offset + sequence.length - 8 * sequence.undefined
        level = sequence.depth + 1
        for number in range(1, MOST_ITEMS + 1):
            if at + 8 > end:
                return
            header = self._read(at, 8)
            if len(header) < 8:
                return
            group, element, length = encoding.implicit_header.unpack(header)
            if group << 16 | element != _ITEM:
                problem = "there is no item where one should be"
                yield Piece(sequence.section, at, end - at, problem=problem, depth=level)
                return
            undefined = length == UNDEFINED_LENGTH
            laid_out = self._encoding_of_item(at, encoding)
            found = [*self._elements(sequence, at + 8, end if undefined else at + 8 + length, laid_out, level, depth)]
            own = [piece for piece in found if piece.depth == level]
            stop = own[-1].offset + own[-1].length if own else at + 8
            stop = stop + 8 if undefined else at + 8 + length
            problem = "it is longer than its sequence" if stop > end else ""
            yield Piece(sequence.section, at, stop - at, _ITEM, "", 8, undefined, problem, None, level, number)
            yield from found
            at = stop
        if at < end:
            yield Piece(sequence.section, at, end - at, depth=level)

    def _elements(
        self, sequence: Piece, at: int, end: int, encoding: Encoding, level: int, depth: int
    ) -> Iterator[Piece]:
        """Give the elements of an item, and what is in them."""
        last = 0
        while at + 8 <= end:
            header = self._read(at, 12)
            if len(header) < 8:
                return
            group, number, length = encoding.implicit_header.unpack_from(header)
            tag, size, vr = group << 16 | number, 8, b""
            if tag in (_ITEM_END, _SEQUENCE_END):
                return
            if not encoding.implicit_vr:
                _, _, vr, length = encoding.header.unpack_from(header)
                if vr in LONG and len(header) == 12:
                    size, (length,) = 12, encoding.long_length.unpack_from(header, 8)
            undefined = length == UNDEFINED_LENGTH
            try:
                stop = self._end_of(tag, vr, at + size, encoding) if undefined else at + size + length
            except StreamdcmError as error:
                yield Piece(sequence.section, at, end - at, tag, problem=str(error), depth=level)
                return
            problem = "it stands behind an element with the same or a higher tag (PS3.5 §7.1)" if tag <= last else ""
            if length & 1 and not undefined:
                problem = problem or "its length is odd (PS3.5 §7.1.1)"
            if stop > end:
                problem = "it is longer than its item"
            value = None
            if self._with_values and not undefined and length <= LONGEST_VALUE:
                value = self._read(at + size, length)
            code, order = vr.decode("latin-1"), encoding.little_endian
            piece = Piece(sequence.section, at, stop - at, tag, code, size, undefined, problem, value, level, 0, order)
            yield piece
            if depth > 1 and _is_sequence(piece):
                yield from self.items(piece, IMPLICIT_LITTLE if vr == b"UN" else encoding, depth - 1)
            at, last = stop, tag

    def _encoding_of_item(self, at: int, encoding: Encoding) -> Encoding:
        """Return how an item is laid out: writers put items in Implicit VR into sequences in Explicit VR."""
        vr = self._read(at + 12, 2)
        if not encoding.implicit_vr and not (vr.isalpha() and vr.isupper()):
            return ENCODINGS[True, encoding.little_endian]
        return encoding

    def _end_of(self, tag: int, vr: bytes, at: int, encoding: Encoding) -> int:
        holds_fragments = tag in PIXEL_TAGS or vr not in (b"", b"SQ", b"UN")
        inner = IMPLICIT_LITTLE if vr == b"UN" else encoding
        return performed(walk(self._where, tag, inner, at, b"", at, holds_fragments=holds_fragments), self._access).end

    def _read(self, at: int, size: int) -> bytes:
        """Return bytes from an offset on, fewer only at the end."""
        if not self._base <= at <= at + size <= self._base + len(self._data):
            self._data, self._base = self._access.read(at, max(size, BLOCK)), at
        return self._data[at - self._base : at - self._base + size]
