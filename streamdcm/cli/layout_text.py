"""What is where in a file, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.uid import UID

from streamdcm.cli.layout_words import frames_line, name_of, note_of, table_line, tag_of
from streamdcm.files.frame_layout import FrameLayout
from streamdcm.files.piece import SECTIONS, FileLayout, Piece, Section
from streamdcm.options.sizes import binary_size

LETTERS: Final[dict[Section, str]] = {
    "preamble": "P",
    "meta": "M",
    "dataset": "D",
    "tables": "T",
    "pixels": "F",
    "trailing": "B",
    "reserved": "_",
    "deflated": "Z",
    "unread": "?",
}
"""What stands for each section in the bar."""

_HEADING: Final = f"{'offset':>14} {'length':>14}  {'tag':<11} VR  element"


def lines(found: FileLayout, frames: range | None, width: int) -> Iterator[str]:
    """Give what was found in a file, line by line.

    Parameters
    ----------
    found : FileLayout
        It.
    frames : range or None
        The frames to list, counted from 0.
    width : int
        How many characters a line of the bar may have.
    """
    syntax = UID(found.transfer_syntax).name if found.transfer_syntax else "no transfer syntax stated"
    yield f"{found.name}: {found.size:,} bytes, {syntax}"
    yield ""
    sections = found.sections()
    yield f"[{bar(sections, max(width - 2, 20))}]"
    for section, length in sections.items():
        share = 100 * length / found.size if found.size else 0
        yield f"  {LETTERS[section]}  {SECTIONS[section]:<24} {length:>16,} {binary_size(length):>12} {share:>6.1f} %"
    yield ""
    yield _HEADING
    for piece in found.pieces:
        yield _line(piece)
        if piece.section == "deflated":
            yield "  (what follows counts from the start of the inflated dataset)"
        if piece.section == "pixels" and found.frames is not None:
            yield from _frames(found.frames, frames)
    if found.problems:
        yield ""
        yield "wrong:"
        for problem in found.problems:
            yield f"  ! {problem}"


def bar(sections: dict[Section, int], width: int) -> str:
    """Return a bar in which each section has its share of the characters, and one at least."""
    total = sum(sections.values())
    if not total:
        return " " * width
    shares = {section: max(round(width * length / total), 1) for section, length in sections.items()}
    largest = max(shares, key=lambda section: shares[section])
    shares[largest] += width - sum(shares.values())
    return "".join(LETTERS[section] * count for section, count in shares.items())


def _line(piece: Piece) -> str:
    notes = "; ".join(filter(None, (note_of(piece), f"! {piece.problem}" if piece.problem else "")))
    name = "  " * piece.depth + name_of(piece)
    line = f"{piece.offset:>14,} {piece.length:>14,}  {tag_of(piece):<11} {piece.vr:<2}  {name}"
    return f"{line}  [{notes}]" if notes else line


def _frames(frames: FrameLayout, wanted: range | None) -> Iterator[str]:
    for table in frames.tables:
        yield f"{'':>29}  {'':<15} {table_line(table)}"
    yield f"{'':>29}  {'':<15} {frames_line(frames)}"
    if wanted is None:
        return
    for index in range(wanted.start, min(wanted.stop, len(frames.starts))):
        yield f"{frames.starts[index]:>14,} {frames.lengths[index]:>14,}  {'':<15} frame {index + 1:,}"
