"""Text: in the default repertoire, in the character sets of the dataset, and names (PS3.5 §6.1, §6.2)."""

from copy import copy
from operator import attrgetter
from typing import Any, Final

from pydicom.charset import encode_string
from pydicom.config import IGNORE
from pydicom.valuerep import IS, DSfloat, PersonName

from streamdcm.encode._pydicom import components, encode_name_components
from streamdcm.encode.code_extensions import (
    NAME_DELIMITERS,
    TEXT_DELIMITERS,
    decode_extended,
    encode_extended,
    has_code_extensions,
)
from streamdcm.encode.layout import Context, keeps_ascii
from streamdcm.encode.vr.values import MULTI_VALUES, is_empty

_float_text = float.__repr__
_original_text = attrgetter("original_string")
_ESCAPE: Final = b"\x1b"
_LEFT_BY_PYDICOM: Final = "\x1b$)A"
"""The escape sequence of ISO 2022 IR 58, which pydicom takes for text when it decodes."""


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
    if value.__class__ is str and context.codec is not None and not context.is_extended:
        try:  # the usual case of `_encode` first
            return value.encode(context.codec) if _LEFT_BY_PYDICOM not in value else _encode(value, context)
        except UnicodeError:
            pass
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
        text = getattr(value, "original_string", None)
        return (_number_text(value) if text is None else text).encode("latin-1")
    values = components(value)
    if isinstance(values, MULTI_VALUES):
        return _number_texts(values).encode("latin-1")
    if isinstance(value, bytes):
        return value
    return b"" if is_empty(value) else _number_text(value).encode("latin-1")


def _number_texts(numbers: Any) -> str:
    """Return numbers as text, by backslash; the usual case first: all keep the text that they were read from."""
    if len(numbers) and getattr(numbers[0], "original_string", None) is not None:
        try:
            return "\\".join(map(_original_text, numbers))
        except (AttributeError, TypeError):
            pass  # not all
    return "\\".join(
        [
            _float_text(number)
            if number.__class__ is DSfloat and getattr(number, "original_string", None) is None
            else _number_text(number)
            for number in numbers
        ]
    )


def _number_text(number: Any) -> str:
    text: str | None = getattr(number, "original_string", None)
    if text is not None:
        return text
    # what their __str__ comes to by detours
    if number.__class__ is DSfloat:
        return _float_text(number)
    if number.__class__ is IS:
        return int.__repr__(number)
    if number is None:
        return ""
    if isinstance(number, str) or hasattr(number, "__float__"):
        return str(number)
    raise TypeError("not a number")


def _encode(text: str, context: Context) -> bytes:
    if _LEFT_BY_PYDICOM in text:
        text = text.replace(_LEFT_BY_PYDICOM, "")
    if context.is_extended and not text.isascii():
        try:
            return _encode_extended(text, context.encodings)
        except UnicodeError:
            pass
    if context.codec is not None:
        try:
            return text.encode(context.codec)
        except UnicodeError:
            pass  # other character sets, replacement and its warning are left to pydicom
    return encode_string(text, context.encodings)


def _encode_extended(text: str, codecs: tuple[str, ...]) -> bytes:
    """Encode a text with escape sequences: as pydicom does where that is right, else by the standard."""
    ours = encode_extended(text, codecs, TEXT_DELIMITERS)
    theirs = encode_string(text, codecs)
    try:
        is_right = decode_extended(theirs, codecs, TEXT_DELIMITERS) == text
    except UnicodeError:
        is_right = False
    return theirs if is_right else ours


def _encode_name(name: Any, context: Context) -> bytes:
    read_with = name.encodings
    original = name.original_string
    if original is not None and (read_with is None or read_with == context.encodings):
        encoded: bytes = original
        return encoded
    if original is None and name.__class__ is PersonName:
        text = "=".join(name.components)
        if text.isascii() and keeps_ascii(context.codec) and "\x1b" not in text:
            return text.rstrip("=").encode("ascii")
    # what PersonName decodes and encodes it remembers in the name; the dataset is not ours to change
    if context.is_extended or (original is not None and _ESCAPE in original):
        text = _decoded(copy(name))
        if not text.isascii():
            return _encode_groups(text, context)
    if original is None and name.__class__ is PersonName:
        return encode_name_components(name.components, context.encodings)  # all that its encode() would do
    return copy(name).encode(context.encodings)  # type: ignore[no-any-return]


def _decoded(name: Any) -> str:
    """Return a name as the standard says that its bytes are to be read.

    As pydicom reads them, if they are not by the standard, or if pydicom itself made them from the text.
    """
    text = str(name)
    original, read_with = name.original_string, name.encodings
    if original is None or not read_with or not has_code_extensions(read_with):
        return text
    if PersonName(text, validation_mode=IGNORE).encode(read_with) == original:
        return text
    try:
        return decode_extended(original, read_with, NAME_DELIMITERS)
    except UnicodeError:
        return text


def _encode_groups(text: str, context: Context) -> bytes:
    """Encode a name component by component: each starts in the first character set (PS3.5 §6.1.2.5.3)."""
    groups = [b"^".join([_encode(component, context) for component in group.split("^")]) for group in text.split("=")]
    return b"=".join(groups).rstrip(b"=")


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError("not text")
