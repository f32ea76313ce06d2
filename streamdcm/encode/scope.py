"""One dataset on its way out: what holds for all of its elements, decided once."""

from __future__ import annotations

from typing import Any

from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import (
    Element,
    as_read,
    deferred_location,
    elements_of,
    parse,
    raw_header,
    view_of,
)
from streamdcm.encode.ambiguous import resolve_vr
from streamdcm.encode.charset import is_plain, python_encodings
from streamdcm.encode.discreet import discreet
from streamdcm.encode.extended_text import parse_extended
from streamdcm.encode.layout import UNDEFINED_LENGTH, Context, Encoding, Layout, make_context
from streamdcm.encode.private import parse_private
from streamdcm.encode.tags import SPECIFIC_CHARACTER_SET
from streamdcm.encode.vr import BULK_VRS
from streamdcm.errors import element_name
from streamdcm.sources import FileSource, describe_file

_BYTES = BULK_VRS - {"UN"}  # what UN holds may have to be parsed
_NOT_CONVERTED = make_context(True, ("iso8859",))


class Scope:
    """A dataset, the character set in force in it, and whether its raw elements may pass unparsed.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    layout : Layout
        How it is to be laid out.
    outer : Scope, optional
        The scope of the dataset in whose sequence this one is an item.
    place : tuple of int
        The tag of that sequence and the index of the item.

    Attributes
    ----------
    context : Context
        What VR encoders are given.
    plain : bool
        Whether `context` is final; else `renew_context` is due for each element.
    changed : bool
        Whether encoding or character set differ from those that the dataset was read with, so that
        raw elements have to be parsed.
    keeps_layout : bool
        Whether sequences that were read and not parsed may keep their bytes.
    marks_sequences : bool
        Whether private sequences lose the VR that they were read with, so that only a delimiter shows what they are.
    swaps : bool
        Whether the words of bulk values change their byte order.
    depth : int
        How many scopes are around it.
    hot : object
        What the C module remembers of all this, if there is one (see `streamdcm.encode.hot`).
    """

    __slots__ = (
        "_charset",
        "_in_changed",
        "_recodes",
        "_view",
        "changed",
        "context",
        "dataset",
        "depth",
        "hot",
        "keeps_layout",
        "layout",
        "marks_sequences",
        "outer",
        "place",
        "plain",
        "swaps",
    )

    def __init__(
        self, dataset: Dataset, layout: Layout, outer: Scope | None = None, place: tuple[int, int] = (0, 0)
    ) -> None:
        self.dataset = dataset
        self.layout = layout
        self.outer = outer
        self.place = place
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.hot: Any = None
        self._view: Dataset | None = None
        self.plain = True
        own = elements_of(dataset).get(SPECIFIC_CHARACTER_SET)
        if own is None and outer is not None and len(outer.context.encodings) == 1:
            self._charset: Any = outer.context.encodings
            self.context: Context = outer.context
        else:
            self._charset = self._charset_in_force(own)
            self.plain = is_plain(self._charset)
            self.context = self.renew_context() if self.plain else _NOT_CONVERTED
        encoding = layout.encoding
        implicit_vr, little_endian, encodings, inherited = as_read(dataset)
        recodes = encodings != (inherited if own is None else python_encodings(self._value(own)))
        if own is None and outer is not None and layout.converts_file:
            recodes = recodes or outer._recodes  # PS3.5 §7.5.3: its text is in what the outer one was read with
        self._recodes: bool = recodes and implicit_vr is not None
        self.changed = implicit_vr != encoding.implicit_vr or little_endian != encoding.little_endian or recodes
        self.marks_sequences: bool
        self.swaps: bool
        if little_endian is None:
            self.marks_sequences = outer is not None and outer.marks_sequences
            self.swaps = _differs(layout) if outer is None else outer.swaps
        else:
            self.marks_sequences = layout.converts_file and encoding.implicit_vr and not implicit_vr
            self.swaps = layout.converts_file and little_endian != encoding.little_endian
        if outer is None:
            self._in_changed = self.changed
            self.keeps_layout = layout.is_as_read
        else:
            self._in_changed = self.changed or outer._in_changed
            self.keeps_layout = outer.keeps_layout

    def renew_context(self) -> Context:
        """Convert the character set again, which warns again of a doubtful one, and return the context."""
        self.context = make_context(self.layout.encoding.little_endian, python_encodings(self._charset))
        return self.context

    def view(self) -> Dataset:
        """Return a view of the dataset, in which elements may be parsed (see `_pydicom.view_of`)."""
        if self._view is None:
            self._view = view_of(self.dataset)
        return self._view

    def parsed(self, raw: RawDataElement) -> DataElement:
        """Return a raw element as ``dataset[tag]`` would, leaving the dataset as it is."""
        view = self.view()
        element = elements_of(view)[raw.tag]
        if isinstance(element, DataElement):
            return element
        with discreet(lambda: self.path_of(raw.tag)):
            is_unstated = raw.VR is None or raw.VR == "UN"
            convert = parse_private if is_unstated and raw.tag.is_private else parse
            element = self._deferred(raw) or parse_extended(view, raw, self.vr_of) or convert(view, raw)
            if len(element.VR) > 2:
                element = resolve_vr(element, [view], raw.is_little_endian)
                elements_of(view)[raw.tag] = element
        return element

    def _deferred(self, raw: RawDataElement) -> DataElement | None:
        """Return an element whose value stays in the file that it was not read from yet, if that can be.

        That is so for bytes, which are written as they are; text and numbers have to be parsed.
        """
        if raw.value is not None or raw.length == 0:
            return None
        location = deferred_location(self.dataset)
        vr = self.vr_of(raw)
        if location is None or vr not in _BYTES:
            return None
        header = raw_header(raw)
        source = FileSource(*location, raw.value_tell - len(header), header, self.path_of(raw.tag))
        undefined = raw.length == UNDEFINED_LENGTH
        item = Encoding(raw.is_implicit_VR, raw.is_little_endian).item
        copy = describe_file(source, None if undefined else raw.length, item)
        if copy is None:
            return None
        return DataElement(raw.tag, vr, copy, raw.value_tell, undefined, already_converted=True)

    def with_definite_vr(self, element: DataElement) -> DataElement:
        """Return an element with the VR that its surroundings decide.

        As in pydicom, that is done where encoding or character set changed, in the dataset itself or
        in one that encloses it.
        """
        scope: Scope | None = self
        views = []
        while scope is not None and scope._in_changed:
            views.append(scope.view())
            scope = scope.outer
        return resolve_vr(element, views, self.layout.encoding.little_endian) if views else element

    def holds_sequence(self, raw: RawDataElement) -> bool:
        """Whether a raw element is a sequence, by its VR or by the dictionary."""
        return self.vr_of(raw) == "SQ"

    def vr_of(self, raw: RawDataElement) -> str | None:
        """Return the VR of a raw element, from the dictionary where it was read without."""
        if raw.VR is not None:
            return raw.VR
        tag = raw.tag
        try:
            if not tag.is_private:
                return dictionary_VR(tag)
            creator = elements_of(self.dataset).get(tag.private_creator)
            return None if creator is None else private_dictionary_VR(tag, self._value(creator))
        except KeyError:
            return None

    def path_of(self, tag: int) -> str:
        """Return tag and keyword of an element, behind those of the sequences and the items around it."""
        steps = [element_name(tag)]
        scope = self
        while scope.outer is not None:
            steps.append(f"{element_name(scope.place[0])}[{scope.place[1]}]")
            scope = scope.outer
        return " > ".join(reversed(steps))

    def _charset_in_force(self, own: Element | None) -> Any:
        if own is not None:
            return self._value(own)
        # PS3.5 §7.5.3: an item inherits the character set of the dataset that encloses it
        return list(self.outer.context.encodings) if self.outer is not None else "iso8859"

    def _value(self, element: Element) -> Any:
        return element.value if isinstance(element, DataElement) else self.parsed(element).value


def _differs(layout: Layout) -> bool:
    """Whether the bulk values of a dataset that was not read change their byte order."""
    before = layout.bulk_little_endian
    return layout.converts_file and before is not None and before != layout.encoding.little_endian
