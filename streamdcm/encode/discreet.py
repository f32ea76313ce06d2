"""What pydicom warns of and refuses, said in our own words: its texts quote values, which may identify a patient."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import lru_cache
from operator import index
from types import TracebackType
from typing import Any, Final, TypeAlias

from pydicom import charset, datadict, dataelem, filereader, hooks, valuerep
from pydicom import dataset as datasets
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.misc import warn_and_log
from pydicom.uid import UID

from streamdcm.encode._pydicom import elements_of, stored_value
from streamdcm.encode.vr.values import MULTI_VALUES
from streamdcm.errors.telling import is_silenced, warn
from streamdcm.errors.translation import element_name, encode_error

Place: TypeAlias = str | Callable[[], str]

_place: ContextVar[Place | None] = ContextVar("what streamdcm asks of pydicom", default=None)

# Texts without a value of the dataset, and others by how they begin, with what we say instead
_QUOTES_NOTHING: Final = re.compile(
    r"The value length \(\d+\) exceeds the maximum length of \d+ allowed for VR [A-Z]{2}\."
    r"|The PN component length \(\d+\) exceeds the maximum allowed length of \d+\."
    r"|The number of PN components length \(\d+\) exceeds the maximum allowed number of \d+\."
    r"|Failed to decode byte string with encodings?:? [\w', -]+ - using replacement characters in decoded string"
    r"|Found unknown escape sequence in encoded string value - using encoding \w+"
    r"|VR lookup failed for the raw element with tag \([0-9A-F]{4},[0-9A-F]{4}\) - setting VR to 'UN'"
    r"|Expected (explicit|implicit) VR, but found (explicit|implicit) VR - using (explicit|implicit) VR for reading"
)
_IN_OUR_WORDS: Final = (
    (re.compile(r"Unknown encoding|Incorrect value for Specific Character Set|Value '.*' (for Spec|cannot be)", re.S),
     "the Specific Character Set (0008,0005) has a term that the standard does not define, or not beside the others "
     "(PS3.3 §C.12.1.1.2); it is read as the one that it resembles, or left out"),
    (re.compile(r"Invalid value|Value .* is not valid|Values for elements", re.S),
     "the value is not one that its VR can have (PS3.5 §6.2); it is written as it is"),
    (re.compile(r".* is not a valid private creator", re.S),
     "the private creator of its block is not one text (PS3.5 §7.8.1), so that its VR is not known"),
)  # fmt: skip
_OTHER: Final = "pydicom warns of it, in a text that may quote its value and is left out here"


class discreet:
    """Say in our own words, and of this place, what pydicom warns of and refuses in the block.

    That holds in this thread and task alone.

    Parameters
    ----------
    place : str or callable
        Tag and keyword of the element, or a function that returns them.

    Raises
    ------
    EncodeError
        In place of an error that is not ours (see `encode_error`).
    """

    __slots__ = ("_place", "_token")

    def __init__(self, place: Place) -> None:
        self._place = place
        self._token: Token[Place | None]

    def __enter__(self) -> None:
        self._token = _place.set(self._place)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _place.reset(self._token)
        if isinstance(error, Exception) and not isinstance(error, (RecursionError, MemoryError)):
            ours = encode_error(error, _named(self._place))
            if ours is not error:
                raise ours from None


def _named(place: Place) -> str:
    return place if isinstance(place, str) else place()


def _warn_and_log(msg: str, category: type[Warning] | None = None, stacklevel: int = 1) -> None:
    """Warn as pydicom does; in our words, or not at all, where we are who asks."""
    place = _place.get()
    if is_silenced():
        return
    if place is None:
        warn_and_log(msg, category, stacklevel + 1)
        return
    text = msg if _QUOTES_NOTHING.fullmatch(msg) else _in_our_words(msg)
    warn(f"{_named(place)}: {text}", category or UserWarning)


def _in_our_words(message: str) -> str:
    return next((ours for theirs, ours in _IN_OUR_WORDS if theirs.match(message)), _OTHER)


def _listen(*modules: Any) -> None:
    """Let pydicom warn through us; whoever else calls it hears what he heard before."""
    for module in modules:
        if module.warn_and_log is warn_and_log:
            module.warn_and_log = _warn_and_log


_listen(charset, datadict, dataelem, datasets, filereader, hooks, valuerep)


_tag_for = lru_cache(maxsize=256)(tag_for_keyword)


def value_of(dataset: Dataset, keyword: str, default: Any = None) -> Any:
    """Return the value of an element that decides something, as ``dataset.get(keyword, default)`` does, discreetly.

    Raises
    ------
    EncodeError
        If it cannot be read, or is of a type that its VR cannot take.
    """
    tag = _tag_for(keyword)
    element = None if tag is None else elements_of(dataset).get(tag)
    if tag is None or element is None:
        return default
    if element.__class__ is DataElement and (value := stored_value(element)).__class__ is UID:
        return value  # nothing is read or converted
    with discreet(element_name(tag)):
        value = dataset.get(keyword, default)
        vr = dictionary_VR(tag)
        if value is not None:
            if vr == "UI" and not isinstance(value, UID):
                value = UID(value, validation_mode=IGNORE)
            elif vr == "SQ":
                len(value)
            elif vr == "CS" and not isinstance(value, (str, *MULTI_VALUES)):
                raise TypeError
            elif hasattr(value, "__index__"):
                value = index(value)
        return value


def multiplicity_of(dataset: Dataset, keyword: str) -> int:
    """Return the number of values of an element, discreetly; 0 if there is none."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in elements_of(dataset):
        return 0
    with discreet(element_name(tag)):
        return int(dataset[tag].VM)
