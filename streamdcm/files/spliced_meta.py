"""The File Meta Information of a file that is passed on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from struct import pack
from typing import Any, Final

from pydicom.uid import UID, MediaStorageDirectoryStorage

from streamdcm.encode.tags import (
    FILE_META_GROUP_LENGTH,
    FILE_META_VERSION,
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    TRANSFER_SYNTAX_UID,
)
from streamdcm.files.scan_head import Head
from streamdcm.files.scanned import Found
from streamdcm.plan.file_meta import IMPLEMENTATION_CLASS_UID as OUR_CLASS_UID
from streamdcm.plan.file_meta import IMPLEMENTATION_VERSION_NAME as OUR_VERSION_NAME

FOLLOWED: Final = {SOP_CLASS_UID: MEDIA_STORAGE_SOP_CLASS_UID, SOP_INSTANCE_UID: MEDIA_STORAGE_SOP_INSTANCE_UID}
"""The elements that File Meta Information repeats, and where."""

_UID: Final = re.compile(rb"[0-9.]+")


def are_uids(found: Found, edits: Mapping[int, Any]) -> bool:
    """Whether the elements that File Meta Information repeats have the VR that they should have."""
    elements = [found[tag] for tag in FOLLOWED if tag in found and tag not in edits]
    return all(isinstance(element, tuple) and element[1][1] in (None, b"UI") for element in elements)


def uids_of(found: Found, edits: Mapping[int, Any]) -> dict[int, bytes | None]:
    """Return what File Meta Information repeats, by its tag there; `None` for what it must not have any more."""
    uids: dict[int, bytes | None] = {}
    for tag, repeated in FOLLOWED.items():
        element = found.get(tag)
        if tag in edits:
            value = edits[tag]
            if value:
                uids[repeated] = str(value).encode("latin-1")
            elif element is not None:
                uids[repeated] = None
        elif isinstance(element, tuple):
            run, row = element
            uids[repeated] = run.data[row[3] : row[4]].rstrip(b"\0 ") or None
    return uids


def file_meta(head: Head, syntax: UID | None, uids: Mapping[int, bytes | None]) -> bytes | None:
    """Return the File Meta Information as it is written; `None` if it cannot be told without parsing it."""
    meta = head.meta
    if head.meta_encoding.implicit_vr or meta.odd or syntax == MediaStorageDirectoryStorage:
        return None
    data = meta.data
    elements = {row[0]: data[row[2] : row[4]] for row in meta.rows}
    own = {**uids, TRANSFER_SYNTAX_UID: str(syntax).encode()}
    for tag, uid in own.items():
        if uid is None:
            elements.pop(tag, None)
        elif not _UID.fullmatch(uid) or elements.get(tag, b"\2\0xxUI")[4:6] != b"UI":
            return None
        else:
            elements[tag] = _short(tag, b"UI", uid + b"\0" * (len(uid) & 1))
    for tag, (vr, whole) in _OWN_META_ELEMENTS.items():
        if elements.get(tag, whole)[4:6] != vr:
            return None
        elements[tag] = whole
    if elements.get(MEDIA_STORAGE_SOP_CLASS_UID, b"").rstrip(b"\0").endswith(MediaStorageDirectoryStorage.encode()):
        return None
    elements.pop(FILE_META_GROUP_LENGTH, None)
    rest = b"".join(map(itemgetter(1), sorted(elements.items())))
    return _short(FILE_META_GROUP_LENGTH, b"UL", pack("<L", len(rest))) + rest


def _short(tag: int, vr: bytes, value: bytes) -> bytes:
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _padded_text(text: str, pad: bytes) -> bytes:
    return text.encode() + pad * (len(text) & 1)


_OWN_META_ELEMENTS: Final = {
    FILE_META_VERSION: (b"OB", b"\2\0\1\0OB\0\0\2\0\0\0\0\1"),
    IMPLEMENTATION_CLASS_UID: (b"UI", _short(IMPLEMENTATION_CLASS_UID, b"UI", _padded_text(OUR_CLASS_UID, b"\0"))),
    IMPLEMENTATION_VERSION_NAME: (
        b"SH",
        _short(IMPLEMENTATION_VERSION_NAME, b"SH", _padded_text(OUR_VERSION_NAME, b" ")),
    ),
}
