"""Damage to DICOM files, as it comes about on disks, in networks and by malice: the same for the same seed."""

import random
import struct
from collections.abc import Callable

LENGTHS = (0, 1, 2, 3, 0x7FFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
VRS = (b"\0\0", b"  ", b"UN", b"SQ", b"OB", b"UI", b"PN", b"US", b"ZZ", b"??", b"AT", b"UV", b"DS", b"\xff\xff")
TAGS = (0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x00080005, 0x00020010, 0x7FE00010, 0x00080000, 0, 0xFFFFFFFF, 0x00280103)


def flip_bits(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def set_length(data: bytearray, chance: random.Random) -> None:
    at, length = _place(data, chance), chance.choice(LENGTHS)
    order = chance.choice("<>")
    _put(
        data,
        at,
        struct.pack(f"{order}L", length) if chance.random() < 0.5 else struct.pack(f"{order}H", length & 0xFFFF),
    )


def set_vr(data: bytearray, chance: random.Random) -> None:
    known = [i for i in range(0, len(data) - 1) if data[i : i + 2] in (b"UI", b"LO", b"SQ", b"UN", b"OW", b"CS", b"PN")]
    _put(data, chance.choice(known) if known else _place(data, chance), chance.choice(VRS))


def set_tag(data: bytearray, chance: random.Random) -> None:
    tag, order = chance.choice(TAGS), chance.choice("<>")
    _put(data, _place(data, chance), struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF))


def insert(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    data[at:at] = chance.choice(
        (bytes(8), b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xfe\xff\x0d\xe0\0\0\0\0", chance.randbytes(7))
    )


def delete(data: bytearray, chance: random.Random) -> None:
    at = _place(data, chance)
    del data[at : at + chance.randint(1, 64)]


def swap(data: bytearray, chance: random.Random) -> None:
    first, second, size = _place(data, chance), _place(data, chance), chance.randint(1, 32)
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]


def cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


KINDS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(flip_bits, set_length, set_vr, set_tag, insert, delete, swap, cut),
)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Return content with one to three damages, most of them where the headers are."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            chance.choice(KINDS)(data, chance)
    return bytes(data)


def _place(data: bytearray, chance: random.Random) -> int:
    start = min(128, len(data) - 1) if chance.random() < 0.9 else 0
    most = len(data) if chance.random() < 0.2 else min(len(data), 2000)
    return chance.randrange(start, max(most, start + 1))


def _put(data: bytearray, at: int, value: bytes) -> None:
    data[at : at + len(value)] = value
