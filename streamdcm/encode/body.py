"""The dataset body: elements in ascending order of tags (PS3.5 §7.1)."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from itertools import chain
from operator import itemgetter

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import Element, sorted_elements
from streamdcm.encode.element import AT_ONCE, by_group, encode_group, encode_some
from streamdcm.encode.header import group_length
from streamdcm.encode.layout import UNDEFINED_LENGTH, UNKNOWN_LENGTH, Layout
from streamdcm.encode.pieces import BULK, Dropped, Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.sequence import sequence
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import RecursiveDatasetError, encode_error, silenced
from streamdcm.instructions import Encoder


def dataset_body(
    dataset: Dataset, layout: Layout, *, encapsulated: bool | None = None, patchable: bool = True
) -> Encoder[int]:
    """Encode the elements of a dataset, without preamble and File Meta Information.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    layout : Layout
        VR and byte order, kinds of lengths.
    encapsulated : bool, optional
        Whether Pixel Data has an undefined length, as the transfer syntax decides (PS3.5 §A.4); by
        default as the element says.
    patchable : bool, optional
        Whether the sink can fill a length in later. Where it cannot, the length of a sequence of over
        16 MiB is found by encoding its items twice.

    Returns
    -------
    Encoder
        Returns the number of bytes.

    Raises
    ------
    EncodeError
        Names the element that cannot be encoded.
    """
    return sorted_body(sorted_elements(dataset), Scope(dataset, layout), encapsulated, patchable)


def sorted_body(
    elements: list[tuple[int, Element]],
    scope: Scope,
    encapsulated: bool | None,
    patchable: bool,
    inserted: Mapping[int, Encoder[int]] | None = None,
) -> Encoder[int]:
    """Encode elements that are sorted already, with encoders in the place of some; see `dataset_body`."""
    if not inserted:
        return (yield from _body(elements, scope, encapsulated, patchable, Pieces()))
    total = start = 0
    for tag in sorted(inserted):
        end = bisect_left(elements, tag, key=itemgetter(0))
        total += yield from _body(elements[start:end], scope, encapsulated, patchable, Pieces())
        total += yield from inserted[tag]
        start = end
    return total + (yield from _body(elements[start:], scope, encapsulated, patchable, Pieces()))


def body_size(elements: list[tuple[int, Element]], scope: Scope, encapsulated: bool | None) -> int | None:
    """Return how many bytes elements take, of which large ones are not read; `None` if that is not known ahead.

    What encoding them warns of is said when they are written.
    """
    with silenced():
        size = _run(_body(elements, scope, encapsulated, True, Dropped()))
    return size if size < UNKNOWN_LENGTH else None


def _body(
    elements: list[tuple[int, Element]], scope: Scope, encapsulated: bool | None, patchable: bool, pieces: Pieces
) -> Encoder[int]:
    in_order: Iterable[tuple[int, Element]] = elements
    if encapsulated is not None:
        in_order = _with_pixel_data(elements, scope, encapsulated)
    if scope.layout.group_lengths == "omit":
        total = yield from _elements(in_order, pieces, scope, patchable)
    else:
        total = 0
        for group in by_group(list(in_order)):
            total += yield from _group(group, pieces, scope, patchable)
    return total + (yield from pieces.released())


def _elements(elements: Iterable[tuple[int, Element]], pieces: Pieces, scope: Scope, patchable: bool) -> Encoder[int]:
    remaining = iter(elements)
    total = released = 0
    is_end = False
    while not is_end:
        tag = None
        try:
            length, element, is_end = encode_some(remaining, pieces, scope)
            total += length
            if element is not None:
                tag = element.tag
                total += yield from sequence(element, pieces, scope, patchable)
        except RecursionError:
            raise _recursive("" if tag is None else scope.path_of(tag)) from None
        if pieces.bulk or total - released >= BULK:
            total += yield from pieces.released()
            released = total
    return total


def _group(group: list[tuple[int, Element]], pieces: Pieces, scope: Scope, patchable: bool) -> Encoder[int]:
    if len(group) <= AT_ONCE and not any(_is_sequence(element, scope) for _, element in group):
        return encode_group(group, pieces, scope)
    with silenced():
        length = _run(_elements(group, Dropped(), scope, patchable=True))
    header = group_length(group, length, scope.layout.encoding)
    pieces.parts.append(header)
    return len(header) + (yield from _elements(group, pieces, scope, patchable))


def _is_sequence(element: Element, scope: Scope) -> bool:
    return element.VR == "SQ" if isinstance(element, DataElement) else scope.holds_sequence(element)


def _run(encoder: Encoder[int]) -> int:
    """Return what an encoder that needs nothing returns, and drop what it yields."""
    try:
        while True:
            next(encoder)
    except StopIteration as stop:
        length: int = stop.value
        return length


def _with_pixel_data(
    elements: list[tuple[int, Element]], scope: Scope, encapsulated: bool
) -> Iterable[tuple[int, Element]]:
    """Return the elements, Pixel Data with the kind of length that the transfer syntax wants."""
    at = bisect_left(elements, PIXEL_DATA, key=itemgetter(0))
    if at == len(elements) or elements[at][0] != PIXEL_DATA or _is_as_wanted(elements[at][1], scope, encapsulated):
        return elements
    return chain(elements[:at], _pixel_data(elements[at][1], scope, encapsulated), elements[at + 1 :])


def _is_as_wanted(element: Element, scope: Scope, encapsulated: bool) -> bool:
    """Whether raw Pixel Data can pass as they were read, of the kind of length that is wanted and an even one."""
    if isinstance(element, DataElement) or scope.changed or element.value is None:
        return False
    has_vr = element.VR in ("OB", "OW") or (element.VR is None and scope.layout.encoding.implicit_vr)
    return has_vr and (element.length == UNDEFINED_LENGTH) == encapsulated and len(element.value) % 2 == 0


def _pixel_data(element: Element, scope: Scope, encapsulated: bool) -> Iterator[tuple[int, Element]]:
    try:
        parsed = element if isinstance(element, DataElement) else scope.parsed(element)
    except Exception as error:
        raise encode_error(error, scope.path_of(PIXEL_DATA)) from None
    if parsed.is_undefined_length != encapsulated:
        parsed = copy(parsed)
        parsed.is_undefined_length = encapsulated
    yield PIXEL_DATA, parsed


def _recursive(path: str) -> RecursiveDatasetError:
    return RecursiveDatasetError("the sequence is nested too deeply, or contains itself; take that item out", path)
