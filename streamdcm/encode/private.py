"""Private elements that were read without a VR: the private dictionary proposes one, and the bytes decide."""

import re
from typing import Final

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import elements_of, loaded, parse
from streamdcm.encode.layout import UNDEFINED_LENGTH
from streamdcm.encode.vr.table import VRS
from streamdcm.encode.vr.text import encode_person_name, encode_text

# PS3.5 §6.1.3: the control characters that a text can have are TAB, LF, FF, CR and ESC
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0B\x0E-\x1A\x1C-\x1F]")
_NO_DEFAULT_TEXT: Final = re.compile(rb"[^\t\n\f\r\x1B-\x7E]|[\x1C-\x1F]")


def parse_private(view: Dataset, raw: RawDataElement) -> DataElement:
    """Convert a private element that was read without a VR, or with UN.

    The VR is that of the private dictionary, and UN where the bytes cannot be a value of that (PS3.5 §6.2.2): the
    dictionary says what one version of a product wrote.

    Parameters
    ----------
    view : Dataset
        A view of its dataset, which takes the element (see `_pydicom.view_of`).
    raw : RawDataElement
        The element.
    """
    raw = loaded(view, raw)
    try:
        element = parse(view, raw)
    except (Warning, RecursionError, MemoryError):
        raise
    except Exception:  # whatever pydicom says of these bytes, they are no value of that VR
        element = None
    if element is None or _contradicts(element.VR, raw.value or b""):
        undefined = raw.length == UNDEFINED_LENGTH
        element = DataElement(raw.tag, "UN", raw.value, raw.value_tell, undefined, already_converted=True)
        elements_of(view)[raw.tag] = element
    return element


def _contradicts(vr: str, value: bytes) -> bool:
    """Whether the bytes cannot be text, where that is what a VR has."""
    row = VRS.get(vr)
    if row is None or row.pad not in (b" ", b"\0") or row.bulk:
        return False
    has_character_sets = row.encode in (encode_text, encode_person_name)
    no_text = _NO_TEXT if has_character_sets else _NO_DEFAULT_TEXT
    return no_text.search(value.rstrip(b"\0")) is not None
