"""What is where in a file, as one page for a browser that needs no network."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Sequence
from typing import Any, Final

from pydicom.uid import UID

from streamdcm.cli.layout_words import frames_line, name_of, note_of, tag_of
from streamdcm.cli.pages import write_filled
from streamdcm.files.frame_layout import FrameLayout, TableLayout
from streamdcm.files.piece import SECTIONS, FileLayout, Piece

_MOST_WRONG: Final = 10_000
"""How many wrong entries of an offset table are drawn."""


def write_page(target: str, found: FileLayout) -> None:
    """Write the page to a path or a URL.

    Parameters
    ----------
    target : str
        Where to write.
    found : FileLayout
        What was found in a file.
    """
    write_filled(target, "layout.html", _data(found))


def _data(found: FileLayout) -> dict[str, Any]:
    syntax = UID(found.transfer_syntax).name if found.transfer_syntax else "no transfer syntax stated"
    is_deflated = False
    pieces = []
    for piece in found.pieces:
        said = _piece(piece, found.frames)
        if is_deflated:
            said["inflated"] = True
        is_deflated = is_deflated or piece.section == "deflated"
        pieces.append(said)
    return {
        "name": found.name,
        "size": found.size,
        "syntax": syntax,
        "sections": [[section, SECTIONS[section], length] for section, length in found.sections().items()],
        "pieces": pieces,
        "frames": None if found.frames is None or is_deflated else _frames(found.frames),
        "problems": found.problems,
    }


def _piece(piece: Piece, frames: FrameLayout | None) -> dict[str, Any]:
    said: dict[str, Any] = {
        "section": piece.section,
        "offset": piece.offset,
        "length": piece.length,
        "header": piece.header,
        "name": name_of(piece) or "unknown",
    }
    table = frames.table_length if frames is not None and piece.section == "pixels" else 0
    more = (tag_of(piece), piece.vr, note_of(piece), piece.problem, piece.depth, table)
    said |= {name: value for name, value in zip(_MORE, more, strict=True) if value}
    return said


_MORE: Final = ("tag", "vr", "note", "problem", "depth", "table")


def _frames(frames: FrameLayout) -> dict[str, Any]:
    is_wide = any(length >= 1 << 32 for length in frames.lengths)
    lengths = array("d" if is_wide else "I", frames.lengths)
    return {
        "lengths": base64.b64encode(lengths.tobytes()).decode(),
        "wide": is_wide,
        "gaps": _gaps(frames.starts, frames.lengths),
        "tables": [_table(table, frames) for table in frames.tables],
        "said": frames_line(frames),
    }


def _gaps(starts: Sequence[int], lengths: Sequence[int]) -> list[tuple[int, int]]:
    """Return how many bytes are in front of a frame, where that changes: its index and their number."""
    gaps: list[tuple[int, int]] = []
    end, last = 0, None
    for index, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        gap = start - end
        if gap != last:
            gaps.append((index, gap))
        end, last = start + length, gap
    return gaps


def _table(table: TableLayout, frames: FrameLayout) -> dict[str, Any]:
    wrong: list[tuple[int, int]] = []
    if table.mismatch is not None:
        for index in range(table.mismatch, min(len(table.entries), len(frames.starts))):
            if table.entries[index] != frames.starts[index] - 8 - frames.base and len(wrong) < _MOST_WRONG:
                wrong.append((index, table.entries[index]))
    return {"name": table.name, "entries": len(table.entries), "base": frames.base, "wrong": wrong}
