"""The dataset body: elements in ascending order of tags (PS3.5 §7.1)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from itertools import chain
from operator import itemgetter

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import Element, sorted_elements
from streamdcm.encode.element import encode_some
from streamdcm.encode.groups import Elements, Inserted, grouped
from streamdcm.encode.layout import UNDEFINED_LENGTH, UNKNOWN_LENGTH, Layout
from streamdcm.encode.pieces import Dropped, Pieces
from streamdcm.encode.scope import Scope
from streamdcm.encode.sequence import sequence
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import RecursiveDatasetError
from streamdcm.errors.telling import silenced
from streamdcm.errors.translation import encode_error
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

    Examples
    --------
    >>> from streamdcm.stages import Encoding, Layout, dataset_body
    >>> implicit = Layout(Encoding(implicit_vr=True, little_endian=True))
    >>> message = b"".join(streamdcm.encoder_chunks(dataset_body(ds, implicit)))  # what C-STORE sends
    >>> b"DICM" in message[:132]
    False
    """
    return sorted_body(sorted_elements(dataset), Scope(dataset, layout), encapsulated, patchable)


def sorted_body(
    elements: Elements,
    scope: Scope,
    encapsulated: bool | None,
    patchable: bool,
    inserted: Mapping[int, Inserted] | None = None,
    pieces: Pieces | None = None,
) -> Encoder[int]:
    """Encode elements that are sorted already, with others in the place of some; see `dataset_body`.

    `pieces` are given by whoever wants to know where something is that is inserted.
    """
    return _body(elements, scope, encapsulated, patchable, pieces or Pieces(), inserted or {})


def body_size(
    elements: Elements, scope: Scope, encapsulated: bool | None, inserted: Mapping[int, Inserted] | None = None
) -> int | None:
    """Return how many bytes elements take, of which large ones are not read; `None` if that is not known ahead.

    What encoding them warns of is said when they are written.
    """
    with silenced():
        size = _run(_body(elements, scope, encapsulated, True, Dropped(), inserted or {}))
    return size if size < UNKNOWN_LENGTH else None


def _body(
    elements: Elements,
    scope: Scope,
    encapsulated: bool | None,
    patchable: bool,
    pieces: Pieces,
    inserted: Mapping[int, Inserted],
) -> Encoder[int]:
    def run(some: Elements, among: Mapping[int, Inserted]) -> Encoder[int]:
        total = start = 0
        for tag in sorted(among):
            end = bisect_left(some, tag, key=itemgetter(0))
            total += yield from plain(some[start:end])
            section = among[tag].section
            pieces.add_apart(section, section.length)
            total += section.length
            if pieces.is_due(0, pieces.lent):
                total += yield from pieces.released()
            start = end
        return total + (yield from plain(some[start:] if start else some))

    def plain(some: Elements) -> Encoder[int]:
        with_pixels = some if encapsulated is None else _with_pixel_data(some, scope, encapsulated)
        return _elements(with_pixels, pieces, scope, patchable)

    if scope.layout.group_lengths == "omit":
        total = yield from run(elements, inserted) if inserted else plain(elements)
    else:
        whole = elements if encapsulated is None else list(_with_pixel_data(elements, scope, encapsulated))
        total = yield from grouped(whole, inserted, run, pieces, scope, encapsulated=bool(encapsulated))
    return total + (yield from pieces.released())


def _elements(elements: Iterable[tuple[int, Element]], pieces: Pieces, scope: Scope, patchable: bool) -> Encoder[int]:
    remaining = iter(elements)
    total = released = 0
    lent = pieces.lent
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
        if pieces.is_due(total - released, lent):
            total += yield from pieces.released()
            released, lent = total, 0
    return total


def _run(encoder: Encoder[int]) -> int:
    """Return what an encoder that needs nothing returns, and drop what it yields."""
    try:
        while True:
            next(encoder)
    except StopIteration as stop:
        length: int = stop.value
        return length


def _with_pixel_data(elements: Elements, scope: Scope, encapsulated: bool) -> Iterable[tuple[int, Element]]:
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
