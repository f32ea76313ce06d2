"""Text that was read with escape sequences in it, and is decoded because its character set changes."""

from collections.abc import Callable
from typing import Any, Final

from pydicom.config import IGNORE
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from streamdcm.encode._pydicom import codecs_as_read, elements_of
from streamdcm.encode.code_extensions import ESC, NAME_DELIMITERS, TEXT_DELIMITERS, decode_extended, has_code_extensions
from streamdcm.encode.vr.table import VRS
from streamdcm.encode.vr.text import encode_person_name, encode_text

_TEXTS: Final = frozenset(vr for vr, row in VRS.items() if row.encode in (encode_text, encode_person_name))
_SINGLE: Final = frozenset({"LT", "ST", "UT"})
"""VRs in which a backslash divides no values (PS3.5 §6.2)."""


def parse_extended(
    view: Dataset, raw: RawDataElement, vr_of: Callable[[RawDataElement], str | None]
) -> DataElement | None:
    """Convert a raw element whose text has escape sequences (PS3.5 §6.1.2.5).

    pydicom knows neither all of their rules nor all delimiters in a name, and loses text where it differs.

    Parameters
    ----------
    view : Dataset
        A view of its dataset, which takes the element (see `_pydicom.view_of`).
    raw : RawDataElement
        The element.
    vr_of : callable
        Says the VR of a raw element, if that is known.

    Returns
    -------
    DataElement or None
        `None` if it is no such text, or one that breaks the rules, of which pydicom makes what it can.
    """
    codecs = codecs_as_read(view)
    if not has_code_extensions(codecs):
        return None
    vr = vr_of(raw)
    if vr is None or vr not in _TEXTS or not raw.value or ESC not in raw.value:
        return None
    is_name = vr == "PN"
    try:
        text = decode_extended(raw.value, codecs, NAME_DELIMITERS if is_name else TEXT_DELIMITERS)
    except UnicodeError:
        return None
    components = [part.rstrip("\0 ") for part in ([text] if vr in _SINGLE else text.split("\\"))]
    values: list[Any] = [_name(part) for part in components] if is_name else components
    value = values[0] if len(values) == 1 else MultiValue(lambda each: each, values)
    element = DataElement(raw.tag, vr, value, raw.value_tell, already_converted=True)
    elements_of(view)[raw.tag] = element
    return element


def _name(text: str) -> PersonName:
    return PersonName(text, validation_mode=IGNORE)
