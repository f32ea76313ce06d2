"""What pydicom takes for a value of more than one component."""

from typing import Any

from pydicom.config import have_numpy
from pydicom.multival import MultiValue

MULTI_VALUES: Any = (MultiValue, list, tuple)

if have_numpy:
    import numpy

    MULTI_VALUES = (*MULTI_VALUES, numpy.ndarray)


def is_empty(value: Any) -> bool:
    """Whether a value has no components: nothing, or a container or text of length 0."""
    if value is None:
        return True
    try:
        return len(value) == 0
    except TypeError:
        return False
