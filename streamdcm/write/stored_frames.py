"""The frames of a file, each read when it is asked for, and where they begin (PS3.5 §8, §A.4)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from struct import Struct
from typing import Final, TypeAlias

from streamdcm import system
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.encode.transfer_syntaxes import CodestreamName, transfer_syntax
from streamdcm.errors import EncodeError, InvalidValueError, SourceError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import Copy
from streamdcm.pixels.codestream import compressed_frames
from streamdcm.pixels.frame_format import FrameFormat
from streamdcm.sources import FileSource
from streamdcm.write.reading import read

Read: TypeAlias = Callable[[int, int], bytes]
"""Reads a range of a value: its offset in that, and its length."""

_ITEM: Final = b"\xfe\xff\x00\xe0"
_END: Final = b"\xfe\xff\xdd\xe0"
_length: Final = Struct("<L")
_WINDOW: Final = 64 * 1024
_BEGINNING: Final = 16
"""As many bytes tell what a fragment is, but for RLE, whose header is held against the length (PS3.5 §G.5)."""

_LABEL: Final = element_name(PIXEL_DATA)
_END_MARKERS: Final[dict[CodestreamName, bytes]] = {"JPEG": b"\xff\xd9", "JPEG 2000": b"\xff\xd9"}


@contextmanager
def opened(copy: Copy) -> Iterator[Read]:
    """Give what reads ranges of a value; a file is opened once.

    Raises
    ------
    SourceError
        If the file is not the one that was scanned, or ends early.
    """
    if not isinstance(copy.source, FileSource):
        yield lambda offset, length: b"".join(
            map(bytes, read(replace(copy, offset=copy.offset + offset, length=length), max(length, 1)))
        )
        return
    source = copy.source
    with source.open() as file:
        descriptor = file.fileno()

        def read_file(offset: int, length: int) -> bytes:
            data, start = b"", copy.offset + offset
            while len(data) < length and (more := system.pread(descriptor, length - len(data), start + len(data))):
                data = data + more if data else more
            if len(data) < length:
                raise SourceError("the file that holds its value ended before it did", source.label)
            return data

        yield read_file
        source.check(file)


@dataclass(frozen=True, slots=True)
class NativeFrames:
    """Frames that stand one behind the other (PS3.5 §8.1).

    Parameters
    ----------
    copy : Copy
        Where they are.
    form : FrameFormat
        What each of them is.
    count : int
        The number of frames.
    """

    copy: Copy
    form: FrameFormat
    count: int

    def __post_init__(self) -> None:
        needed = (self.form.length_in_bits * self.count + 7) // 8
        if self.copy.length < needed:
            raise SourceError(
                f"has {self.copy.length:,} bytes, and {self.count:,} frames take {needed:,}; correct NumberOfFrames, "
                "or get the file again from where it came",
                _LABEL,
            )
        if self.copy.length - needed >= max(self.form.length_in_bits // 8, 2):
            raise SourceError(
                f"has {self.copy.length:,} bytes, and {self.count:,} frame(s) take {needed:,}: there are more frames "
                "than NumberOfFrames says, and the others would be lost; correct it",
                _LABEL,
            )

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[bytes]:
        bits = self.form.length_in_bits
        with opened(self.copy) as read_range:
            for number in range(self.count):
                start, shift = divmod(number * bits, 8)
                data = read_range(start, (shift + bits + 7) // 8)
                yield data if bits % 8 == 0 else _bits_from(data, shift, bits)

    def places(self) -> Iterator[tuple[int, int]]:
        """Give the offset of each frame in the value, and its length."""
        return ((number * self.form.length, self.form.length) for number in range(self.count))


def _bits_from(data: bytes, shift: int, bits: int) -> bytes:
    """Return a frame of one bit a pixel that begins within a byte (PS3.5 §8.1.1)."""
    pixels = int.from_bytes(data, "little") >> shift & ((1 << bits) - 1)
    return pixels.to_bytes((bits + 7) // 8, "little")


class EncapsulatedFrames:
    """Frames in fragments.

    Parameters
    ----------
    copy : Copy
        The items of Pixel Data.
    syntax : str
        The transfer syntax.
    count : int
        The number of frames.
    extended : tuple of int or None
        The Extended Offset Table, if there is one.

    Raises
    ------
    SourceError
        If the items are damaged, or there are fewer than frames.
    EncodeError
        If they do not tell where frames begin.
    """

    def __init__(self, copy: Copy, syntax: str, count: int, extended: tuple[int, ...] | None = None) -> None:
        self.copy = copy
        with opened(copy) as read_range:
            items = items_of(read_range, copy.length)
            if items.problem:
                raise SourceError(items.problem, _LABEL)
            self._at, self._lengths = items.at, items.lengths
            self._firsts = first_fragments(read_range, items, syntax, count, extended)

    def __len__(self) -> int:
        return len(self._firsts)

    def __iter__(self) -> Iterator[bytes]:
        with opened(self.copy) as read_range:
            for number, first in enumerate(self._firsts, start=1):
                last = self._firsts[number] if number < len(self._firsts) else len(self._at)
                fragments = [read_range(self._at[index], self._lengths[index]) for index in range(first, last)]
                yield fragments[0] if len(fragments) == 1 else b"".join(fragments)

    def places(self) -> Iterator[tuple[int, int]]:
        """Give the offset of the first byte of each frame in the value, and how many there are up to its last one."""
        for number, first in enumerate(self._firsts, start=1):
            last = (self._firsts[number] if number < len(self._firsts) else len(self._at)) - 1
            yield self._at[first], self._at[last] + self._lengths[last] - self._at[first]

    @property
    def are_whole(self) -> bool:
        """Whether each frame is one fragment."""
        return len(self._at) == len(self._firsts)

    @property
    def items(self) -> Copy:
        """All fragments with the headers of their items, without the offset table and the delimiter."""
        start = self._at[0] - 8
        return replace(self.copy, offset=self.copy.offset + start, length=self._at[-1] + self._lengths[-1] - start)

    def lengths(self) -> Iterator[tuple[int, int]]:
        """Give of each frame the bytes in its fragments, and what they take with the headers of their items."""
        for number, first in enumerate(self._firsts, start=1):
            last = self._firsts[number] if number < len(self._firsts) else len(self._at)
            length = sum(self._lengths[first:last])
            yield length, length + 8 * (last - first)


@dataclass(frozen=True, slots=True)
class Items:
    """The items of encapsulated pixel data (PS3.5 §A.4).

    Parameters
    ----------
    table : bytes or None
        The Basic Offset Table; `None` if there is not even an empty one.
    at, lengths : array of int
        For each fragment its offset in the value, and its length.
    end : int
        The offset behind the delimiter, or of the first bytes that are not an item.
    problem : str
        What is wrong with them; empty if nothing is.
    """

    table: bytes | None
    at: array[int]
    lengths: array[int]
    end: int
    problem: str


def items_of(read_range: Read, size: int) -> Items:
    """Find the items of a value by their headers, up to the delimiter or to the end.

    Parameters
    ----------
    read_range : callable
        Reads a range of the value.
    size : int
        The most bytes that the value may have.
    """
    at, lengths = array("Q"), array("Q")
    table: bytes | None = None
    position, window, base = 0, b"", 0
    problem = ""
    while position + 8 <= size:
        if not base <= position <= base + len(window) - 8:
            is_small = lengths and lengths[-1] < _WINDOW
            window, base = read_range(position, min(_WINDOW if is_small else 8, size - position)), position
        header = window[position - base : position - base + 8]
        if header[:4] == _END:
            position += 8
            break
        (length,) = _length.unpack(header[4:])
        if header[:4] != _ITEM or position + 8 + length > size:
            problem = f"has no item where one should be, at byte {position:,} of its value"
            break
        if table is None:
            table = read_range(position + 8, length)
        else:
            at.append(position + 8)
            lengths.append(length)
        position += 8 + length
    if table is None and not problem:
        problem = "has no offset table, not even an empty one (PS3.5 §A.4)"
    return Items(table, at, lengths, position, problem)


def first_fragments(
    read_range: Read, items: Items, syntax: str, count: int, extended: Sequence[int] | None
) -> range | array[int]:
    """Return the index of the first fragment of each frame.

    Parameters
    ----------
    read_range : callable
        Reads a range of the value.
    items : Items
        What is in it.
    syntax : str
        The transfer syntax.
    count : int
        The number of frames.
    extended : sequence of int or None
        The Extended Offset Table, if there is one.

    Raises
    ------
    SourceError
        If there are fewer fragments than frames.
    EncodeError
        If nothing tells where frames begin.
    """
    fragments = len(items.at)
    if fragments < count:
        raise SourceError(
            f"has {fragments:,} fragments, and NumberOfFrames asks for {count:,} frames; correct it, or get the "
            "file again from where it came",
            _LABEL,
        )
    if fragments == count:
        return range(count)
    if count == 1:
        if _are_codestreams(read_range, items, syntax):
            raise EncodeError(
                f"has {fragments:,} fragments, each of which is a frame of its own, and NumberOfFrames says 1 or is "
                "missing: the others would be lost; correct it",
                _LABEL,
            )
        return range(1)
    table = items.table or b""
    basic = tuple(value for (value,) in _length.iter_unpack(table)) if len(table) % 4 == 0 else None
    for offsets in (extended, basic):
        found = _by_offsets(items, offsets, count)
        if found is not None:
            return found
    marker = _END_MARKERS.get(transfer_syntax(syntax).codestream or "RLE")
    by_markers = None if marker is None else _by_end_markers(read_range, items, marker, count)
    if by_markers is not None:
        return by_markers
    raise EncodeError(
        f"has {fragments:,} fragments for {count:,} frames, and neither an offset table nor the codestreams tell "
        "where frames begin; correct NumberOfFrames or the file",
        _LABEL,
    )


def _are_codestreams(read_range: Read, items: Items, syntax: str) -> bool:
    """Tell whether several fragments begin as frames of the transfer syntax do, all but empty ones."""
    form = transfer_syntax(syntax)
    fragments = [(at, length) for at, length in zip(items.at, items.lengths, strict=True) if length]
    if form.codestream is None or len(fragments) < 2:
        return False
    encoder = compressed_frames(form, check=True)
    try:
        for at, length in fragments:
            encoder.encode(read_range(at, length if form.codestream == "RLE" else min(length, _BEGINNING)))
    except InvalidValueError:
        return False
    return True


def _by_offsets(items: Items, offsets: Sequence[int] | None, count: int) -> array[int] | None:
    """Return where frames begin by an offset table, if all of it can be true."""
    if offsets is None or len(offsets) != count or not items.at or offsets[0] != 0:
        return None
    start = items.at[0] - 8  # PS3.5 §A.4: offsets count from the first byte of the first item behind the table
    fragments = {at - 8 - start: index for index, at in enumerate(items.at)}
    firsts = array("Q")
    for offset in offsets:
        index = fragments.get(offset)
        if index is None or (firsts and index <= firsts[-1]):
            return None
        firsts.append(index)
    return firsts


def _by_end_markers(read_range: Read, items: Items, marker: bytes, count: int) -> array[int] | None:
    """Return where frames begin by the fragments that end a codestream, if these make the right number."""
    firsts = array("Q", [0])
    last = len(items.at) - 1
    for index, (at, length) in enumerate(zip(items.at, items.lengths, strict=True)):
        tail = read_range(at + max(length - 4, 0), min(length, 4)).rstrip(b"\0")
        if tail.endswith(marker) and index < last:
            firsts.append(index + 1)
        elif index == last and not tail.endswith(marker):
            return None
    return firsts if len(firsts) == count else None
