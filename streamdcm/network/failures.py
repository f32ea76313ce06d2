"""What answers mean, as tables: whether an instance is stored, and whether to send it again."""

from __future__ import annotations

from typing import Final, NamedTuple

from streamdcm.network.results import Status

NOT_CONFIRMED: Final = "not confirmed: no answer says what became of it"
ONCE: Final = (
    "its frames can be read once and were begun, so that it is not sent again; give frames=callable, a function that "
    "returns them anew"
)

FIRST_PAUSE: Final = 0.25
"""Seconds before the second attempt; each pause is twice the one before."""
_MOST_DOUBLINGS: Final = 8
"""So no pause is longer than about a minute: with many attempts, the last ones would be days apart."""
LONGEST_PAUSE: Final = 600.0
"""The most seconds that a server may ask to be left alone for."""


class Verdict(NamedTuple):
    """What an answer says of an instance.

    Attributes
    ----------
    status : {"stored", "warning", "failed"}
        Whether the server has it.
    code : int or None
        What the server answered.
    reason : str
        What that means.
    again : bool
        Whether it may be stored another time.
    pause : float or None
        How many seconds the server wants to be left alone before.
    error : Exception or None
        What was wrong with the answer.
    """

    status: Status
    code: int | None = None
    reason: str = ""
    again: bool = False
    pause: float | None = None
    error: Exception | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the server has it, with a warning or without."""
        return self.status != "failed"


class _Row(NamedTuple):
    first: int
    last: int
    status: Status
    reason: str
    again: bool = False


# PS3.4 §B.2.3 and PS3.7 §C; STOW-RS gives the same numbers as reasons (PS3.18 §I.2.2)
_STATUSES: Final = (
    _Row(0x0000, 0x0000, "stored", ""),
    _Row(0x0001, 0x0001, "warning", "the server has a warning"),
    _Row(0x0107, 0x0107, "warning", "the server does not know all attributes"),
    _Row(0x0110, 0x0110, "failed", "the server failed to process it; its log tells why"),
    _Row(0x0111, 0x0111, "failed", "the server has an instance with this SOP Instance UID"),
    _Row(0x0116, 0x0116, "warning", "the server finds a value out of range"),
    _Row(0x0117, 0x0117, "failed", "the server finds the SOP Instance UID invalid"),
    _Row(0x0122, 0x0122, "failed", "the server does not take this SOP class"),
    _Row(0x0124, 0x0124, "failed", "the server does not allow it"),
    _Row(0x0212, 0x0212, "failed", "the server finds a parameter mistyped"),
    _Row(0xA700, 0xA7FF, "failed", "the server is out of resources", again=True),
    _Row(0xA900, 0xA9FF, "failed", "the dataset does not match its SOP class; see what is missing or wrong in it"),
    _Row(0xB000, 0xB005, "warning", "the server changed or completed values"),
    _Row(0xB006, 0xB006, "warning", "the server dropped elements"),
    _Row(0xB007, 0xB007, "warning", "the dataset does not match its SOP class"),
    _Row(0xB000, 0xBFFF, "warning", "the server has a warning"),
    _Row(0xC122, 0xC122, "failed", "the server does not take its transfer syntax"),
    _Row(0xC000, 0xCFFF, "failed", "the server cannot understand it; its log tells why"),
)

_NOT_HERE: Final = "the server takes no instances at this URL; give the base of DICOMweb, as in https://HOST/dicom-web"
_REDIRECTED: Final = "the server redirects in a way that a POST cannot follow, as to a page to log in; give another URL"
_HTTP: Final = {
    **dict.fromkeys((301, 302, 303, 307, 308), _REDIRECTED),
    400: "the server cannot understand the request",
    404: _NOT_HERE,
    405: _NOT_HERE,
    406: "the server has no answer in JSON or XML",
    409: "the server refuses the instances",
    411: "the server or a proxy wants to know the length; give length='known'",
    413: "this is more than the server takes in a request; send less in one, with a smaller batch_size or split=",
    415: "the server does not take the media type or transfer syntax",
}
_AGAIN: Final = frozenset({408, 425, 429})


def verdict_of_status(status: int) -> Verdict:
    """Return what the status of a C-STORE-RSP means, or a reason of STOW-RS."""
    for first, last, kind, reason, again in _STATUSES:
        if first <= status <= last:
            text = f"{reason} (status {status:04X}H)" if reason else ""
            return Verdict(kind, status or None, text, again)
    return Verdict("failed", status, f"the server refuses it (status {status:04X}H)")


def verdict_of_http(status: int, pause: float | None = None) -> Verdict:
    """Return what the status of an HTTP answer means for an instance that the answer does not name."""
    if 200 <= status < 300:
        return Verdict("failed", status, f"the answer does not say that it is stored (HTTP status {status})")
    again = status in _AGAIN or status >= 500
    reason = _HTTP.get(status, "the server cannot take it now" if again else "the server refuses the request")
    if again and pause is not None and pause > LONGEST_PAUSE:
        again, reason = False, f"the server does not want to be asked again for {pause:,.0f} seconds"
    return Verdict("failed", status, f"{reason} (HTTP status {status})", again, pause)


def pause_after(attempts: int, asked: float | None = None) -> float:
    """Return how many seconds to wait after so many attempts, or what the server asked for."""
    return FIRST_PAUSE * 2.0 ** min(attempts - 1, _MOST_DOUBLINGS) if asked is None else asked
