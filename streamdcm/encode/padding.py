"""Private elements that take up what is left of a reserved field (PS3.5 §7.8)."""

from __future__ import annotations

from typing import Final

from streamdcm.encode.layout import Encoding

PADDING_CREATOR: Final = "STREAMDCM PADDING"

PADDING_GROUPS: Final = frozenset({0x5201, 0x7FDF})
"""The groups in which such elements are."""

_BLOCK: Final = 0x10


def padding_headers(group: int, unused: int, encoding: Encoding) -> bytes:
    """Return the private creator of an odd group without others, and the header of an element of `unused` bytes."""
    name = PADDING_CREATOR.encode().ljust(len(PADDING_CREATOR) + len(PADDING_CREATOR) % 2)
    if encoding.implicit_vr:
        creator = encoding.pack_implicit(group, _BLOCK, len(name))
        return creator + name + encoding.pack_implicit(group, _BLOCK << 8, unused)
    creator = encoding.pack_short(group, _BLOCK, b"LO", len(name))
    return creator + name + encoding.pack_long(group, _BLOCK << 8, b"OB", unused)
