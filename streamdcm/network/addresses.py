"""Where instances go, as a caller says it."""

from __future__ import annotations

import ssl
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from streamdcm.errors import PlanError
from streamdcm.network.upper_layer import Address, Limits
from streamdcm.options.checks import size
from streamdcm.sinks import printable

_PORTS: Final = {"dicom": 104, "dicoms": 2762}
_FORM: Final = (  # without an @ in a URL, whose texts are shown without what stands before it
    "is no address of a DICOM server: that is dicom://HOST or, for TLS, dicoms://HOST with the called AE title and @ "
    "before the host, a port from 1 to 65535 behind it, and no path"
)
_ANY: Final = "ANY-SCP"
_LONGEST_TITLE: Final = 16
_LEAST_PDU: Final = 128
_LARGEST_PDU: Final = 2**31 - 1


def parsed_address(url: str, calling: str, tls: ssl.SSLContext | None) -> Address:
    """Return the peer that a URL names.

    Raises
    ------
    PlanError
        If it is not of the form ``dicom://CALLED@host:port``, or a title is none.
    """
    if not isinstance(url, str):
        raise PlanError(f"the URL must be a text, not {type(url).__name__}")
    wrong = PlanError(f"{printable(url)} {_FORM}")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if (
        parts.scheme not in _PORTS
        or not host
        or port == 0
        or parts.path not in ("", "/")
        or parts.query
        or parts.fragment
    ):
        raise wrong
    if parts.scheme == "dicom" and tls is not None:
        raise PlanError("tls= is for dicoms://, and dicom:// is not encrypted; correct the URL, or leave tls out")
    if tls is None and parts.scheme == "dicoms":
        tls = ssl.create_default_context()
    called = _title("the called AE title in the URL", unquote(parts.username or _ANY))
    return Address(host, port or _PORTS[parts.scheme], called, _title("calling", calling), tls)


def limits_of(max_pdu: int | str, timeout: float, answer_timeout: float) -> Limits:
    """Return how long things may be and take, as the arguments say.

    Raises
    ------
    PlanError
        If one of them is no size or no number of seconds.
    """
    longest = size(_LEAST_PDU)("max_pdu", max_pdu)
    if longest > _LARGEST_PDU:
        raise PlanError("max_pdu must be below 2 GiB")
    return Limits(longest, _seconds("timeout", timeout), _seconds("answer_timeout", answer_timeout))


def _title(name: str, title: str) -> str:
    """Refuse a text that is not an AE title (PS3.5 §6.2)."""
    is_title = isinstance(title, str) and title.isascii() and title.isprintable() and "\\" not in title
    if not is_title or not 0 < len(title.strip()) <= _LONGEST_TITLE:
        raise PlanError(f"{name} must be 1 to {_LONGEST_TITLE} characters of ASCII without a backslash")
    return title.strip()


def _seconds(name: str, given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < 1e9:
        raise PlanError(f"{name} must be a number of seconds above 0")
    return float(given)
