"""What stands before a value: tag, VR and length (PS3.5 §7.1)."""

from __future__ import annotations

from typing import Final

from streamdcm.encode.layout import MAX_LENGTH, MAX_SHORT_LENGTH, UNDEFINED_LENGTH, Encoding
from streamdcm.encode.scope import Scope
from streamdcm.encode.vr import VRS
from streamdcm.errors import AmbiguousVRError, InvalidValueError, LengthOverflowError, ValueTypeError
from streamdcm.errors.telling import warn

_MAX_UL: Final = 0xFFFFFFFF
_LONG_CODES: Final = frozenset(vr.encode() for vr, row in VRS.items() if row.long_length)


def element_header(tag: int, vr: bytes, length: int | None, scope: Scope) -> bytes:
    """Return the header of an element; a `length` of `None` is undefined (PS3.5 §7.1)."""
    encoding = scope.layout.encoding
    if length is None:
        field = UNDEFINED_LENGTH
    elif length <= MAX_LENGTH:
        field = length
    else:
        raise LengthOverflowError(
            f"{length:,} bytes do not fit a 32-bit length field; store compressed frames, or divide the instance"
        )
    if encoding.implicit_vr:
        return encoding.pack_implicit(tag >> 16, tag & 0xFFFF, field)
    if vr in _LONG_CODES:
        return encoding.pack_long(tag >> 16, tag & 0xFFFF, vr, field)
    if length is not None and length > MAX_SHORT_LENGTH:
        return promoted_header(tag, vr, length, scope)
    if length is None:
        raise InvalidValueError(f"VR {vr.decode('latin-1')} cannot have an undefined length (PS3.5 table 7.1-2)")
    return encoding.pack_short(tag >> 16, tag & 0xFFFF, vr, length)


def promoted_header(tag: int, vr: bytes, length: int, scope: Scope) -> bytes:
    """Return the header of a value that is too long for its VR and becomes UN (PS3.5 §6.2.2)."""
    problem = f"{length:,} bytes are more than a value of VR {vr.decode('latin-1')} can have in Explicit VR"
    if scope.layout.long_values == "refuse":
        raise LengthOverflowError(f"{problem}; shorten it, or write it as VR UN with long_values='UN'")
    warn(f"{scope.path_of(tag)}: {problem}; it is written as VR UN")
    return scope.layout.encoding.pack_long(tag >> 16, tag & 0xFFFF, b"UN", length)


def vr_code(vr: str | None) -> bytes:
    """Return the two bytes of a VR, which need not be one of the standard where it was read."""
    if vr is None:
        raise ValueTypeError("a raw element without a VR cannot be written in Explicit VR; give it one")
    if len(vr) != 2:
        raise AmbiguousVRError(f"VR '{vr}' is not one VR; set it, or write with an implicit VR transfer syntax")
    return vr.encode("latin-1")


def sequence_header(tag: int, length: int, encoding: Encoding) -> bytes:
    """Return the header of a sequence; its last four bytes are the length."""
    if encoding.implicit_vr:
        return encoding.pack_implicit(tag >> 16, tag & 0xFFFF, length)
    return encoding.pack_long(tag >> 16, tag & 0xFFFF, b"SQ", length)


def group_length_header(number: int, encoding: Encoding) -> bytes:
    """Return all of the (gggg,0000) element of a group but its value, of four bytes (PS3.5 §7.2)."""
    if encoding.implicit_vr:
        return encoding.pack_implicit(number, 0, 4)
    return encoding.pack_short(number, 0, b"UL", 4)


def group_length_value(number: int, length: int, scope: Scope) -> bytes:
    """Return the value of the (gggg,0000) element of a group.

    Raises
    ------
    LengthOverflowError
        If the group is longer than a UL can say.
    """
    if length > _MAX_UL:
        raise LengthOverflowError(
            f"the group has {length:,} bytes, which its length does not hold; leave out group_lengths='write'",
            scope.path_of(number << 16),
        )
    return scope.layout.encoding.pack_length(length)
