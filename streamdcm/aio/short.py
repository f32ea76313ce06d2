"""What is encoded in less time than it takes to go to a thread and back."""

from __future__ import annotations

from typing import Any, Final

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from streamdcm.encode._pydicom import elements_of, stored_value
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.options import Options

_MOST_ELEMENTS: Final = 500
_MOST_BYTES: Final = 1024 * 1024


def is_short(dataset: Any, options: Options) -> bool:
    """Whether a dataset is in memory, small, and written without compressing it.

    Parameters
    ----------
    dataset : object
        What was given as a dataset.
    options : Options
        Whether there are frames counts, and whether another transfer syntax is asked for.
    """
    if not isinstance(dataset, Dataset) or options.frames is not None or options.transfer_syntax is not None:
        return False
    if transfer_syntax(getattr(dataset, "file_meta", {}).get("TransferSyntaxUID")).deflated:
        return False
    count = size = 0
    waiting = [dataset]
    while waiting:
        for element in elements_of(waiting.pop()).values():
            value = element.value if element.__class__ is RawDataElement else stored_value(element)  # type: ignore[arg-type]
            count += 1
            if isinstance(value, Sequence):
                if count + len(value) > _MOST_ELEMENTS:
                    return False
                waiting += value
            elif isinstance(value, (list, MultiValue)):
                count += len(value)
            elif isinstance(value, (bytes, str)):
                size += len(value)
            elif value is None or hasattr(value, "read"):
                return False
            else:
                size += getattr(value, "nbytes", 0)
        if count > _MOST_ELEMENTS or size > _MOST_BYTES:
            return False
    return True
