"""VRs that the dictionary leaves open and other elements of the dataset decide (PS3.5 §8, PS3.6)."""

from collections.abc import Sequence
from copy import copy
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.values import convert_numbers

from streamdcm.encode._pydicom import encoding_as_read, inherited_pixel_representation
from streamdcm.encode.tags import LUT_DATA, LUT_DESCRIPTORS, OVERLAY_DATA, PIXEL_DATA, US_OR_SS, WAVEFORM_VALUES
from streamdcm.errors import AmbiguousVRError


def resolve_vr(element: DataElement, datasets: Sequence[Dataset], little_endian: bool) -> DataElement:
    """Return the element with the VR that its surroundings decide, or itself if nothing does.

    Parameters
    ----------
    element : DataElement
        An element with an ambiguous VR; it is not changed.
    datasets : sequence of Dataset
        Views of the dataset of the element and of those that enclose it, the nearest first.
    little_endian : bool
        The byte order of a number that still stands as bytes.

    Raises
    ------
    AmbiguousVRError
        If an element that decides is missing.
    """
    try:
        vr = _decide(element, datasets)
    except AttributeError as error:
        raise AmbiguousVRError(
            f"its VR depends on {error.name or 'an element'} which the dataset does not have; add that or set "
            "the VR of this element"
        ) from None
    if vr is None:
        return element
    resolved = copy(element)
    resolved.VR = vr
    if vr in ("US", "SS") and element.VM and not isinstance(_first(element), int):
        resolved.value = _numbers(element, vr, little_endian)
    return resolved


def _numbers(element: DataElement, vr: str, little_endian: bool) -> Any:
    """Return the numbers of a value that stands as bytes, or as they were set."""
    numbers = convert_numbers(element.value, little_endian, "H" if vr == "US" else "h")
    if element.tag in LUT_DESCRIPTORS and isinstance(numbers, list):
        numbers[0] &= 0xFFFF  # PS3.3 §C.11.1.1: unsigned, whatever Pixel Representation says
    return numbers


def _decide(element: DataElement, datasets: Sequence[Dataset]) -> str | None:
    dataset = datasets[0]
    tag = element.tag
    if tag == PIXEL_DATA:
        if element.is_undefined_length:
            return "OB"  # PS3.5 §A.4
        # PS3.5 §A.1 and §A.2
        return "OW" if encoding_as_read(dataset)[0] or _stated(dataset, "BitsAllocated") > 8 else "OB"
    if tag in US_OR_SS:
        return "US" if _pixel_representation(datasets) == 0 else "SS"
    if tag in WAVEFORM_VALUES:
        return "OW" if encoding_as_read(dataset)[0] or _stated(dataset, "WaveformBitsAllocated") > 8 else "OB"
    if tag == LUT_DATA:
        descriptor = dataset.get("LUTDescriptor", None)
        return "US" if descriptor and descriptor[0] == 1 else "OW"  # PS3.3 §C.11.1.1.1
    return "OW" if tag in OVERLAY_DATA else None


def _pixel_representation(datasets: Sequence[Dataset]) -> int:
    for dataset in datasets:
        stated: int | None = getattr(dataset, "PixelRepresentation", None)
        if stated is not None:
            return stated
    for dataset in datasets:
        noted = inherited_pixel_representation(dataset)
        if noted is not None:
            return noted
    return 0  # nothing says that pixels are signed


def _stated(dataset: Dataset, keyword: str) -> int:
    """Return a number that the dataset has to say; an empty one is as good as none."""
    number: int | None = getattr(dataset, keyword)
    if number is None:
        raise AttributeError(name=keyword)
    return number


def _first(element: DataElement) -> Any:
    return element.value if element.VM == 1 else element.value[0]
