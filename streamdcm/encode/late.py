"""Values that are known only when all else is written: a field is reserved for each, and filled at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from streamdcm.encode.discreet import discreet, value_of
from streamdcm.encode.layout import Context, Encoding
from streamdcm.encode.pieces import Section
from streamdcm.encode.tags import LOSSY_RATIO, NUMBER_OF_FRAMES
from streamdcm.encode.transfer_syntaxes import TransferSyntax
from streamdcm.encode.vr import VRS, VrRow
from streamdcm.errors import EncodeError, InvalidValueError, LengthOverflowError, PlanError
from streamdcm.errors.translation import element_name, encode_error
from streamdcm.instructions import Encoder, Fill, Reserve


class LateElement(NamedTuple):
    """The field reserved for the value of an element.

    Attributes
    ----------
    tag : int
        The tag of the element.
    vr : str
        Its VR.
    size : int
        The number of bytes of the field.
    default : bytes or None
        What is written if no value is set; nothing makes that an error.
    """

    tag: int
    vr: str
    size: int
    default: bytes | None


class LateValues:
    """The values of late elements, as they become known.

    Parameters
    ----------
    elements : iterable of LateElement
        The elements that fields are reserved for.
    context : Context
        Byte order and character sets.
    """

    def __init__(self, elements: Iterable[LateElement], context: Context) -> None:
        self._elements = {element.tag: element for element in elements}
        self._context = context
        self._reserves: dict[int, Reserve] = {}
        self._values: dict[int, bytes] = {}

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    @property
    def tags(self) -> list[int]:
        """The tags of the elements that fields are reserved for."""
        return list(self._elements)

    def set(self, name: str | int, value: Any) -> None:
        """Set the value of an element; a later one takes the place of an earlier one.

        Parameters
        ----------
        name : str or int
            The keyword or tag of the element.
        value : object
            What pydicom takes as a value of the element.

        Raises
        ------
        PlanError
            If no field was reserved for the element.
        EncodeError
            If the value does not fit the field.
        """
        tag = int(Tag(name))
        element = self._elements.get(tag)
        if element is None:
            raise PlanError(f"no field was reserved for {element_name(tag)}; name it in late= when the write begins")
        self._values[tag] = fitted(element, value, self._context)

    def encoded(self, name: str | int) -> tuple[int, bytes, bytes]:
        """Return the tag, the VR and the bytes of a value that was set."""
        tag = int(Tag(name))
        return tag, self._elements[tag].vr.encode(), self._values[tag]

    def set_if_nothing_else_is(self, tag: int, value: Any) -> None:
        """Set the value of an element that a field was reserved for, unless it has been set or has a default."""
        if tag in self._elements and tag not in self._values and self._elements[tag].default is None:
            self.set(tag, value)

    def reserve(self, tag: int, encoding: Encoding) -> Encoder[int]:
        """Encode the header of an element and reserve the field for its value."""
        element = self._elements[tag]
        header = _header(element, encoding)
        yield header
        reserve = self._reserves[tag] = Reserve(element.size, element.default, _label(tag))
        yield reserve
        return len(header) + element.size

    def section(self, tag: int, encoding: Encoding) -> Section:
        """Return what encodes an element that a field is reserved for."""
        element = self._elements[tag]
        return Section(partial(self.reserve, tag, encoding), len(_header(element, encoding)) + element.size)

    def fills(self) -> Iterator[Fill]:
        """Give the values of all elements.

        Raises
        ------
        EncodeError
            Names the element that was never set and has no default.
        """
        for tag, reserve in self._reserves.items():
            value = self._values.get(tag)
            if value is None and reserve.default is None:
                raise EncodeError(
                    "its value was to be set while writing and never was; set it, or give the dataset a default",
                    element_name(tag),
                )
            yield Fill(reserve, value)


def _label(tag: int) -> str:
    """Return what to call a late value in errors, with what would make it known before."""
    remedy = "; number_of_frames= tells it ahead" if tag == NUMBER_OF_FRAMES else ""
    return f"{element_name(tag)}, which comes late{remedy}"


def _header(element: LateElement, encoding: Encoding) -> bytes:
    group, number = element.tag >> 16, element.tag & 0xFFFF
    if encoding.implicit_vr:
        return encoding.pack_implicit(group, number, element.size)
    pack = encoding.pack_long if VRS[element.vr].long_length else encoding.pack_short
    return pack(group, number, element.vr.encode(), element.size)


def plan_late(names: Mapping[Any, int | None] | Iterable[Any], dataset: Dataset, context: Context) -> list[LateElement]:
    """Decide which fields late elements get.

    Parameters
    ----------
    names : mapping or iterable
        Keywords or tags; a mapping gives the number of bytes where the VR does not.
    dataset : Dataset
        A view; the values in it are the defaults.
    context : Context
        Byte order and character sets.

    Raises
    ------
    PlanError
        If no field can be reserved for an element.
    """
    sizes = names if isinstance(names, Mapping) else dict.fromkeys(names)
    return [_late_element(name, size, dataset, context) for name, size in sizes.items()]


def lossy_ratio(dataset: Dataset, syntax: TransferSyntax, context: Context) -> LateElement | None:
    """Reserve a field for Lossy Image Compression Ratio where live frames may be lossy (PS3.3 §C.7.6.1.1.5).

    Parameters
    ----------
    dataset : Dataset
        A view. A ratio in it is the default; else it is that of the frames, or blank where they were lossy before.
    syntax : TransferSyntax
        The transfer syntax.
    context : Context
        Byte order and character sets.

    Returns
    -------
    LateElement or None
        `None` where nothing says that frames are lossy.
    """
    blank = b" " * (VRS["DS"].longest or 0)
    if LOSSY_RATIO in dataset:
        element = _late_element(LOSSY_RATIO, None, dataset, context)
        return element if element.default is not None else element._replace(default=blank)
    if not is_lossy(dataset, syntax):
        return None
    return LateElement(LOSSY_RATIO, "DS", len(blank), blank if syntax.lossy == "no" else None)


def is_lossy(dataset: Dataset, syntax: TransferSyntax) -> bool:
    """Whether frames of a transfer syntax are lossy, or were made of such, as far as a dataset says."""
    return syntax.lossy == "always" or value_of(dataset, "LossyImageCompression", "") == "01"


def fitted(element: LateElement, value: Any, context: Context) -> bytes:
    """Return a value that fills its field exactly, with trailing spaces where the VR allows them.

    Raises
    ------
    EncodeError
        If it does not fit.
    """
    row = VRS[element.vr]
    assert row.encode is not None
    try:
        encoded = bytes(row.encode(value, context))
    except Exception as error:
        raise encode_error(error, element_name(element.tag)) from None
    if _is_padded(row):
        encoded = encoded.ljust(element.size)
    elif len(encoded) % 2:
        encoded += row.pad
    if len(encoded) > element.size:
        raise LengthOverflowError(
            f"{len(encoded)} bytes do not fit the {element.size} that were reserved; give late= a larger one",
            element_name(element.tag),
        )
    if len(encoded) < element.size:
        raise InvalidValueError(
            f"{len(encoded)} bytes do not fill the {element.size} reserved, and VR {element.vr} allows no padding",
            element_name(element.tag),
        )
    return encoded


def _late_element(name: Any, size: int | None, dataset: Dataset, context: Context) -> LateElement:
    try:
        tag = int(Tag(name))
        vr = None if tag in dataset else dictionary_VR(tag)
    except (ValueError, KeyError):
        raise PlanError(f"late={name!r} is no element of the dictionary or the dataset; correct its name") from None
    if vr is None:
        with discreet(element_name(tag)):
            vr = dataset[tag].VR
    row = VRS.get(vr)
    if row is None or row.bulk or row.encode is None:
        raise PlanError(f"{element_name(tag)} has VR {vr}, whose values cannot come late")
    if size is None and (row.fixed or _is_padded(row)):
        size = row.longest
    if size is None or size < 1 or size % 2:
        raise PlanError(
            f"{element_name(tag)} needs an even number of bytes for its value; give late={{{name!r}: size}}"
        )
    element = LateElement(tag, vr, size, None)
    with discreet(element_name(tag)):
        if tag in dataset and not dataset[tag].is_empty:
            element = element._replace(default=fitted(element, dataset[tag].value, context))
    return element


def _is_padded(row: VrRow) -> bool:
    """Whether any number of spaces may follow a value (PS3.5 §6.2)."""
    return row.pad == b" " and not row.fixed
