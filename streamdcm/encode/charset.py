"""Specific Character Set: from its defined terms to Python codecs (PS3.3 §C.12.1.1.2).

pydicom warns of a doubtful character set each time it is converted, that is once for each dataset and
once for each element, and so do we; only conversions that cannot warn are remembered.
"""

import codecs
import re
from functools import lru_cache
from typing import Any

from pydicom.charset import STAND_ALONE_ENCODINGS, convert_encodings, default_encoding, python_encoding

from streamdcm.encode.discreet import discreet
from streamdcm.encode.layout import Context, make_context
from streamdcm.encode.tags import SPECIFIC_CHARACTER_SET
from streamdcm.encode.vr.values import MULTI_VALUES
from streamdcm.errors import ValueTypeError
from streamdcm.errors.translation import element_name

_MISSPELLED = re.compile(r"ISO[^_]IR|(?=ISO.2022.IR.)(?!ISO 2022 IR )")

_TEXTS: Any = (str, bytes, *MULTI_VALUES)


def python_encodings(charset: Any) -> list[str]:
    """Return the Python codecs for a value of (0008,0005), or for codecs inherited by an item.

    Parameters
    ----------
    charset : str, sequence of str, or None
        Defined terms or codecs; nothing stands for the default character repertoire.

    Returns
    -------
    list of str
        The codecs, the first character set first; do not change it.

    Raises
    ------
    LookupError
        For an unknown character set, where pydicom's settings ask for it.
    """
    terms = _terms(charset)
    remembered = _converted(terms) if terms is not None else None
    if remembered is not None:
        return remembered
    with discreet(element_name(SPECIFIC_CHARACTER_SET)):
        return convert_encodings(charset)


def plain_context(charset: Any, *, little_endian: bool) -> Context | None:
    """Return what VR encoders are given for a character set; `None` for one that is converted with a warning each time.

    Parameters
    ----------
    charset : str, sequence of str, or None
        Defined terms or codecs, as of `python_encodings`.
    little_endian : bool
        The byte order of numbers.
    """
    terms = (charset,) if charset.__class__ is str and charset else _terms(charset)
    return None if terms is None else _context(terms, little_endian)


@lru_cache(maxsize=256)
def _context(terms: tuple[str, ...], little_endian: bool) -> Context | None:
    encodings = _converted(terms)
    return None if encodings is None else make_context(little_endian, encodings)


def _terms(charset: Any) -> tuple[str, ...] | None:
    if charset.__class__ is str:
        return (charset or default_encoding,)
    if charset is None:
        return (default_encoding,)
    if not isinstance(charset, _TEXTS):
        raise ValueTypeError("it has to be text, or a list of it; correct it", element_name(SPECIFIC_CHARACTER_SET))
    if not len(charset):
        return (default_encoding,)
    terms = (charset,) if isinstance(charset, str) else tuple(charset)
    return terms if all(isinstance(term, str) for term in terms) else None


@lru_cache(maxsize=256)
def _converted(terms: tuple[str, ...]) -> list[str] | None:
    plain = all(_is_known(term) for term in terms[1:]) and (not terms[0] or _is_known(terms[0]))
    if not plain or (len(terms) > 1 and any(term in STAND_ALONE_ENCODINGS for term in terms)):
        return None
    return convert_encodings(list(terms))


def _is_known(term: str) -> bool:
    if term in python_encoding:
        return True
    if _MISSPELLED.match(term):
        return False
    try:
        codecs.lookup(term)
    except (LookupError, ValueError):  # that of a character that no name has
        return False
    return True
