"""What is where in a DICOM file, and what is wrong with it: found by headers and ranged reads, in flat memory."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.padding import PADDING_CREATOR
from streamdcm.encode.tags import (
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    FILE_META_GROUP_LENGTH,
    FILE_META_REQUIRED,
    PIXEL_TAGS,
    TRAILING_PADDING,
)
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import StreamdcmError
from streamdcm.errors.translation import element_name
from streamdcm.files.access import Access, InflatedAccess, performed
from streamdcm.files.dataset import raw_element
from streamdcm.files.frame_layout import FrameLayout, encapsulated_layout, native_layout
from streamdcm.files.nested_layout import LONGEST_VALUE, inside
from streamdcm.files.piece import FileLayout, Piece, Section
from streamdcm.files.remote import opened_to_look_at
from streamdcm.files.scan import Scanner
from streamdcm.files.scan_head import Head, encoding_of_dataset, scan_head
from streamdcm.files.scan_walk import walk
from streamdcm.files.scan_words import BLOCK, IMPLICIT_LITTLE, Encoding, Large, Row, Run, Where
from streamdcm.plan.syntaxes import is_compressed

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_PREFIX_END: Final = 132
_TABLES: Final = frozenset({EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS})
_IMAGE_GROUPS: Final = (0x0028, 0x0002)


def layout_of(
    source: Any,
    *,
    force: bool = False,
    with_values: bool = False,
    depth: int = 0,
    storage_options: Mapping[str, Any] = _NOTHING,
    client: Any = None,
) -> FileLayout:
    """Find what is where in a file, and what is wrong with it; frames are not read.

    Parameters
    ----------
    source : path, URL or binary file object
        The file; it has to seek.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    with_values : bool, optional
        Whether to keep the values of short elements, which may identify a patient.
    depth : int, optional
        How many sequences deep to look into items; of a sequence with many items, into the first 100.
    storage_options : mapping, optional
        For URLs: keyword arguments for the library that talks to the service.
    client : object, optional
        For URLs: a client of that library, in place of `storage_options`.

    Raises
    ------
    NotDicomError
        If it is no DICOM file.
    SourceError
        If what is before the dataset is damaged.
    """
    with opened_to_look_at(source, StorageSettings(storage_options=storage_options, client=client)) as access:
        return _Layout(access, force=force, with_values=with_values, depth=depth).found()


class _Layout:
    """One file that is being looked at."""

    def __init__(self, access: Access, *, force: bool, with_values: bool, depth: int) -> None:
        assert access.size is not None
        self._access = access
        self._size = access.size
        self._where = Where(access.name, access.size)
        self._with_values = with_values
        self._depth = depth
        self._pieces: list[Piece] = []
        self._problems: list[str] = []
        self._image: dict[BaseTag, Any] = {}
        self._frames: FrameLayout | None = None
        self._tables: dict[int, bytes] = {}
        self._last = 0
        self._is_behind = False
        self._little_endian = True
        self._padding: set[int] = set()
        self._head: Head = performed(scan_head(self._where, force=force), access)

    def found(self) -> FileLayout:
        """Look at all of it."""
        head = self._head
        self._add_head()
        access, where, at, data, base = self._access, self._where, head.at, head.data, head.base
        if head.deflated:
            self._pieces.append(Piece("deflated", head.at, self._size - head.at))
            access = InflatedAccess(self._access, head.at)
            where, at, data, base = Where(self._where.name), 0, access.read(0, BLOCK), 0
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            encoding = encoding_of_dataset(head.syntax, data[at - base : at - base + 8])
        self._problems += [str(warning.message) for warning in caught]
        self._little_endian = encoding.little_endian
        self._scan(Scanner(where, encoding, at, data, base, skips=False), access)
        if not head.deflated:
            self._add_end()
        syntax = "" if head.syntax is None else str(head.syntax)
        frames, pieces = self._frames, self._pieces
        if frames is not None:
            self._problems += frames.problems
        self._problems += [
            f"{'' if piece.tag is None else element_name(piece.tag)} at byte {piece.offset:,}: {piece.problem}".lstrip()
            for piece in pieces
            if piece.problem
        ]
        return FileLayout(self._where.name, self._size, syntax, encoding, pieces, frames, self._problems)

    def _add_head(self) -> None:
        head = self._head
        if head.preamble is not None:
            self._pieces.append(Piece("preamble", 0, _PREFIX_END))
        for row in head.meta.rows:
            self._add_row("meta", head.meta, row)
        rows = head.meta.rows
        there = {row[0] for row in rows}
        if missing := [element_name(tag) for tag in FILE_META_REQUIRED if tag not in there]:
            self._problems.append(
                f"the File Meta Information lacks {', '.join(missing)}, which PS3.10 §7.1 requires; "
                "enforce_file_format=True, or streamdcm copy --enforce-file-format, completes it"
            )
        if rows and rows[0][0] == FILE_META_GROUP_LENGTH:
            stated = int.from_bytes(head.meta.data[rows[0][3] : rows[0][4]], "little")
            if rows[0][4] + stated != head.at:
                self._problems.append(
                    f"(0002,0000) says that the group has {stated:,} bytes, and it has {head.at - rows[0][4]:,}"
                )
        self._last = 0

    def _scan(self, scanner: Scanner, access: Access) -> None:
        """Scan the elements up to the end, or up to what is damaged."""
        while True:
            large = None
            try:
                large = performed(scanner.scan(), access)
            except StreamdcmError as error:
                self._problems.append(str(error))
                self._add_runs(scanner, access)
                self._add_cut_pixels(scanner, access)
                return
            self._add_runs(scanner, access)
            if large is None:
                return
            try:
                end = self._add_large(large, scanner, access)
            except StreamdcmError as error:
                self._problems.append(str(error))
                return
            scanner.pass_over(large, end)

    def _add_cut_pixels(self, scanner: Scanner, access: Access) -> None:
        """Add pixel data that are damaged, as far as there are any."""
        at, encoding = scanner.at, scanner.encoding
        header = access.read(at, 12)
        if len(header) < 12 or access.size is None:
            return
        group, number, length = encoding.implicit_header.unpack_from(header)
        vr, size = None, 8
        if not encoding.implicit_vr:
            vr, size, (length,) = header[4:6], 12, encoding.long_length.unpack_from(header, 8)
        tag, undefined = group << 16 | number, length == UNDEFINED_LENGTH
        if tag in PIXEL_TAGS:
            stated = None if undefined else min(length, access.size - at - size)
            self._add_large(Large(tag, vr, at, at + size, stated, undefined=undefined), scanner, access)

    def _add_runs(self, scanner: Scanner, access: Access) -> None:
        for run in scanner.runs:
            for row in run.rows:
                tag = row[0]
                if tag >> 16 in _IMAGE_GROUPS:
                    self._image[BaseTag(tag)] = raw_element(run, row, scanner.encoding)
                if tag in _TABLES:
                    self._tables[tag] = run.data[row[3] : row[4]]
                if tag in PIXEL_TAGS:
                    stated = None if row[5] == UNDEFINED_LENGTH else row[5]
                    start, value_at = run.base + row[2], run.base + row[3]
                    self._add_large(
                        Large(tag, row[1], start, value_at, stated, undefined=stated is None), scanner, access
                    )
                else:
                    self._add_row(self._section_of(tag, run.data[row[3] : row[4]]), run, row)
                    self._look_inside(access, scanner.encoding)
        scanner.runs.clear()

    def _look_inside(self, access: Access, encoding: Encoding) -> None:
        """Add the items of the sequence that was added last, if it is one."""
        if self._depth:
            with_values = self._with_values
            self._pieces += inside(
                access, self._where, self._pieces[-1], encoding, self._depth, with_values=with_values
            )

    def _add_row(self, section: Section, run: Run, row: Row) -> None:
        tag, vr, start, value_at, stop, stated = row
        undefined = stated == UNDEFINED_LENGTH
        problem = self._order(tag)
        if stated & 1 and not undefined:
            problem = problem or "its length is odd (PS3.5 §7.1.1)"
        is_kept = self._with_values and not undefined and vr != b"SQ" and stop - value_at <= LONGEST_VALUE
        value = run.data[value_at:stop] if is_kept else None
        length = stop - start + 8 * undefined
        header, offset = value_at - start, run.base + start
        self._add(Piece(section, offset, length, tag, _code_of(vr), header, undefined, problem, value))

    def _add_large(self, large: Large, scanner: Scanner, access: Access) -> int:
        """Add an element whose value is not at hand; return the offset behind it."""
        tag, header = large.tag, large.value_at - large.start
        section, problem = self._section_of(tag, b""), self._order(tag)
        if tag in _TABLES and large.length is not None:
            self._tables[tag] = access.read(large.value_at, large.length)
        if tag in PIXEL_TAGS:
            section, self._is_behind = "pixels", True
            self._frames = self._frames_of(large, access, scanner.encoding)
            end = self._frames.end
            is_encapsulated = self._head.syntax is not None and is_compressed(self._head.syntax)
            if large.undefined != is_encapsulated:
                problem = problem or (
                    f"it is {'' if large.undefined else 'not '}encapsulated, and the transfer syntax "
                    f"{'has no' if large.undefined else 'wants'} encapsulated pixel data (PS3.5 §A.4)"
                )
        elif large.undefined and large.length is None:
            inner = IMPLICIT_LITTLE if large.vr == b"UN" else scanner.encoding
            end = performed(
                walk(scanner.where, tag, inner, large.value_at, b"", large.value_at, holds_fragments=False), access
            ).end
        else:
            end = large.end
        if large.length is not None and large.length & 1 and not large.undefined:
            problem = problem or "its length is odd (PS3.5 §7.1.1)"
        length, vr = end - large.start, _code_of(large.vr)
        self._add(Piece(section, large.start, length, tag, vr, header, large.undefined, problem))
        if tag not in PIXEL_TAGS:
            self._look_inside(access, scanner.encoding)
        return end

    def _frames_of(self, large: Large, access: Access, encoding: Encoding) -> FrameLayout:
        view = Dataset(self._image)
        view.set_original_encoding(encoding.implicit_vr, encoding.little_endian, "iso8859")
        if large.undefined:
            tables = (self._tables.get(EXTENDED_OFFSET_TABLE), self._tables.get(EXTENDED_OFFSET_TABLE_LENGTHS))
            return encapsulated_layout(access, large.value_at, str(self._head.syntax or ""), view, tables)
        assert large.length is not None
        return native_layout(large.value_at, large.length, large.tag, view)

    def _section_of(self, tag: int, value: bytes) -> Section:
        group, number = tag >> 16, tag & 0xFFFF
        if tag == TRAILING_PADDING:
            return "reserved"
        if group & 1 and 0x10 <= number <= 0xFF and value.decode("latin-1").rstrip("\0 ") == PADDING_CREATOR:
            self._padding.add(group << 16 | number << 8)
            return "reserved"
        if group & 1 and tag & 0xFFFFFF00 in self._padding:
            return "reserved"
        if tag in _TABLES:
            return "tables"
        return "trailing" if self._is_behind else "dataset"

    def _order(self, tag: int) -> str:
        problem = "it stands behind an element with the same or a higher tag (PS3.5 §7.1)" if tag <= self._last else ""
        self._last = max(tag, self._last)
        return problem

    def _add(self, piece: Piece) -> None:
        is_little = piece.section == "meta" or self._little_endian
        self._pieces.append(piece if is_little else piece._replace(little_endian=False))

    def _add_end(self) -> None:
        """Add what is behind the last element that was understood."""
        last = next((piece for piece in reversed(self._pieces) if not piece.depth), None)
        end = self._head.at if last is None else last.offset + last.length
        left = self._size - end
        if left <= 0:
            return
        is_zero = not any(piece.strip(b"\0") for piece in _blocks(self._access, end, left))
        self._pieces.append(Piece("reserved" if is_zero else "unread", end, left))


def _code_of(vr: bytes | None) -> str:
    """Return a VR as text; nothing where there is none."""
    return "" if vr is None else vr.decode("latin-1")


def _blocks(access: Access, at: int, length: int) -> Iterator[bytes]:
    while length > 0 and (block := access.read(at, min(length, 16 * BLOCK))):
        yield block
        at, length = at + len(block), length - len(block)
