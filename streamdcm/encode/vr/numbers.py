"""Binary numbers and attribute tags: AT, FL, FD, SL, SS, SV, UL, US, UV (PS3.5 §6.2)."""

from collections.abc import Callable
from struct import Struct, error, pack
from typing import Any

from pydicom.tag import Tag

from streamdcm.encode._pydicom import components
from streamdcm.encode.layout import Context
from streamdcm.encode.vr.values import is_empty
from streamdcm.errors import NumberError

_RANGES = {
    "H": "whole numbers from 0 to 65,535",
    "h": "whole numbers from -32,768 to 32,767",
    "L": "whole numbers from 0 to 4,294,967,295",
    "l": "whole numbers from -2,147,483,648 to 2,147,483,647",
    "Q": "whole numbers from 0 to 2^64 - 1",
    "q": "whole numbers from -2^63 to 2^63 - 1",
    "f": "numbers that fit 32 bits",
    "d": "numbers",
}


def number_encoder(code: str) -> Callable[[Any, Context], bytes]:
    """Return the encoder for numbers of the `struct` format `code`."""
    pack_little, pack_big = Struct(f"<{code}").pack, Struct(f">{code}").pack

    def encode(value: Any, context: Context) -> bytes:
        try:
            if value.__class__ is int or value.__class__ is float:
                return pack_little(value) if context.little_endian else pack_big(value)
            values = components(value)
            if isinstance(values, (list, tuple)):
                return pack(f"{'<' if context.little_endian else '>'}{len(values)}{code}", *values)
            if is_empty(value):
                return b""
            return pack_little(value) if context.little_endian else pack_big(value)
        except (error, TypeError, ValueError, OverflowError, AttributeError):
            raise NumberError(f"the value is not what this VR holds: {_RANGES[code]}, or a list of them") from None

    return encode


encode_us = number_encoder("H")
encode_ss = number_encoder("h")


def encode_lut_descriptor(value: Any, context: Context) -> bytes:
    """Encode a LUT descriptor of VR SS, whose first value is US all the same (PS3.3 §C.11.1.1.1)."""
    values = components(value)
    if isinstance(values, (list, tuple)) and values:
        return encode_us(values[0], context) + encode_ss(values[1:], context)
    return encode_ss(value, context)


def encode_tags(value: Any, context: Context) -> bytes:
    """Encode attribute tags (AT): two 16-bit numbers each."""
    if value is None:
        return b""
    is_one = isinstance(value, int) or not hasattr(value, "__iter__")
    tags = [Tag(value)] if is_one else [Tag(tag) for tag in value]
    order = "<" if context.little_endian else ">"
    return pack(f"{order}{2 * len(tags)}H", *(half for tag in tags for half in (tag >> 16, tag & 0xFFFF)))
