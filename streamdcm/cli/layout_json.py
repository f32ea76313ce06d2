"""What is where in a file, as one JSON object."""

from __future__ import annotations

from typing import Any

from streamdcm.cli.layout_words import name_of, shown, tag_of
from streamdcm.files.frame_layout import FrameLayout
from streamdcm.files.piece import FileLayout, Piece


def as_json(found: FileLayout, frames: range | None) -> dict[str, Any]:
    """Return what was found in a file as what `json` takes.

    Parameters
    ----------
    found : FileLayout
        It.
    frames : range or None
        The frames to list, counted from 0.
    """
    return {
        "name": found.name,
        "size": found.size,
        "transfer_syntax": found.transfer_syntax,
        "sections": found.sections(),
        "pieces": [_piece(piece) for piece in found.pieces],
        "frames": None if found.frames is None else _frames(found.frames, frames),
        "problems": found.problems,
    }


def _piece(piece: Piece) -> dict[str, Any]:
    said: dict[str, Any] = {"section": piece.section, "offset": piece.offset, "length": piece.length}
    if piece.tag is not None:
        said |= {"tag": tag_of(piece), "vr": piece.vr or None, "name": name_of(piece), "header": piece.header}
    if piece.undefined:
        said["undefined_length"] = True
    if piece.depth:
        said["depth"] = piece.depth
    if piece.value is not None:
        said["value"] = shown(piece.value, piece.vr, little_endian=piece.little_endian)
    if piece.problem:
        said["problem"] = piece.problem
    return said


def _frames(frames: FrameLayout, wanted: range | None) -> dict[str, Any]:
    said: dict[str, Any] = dict(frames.summary()) | {"fragments": frames.fragments}
    said["tables"] = [
        {
            "name": table.name,
            "entries": len(table.entries),
            "first_mismatch": None if table.mismatch is None else table.mismatch + 1,
        }
        for table in frames.tables
    ]
    if wanted is not None:
        indices = range(wanted.start, min(wanted.stop, len(frames.starts)))
        said["list"] = [
            {"frame": index + 1, "offset": frames.starts[index], "length": frames.lengths[index]} for index in indices
        ]
    return said
