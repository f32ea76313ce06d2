"""Text: in the default repertoire, in the character sets of the dataset, and names (PS3.5 §6.1, §6.2)."""

from copy import copy
from typing import Any

from pydicom.charset import encode_string
from pydicom.valuerep import IS, DSfloat, PersonName

from streamdcm.encode._pydicom import components
from streamdcm.encode.layout import Context
from streamdcm.encode.vr.values import MULTI_VALUES, is_empty


def encode_default_text(value: Any, context: Context) -> bytes:
    """Encode text in the default character repertoire (AE, AS, CS, UI, UR), several values by backslash."""
    if isinstance(value, str):
        return value.encode("latin-1")
    if value is None:
        return b""
    values = components(value)
    if isinstance(values, MULTI_VALUES):
        return "\\".join(values).encode("latin-1")
    return _as_bytes(value)


def encode_text(value: Any, context: Context) -> bytes:
    """Encode text in the character sets of the dataset (LO, LT, SH, ST, UC, UT).

    Bytes are taken as encoded already.
    """
    if isinstance(value, str):
        return _encode(value, context)
    if value is None:
        return b""
    values = components(value)
    if isinstance(values, MULTI_VALUES):
        if len(values) and isinstance(values[0], str):
            return b"\\".join([_encode(component, context) for component in values])
        return b"\\".join(values)
    return _as_bytes(value)


def encode_person_name(value: Any, context: Context) -> bytes:
    """Encode names (PN): component groups by ``=``, components by ``^`` (PS3.5 §6.2.1)."""
    if isinstance(value, PersonName):
        return _encode_name(value, context)
    if value is None:
        return b""
    if isinstance(value, (str, bytes)) and not value:
        return b""
    return b"\\".join([_encode_name(name, context) for name in value])


def encode_number_text(value: Any, context: Context) -> bytes:
    """Encode numbers as text (DS, IS); one that was read keeps the text it was read from."""
    if value.__class__ is DSfloat or value.__class__ is IS:
        return _number_text(value).encode("latin-1")
    values = components(value)
    if isinstance(values, MULTI_VALUES):
        return "\\".join([_number_text(number) for number in values]).encode("latin-1")
    if isinstance(value, bytes):
        return value
    return b"" if is_empty(value) else _number_text(value).encode("latin-1")


def _number_text(number: Any) -> str:
    text: str | None = getattr(number, "original_string", None)
    if text is not None:
        return text
    # what their __str__ comes to by detours
    if number.__class__ is DSfloat:
        return float.__repr__(number)
    if number.__class__ is IS:
        return int.__repr__(number)
    if number is None:
        return ""
    if isinstance(number, str) or hasattr(number, "__float__"):
        return str(number)
    raise TypeError("not a number")


def _encode(text: str, context: Context) -> bytes:
    if context.codec is not None:
        try:
            return text.encode(context.codec)
        except UnicodeError:
            pass  # other character sets, replacement and its warning are left to pydicom
    return encode_string(text, context.encodings)


def _encode_name(name: Any, context: Context) -> bytes:
    read_with = name.encodings
    if name.original_string is not None and (read_with is None or read_with == context.encodings):
        encoded: bytes = name.original_string
        return encoded
    # PersonName.encode() remembers its result in the name; the dataset is not ours to change
    return copy(name).encode(context.encodings)  # type: ignore[no-any-return]


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError("not text")
