"""How values of each VR are written, for who types them (PS3.5 §6.2)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Form(NamedTuple):
    """How a value is written.

    Attributes
    ----------
    pattern : str
        A regular expression for one value.
    said : str
        The same for people, with an example.
    """

    pattern: str
    said: str


FORMS: Final = {
    "AE": Form(r"[^\\\x00-\x1f]{1,16}", "at most 16 characters, such as ARCHIVE"),
    "AS": Form(r"\d{3}[DWMY]", "nnnD, nnnW, nnnM or nnnY, such as 045Y"),
    "AT": Form(r".*", "a keyword or gggg,eeee, such as 0010,0010"),
    "CS": Form(r"[A-Z0-9 _]{1,16}", "at most 16 of A-Z, 0-9, space and _, such as ORIGINAL"),
    "DA": Form(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", "YYYYMMDD, such as 19700131"),
    "DS": Form(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *", "a decimal number of at most 16 characters, such as 0.25"),
    "DT": Form(r"\d{4}(\d\d){0,5}(\.\d{1,6})?([+-]\d{4})?", "YYYYMMDDHHMMSS.FFFFFF+ZZXX, such as 19700131133005"),
    "IS": Form(r" *[+-]?\d{1,11} *", "a whole number, such as 12"),
    "TM": Form(r"\d\d(\d\d(\d\d(\.\d{1,6})?)?)?", "HHMMSS or HHMMSS.FFFFFF, such as 133005"),
    "UI": Form(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))*", "numbers with dots between, such as 1.2.840.10008.1.1"),
    "UR": Form(r"[^\\ \x00-\x1f]+", "a URL, such as https://example.org/a"),
    **dict.fromkeys(("SS", "SL", "SV", "US", "UL", "UV", "US or SS"), Form(r".*", "a whole number, such as 12")),
    **dict.fromkeys(("FL", "FD"), Form(r".*", "a number, such as 0.25")),
}
_LONGEST: Final = {"UI": 64, "DS": 16, "IS": 12}


def is_written_as(vr: str, text: str) -> bool:
    """Tell whether each of the values in `text`, with backslashes between, is written as its VR is."""
    form = FORMS.get(vr)
    if form is None:
        return True
    longest = _LONGEST.get(vr, len(text))
    return all(re.fullmatch(form.pattern, part) and len(part) <= longest for part in text.split("\\") if part)


def hint(vr: str) -> str:
    """Return how a value of the VR is written, with an example."""
    return f"{vr} is {FORMS[vr].said}"
