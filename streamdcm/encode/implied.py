"""The VR that Implicit VR leaves to the dictionary of whoever reads (PS3.5 §7.1.3)."""

import re
from functools import lru_cache
from struct import pack, unpack
from typing import Any, Final

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement

from streamdcm.encode._pydicom import components
from streamdcm.encode.layout import Context
from streamdcm.encode.vr.numbers import encode_tags
from streamdcm.encode.vr.table import VRS, VrRow
from streamdcm.encode.vr.text import encode_number_text, encode_text
from streamdcm.encode.vr.values import MULTI_VALUES
from streamdcm.errors import EncodeError, InvalidValueError

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_FRACTION: Final = re.compile(r"[.eE]")


@lru_cache(maxsize=8192)
def implied_vr(tag: int) -> str | None:
    """Return the VR that a tag has by the dictionary, which may leave it open; `None` for private and unknown ones."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


def agrees(implied: str, vr: str) -> bool:
    """Whether bytes that were encoded for one VR can be read as the VR that is implied, and mean the same.

    Numbers in text are no agreement: whether a text is a number is for its value to say.
    """
    return vr == "UN" or any(_agrees(part, vr) for part in implied.split(" or "))


@lru_cache(maxsize=1024)
def _agrees(implied: str, vr: str) -> bool:
    if implied == vr:
        return True
    wanted, row = VRS[implied], VRS.get(vr)
    if row is None or "SQ" in (implied, vr):
        return False
    if wanted.bulk:
        return True  # whoever reads gets the bytes
    return _is_text(wanted) and _is_text(row) and wanted.encode is not encode_number_text


def converted(element: DataElement, implied: str, context: Context) -> DataElement:
    """Return an element with the VR that is implied, and its value as one of that VR.

    Parameters
    ----------
    element : DataElement
        An element whose VR does not agree with it; it is not changed.
    implied : str
        One definite VR.
    context : Context
        Byte order and character sets.

    Raises
    ------
    InvalidValueError
        If the value cannot be one of that VR, or not the same value.
    """
    row = VRS[implied]
    try:
        value = _value(element, implied)
        if row.encode is None:
            raise TypeError("nothing becomes a sequence")
        row.encode(value, context)
    except (EncodeError, ValueError, TypeError, OverflowError):
        raise InvalidValueError(
            f"its VR is {element.VR}, and whoever reads Implicit VR takes it for {implied}, which its value cannot be "
            "(PS3.5 §7.1.3); correct the element, delete it, choose a transfer syntax with explicit VRs, or leave the "
            "VR out all the same with on_vr_conflict='drop'"
        ) from None
    return DataElement(element.tag, implied, value, already_converted=True)


def _value(element: DataElement, implied: str) -> Any:
    row, wanted = VRS[element.VR], VRS[implied]
    if not (_is_text(row) or _is_number(row)):
        raise TypeError("neither text nor numbers")
    values = _components(element.value)
    if _is_number(wanted):
        return [_exact(_number(value), implied) for value in values]
    if wanted.encode is encode_number_text:
        return [_text_of(_number(value), value, implied) for value in values]
    if wanted.encode is encode_text:
        return [repr(_number(value)) for value in values]
    raise TypeError("no number can be written like this")


def _components(value: Any) -> list[Any]:
    values = components(value)
    if isinstance(values, bytes):
        values = values.decode("ascii")
    if isinstance(values, str):
        return values.split("\\")
    return list(values) if isinstance(values, MULTI_VALUES) else [values]


def _number(value: Any) -> int | float:
    """Return the number that a component is, a whole one if that is the same."""
    if isinstance(value, str):
        text = value.strip(" \0")
        if not _NUMBER.fullmatch(text):
            raise ValueError("not a number")
        value = float(text) if _FRACTION.search(text) else int(text)
    return int(value) if value == int(value) else float(value)


def _exact(number: int | float, vr: str) -> int | float:
    """Refuse a number that 32 bits hold only nearly."""
    if vr == "FL" and unpack("<f", pack("<f", number))[0] != number:
        raise ValueError("not exactly that number")
    return number


def _text_of(number: int | float, value: Any, vr: str) -> str:
    """Return a number as text, as the very text that it was given as where that will do."""
    if vr == "IS" and not isinstance(number, int):
        raise ValueError("not a whole number")
    text = value if isinstance(value, str) and (vr != "IS" or _FRACTION.search(value) is None) else repr(number)
    if len(text) > (VRS[vr].longest or 0):
        raise ValueError("too long")
    return text


def _is_text(row: VrRow) -> bool:
    return row.pad != b"" and not row.bulk


def _is_number(row: VrRow) -> bool:
    return row.fixed and row.word > 1 and row.encode is not encode_tags
