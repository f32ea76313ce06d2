"""What is written beside a capture, so that its frames can be found: records with a check sum, one behind the other.

The first tells what the frames are, the second is the file without them. One more follows each time that what was
captured has reached the disk: the lengths of the frames since the last one, the items that came with them, and the
values that were set.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from struct import Struct
from struct import error as StructError
from typing import Final

from streamdcm.errors import SourceError
from streamdcm.files.access import Access

MAGIC: Final = b"streamdcm capture 1\n"
_HEADER: Final = Struct("<4sQL")
_SYNC: Final = Struct("<QQQQ")
_VALUE: Final = Struct("<L2sL")


@dataclass(frozen=True, slots=True)
class CaptureFormat:
    """What the frames of a capture are.

    Parameters
    ----------
    encapsulated : bool
        Whether each has items of its own.
    frame_length : int
        The number of bytes of a native frame; 0 for others.
    per_frame, most : int or None
        How encapsulated frames are divided into fragments.
    """

    encapsulated: bool
    frame_length: int
    per_frame: int
    most: int | None


def opening(form: CaptureFormat, file: bytes) -> bytes:
    """Return what a log begins with: what the frames are, and the file without them."""
    return MAGIC + _record(b"INFO", json.dumps(asdict(form)).encode()) + _record(b"FILE", file)


def synced(
    start: int, lengths: array[int], items: Sequence[bytes], values: Sequence[tuple[int, bytes, bytes]]
) -> bytes:
    """Return the record of what has reached the disk since the last one.

    Parameters
    ----------
    start : int
        The offset of the first of all frames in the capture.
    lengths : array of int
        The lengths of the frames.
    items : sequence of bytes
        The items of the functional groups that came with them.
    values : sequence of (int, bytes, bytes)
        Tags, VRs and encoded values that were set.
    """
    late = b"".join(_VALUE.pack(tag, vr, len(value)) + value for tag, vr, value in values)
    joined = b"".join(items)
    sizes = _SYNC.pack(start, len(lengths), len(joined), len(late))
    return _record(b"SYNC", sizes, lengths.tobytes(), joined, late)


def _record(kind: bytes, *pieces: bytes) -> bytes:
    check = 0
    for piece in pieces:
        check = zlib.crc32(piece, check)
    return b"".join((_HEADER.pack(kind, sum(map(len, pieces)), check), *pieces))


@dataclass(frozen=True, slots=True)
class Synced:
    """What a record says.

    Parameters
    ----------
    start : int
        The offset of the first of all frames in the capture.
    lengths : array of int
        The lengths of the frames.
    items_at, items_size : int
        Where in the log the items are that came with them.
    values : list of (int, str, bytes)
        Tags, VRs and encoded values that were set.
    """

    start: int
    lengths: array[int]
    items_at: int
    items_size: int
    values: list[tuple[int, str, bytes]]


@dataclass(frozen=True, slots=True)
class Log:
    """A log that was read: what is whole of it."""

    form: CaptureFormat
    file: bytes
    records: list[Synced]


def read_log(access: Access) -> Log:
    """Read a log up to the first record that is not whole.

    Raises
    ------
    SourceError
        If it has not even what tells what the frames are.
    """
    records = _records(access)
    kinds = [next(records, (b"", 0, b"")) for _ in range(2)]
    if access.read(0, len(MAGIC)) != MAGIC or [kind for kind, _, _ in kinds] != [b"INFO", b"FILE"]:
        raise SourceError(f"{access.name} is no log of a capture, or ends before its first frame: nothing was captured")
    try:
        form = CaptureFormat(**json.loads(kinds[0][2]))
        return Log(form, kinds[1][2], [_parsed(at, payload) for kind, at, payload in records if kind == b"SYNC"])
    except (TypeError, ValueError, StructError) as error:  # though its check sums are right
        raise SourceError(
            f"{access.name} has a record that no capture writes: it is of another version of streamdcm, or was made "
            "by another program"
        ) from error


def _records(access: Access) -> Iterator[tuple[bytes, int, bytes]]:
    """Give kind, offset of the payload and payload of each record that is whole."""
    at, size = len(MAGIC), access.size or 0
    while len(header := access.read(at, _HEADER.size)) == _HEADER.size:
        kind, length, check = _HEADER.unpack(header)
        at += _HEADER.size
        if at + length > size:
            return
        payload = access.read(at, length)
        if zlib.crc32(payload) != check:
            return
        yield kind, at, payload
        at += length


def _parsed(at: int, payload: bytes) -> Synced:
    start, count, items_size, values_size = _SYNC.unpack_from(payload)
    position = _SYNC.size
    lengths = array("Q", payload[position : position + 8 * count])
    items_at = position + 8 * count
    values, position = [], items_at + items_size
    while position < items_at + items_size + values_size:
        tag, vr, length = _VALUE.unpack_from(payload, position)
        position += _VALUE.size
        values.append((tag, vr.decode(), payload[position : position + length]))
        position += length
    return Synced(start, lengths, at + items_at, items_size, values)
