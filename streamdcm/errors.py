"""The exceptions of streamdcm.

Each class also derives from the builtin that ``pydicom.dcmwrite`` raises in its place, so that the
``except`` clauses of its callers go on working::

    StreamdcmError
    ├── TargetError                       OSError        the target cannot be written as asked
    │   ├── AtomicReplaceError                           ... not by replacing it in one step
    │   ├── TargetCollision               FileExistsError   two instances of a batch have one target
    │   ├── InPlaceError                                 it is written, and what came after failed
    │   │   └── NotDurableError                          ... the disk does not confirm its name
    │   ├── NotWritableError              UnsupportedOperation  a file is closed, or open for reading only
    │   ├── WouldBlockError               BlockingIOError   a non-blocking sink is full
    │   ├── SinkContractError             TypeError      write() of the sink answers nonsense
    │   └── StorageError                                 an object storage does not take it
    │       ├── CredentialsError          PermissionError    no credentials, or not valid ones
    │       ├── AccessDeniedError         PermissionError    they do not allow it
    │       ├── ContainerNotFoundError    FileNotFoundError  there is no such bucket or container
    │       ├── WrongRegionError                         the bucket is in another region
    │       ├── ConnectionLostError       ConnectionError    the network, or the service, is not there
    │       ├── ObjectExistsError         FileExistsError    overwrite=False, and there is one
    │       └── PartLimitError            OverflowError  more parts than the service takes
    ├── PeerError                         OSError        a DICOM server did not take what was sent to it
    │   ├── PeerConnectionError           ConnectionError    it cannot be reached, or the connection was lost
    │   │   ├── PeerTimeoutError          TimeoutError       ... it did not go on in time
    │   │   └── AssociationRejectedError                     ... it rejects the association
    │   ├── PeerAccessError               PermissionError    it does not know, or not allow, who sends
    │   ├── PeerResponseError             ValueError         its answer cannot be understood
    │   └── StoreFailedError                                 it did not store all instances
    ├── TargetTypeError                   TypeError      not a path, not an object with write()
    ├── HoldLimitError                    MemoryError    a sink that cannot seek, too much to hold back
    ├── SpoolError                        OSError        no temporary file for what is to be held back
    ├── InstructionError                  RuntimeError   an encoder breaks the rules of the instructions
    ├── ReentryError                      RuntimeError   a write was entered again while it runs
    ├── NotOpenError                      ValueError     a writer was used outside its block, or after an error
    ├── WorkerDied                        RuntimeError   a process of a batch died at an instance
    ├── MissingExtraError                 ImportError    an optional library has to be installed
    ├── NotDicomError                     pydicom's InvalidDicomError   a source lacks the prefix DICM
    ├── PlanError                         ValueError     refused before the first byte
    │   ├── DatasetTypeError              TypeError, AttributeError
    │   ├── FileMetaError                 AttributeError a required (0002,eeee) element is missing
    │   ├── LayoutError                                  an option would move what a DICOMDIR points at
    │   └── JournalError                                 the journal of a batch cannot be used for this run
    └── EncodeError                                      an element cannot be encoded
        ├── ValueTypeError                TypeError, AttributeError
        ├── InvalidValueError             ValueError
        ├── ValueLengthError              pydicom's BytesLengthException
        ├── NumberError                   OSError, ValueError   struct cannot pack the number
        ├── TextError                     UnicodeError, TypeError   the character set cannot hold the text
        ├── UnknownVRError                NotImplementedError
        ├── AmbiguousVRError              ValueError, AttributeError
        ├── EncapsulationError            ValueError, TypeError     undefined length without items
        ├── LengthOverflowError           OverflowError, struct.error
        ├── RecursiveDatasetError         RecursionError
        ├── ElementLookupError            KeyError
        ├── CodecError                                   a frame cannot be decoded or encoded
        └── SourceError                   OSError, ValueError       a lazy value cannot be read

The text names the element (tag, keyword, path of items), what is wrong and what to do, and never a
value: it may identify a patient.
"""

import logging
import os
import struct
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import UnsupportedOperation
from typing import Any

from pydicom.datadict import keyword_for_tag
from pydicom.errors import BytesLengthException, InvalidDicomError


class StreamdcmError(Exception):
    """The root of all exceptions that streamdcm raises of its own accord.

    Examples
    --------
    >>> try:
    ...     streamdcm.dcmwrite("out.dcm", ds, chunk_size="much")
    ... except streamdcm.StreamdcmError as error:
    ...     print(type(error).__name__)
    PlanError
    """


class TargetError(StreamdcmError, OSError):
    """The target cannot be written as asked."""


class AtomicReplaceError(TargetError):
    """The target can be written, but not replaced in one step; ``atomic=False`` writes it in place."""


class TargetCollision(TargetError, FileExistsError):
    """The target of an instance of a batch is that of another one, or is there and not the batch's own."""


class InPlaceError(TargetError):
    """The new file is in place and complete, and what came after failed; nothing was taken back."""


class NotDurableError(InPlaceError):
    """The new file is in place and complete, but the disk does not confirm its name; only with ``durable=True``."""


class NotWritableError(TargetError, UnsupportedOperation):
    """A file was given that is closed, or open for reading only; also a `ValueError`, as what it raises itself."""


class WouldBlockError(TargetError, BlockingIOError):
    """A non-blocking sink is full; streamdcm's synchronous functions need a blocking one."""


class SinkContractError(TargetError, TypeError):
    """A sink's ``write()`` answered something that is no number of bytes written."""


class StorageError(TargetError):
    """An object storage does not take the object; nothing of it is visible there."""


class CredentialsError(StorageError, PermissionError):
    """There are no credentials for the object storage, or it does not know them."""


class AccessDeniedError(StorageError, PermissionError):
    """The credentials do not allow this write."""


class ContainerNotFoundError(StorageError, FileNotFoundError):
    """There is no bucket or container of this name."""


NoBucketError = ContainerNotFoundError
"""The earlier name of `ContainerNotFoundError`."""


class WrongRegionError(StorageError):
    """The bucket is in another region than the one that was asked."""


class ConnectionLostError(StorageError, ConnectionError):
    """The object storage cannot be reached, or the connection was lost and retries did not help."""


class ObjectExistsError(StorageError, FileExistsError):
    """There is such an object, and ``overwrite`` is off."""


class PartLimitError(StorageError, OverflowError):
    """The stream does not fit the number of parts that the service takes."""


class PeerError(StreamdcmError, OSError):
    """A DICOM server did not take what was sent to it.

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it.
    result : StoreResult, optional
        What was decided before, of each instance.
    """

    def __init__(self, problem: str, result: Any = None) -> None:
        super().__init__(problem)
        self.result = result


class PeerConnectionError(PeerError, ConnectionError):
    """A DICOM server cannot be reached, or the connection was lost and retries did not help."""


class PeerTimeoutError(PeerConnectionError, TimeoutError):
    """A DICOM server did not go on in time."""


class AssociationRejectedError(PeerConnectionError):
    """A DICOM server rejects the association (PS3.8 §9.3.4).

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it.
    reject_result, source, reason : int
        What the server says.
    """

    def __init__(self, problem: str, reject_result: int, source: int, reason: int) -> None:
        super().__init__(problem)
        self.reject_result = reject_result
        self.source = source
        self.reason = reason

    @property
    def is_transient(self) -> bool:
        """Whether the server says that it may accept another time."""
        return self.reject_result == 2


class PeerAccessError(PeerError, PermissionError):
    """A DICOM server does not know who sends, or does not allow it."""


class PeerResponseError(PeerError, ValueError):
    """The answer of a DICOM server cannot be understood, and nothing says what became of a request."""


class StoreFailedError(PeerError):
    """A DICOM server did not store all instances."""


class TargetTypeError(StreamdcmError, TypeError):
    """The target is not a path and not an object that takes bytes."""


class HoldLimitError(StreamdcmError, MemoryError):
    """More than ``hold_limit`` bytes would be held back for a sink that cannot seek, and not in a file (``spool``)."""


class SpoolError(StreamdcmError, OSError):
    """The temporary file cannot be written, or read, for what is held back past ``hold_limit``."""


class InstructionError(StreamdcmError, RuntimeError):
    """An encoder broke the rules of the instruction vocabulary."""


class ReentryError(StreamdcmError, RuntimeError):
    """A write was entered again while it was running."""


class NotOpenError(StreamdcmError, ValueError):
    """A writer was used outside its ``with`` block, or after an error."""


class WorkerDied(StreamdcmError, RuntimeError):
    """A process that did instances of a batch died at one of them, as often as it was tried."""


class MissingExtraError(StreamdcmError, ImportError):
    """A target, or a codec, needs a library that streamdcm does not bring by itself."""


class NotDicomError(StreamdcmError, InvalidDicomError):
    """The source is no DICOM file: it lacks the prefix ``DICM`` (PS3.10 §7.1)."""


class PlanError(StreamdcmError, ValueError):
    """Refused before the first byte was written."""


class DatasetTypeError(PlanError, TypeError, AttributeError):
    """What was given as a dataset is none."""


class FileMetaError(PlanError, AttributeError):
    """A required File Meta Information element is missing or empty (PS3.10 §7.1)."""


class LayoutError(PlanError):
    """An option would move the records that a DICOMDIR's offsets point at (PS3.3 §F.3)."""


class JournalError(PlanError):
    """The journal of a batch is held by another run, is that of another plan, or cannot be read."""


class EncodeError(StreamdcmError):
    """An element cannot be encoded.

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it, without any value of the dataset.
    path : str
        Tag and keyword of the element, behind those of the sequences and the items around it.
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class ValueTypeError(EncodeError, TypeError, AttributeError):
    """A value is of a type that its VR cannot take."""


class InvalidValueError(EncodeError, ValueError):
    """A value is not one that its VR can take."""


class ValueLengthError(EncodeError, BytesLengthException):
    """A raw value is not of a length that its VR can have, so that it cannot be parsed."""


class NumberError(EncodeError, OSError, ValueError):
    """A number does not fit its VR (PS3.5 §6.2)."""


class TextError(EncodeError, UnicodeError, TypeError):
    """The character set cannot hold a text (PS3.5 §6.1.2)."""


class UnknownVRError(EncodeError, NotImplementedError):
    """A VR that is not in PS3.5 §6.2."""


class AmbiguousVRError(EncodeError, ValueError, AttributeError):
    """Nothing in the dataset says which of the dictionary's VRs an element has."""


class EncapsulationError(EncodeError, ValueError, TypeError):
    """Pixel Data of undefined length must consist of items (PS3.5 §A.4)."""


class LengthOverflowError(EncodeError, OverflowError, struct.error):
    """A value does not fit its length field (PS3.5 §7.1)."""


class RecursiveDatasetError(EncodeError, RecursionError):
    """A dataset that contains itself, or one nested too deeply."""


class ElementLookupError(EncodeError, KeyError):
    """A raw element whose VR is not in the dictionary, where pydicom's settings make that an error."""


class CodecError(EncodeError):
    """A frame cannot be decoded or encoded, or is not what the header of the dataset says.

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it.
    path : str, optional
        Tag and keyword of the element.
    frame : int, optional
        The number of the frame, from 1; 0 where it is not one of Pixel Data.
    """

    def __init__(self, problem: str, path: str = "", *, frame: int = 0) -> None:
        super().__init__(problem, path)
        self.frame = frame

    def __str__(self) -> str:
        place = ", ".join(part for part in (self.path, f"frame {self.frame:,}" if self.frame else "") if part)
        return f"{place}: {self.problem}" if place else self.problem

    def __reduce__(self) -> tuple[Any, ...]:
        return _codec_error, (self.problem, self.path, self.frame)


def _codec_error(problem: str, path: str, frame: int) -> CodecError:
    return CodecError(problem, path, frame=frame)


class SourceError(EncodeError, OSError, ValueError):
    """A lazy value could not be read, or held fewer bytes than when the write was planned."""


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


_is_silenced: ContextVar[bool] = ContextVar("streamdcm is silenced", default=False)


def is_silenced() -> bool:
    """Whether no warnings are to be issued here and now (see `silenced`)."""
    return _is_silenced.get()


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning and a log record, as pydicom does."""
    if not _is_silenced.get():
        logging.getLogger("streamdcm").warning(message)
        warnings.warn(message, category, stacklevel=2)


def tell_of(text: str, error: BaseException | None = None) -> None:
    """Tell of what a failure leaves behind: in the log, and in a note of the error on its way to the caller.

    That is the one that is being handled, if none is given.
    """
    logging.getLogger("streamdcm").warning(text)
    error = error or sys.exception()
    if error is not None:
        error.add_note(text)


@contextmanager
def silenced() -> Iterator[None]:
    """Let no warnings of ours through: what is encoded here only to be measured warns when it is written.

    That holds for this thread and this task alone; the filters of `warnings`, which are of the whole process, stay
    what they are.
    """
    token = _is_silenced.set(True)
    try:
        yield
    finally:
        _is_silenced.reset(token)
