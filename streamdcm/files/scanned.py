"""A whole file, scanned: what stands before its dataset, and where the elements of that are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.tags import PIXEL_DATA, PIXEL_TAGS, SEQUENCE_DELIMITER
from streamdcm.errors import SourceError
from streamdcm.errors.translation import element_name
from streamdcm.files.access import Access, InflatedAccess, performed
from streamdcm.files.scan import Scanner
from streamdcm.files.scan_head import Head, encoding_of_dataset, scan_head
from streamdcm.files.scan_walk import walk
from streamdcm.files.scan_words import BLOCK, IMPLICIT_LITTLE, Encoding, Large, Row, Run, Where

Part: TypeAlias = Run | Large

Found: TypeAlias = dict[int, tuple[Run, Row] | Large]
"""Elements by their tags."""


class Scanned(NamedTuple):
    """A file that was scanned.

    Attributes
    ----------
    head : Head
        What stands before its dataset.
    encoding : Encoding
        How the dataset is laid out.
    parts : list of Run or Large
        Its elements, in the order of the file.
    access : Access
        Where ranges of it are read: the file, or what is inflated from it.
    name : str
        What errors call it.
    size : int
        The number of bytes of the file.
    """

    head: Head
    encoding: Encoding
    parts: list[Part]
    access: Access
    name: str
    size: int

    def rows(self) -> Iterator[tuple[Run, Row]]:
        """Give the elements that are held."""
        for part in self.parts:
            if isinstance(part, Run):
                for row in part.rows:
                    yield part, row

    @property
    def has_frames(self) -> bool:
        """Whether there are pixel data that could be in another transfer syntax, as far as was scanned."""
        tags = (part.tag for part in self.parts if isinstance(part, Large))
        return PIXEL_DATA in tags or any(row[0] == PIXEL_DATA for _, row in self.rows())

    @property
    def is_sorted(self) -> bool:
        """Whether the tags ascend (PS3.5 §7.1), and no retired Group Length is among them."""
        runs_are = all(part.is_sorted for part in self.parts if isinstance(part, Run))
        return runs_are and all(_last_tag(part) < _first_tag(behind) for part, behind in pairwise(self.parts))


def scan_file(access: Access, *, force: bool, hold_limit: int) -> Scanned:
    """Scan a file from its start to its end.

    Parameters
    ----------
    access : Access
        The file.
    force : bool
        Whether the prefix ``DICM`` may be missing.
    hold_limit : int
        The most bytes of a deflated file that are held because they come out of order.

    Raises
    ------
    NotDicomError
        If the prefix is missing and may not be.
    SourceError
        If the file is damaged or truncated.
    """
    assert access.size is not None
    name, size = access.name, access.size
    where = Where(name, size)
    head = performed(scan_head(where, force=force), access)
    if head.deflated:
        access = InflatedAccess(access, head.at)
        data = access.read(0, BLOCK)
        encoding = encoding_of_dataset(head.syntax, data)
        return Scanned(head, encoding, _deflated_parts(name, access, encoding, data, hold_limit), access, name, size)
    encoding = encoding_of_dataset(head.syntax, head.data[head.at : head.at + 8])
    scanner = Scanner(where, encoding, head.at, head.data, head.base)
    parts: list[Part] = []
    while (large := performed(scanner.scan(), access)) is not None:
        parts += [run for run in scanner.runs if run.rows]
        parts.append(large)
        scanner.runs.clear()
        scanner.pass_over(large)
    parts += [run for run in scanner.runs if run.rows]
    return Scanned(head, encoding, parts, access, name, size)


def scan_to_pixels(access: Access, *, force: bool) -> Scanned:
    """Scan a file up to its pixel data, whose items are left to whoever looks for frames in them.

    Pixel data of undefined length seem to reach to the end of the file; what is behind them is not looked at. Of a
    deflated file only the head is scanned.

    Parameters
    ----------
    access : Access
        The file.
    force : bool
        Whether the prefix ``DICM`` may be missing.

    Raises
    ------
    NotDicomError
        If the prefix is missing and may not be.
    SourceError
        If the file is damaged or truncated.
    """
    assert access.size is not None
    where = Where(access.name, access.size)
    head = performed(scan_head(where, force=force), access)
    encoding = encoding_of_dataset(head.syntax, b"" if head.deflated else head.data[head.at : head.at + 8])
    parts: list[Part] = []
    found = Scanned(head, encoding, parts, access, access.name, access.size)
    if head.deflated:
        return found
    scanner = Scanner(where, encoding, head.at, head.data, head.base, skips=False)
    while (large := performed(scanner.scan(), access)) is not None:
        parts += [run for run in scanner.runs if run.rows]
        scanner.runs.clear()
        if large.tag in PIXEL_TAGS:
            parts.append(large if large.length is not None else replace(large, length=access.size - large.value_at))
            return found
        if large.length is None:
            inner = IMPLICIT_LITTLE if large.vr == b"UN" else encoding
            walked = performed(
                walk(where, large.tag, inner, large.value_at, b"", large.value_at, holds_fragments=False), access
            )
            large = replace(large, length=walked.value_end - large.value_at)
        parts.append(large)
        scanner.pass_over(large)
    parts += [run for run in scanner.runs if run.rows]
    return found


def check_whole(access: Access, *, force: bool = False) -> None:
    """Refuse a file that ends before its elements do, for whoever passes its bytes on as they are.

    Of encapsulated pixel data that end where the file does, the fragments are not walked.

    Parameters
    ----------
    access : Access
        The file.
    force : bool, optional
        Whether the prefix ``DICM`` may be missing.

    Raises
    ------
    NotDicomError
        If the prefix is missing and may not be.
    SourceError
        If the file is damaged or truncated.
    """
    assert access.size is not None
    where = Where(access.name, access.size)
    head = performed(scan_head(where, force=force), access)
    if head.deflated:
        scan_file(access, force=force, hold_limit=access.size)
        return
    encoding = encoding_of_dataset(head.syntax, head.data[head.at : head.at + 8])
    delimiter = encoding.implicit_header.pack(SEQUENCE_DELIMITER >> 16, SEQUENCE_DELIMITER & 0xFFFF, 0)
    is_closed = access.read(max(access.size - len(delimiter), 0), len(delimiter)) == delimiter
    scanner = Scanner(where, encoding, head.at, head.data, head.base, skips=not is_closed)
    while (large := performed(scanner.scan(), access)) is not None and large.length is not None:
        scanner.runs.clear()
        scanner.pass_over(large)


def _deflated_parts(name: str, access: Access, encoding: Encoding, data: bytes, hold_limit: int) -> list[Part]:
    """Scan what is deflated: inflating goes forwards only, so that what is out of order is held."""
    scanner = Scanner(Where(name), encoding, 0, data)
    parts: list[Part] = []
    highest = held = 0
    large: Large | None
    while (large := performed(scanner.scan(), access)) is not None:
        parts += [run for run in scanner.runs if run.rows]
        scanner.runs.clear()
        scanner.pass_over(large)
        if large.tag > highest:
            highest = large.tag
            _check_end(scanner, large, access)
            parts.append(large)
            continue
        held += large.end - large.start
        if held > hold_limit:
            raise SourceError(
                f"stands behind elements with higher tags in the deflated dataset of {name}, and more than "
                f"{hold_limit:,} bytes of such would be held; raise hold_limit, or write the file anew with its "
                "elements in order, for example by DCMTK's dcmconv",
                element_name(large.tag),
            )
        parts.append(_held_run(scanner, large, access))
    return parts + [run for run in scanner.runs if run.rows]


def _check_end(scanner: Scanner, large: Large, access: Access) -> None:
    if len(access.read(large.end - 1, 1)) != 1:
        raise scanner.where.ends_early(large.start, large.tag)


def _held_run(scanner: Scanner, large: Large, access: Access) -> Run:
    """Read a large element, and return it as a run."""
    data = access.read(large.start, large.end - large.start)
    assert large.length is not None
    if len(data) < large.end - large.start:
        raise scanner.where.ends_early(large.start, large.tag)
    value_at = large.value_at - large.start
    stated = UNDEFINED_LENGTH if large.undefined else large.length
    return Run(data, large.start, [(large.tag, large.vr, 0, value_at, value_at + large.length, stated)])


def _first_tag(part: Part) -> int:
    return part.tag if isinstance(part, Large) else part.rows[0][0]


def _last_tag(part: Part) -> int:
    return part.tag if isinstance(part, Large) else part.rows[-1][0]
