"""A file passed on as it stands, but for the elements that an edit names: nothing else is parsed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pydicom.uid import UID

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.layout import Encoding as Packing
from streamdcm.encode.tags import (
    DIRECTORY_RECORDS,
    PIXEL_DATA,
    PIXEL_REPRESENTATION,
    PIXEL_TAGS,
    SPECIFIC_CHARACTER_SET,
)
from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES
from streamdcm.errors.translation import element_name
from streamdcm.files.dataset import padding
from streamdcm.files.edit_paths import ItemEdits, edits_by_tag
from streamdcm.files.edits import Edit
from streamdcm.files.notices import warn_of_missing_pixels, warn_of_signature
from streamdcm.files.scan_words import LONG, Large, Row, Run
from streamdcm.files.scanned import Found, Part, Scanned
from streamdcm.files.spliced_meta import are_uids, file_meta, uids_of
from streamdcm.files.splicer import Bytes, New, Splicer
from streamdcm.instructions import Copy, Encoder
from streamdcm.options import Options
from streamdcm.plan.file_meta import TIFF

_CHANGES_OTHERS: Final = frozenset({SPECIFIC_CHARACTER_SET, PIXEL_REPRESENTATION, *PIXEL_TAGS})
"""The elements whose new value decides how others are written."""

_BEHIND_ALL: Final = 1 << 32


class Splice(NamedTuple):
    """A file that is passed on.

    Attributes
    ----------
    encoder : Encoder
        Its bytes.
    size : int
        Their number.
    """

    encoder: Encoder[None]
    size: int


def spliced(scanned: Scanned, options: Options, edit: Edit | None, transfer_syntax: UID | None) -> Splice | None:
    """Return how a file is passed on; `None` if more has to change than the elements that the edit names.

    Parameters
    ----------
    scanned : Scanned
        The file.
    options : Options
        What the caller asked for.
    edit : callable or mapping, optional
        What the caller gave.
    transfer_syntax : UID, optional
        That which is to be written; that of the file if `None`.

    Raises
    ------
    PlanError
        If a name in the mapping is not that of an element, or a value is not one that the element can have.
    EncodeError
        If a value cannot be encoded.
    """
    if scanned.head.deflated:
        return None
    splicer = splicer_of(scanned, options, edit, transfer_syntax)
    if splicer is None:
        return None
    splicer.encode_all()
    body = [splicer.head, *_body(splicer, scanned)]
    warn_of_missing_pixels(splicer.found, scanned.name)
    return Splice(encoder_of(body), sum(map(_length, body)))


def splicer_of(scanned: Scanned, options: Options, edit: Edit | None, transfer_syntax: UID | None) -> Splicer | None:
    """Return what passes a file on, or what has come of it; see `spliced`."""
    edits = edits_of(edit)
    if edits is None or not _is_as_read(scanned, options, transfer_syntax):
        return None
    splicer = Splicer(scanned, edits)
    found, syntax = splicer.found, scanned.head.syntax
    if not _pixels_fit(found, edits, syntax) or not are_uids(found, edits) or DIRECTORY_RECORDS in found:
        return None
    if any(isinstance(value, ItemEdits) and isinstance(found.get(tag), Large) for tag, value in edits.items()):
        return None
    meta = file_meta(scanned.head, syntax, uids_of(found, edits))
    if meta is None:
        return None
    preamble = scanned.head.preamble
    if preamble is None or preamble.startswith(TIFF):
        preamble = bytes(128)
    splicer.head = preamble + b"DICM" + meta
    if edit is not None:
        warn_of_signature(found.keys() - {tag for tag, value in edits.items() if value is None})
    return splicer


def edits_of(edit: Edit | None) -> dict[int, Any] | None:
    """Return new values by tag; `None` if they decide how others are written."""
    if edit is None:
        return {}
    if not isinstance(edit, Mapping):
        return None
    edits = edits_by_tag(edit)
    changes_more = any(
        tag >> 16 <= 2 or (tag in _CHANGES_OTHERS and not (tag in PIXEL_TAGS and value is None))
        for tag, value in edits.items()
    )
    return None if changes_more else edits


def _is_as_read(scanned: Scanned, options: Options, asked: UID | None) -> bool:
    """Whether all that is not edited is written with the bytes that were read."""
    syntax = scanned.head.syntax
    if syntax is None or (asked is not None and asked != syntax):
        return False
    public = TRANSFER_SYNTAXES.get(syntax)
    encoding = scanned.encoding
    if public is None or (public.implicit_vr, public.little_endian) != (
        encoding.implicit_vr,
        encoding.little_endian,
    ):
        return False
    if options.sequence_lengths != "preserve" or options.group_lengths != "omit" or options.enforce_file_format:
        return False
    return are_passed(scanned.parts, implicit_vr=encoding.implicit_vr)


def are_passed(parts: Iterable[Part], *, implicit_vr: bool) -> bool:
    """Whether elements can be written as they stand, but for lengths and delimiters that are corrected."""
    runs = [part for part in parts if isinstance(part, Run)]
    return all(
        (run.is_sorted and run.rows[0][0] > 0x0002FFFF) or not any(row[0] >> 16 in (0, 2) for row in run.rows)
        for run in runs
    ) and all(_is_passed(run.rows[index], implicit_vr) for run in runs for index in run.odd)


def _is_passed(row: Row, implicit_vr: bool) -> bool:
    """Whether an element that cannot be written as it stands can be, with its length or its delimiter corrected."""
    if row[5] == UNDEFINED_LENGTH:
        return row[0] in PIXEL_TAGS
    return (implicit_vr or row[1] is not None) and row[5] < 0xFFFF


def _pixels_fit(found: Found, edits: Mapping[int, Any], syntax: UID | None) -> bool:
    """Whether pixel data have the kind of length that the transfer syntax wants (PS3.5 §A.4)."""
    public = TRANSFER_SYNTAXES.get(syntax or "")
    for tag in PIXEL_TAGS:
        element = found.get(tag)
        if element is None or tag in edits:
            continue
        undefined = element.undefined if isinstance(element, Large) else element[1][5] == UNDEFINED_LENGTH
        if public is None or (undefined != public.encapsulated if tag == PIXEL_DATA else undefined):
            return False
    return True


def in_order(parts: Iterable[Part]) -> list[Part]:
    """Return the elements in ascending order of their tags (PS3.5 §7.1), the last of each, no retired Group Length."""
    single: dict[int, Part] = {}
    for part in parts:
        if isinstance(part, Large):
            single[part.tag] = part
            continue
        for index, row in enumerate(part.rows):
            if row[0] & 0xFFFF or row[0] <= 0x0006FFFF:
                single[row[0]] = Run(part.data, part.base, [row], [0] if index in part.odd else [])
    return [part for _, part in sorted(single.items(), key=itemgetter(0))]


def _body(splicer: Splicer, scanned: Scanned) -> Iterator[Bytes | Copy]:
    """Give the elements of a file, those that are replaced with their new bytes in their places."""
    for part in scanned.parts if scanned.is_sorted else in_order(scanned.parts):
        if isinstance(part, Run):
            yield from splicer.run(part)
            continue
        yield from splicer.before(part.tag + 1)
        if part.tag not in splicer.edits:
            yield from _large(part, splicer.packing, scanned)
    yield from splicer.before(_BEHIND_ALL)


def large_header(large: Large, length: int | None, packing: Packing) -> bytes:
    """Return the header of a large element, with an even length; `None` for one that a delimiter ends."""
    tag = large.tag
    stated = UNDEFINED_LENGTH if length is None else length + (length & 1)
    if large.vr is None:
        return packing.pack_implicit(tag >> 16, tag & 0xFFFF, stated)
    pack_header = packing.pack_long if large.vr in LONG else packing.pack_short
    return pack_header(tag >> 16, tag & 0xFFFF, large.vr, stated)


def _large(large: Large, packing: Packing, scanned: Scanned) -> Iterator[bytes | Copy]:
    assert large.length is not None
    yield large_header(large, None if large.undefined else large.length, packing)
    yield scanned.access.range_of(large.value_at, large.length, element_name(large.tag))
    if large.undefined:
        yield packing.sequence_end
    elif large.length & 1:
        yield padding(large.tag, large.vr)


def encoder_of(body: Iterable[Bytes | Copy]) -> Encoder[None]:
    """Encode what a splicer gives."""
    for piece in body:
        if isinstance(piece, New):
            yield from piece.pieces.released()
        else:
            yield piece


def _length(piece: Bytes | Copy) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length
