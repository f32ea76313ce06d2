"""The end of a value of undefined length, found by the headers in it (PS3.5 §7.5, §A.4)."""

from __future__ import annotations

from typing import Final, NamedTuple

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.tags import PIXEL_TAGS
from streamdcm.files.scan_words import (
    BLANK,
    BLOCK,
    ENCODINGS,
    IMPLICIT_LITTLE,
    LONG,
    SHORT,
    Ask,
    Encoding,
    Scan,
    Where,
)

_DELIMITER_GROUP: Final = (b"\xfe\xff", b"\xff\xfe")


class Walked(NamedTuple):
    """The end of a value of undefined length.

    Attributes
    ----------
    value_end : int
        The offset of its delimiter.
    end : int
        The offset behind the delimiter.
    is_regular : bool
        Whether it can be written as it stands: no retired Group Length in it, elements in ascending order and of even
        lengths, no length in a delimiter.
    items : int
        The number of its items.
    """

    value_end: int
    end: int
    is_regular: bool
    items: int


def at_hand(walk: Scan[Walked]) -> Walked | None:
    """Return where a walk ends, or `None` if the bytes at hand do not tell."""
    try:
        next(walk)
    except StopIteration as stop:
        found: Walked = stop.value
        return found
    walk.close()
    return None


def walk(
    where: Where,
    tag: int,
    encoding: Encoding,
    at: int,
    data: bytes,
    base: int,
    *,
    holds_fragments: bool,
    end: int | None = None,
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
    end : int, optional
        Where the value ends without a delimiter, because it has a length; `where` is to end there, too.

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
    items = 0
    item: Encoding | None = None  # None between items
    last = 0
    size, needed = where.size, 8
    unpack = encoding.implicit_header.unpack_from
    while True:
        if at == end and item is None and not open_items:
            return Walked(at, at, is_regular, items)
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
                    return Walked(at, at + 8, is_regular, items)
                in_sequence, fragments, item, last = open_items.pop()
                unpack = item.implicit_header.unpack_from
                at += 8
                continue
            if length != UNDEFINED_LENGTH:
                items += not open_items
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
            items += not open_items
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
            elif vr in SHORT or (vr.isalpha() and vr.isupper()) or vr in BLANK:
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
            inner, is_regular = IMPLICIT_LITTLE, False
        else:
            holds = element in PIXEL_TAGS or vr not in (b"", b"SQ")
        open_items.append((in_sequence, fragments, item, last))
        in_sequence, fragments, item = inner, holds, None
        unpack = inner.implicit_header.unpack_from
        at += header
