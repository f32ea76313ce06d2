"""The command sets of DIMSE messages: always Implicit VR Little Endian (PS3.7 §6.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

_HEADER: Final = Struct("<HHI")
_US: Final = Struct("<H")

COMMAND_FIELD: Final = 0x0100
REPLIES_TO: Final = 0x0120
STATUS: Final = 0x0900

STORE_REPLY: Final = 0x8001
_STORE_REQUEST: Final = 0x0001
_HAS_DATASET: Final = 0x0000  # anything but 0101H (PS3.7 §E.1-1)
_MEDIUM: Final = 0x0000


def store_request(message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """Return the command set of a C-STORE-RQ (PS3.7 §9.3.1.1)."""
    elements = (
        (0x0002, _uid(sop_class_uid)),
        (COMMAND_FIELD, _US.pack(_STORE_REQUEST)),
        (0x0110, _US.pack(message_id)),
        (0x0700, _US.pack(_MEDIUM)),
        (0x0800, _US.pack(_HAS_DATASET)),
        (0x1000, _uid(sop_instance_uid)),
    )
    body = b"".join(_HEADER.pack(0, number, len(value)) + value for number, value in elements)
    return _HEADER.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def parsed(command: bytes) -> Mapping[int, int]:
    """Return the elements of a command set that are one 16-bit number, by their element numbers.

    Raises
    ------
    ValueError
        If it is none.
    """
    found: dict[int, int] = {}
    at = 0
    while at < len(command):
        group, number, length = _HEADER.unpack(command[at : at + 8].ljust(8, b"\xff"))
        at += 8
        if group or at + length > len(command):
            raise ValueError("this is no command set")
        if length == 2:
            found[number] = int.from_bytes(command[at : at + 2], "little")
        at += length
    return found


def _uid(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) & 1)
