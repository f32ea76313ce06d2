"""Encapsulated pixel data in the items of sequences, such as those of an icon (PS3.5 §A.4)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import Element, elements_of, encoding_as_read, sorted_elements
from streamdcm.encode.layout import UNDEFINED_LENGTH, Layout
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import PlanError
from streamdcm.errors.telling import silenced
from streamdcm.errors.translation import encode_error
from streamdcm.plan.syntaxes import encoding_of, is_compressed

_TAGS = {True: b"\xe0\x7f\x10\x00", False: b"\x7f\xe0\x00\x10"}
"""The tag of Pixel Data, in little and in big endian byte order."""


def refuse_nested_pixels(dataset: Dataset, old: UID | None, new: UID, *, edited: bool) -> None:
    """Refuse another transfer syntax for pixel data that are encapsulated in an item: they would stay as they are.

    Parameters
    ----------
    dataset : Dataset
        What is to be written, edited already; only read.
    old : UID or None
        The transfer syntax that it was read in; `None` if nothing told.
    new : UID
        The one to write.
    edited : bool
        Whether what was parsed is taken for pixel data that the caller has put there, in the new transfer syntax.

    Raises
    ------
    PlanError
        If there are such pixel data, and the new transfer syntax is a native one, or nobody has touched them.
    """
    if old == new:
        return
    is_native = not is_compressed(new)
    implicit_vr, little_endian = encoding_as_read(dataset)
    scope = Scope(dataset, Layout(encoding_of(bool(implicit_vr), little_endian is not False)))
    try:
        with silenced():  # what is parsed here is parsed again when it is written
            for path, element in encapsulated_in_items(scope):
                if is_native or (old is not None and not edited) or isinstance(element, RawDataElement):
                    raise _cannot_be_copied(path, old, new, is_native)
    except RecursionError:
        return  # encoding it says where


def encapsulated_in_items(scope: Scope) -> Iterator[tuple[str, Element]]:
    """Give each encapsulated Pixel Data in the items of a dataset's sequences, with its path.

    Parameters
    ----------
    scope : Scope
        The dataset. A sequence that is not parsed yet is parsed only if it may hold Pixel Data.
    """
    for tag, element in sorted_elements(scope.dataset):
        for index, item in enumerate(_items(element, scope)):
            inner = Scope(item, scope.layout, scope, (tag, index))
            pixels = elements_of(item).get(PIXEL_DATA)
            if pixels is not None and is_encapsulated(pixels):
                yield inner.path_of(PIXEL_DATA), pixels
            yield from encapsulated_in_items(inner)


def _items(element: Element, scope: Scope) -> Iterator[Dataset]:
    if isinstance(element, RawDataElement):
        if not scope.holds_sequence(element) or not _may_hold_pixels(element):
            return
        try:
            element = scope.parsed(element)
        except RecursionError:
            raise
        except Exception as error:
            raise encode_error(error, scope.path_of(element.tag)) from None
    if element.VR == "SQ":
        yield from (item for item in element.value or () if isinstance(item, Dataset))


def _may_hold_pixels(raw: RawDataElement) -> bool:
    return raw.value is None or _TAGS[raw.is_little_endian] in raw.value


def is_encapsulated(element: Element) -> bool:
    """Whether pixel data consist of items, by their length (PS3.5 §A.4)."""
    if isinstance(element, RawDataElement):
        return element.length == UNDEFINED_LENGTH
    return element.is_undefined_length


def _cannot_be_copied(path: str, old: UID | None, new: UID, is_native: bool) -> PlanError:
    where = f"from '{old.name}' to '{new.name}'" if old else f"to '{new.name}'"
    why = (
        "in which pixel data are not encapsulated (PS3.5 §8.2, §A.4)"
        if is_native
        else "since pixel data are neither compressed nor decompressed"
    )
    return PlanError(
        f"{path} is encapsulated and cannot be copied {where}, {why}; delete it, or put native pixels there"
    )
