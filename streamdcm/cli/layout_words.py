"""What is said of the pieces of a file, whichever way it is shown."""

from __future__ import annotations

from struct import calcsize, iter_unpack
from typing import Final

from pydicom.datadict import keyword_for_tag

from streamdcm.files.frame_layout import FrameLayout, TableLayout
from streamdcm.files.piece import SECTIONS, Piece
from streamdcm.options.sizes import binary_size

_ITEM: Final = 0xFFFEE000
_LONGEST_VALUE: Final = 64
_LONGEST_HEX: Final = 16
_NUMBERS: Final = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_BULK: Final = ("OB", "OW", "OL", "OV", "OF", "OD", "UN", "SQ")


def tag_of(piece: Piece) -> str:
    """Return the tag of an element as DICOM writes it; nothing for what has none."""
    if piece.tag is None:
        return ""
    return f"({piece.tag >> 16:04X},{piece.tag & 0xFFFF:04X})"


def name_of(piece: Piece) -> str:
    """Return the keyword of an element, or what else it is."""
    if piece.tag is None:
        if piece.depth:
            return "more items, which are not listed"
        return "zeros" if piece.section == "reserved" else SECTIONS[piece.section]
    if piece.tag == _ITEM:
        return f"item {piece.number:,}"
    keyword = keyword_for_tag(piece.tag)
    if keyword:
        return keyword
    if piece.tag & 0xFFFF == 0:
        return "group length"
    return "private" if piece.tag >> 16 & 1 else ""


def note_of(piece: Piece) -> str:
    """Return what is remarkable about a piece, and its value, if it was kept."""
    notes = []
    if piece.undefined:
        notes.append("undefined length")
    if piece.section == "reserved" and piece.tag is not None:
        notes.append("reserved, and not used")
    if piece.value is not None:
        notes.append(shown(piece.value, piece.vr, little_endian=piece.little_endian))
    return "; ".join(notes)


def shown(value: bytes, vr: str, *, little_endian: bool) -> str:
    """Return a value as text: numbers, what is printable in ASCII, else its first bytes."""
    code = _NUMBERS.get(vr)
    if code is not None and len(value) % calcsize(f"<{code}") == 0:
        order = "<" if little_endian else ">"
        return "\\".join(str(number) for (number,) in iter_unpack(f"{order}{code}", value[:_LONGEST_VALUE]))
    text = value.rstrip(b"\0 ")
    if vr in _BULK or not text.isascii() or not text.decode("ascii").isprintable():
        return f"{value[:_LONGEST_HEX].hex(' ')}{' …' if len(value) > _LONGEST_HEX else ''}"
    return f"{text[:_LONGEST_VALUE].decode('ascii')!r}{' …' if len(text) > _LONGEST_VALUE else ''}"


def table_line(table: TableLayout) -> str:
    """Say whether an offset table is right."""
    verdict = "all right" if table.mismatch is None else f"wrong from entry {table.mismatch + 1:,} on"
    entries = f"{len(table.entries):,} entr{'y' if len(table.entries) == 1 else 'ies'}"
    return f"{table.name}: {entries}, {verdict}"


def frames_line(frames: FrameLayout) -> str:
    """Say how many frames there are, and how large."""
    facts = frames.summary()
    if not facts["count"]:
        return "no frame whose place is known"
    fragments = f" in {frames.fragments:,} fragments" if frames.fragments > facts["count"] else ""
    if facts["smallest"] == facts["largest"]:
        sizes = f"{facts['largest']:,} bytes each"
    else:
        sizes = (
            f"smallest {facts['smallest']:,}, median {binary_size(facts['median'])}, largest {facts['largest']:,} bytes"
        )
    numbers = "frame 1" if facts["count"] == 1 else f"frames 1 to {facts['count']:,}"
    return f"{numbers}{fragments}: {sizes}"
