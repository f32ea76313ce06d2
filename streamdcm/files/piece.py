"""What is where in a file: its pieces, and what they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from streamdcm.files.frame_layout import FrameLayout
from streamdcm.files.scan_words import Encoding

Section: TypeAlias = Literal[
    "preamble", "meta", "dataset", "tables", "pixels", "trailing", "reserved", "deflated", "unread"
]
"""Which part of a file something belongs to."""

SECTIONS: Final[Mapping[Section, str]] = {
    "preamble": "preamble and prefix",
    "meta": "File Meta Information",
    "dataset": "dataset",
    "tables": "offset tables",
    "pixels": "frames",
    "trailing": "behind the pixel data",
    "reserved": "reserved and unused",
    "deflated": "deflated dataset",
    "unread": "not understood",
}


class Piece(NamedTuple):
    """A range of a file.

    Attributes
    ----------
    section : str
        The part of the file that it belongs to.
    offset, length : int
        Where it is, its header and its delimiter counted.
    tag : int or None
        The element; `None` for what is none.
    vr : str
        Its VR as the file has it; empty in Implicit VR.
    header : int
        The number of bytes before its value.
    undefined : bool
        Whether a delimiter ends it (PS3.5 §7.5).
    problem : str
        What is wrong with it; empty if nothing is.
    value : bytes or None
        The value of an element that is short, where values were asked for.
    depth : int
        How many sequences it is in.
    number : int
        Of an item, its number from 1; 0 for what is none.
    little_endian : bool
        The byte order of its value.
    """

    section: Section
    offset: int
    length: int
    tag: int | None = None
    vr: str = ""
    header: int = 0
    undefined: bool = False
    problem: str = ""
    value: bytes | None = None
    depth: int = 0
    number: int = 0
    little_endian: bool = True


class FileLayout(NamedTuple):
    """What is where in a file.

    Attributes
    ----------
    name : str
        What errors call the file.
    size : int
        The number of its bytes.
    transfer_syntax : str
        The UID that it states; empty if it states none.
    encoding : Encoding
        How the dataset is laid out.
    pieces : list of Piece
        All of it, in the order of the file; in a deflated dataset offsets count from the start of what is inflated.
    frames : FrameLayout or None
        Where the frames are, if there is pixel data.
    problems : list of str
        What is wrong with it.
    """

    name: str
    size: int
    transfer_syntax: str
    encoding: Encoding
    pieces: list[Piece]
    frames: FrameLayout | None
    problems: list[str]

    def sections(self) -> dict[Section, int]:
        """Return how many bytes of the file each section takes."""
        table = 0 if self.frames is None else self.frames.table_length
        found: dict[Section, int] = dict.fromkeys(SECTIONS, 0)
        is_deflated = any(piece.section == "deflated" for piece in self.pieces)
        for piece in self.pieces:
            if piece.depth:
                continue
            if not is_deflated or piece.section in ("preamble", "meta", "deflated"):
                found[piece.section] += piece.length
        if found["pixels"]:
            found["pixels"] -= table
            found["tables"] += table
        return {section: length for section, length in found.items() if length}
