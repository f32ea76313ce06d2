"""The one place where exceptions of others become ours, and where it is decided what a text may tell of them."""

import os
import struct

from pydicom.datadict import keyword_for_tag
from pydicom.errors import BytesLengthException

from streamdcm.errors.elements import (
    ElementLookupError,
    EncodeError,
    InvalidValueError,
    LengthOverflowError,
    NumberError,
    SourceError,
    TextError,
    UnknownVRError,
    ValueLengthError,
    ValueTypeError,
)
from streamdcm.errors.root import StreamdcmError
from streamdcm.errors.use import ReentryError


def element_name(tag: int) -> str:
    """Tag and keyword of an element, such as ``(0010,0010) PatientName``."""
    text = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    keyword = keyword_for_tag(tag)
    return f"{text} {keyword}" if keyword else text


def encode_error(error: Exception, path: str) -> Exception:
    """Return the error to raise for an element, with its path, in place of one that an encoder raised.

    What an encoder's own errors say is dropped, for it may quote the value. Warnings that the caller
    made errors, and errors that are not about an element, stay what they are.
    """
    if isinstance(error, EncodeError):
        if not error.path:
            error.path = path
        return error
    if isinstance(error, (StreamdcmError, Warning)):
        return error
    for kind, ours, problem in _TRANSLATIONS:
        if isinstance(error, kind):
            return ours(problem, path)
    return EncodeError(f"the value cannot be encoded ({type(error).__name__})", path)


_TRANSLATIONS: tuple[tuple[type[Exception], type[EncodeError], str], ...] = (
    (
        UnicodeError,
        TextError,
        "the text has characters that its VR or the Specific Character Set (0008,0005) cannot hold; change the "
        "text, or set the character set, for example to 'ISO_IR 192' (UTF-8)",
    ),
    (BytesLengthException, ValueLengthError, "the raw value has a length that its VR cannot have; correct it"),
    (
        NotImplementedError,
        UnknownVRError,
        "the VR is not in the standard (PS3.5 §6.2); set the VR of the element",
    ),
    (KeyError, ElementLookupError, "the VR of the raw element is not known; set it with Dataset.add_new()"),
    (LookupError, ElementLookupError, "it has a term that the standard does not define; correct it"),
    (OverflowError, LengthOverflowError, "the value does not fit"),
    (struct.error, NumberError, "the number does not fit its VR"),
    (ValueError, InvalidValueError, "the value is not one that its VR can take; correct it"),
    (TypeError, ValueTypeError, "the value is of a type that its VR cannot take; convert it"),
    (AttributeError, ValueTypeError, "the value is of a type that its VR cannot take; convert it"),
    (OSError, SourceError, "the value could not be read"),
)


def reason_of(error: BaseException) -> str:
    """Return what a text of ours may show of an exception that comes from outside: the one place where that is decided.

    Of our own exceptions, the text. Of others their class, and what the system calls the number of an `OSError`; never
    their text, which may quote a value or a secret. They stay the ``__cause__``, whose text is their own.
    """
    if isinstance(error, StreamdcmError):
        return str(error)
    number = error.errno if isinstance(error, OSError) else None
    return f"{type(error).__name__}: {os.strerror(number)}" if isinstance(number, int) else type(error).__name__


def refuse_running_generator(error: ValueError) -> None:
    """Raise our error in place of the one by which Python refuses to enter a generator that is running.

    Raises
    ------
    ReentryError
        If `error` is that one.
    """
    if error.args == ("generator already executing",):
        raise ReentryError(
            "what gives the frames or chunks of this write is running already, in another thread or for another write; "
            "give each write its own"
        ) from error
