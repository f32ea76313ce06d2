"""The optional C module that encodes plain elements many at a time, where there is one.

`_hot.c` says what it takes; the Python code is the reference, and encodes all else. ``STREAMDCM_PURE=1`` in the
environment does without it.
"""

from __future__ import annotations

import os
from typing import Any, Final

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import IS, DSdecimal, DSfloat, PersonName

from streamdcm.encode.implied import implied_vr
from streamdcm.encode.layout import keeps_ascii
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import LUT_DESCRIPTORS
from streamdcm.encode.vr.binary import encode_bytes
from streamdcm.encode.vr.dates import encode_date_times, encode_dates, encode_times
from streamdcm.encode.vr.numbers import encode_tags
from streamdcm.encode.vr.table import VRS
from streamdcm.encode.vr.text import encode_default_text, encode_number_text, encode_person_name, encode_text

# What _hot.c calls the functions of the table of VRs; numbers are called as in the module struct.
_CODES: Final[dict[Any, str]] = {
    None: "s",
    encode_bytes: "b",
    encode_dates: "c",
    encode_date_times: "c",
    encode_times: "c",
    encode_default_text: "a",
    encode_text: "x",
    encode_number_text: "n",
    encode_person_name: "p",
    encode_tags: "T",
    **{
        VRS[vr].encode: code
        for vr, code in zip(
            ("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"), ("d", "f", "l", "h", "q", "L", "H", "Q"), strict=True
        )
    },
}


def _is_outdated(built: str) -> bool:
    """Whether the source, which only an editable install has beside the module, was changed since it was built."""
    beside = os.path.dirname(built)
    if not os.path.exists(source := os.path.join(beside, "_hot.c")):
        return False
    parts = (part.path for part in os.scandir(os.path.join(beside, "_hot_parts")))
    return max(map(os.path.getmtime, (source, *parts))) > os.path.getmtime(built)


def _load() -> Any:
    """Import the C module and tell it which classes and functions are meant, if there is one and it is wanted."""
    if os.environ.get("STREAMDCM_PURE", "0") not in ("", "0"):
        return None
    try:
        from streamdcm.encode import _hot
    except ImportError:
        return None
    if _is_outdated(_hot.__file__):
        return None
    known = (Dataset, DataElement, RawDataElement, BaseTag, Sequence, MultiValue, PersonName, UID, DSfloat, DSdecimal)
    functions = {"implied_vr": implied_vr, "keeps_ascii": keeps_ascii, "getattr": getattr}
    _hot.configure(
        {**{kind.__name__: kind for kind in (*known, IS, Scope)}, **functions, "LUT_DESCRIPTORS": LUT_DESCRIPTORS},
        {vr: (_CODES[row.encode], row.pad, row.long_length) for vr, row in VRS.items()},
    )
    return _hot


HOT: Final = _load()
"""The C module, or nothing."""
