"""Dates and times: DA, DT, TM (PS3.5 §6.2). One that was read keeps the text it was read from."""

from collections.abc import Callable
from typing import Any

from streamdcm.encode.layout import Context
from streamdcm.encode.vr.text import encode_default_text
from streamdcm.encode.vr.values import MULTI_VALUES


def encode_dates(value: Any, context: Context) -> bytes:
    """Encode dates (DA)."""
    return _encode(value, context, _date_text)


def encode_date_times(value: Any, context: Context) -> bytes:
    """Encode dates with times (DT)."""
    return _encode(value, context, _date_time_text)


def encode_times(value: Any, context: Context) -> bytes:
    """Encode times (TM)."""
    return _encode(value, context, _time_text)


def _encode(value: Any, context: Context, to_text: Callable[[Any], str]) -> bytes:
    if isinstance(value, (str, bytes)):
        return encode_default_text(value, context)
    if isinstance(value, MULTI_VALUES):
        return "\\".join([_text(component, to_text) for component in value]).encode("latin-1")
    return _text(value, to_text).encode("latin-1")


def _text(value: Any, to_text: Callable[[Any], str]) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    original: str | None = getattr(value, "original_string", None)
    return to_text(value) if original is None else original


def _date_text(value: Any) -> str:
    # strftime("%Y") does not pad years before 1000
    return f"{value.year:04}{value:%m%d}"


def _date_time_text(value: Any) -> str:
    return f"{_date_text(value)}{_time_text(value)}{value:%z}"


def _time_text(value: Any) -> str:
    return f"{value:%H%M%S.%f}" if value.microsecond else f"{value:%H%M%S}"
