"""The table from VR to encoder."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from streamdcm.encode.layout import Context
from streamdcm.encode.vr.binary import encode_bytes
from streamdcm.encode.vr.dates import encode_date_times, encode_dates, encode_times
from streamdcm.encode.vr.numbers import encode_ss, encode_tags, encode_us, number_encoder
from streamdcm.encode.vr.text import encode_default_text, encode_number_text, encode_person_name, encode_text
from streamdcm.instructions import Chunk


class VrRow(NamedTuple):
    """How values of one VR are encoded.

    Parameters
    ----------
    encode : callable
        Takes a value and a `Context`; returns its bytes, unpadded.
    pad : bytes
        What makes an odd length even (PS3.5 §6.2); nothing for UN, whose bytes are not ours to judge.
    """

    encode: Callable[[Any, Context], Chunk]
    pad: bytes


VR_ENCODERS: Mapping[str, VrRow] = MappingProxyType(
    {
        "AE": VrRow(encode_default_text, b" "),
        "AS": VrRow(encode_default_text, b" "),
        "AT": VrRow(encode_tags, b""),
        "CS": VrRow(encode_default_text, b" "),
        "DA": VrRow(encode_dates, b" "),
        "DS": VrRow(encode_number_text, b" "),
        "DT": VrRow(encode_date_times, b" "),
        "FD": VrRow(number_encoder("d"), b""),
        "FL": VrRow(number_encoder("f"), b""),
        "IS": VrRow(encode_number_text, b" "),
        "LO": VrRow(encode_text, b" "),
        "LT": VrRow(encode_text, b" "),
        "OB": VrRow(encode_bytes, b"\0"),
        "OD": VrRow(encode_bytes, b"\0"),
        "OF": VrRow(encode_bytes, b"\0"),
        "OL": VrRow(encode_bytes, b"\0"),
        "OV": VrRow(encode_bytes, b"\0"),
        "OW": VrRow(encode_bytes, b"\0"),
        "PN": VrRow(encode_person_name, b" "),
        "SH": VrRow(encode_text, b" "),
        "SL": VrRow(number_encoder("l"), b""),
        "SS": VrRow(encode_ss, b""),
        "ST": VrRow(encode_text, b" "),
        "SV": VrRow(number_encoder("q"), b""),
        "TM": VrRow(encode_times, b" "),
        "UC": VrRow(encode_text, b" "),
        "UI": VrRow(encode_default_text, b"\0"),
        "UL": VrRow(number_encoder("L"), b""),
        "UN": VrRow(encode_bytes, b""),
        "UR": VrRow(encode_default_text, b" "),
        "US": VrRow(encode_us, b""),
        "UT": VrRow(encode_text, b" "),
        "UV": VrRow(number_encoder("Q"), b""),
        # What the dictionary leaves open and Implicit VR does not need to know
        "OB or OW": VrRow(encode_bytes, b"\0"),
        "US or OW": VrRow(encode_bytes, b"\0"),
        "US or SS": VrRow(encode_bytes, b"\0"),
        "US or SS or OW": VrRow(encode_bytes, b"\0"),
    }
)
