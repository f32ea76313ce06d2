"""Bytes: OB, OD, OF, OL, OV, OW, UN (PS3.5 §6.2), passed on in the byte order that they are in."""

from typing import Any

from streamdcm.encode.layout import Context
from streamdcm.encode.vr.values import is_empty
from streamdcm.instructions import Chunk, as_chunk


def encode_bytes(value: Any, context: Context) -> Chunk:
    """Return the bytes of a value, uncopied.

    Raises
    ------
    TypeError
        If the value is not bytes-like, or not contiguous in memory (C order).
    """
    if isinstance(value, bytes):
        return value
    if is_empty(value):
        return b""
    return as_chunk(value)
