"""The table of VRs: one row says all that the code knows of one (PS3.5 §6.2)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from streamdcm.encode.layout import Context
from streamdcm.encode.vr.binary import encode_bytes
from streamdcm.encode.vr.dates import encode_date_times, encode_dates, encode_times
from streamdcm.encode.vr.numbers import encode_ss, encode_tags, encode_us, number_encoder
from streamdcm.encode.vr.text import encode_default_text, encode_number_text, encode_person_name, encode_text
from streamdcm.instructions import Chunk


class VrRow(NamedTuple):
    """One VR.

    Attributes
    ----------
    encode : callable or None
        Takes a value and a `Context`; returns its bytes, unpadded. Nothing for sequences, whose items are walked.
    pad : bytes
        What makes an odd length even (PS3.5 §6.2); nothing for UN, whose bytes are not ours to judge, and for values
        that are even by themselves.
    long_length : bool
        Whether the length field has 32 bits in Explicit VR, not 16 (PS3.5 table 7.1-2).
    longest : int or None
        The most bytes of one value in the default character repertoire (PS3.5 table 6.2-1), if that is at most 64.
    fixed : bool
        Whether each value takes exactly `longest` bytes.
    word : int
        The number of bytes that the byte order applies to (PS3.5 §7.3).
    bulk : bool
        Whether a value is bytes that can be passed on unread.
    """

    encode: Callable[[Any, Context], Chunk] | None
    pad: bytes
    long_length: bool = False
    longest: int | None = None
    fixed: bool = False
    word: int = 1
    bulk: bool = False


def _text(encode: Callable[[Any, Context], Chunk], longest: int | None, *, fixed: bool = False) -> VrRow:
    return VrRow(encode, b" ", longest=longest, fixed=fixed)


def _long_text(encode: Callable[[Any, Context], Chunk]) -> VrRow:
    return VrRow(encode, b" ", long_length=True)


def _number(encode: Callable[[Any, Context], Chunk], size: int, *, long_length: bool = False) -> VrRow:
    return VrRow(encode, b"", long_length, longest=size, fixed=True, word=size)


def _bulk(word: int) -> VrRow:
    return VrRow(encode_bytes, b"\0", long_length=True, word=word, bulk=True)


VRS: Final[Mapping[str, VrRow]] = MappingProxyType(
    {
        "AE": _text(encode_default_text, 16),
        "AS": _text(encode_default_text, 4, fixed=True),
        "AT": VrRow(encode_tags, b"", longest=4, fixed=True, word=2),
        "CS": _text(encode_default_text, 16),
        "DA": _text(encode_dates, 8, fixed=True),
        "DS": _text(encode_number_text, 16),
        "DT": _text(encode_date_times, 26),
        "FD": _number(number_encoder("d"), 8),
        "FL": _number(number_encoder("f"), 4),
        "IS": _text(encode_number_text, 12),
        "LO": _text(encode_text, 64),
        "LT": _text(encode_text, None),
        "OB": _bulk(1),
        "OD": _bulk(8),
        "OF": _bulk(4),
        "OL": _bulk(4),
        "OV": _bulk(8),
        "OW": _bulk(2),
        "PN": _text(encode_person_name, None),
        "SH": _text(encode_text, 16),
        "SL": _number(number_encoder("l"), 4),
        "SQ": VrRow(None, b"", long_length=True),
        "SS": _number(encode_ss, 2),
        "ST": _text(encode_text, None),
        "SV": _number(number_encoder("q"), 8, long_length=True),
        "TM": _text(encode_times, 14),
        "UC": _long_text(encode_text),
        "UI": VrRow(encode_default_text, b"\0", longest=64),
        "UL": _number(number_encoder("L"), 4),
        "UN": VrRow(encode_bytes, b"", long_length=True, bulk=True),
        "UR": _long_text(encode_default_text),
        "US": _number(encode_us, 2),
        "UT": _long_text(encode_text),
        "UV": _number(number_encoder("Q"), 8, long_length=True),
    }
)

AMBIGUOUS_VRS: Final[Mapping[str, VrRow]] = MappingProxyType(
    {
        "OB or OW": VrRow(encode_bytes, b"\0", bulk=True),
        "US or OW": VrRow(encode_bytes, b"\0"),
        "US or SS": VrRow(encode_bytes, b"\0"),
        "US or SS or OW": VrRow(encode_bytes, b"\0"),
    }
)
"""What the dictionary leaves open, and Implicit VR does not need to know."""

BULK_VRS: Final = frozenset(vr for vr, row in (*VRS.items(), *AMBIGUOUS_VRS.items()) if row.bulk)
"""VRs whose values are bytes that can be passed on unread."""
