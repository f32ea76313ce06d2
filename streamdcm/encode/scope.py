"""One dataset on its way out: what holds for all of its elements, decided once."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple, TypeAlias

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
from streamdcm.encode.charset import plain_context, python_encodings
from streamdcm.encode.discreet import discreet
from streamdcm.encode.extended_text import parse_extended
from streamdcm.encode.layout import UNDEFINED_LENGTH, Context, Encoding, Layout, make_context
from streamdcm.encode.private import parse_private
from streamdcm.encode.tags import SPECIFIC_CHARACTER_SET
from streamdcm.encode.vr import BULK_VRS
from streamdcm.errors import EncodeError
from streamdcm.errors.telling import silenced
from streamdcm.errors.translation import element_name
from streamdcm.sources import FileSource, describe_file

_BYTES = BULK_VRS - {"UN"}  # what UN holds may have to be parsed
_NOT_CONVERTED = make_context(True, ("iso8859",))

_Read: TypeAlias = tuple[bool | None, bool | None, Any, Any]


class Facts(NamedTuple):
    """What holds for all elements of a dataset; items that were read alike and have no character set share it.

    Attributes
    ----------
    charset : str or sequence of str
        The character set in force: defined terms or codecs.
    context : Context
        What VR encoders are given.
    plain : bool
        Whether `context` is final; else `Scope.renew_context` is due for each element.
    recodes : bool
        Whether the text was read in another character set than the one in force.
    changed : bool
        Whether encoding or character set differ from those that the dataset was read with, so that
        raw elements have to be parsed.
    in_changed : bool
        Whether that is so here or in a dataset that encloses this one.
    keeps_layout : bool
        Whether sequences that were read and not parsed may keep their bytes.
    marks_sequences : bool
        Whether private sequences lose the VR that they were read with, so that only a delimiter shows what they are.
    swaps : bool
        Whether the words of bulk values change their byte order.
    """

    charset: Any
    context: Context
    plain: bool
    recodes: bool
    changed: bool
    in_changed: bool
    keeps_layout: bool
    marks_sequences: bool
    swaps: bool


class Scope:
    """A dataset, the character set in force in it, and whether its raw elements may pass unparsed.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    layout : Layout
        How it is to be laid out.
    outer : Scope, optional
        The scope of the dataset in whose sequence this one is an item; with the same layout.
    place : tuple of int
        The tag of that sequence and the index of the item.

    Attributes
    ----------
    facts : Facts
        What holds for all of its elements.
    depth : int
        How many scopes are around it.
    hot : object
        What the C module remembers of all this, if there is one (see `streamdcm.encode.hot`).
    """

    __slots__ = ("_of_items", "_view", "dataset", "depth", "facts", "hot", "layout", "outer", "place")

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
        own = elements_of(dataset).get(SPECIFIC_CHARACTER_SET)
        read = as_read(dataset)
        # how an item was read last, and what holds for its like, those within it too
        known = outer._of_items if outer is not None and own is None else None
        if known is not None and known[0] == read:
            self.facts: Facts = known[1]
            self._of_items: tuple[_Read, Facts] | None = known
            return
        self.facts = self._found(own, read)
        self._of_items = None
        if own is None and outer is not None and outer.facts.plain and self.facts.plain:
            self._of_items = outer._of_items = read, self.facts

    def _found(self, own: Element | None, read: _Read) -> Facts:
        """Find out what holds for a dataset with its `own` character set, or none."""
        layout, outer = self.layout, self.outer
        encoding = layout.encoding
        implicit_vr, little_endian, encodings, inherited = read
        context: Context | None
        if own is None and outer is not None and len(outer.context.encodings) == 1:
            charset: Any = outer.context.encodings
            context = outer.context
        else:
            charset = "iso8859" if own is None and outer is None else self._charset_in_force(own)
            context = plain_context(charset, little_endian=encoding.little_endian)
        converts = implicit_vr != encoding.implicit_vr or little_endian != encoding.little_endian
        if own is None:
            recodes = encodings != inherited
            if outer is not None and layout.converts_file:
                # PS3.5 §7.5.3: its text is in what the outer one was read with
                recodes = recodes or outer.facts.recodes
        else:
            with silenced() if converts else nullcontext():  # pydicom does not ask for the character set then
                recodes = encodings != python_encodings(self._value(own))
        changed = converts or recodes
        if little_endian is None:
            marks_sequences = outer is not None and outer.marks_sequences
            swaps = (layout.converts_file and _differs(layout)) if outer is None else outer.swaps
        else:
            marks_sequences = bool(layout.converts_file and encoding.implicit_vr and not implicit_vr)
            swaps = layout.converts_file and little_endian != encoding.little_endian
        return Facts(
            charset,
            _NOT_CONVERTED if context is None else context,
            context is not None,
            recodes and implicit_vr is not None,
            changed,
            changed or (outer is not None and outer.facts.in_changed),
            layout.is_as_read if outer is None else outer.keeps_layout,
            marks_sequences,
            swaps,
        )

    @property
    def context(self) -> Context:
        """What VR encoders are given."""
        return self.facts.context

    @property
    def plain(self) -> bool:
        """Whether `context` is final."""
        return self.facts.plain

    @property
    def recodes(self) -> bool:
        """Whether the text was read in another character set than the one in force."""
        return self.facts.recodes

    @property
    def keeps_layout(self) -> bool:
        """Whether sequences that were read and not parsed may keep their bytes."""
        return self.facts.keeps_layout

    @property
    def changed(self) -> bool:
        """Whether raw elements have to be parsed."""
        return self.facts.changed

    @property
    def marks_sequences(self) -> bool:
        """Whether private sequences lose the VR that they were read with."""
        return self.facts.marks_sequences

    @property
    def swaps(self) -> bool:
        """Whether the words of bulk values change their byte order."""
        return self.facts.swaps

    def renew_context(self) -> Context:
        """Convert the character set again, which warns again of a doubtful one, and return the context."""
        context = make_context(self.layout.encoding.little_endian, python_encodings(self.facts.charset))
        self.facts = self.facts._replace(context=context)
        return context

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
        while scope is not None and scope.facts.in_changed:
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
            name = self._private_creator(tag.private_creator)
            return None if name is None else private_dictionary_VR(tag, name)
        except KeyError:
            return None

    def _private_creator(self, tag: int) -> str | None:
        """Return who reserved a private block; `None` if that element does not say it (PS3.5 §7.8.1)."""
        creator = elements_of(self.dataset).get(tag)
        try:
            name = None if creator is None else self._value(creator)
        except EncodeError:  # which is for whoever writes that element to say, if it has to be parsed for that
            return None
        return name if isinstance(name, str) else None

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
    return before is not None and before != layout.encoding.little_endian
