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

__all__ = [
    "AccessDeniedError",
    "AmbiguousVRError",
    "AssociationRejectedError",
    "AtomicReplaceError",
    "CodecError",
    "ConnectionLostError",
    "ContainerNotFoundError",
    "CredentialsError",
    "DatasetTypeError",
    "ElementLookupError",
    "EncapsulationError",
    "EncodeError",
    "FileMetaError",
    "HoldLimitError",
    "InPlaceError",
    "InstructionError",
    "InvalidValueError",
    "JournalError",
    "LayoutError",
    "LengthOverflowError",
    "MissingExtraError",
    "NoBucketError",
    "NotDicomError",
    "NotDurableError",
    "NotOpenError",
    "NotWritableError",
    "NumberError",
    "ObjectExistsError",
    "PartLimitError",
    "PeerAccessError",
    "PeerConnectionError",
    "PeerError",
    "PeerResponseError",
    "PeerTimeoutError",
    "PlanError",
    "RecursiveDatasetError",
    "ReentryError",
    "SinkContractError",
    "SourceError",
    "SpoolError",
    "StorageError",
    "StoreFailedError",
    "StreamdcmError",
    "TargetCollision",
    "TargetError",
    "TargetTypeError",
    "TextError",
    "UnknownVRError",
    "ValueLengthError",
    "ValueTypeError",
    "WorkerDied",
    "WouldBlockError",
    "WrongRegionError",
]


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
    """The target cannot be written as asked.

    Examples
    --------
    >>> try:
    ...     result = streamdcm.dcmwrite("out.dcm", ds)
    ... except streamdcm.errors.TargetError as error:
    ...     print("nothing was written:", error.filename, error.strerror)
    """


class AtomicReplaceError(TargetError):
    """The target can be written, but not replaced in one step; ``atomic=False`` writes it in place.

    Examples
    --------
    >>> try:
    ...     result = streamdcm.dcmwrite("out.dcm", ds)
    ... except streamdcm.errors.AtomicReplaceError as error:
    ...     result = streamdcm.dcmwrite("out.dcm", ds, atomic=False)
    """


class TargetCollision(TargetError, FileExistsError):
    """The target of an instance of a batch is that of another one, or is there and not the batch's own.

    Examples
    --------
    >>> from streamdcm.batch import Batch
    >>> report = Batch(["slice.dcm", "live.dcm"], "clean/{PatientID}.dcm").run(journal="run.sqlite", workers=1)
    >>> [failure.error for failure in report.failures()]
    ['TargetCollision: ...']
    """


class InPlaceError(TargetError):
    """The new file is in place and complete, and what came after failed; nothing was taken back.

    Examples
    --------
    >>> try:
    ...     result = streamdcm.dcmwrite("out.dcm", ds)
    ... except streamdcm.errors.InPlaceError as error:
    ...     print("out.dcm is complete, but", error)
    """


class NotDurableError(InPlaceError):
    """The new file is in place and complete, but the disk does not confirm its name; only with ``durable=True``.

    Examples
    --------
    >>> try:
    ...     result = streamdcm.dcmwrite("out.dcm", ds, durable=True)
    ... except streamdcm.errors.NotDurableError as error:
    ...     print("out.dcm is complete, and may be gone when the power fails:", error)
    """


class NotWritableError(TargetError, UnsupportedOperation):
    """A file was given that is closed, or open for reading only; also a `ValueError`, as what it raises itself.

    Examples
    --------
    >>> with open("slice.dcm", "rb") as file:
    ...     streamdcm.dcmwrite(file, ds)
    Traceback (most recent call last):
    streamdcm.errors.NotWritableError: slice.dcm is open for reading only; open it in mode 'wb' or 'r+b'
    """


class WouldBlockError(TargetError, BlockingIOError):
    """A non-blocking sink is full; streamdcm's synchronous functions need a blocking one.

    Examples
    --------
    >>> import os
    >>> reading, writing = os.pipe()
    >>> os.set_blocking(writing, False)
    >>> with open(writing, "wb", buffering=0) as pipe:
    ...     streamdcm.dcmwrite(pipe, ds, frames=camera(), number_of_frames=3)
    Traceback (most recent call last):
    streamdcm.errors.WouldBlockError: [Errno ...] the target is in non-blocking mode and takes no more now: ...
    """


class SinkContractError(TargetError, TypeError):
    """A sink's ``write()`` answered something that is no number of bytes written.

    Examples
    --------
    >>> class Sink:
    ...     def write(self, data):
    ...         return "all of it"
    >>> streamdcm.dcmwrite(Sink(), ds)
    Traceback (most recent call last):
    streamdcm.errors.SinkContractError: write() of ...Sink answered an object of type str, ...of bytes it took
    """


class StorageError(TargetError):
    """An object storage does not take the object; nothing of it is visible there.

    Examples
    --------
    >>> try:
    ...     streamdcm.dcmwrite("https://files.example/full/out.dcm", ds)
    ... except streamdcm.errors.StorageError as error:
    ...     print("nothing was stored:", type(error).__name__)
    nothing was stored: StorageError
    """


class CredentialsError(StorageError, PermissionError):
    """There are no credentials for the object storage, or it does not know them.

    Examples
    --------
    >>> streamdcm.dcmwrite("https://files.example/login/out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.CredentialsError: https://files.example/login/out.dcm: there are no valid credentials; ...
    """


class AccessDeniedError(StorageError, PermissionError):
    """The credentials do not allow this write.

    Examples
    --------
    >>> streamdcm.dcmwrite("https://files.example/read-only/out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.AccessDeniedError: https://files.example/read-only/out.dcm: the credentials do not allow this ...
    """


class ContainerNotFoundError(StorageError, FileNotFoundError):
    """There is no bucket or container of this name.

    Examples
    --------
    >>> streamdcm.dcmwrite("https://files.example/no-folder/out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.ContainerNotFoundError: https://files.example/no-folder/out.dcm: ...
    """


NoBucketError = ContainerNotFoundError
"""The earlier name of `ContainerNotFoundError`."""


class WrongRegionError(StorageError):
    """The bucket is in another region than the one that was asked.

    Examples
    --------
    >>> try:
    ...     result = streamdcm.dcmwrite("s3://bucket/out.dcm", ds, storage_options={"region_name": "eu-west-1"})
    ... except streamdcm.errors.WrongRegionError as error:
    ...     print("ask that region:", error)
    """


class ConnectionLostError(StorageError, ConnectionError):
    """The object storage cannot be reached, or the connection was lost and retries did not help.

    Examples
    --------
    >>> streamdcm.dcmwrite("http://127.0.0.1:9/out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.ConnectionLostError: http://127.0.0.1:9/out.dcm: the server cannot be reached, ...
    """


class ObjectExistsError(StorageError, FileExistsError):
    """There is such an object, and ``overwrite`` is off.

    Examples
    --------
    >>> streamdcm.dcmwrite("memory://bucket/out.dcm", ds).location
    'memory://bucket/out.dcm'
    >>> streamdcm.dcmwrite("memory://bucket/out.dcm", ds, overwrite=False)
    Traceback (most recent call last):
    streamdcm.errors.ObjectExistsError: memory://bucket/out.dcm: the file exists, and overwrite is off
    """


class PartLimitError(StorageError, OverflowError):
    """The stream does not fit the number of parts that the service takes.

    Examples
    --------
    >>> try:
    ...     result = streamdcm.dcmwrite("s3://bucket/out.dcm", ds, part_size="5 MiB")
    ... except streamdcm.errors.PartLimitError as error:
    ...     print("larger parts are needed:", error)
    """


class PeerError(StreamdcmError, OSError):
    """A DICOM server did not take what was sent to it.

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it.
    result : StoreResult, optional
        What was decided before, of each instance.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> try:
    ...     dimse.store("dicom://ORTHANC@127.0.0.1:9", "slice.dcm", retries=0)
    ... except streamdcm.errors.PeerError as error:
    ...     print(type(error).__name__, len(error.result.stored))
    PeerConnectionError 0
    """

    def __init__(self, problem: str, result: Any = None) -> None:
        super().__init__(problem)
        self.result = result


class PeerConnectionError(PeerError, ConnectionError):
    """A DICOM server cannot be reached, or the connection was lost and retries did not help.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> dimse.store("dicom://ORTHANC@127.0.0.1:9", "slice.dcm", retries=0)
    Traceback (most recent call last):
    streamdcm.errors.PeerConnectionError: ...
    """


class PeerTimeoutError(PeerConnectionError, TimeoutError):
    """A DICOM server did not go on in time.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> try:
    ...     result = dimse.store("dicom://ORTHANC@pacs.example:4242", "slice.dcm", timeout=10, answer_timeout=60)
    ... except streamdcm.errors.PeerTimeoutError as error:
    ...     print("too slow:", error)
    """


class AssociationRejectedError(PeerConnectionError):
    """A DICOM server rejects the association (PS3.8 §9.3.4).

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it.
    reject_result, source, reason : int
        What the server says.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> try:
    ...     result = dimse.store("dicom://ORTHANC@pacs.example:4242", "slice.dcm", calling="ME")
    ... except streamdcm.errors.AssociationRejectedError as error:
    ...     print("later" if error.is_transient else "never", error.reason)
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
    """A DICOM server does not know who sends, or does not allow it.

    Examples
    --------
    >>> from streamdcm import dicomweb
    >>> try:
    ...     result = dicomweb.store("https://pacs.example/dicom-web", "slice.dcm")
    ... except streamdcm.errors.PeerAccessError as error:
    ...     print("log in:", error)
    """


class PeerResponseError(PeerError, ValueError):
    """The answer of a DICOM server cannot be understood, and nothing says what became of a request.

    Examples
    --------
    >>> from streamdcm import dicomweb
    >>> try:
    ...     result = dicomweb.store("https://pacs.example/dicom-web", "slice.dcm")
    ... except streamdcm.errors.PeerResponseError as error:
    ...     print("ask the server what it has:", error.result)
    """


class StoreFailedError(PeerError):
    """A DICOM server did not store all instances.

    Examples
    --------
    >>> from streamdcm.network import InstanceResult, StoreResult
    >>> result = StoreResult((InstanceResult("failed", "1.2", "1.2.3", reason="out of resources"),))
    >>> result.raise_for_failures()
    Traceback (most recent call last):
    streamdcm.errors.StoreFailedError: 1 of 1 instances were not stored: 1.2.3: out of resources
    """


class TargetTypeError(StreamdcmError, TypeError):
    """The target is not a path and not an object that takes bytes.

    Examples
    --------
    >>> streamdcm.dcmwrite(42, ds)
    Traceback (most recent call last):
    streamdcm.errors.TargetTypeError: cannot write to an object of type int: give a path ...
    """


class HoldLimitError(StreamdcmError, MemoryError):
    """More than ``hold_limit`` bytes would be held back for a sink that cannot seek, and not in a file (``spool``).

    Examples
    --------
    >>> list(streamdcm.iter_chunks(ds, frames=camera(), hold_limit="1 KiB", spool="never"))
    Traceback (most recent call last):
    streamdcm.errors.HoldLimitError: more than 1,024 bytes would be held back for (0028,0008) NumberOfFrames, ...
    """


class SpoolError(StreamdcmError, OSError):
    """The temporary file cannot be written, or read, for what is held back past ``hold_limit``.

    Examples
    --------
    >>> try:
    ...     chunks = list(streamdcm.iter_chunks(ds, frames=camera(), hold_limit="1 KiB", spool="."))
    ... except streamdcm.errors.SpoolError as error:
    ...     print("the disk of temporary files is full:", error)
    """


class InstructionError(StreamdcmError, RuntimeError):
    """An encoder broke the rules of the instruction vocabulary.

    Examples
    --------
    >>> def wrong():
    ...     length = streamdcm.Reserve(4)
    ...     yield length
    ...     yield streamdcm.Fill(length, b"123")
    >>> list(streamdcm.encoder_chunks(wrong()))
    Traceback (most recent call last):
    streamdcm.errors.InstructionError: 3 bytes do not fill a Reserve of 4 bytes exactly
    """


class ReentryError(StreamdcmError, RuntimeError):
    """A write was entered again while it was running.

    Examples
    --------
    >>> with streamdcm.open_writer("out.dcm", ds) as writer:
    ...     writer.write_frame(ds.PixelData)
    >>> with writer:
    ...     writer.write_frame(ds.PixelData)
    Traceback (most recent call last):
    streamdcm.errors.ReentryError: this writer was entered before; open another one
    """


class NotOpenError(StreamdcmError, ValueError):
    """A writer was used outside its ``with`` block, or after an error.

    Examples
    --------
    >>> writer = streamdcm.open_writer("out.dcm", ds)
    >>> writer.write_frame(ds.PixelData)
    Traceback (most recent call last):
    streamdcm.errors.NotOpenError: the writer is not open: use it in a 'with' block, and not after an error
    """


class WorkerDied(StreamdcmError, RuntimeError):
    """A process that did instances of a batch died at one of them, as often as it was tried.

    Examples
    --------
    >>> from streamdcm.batch import Batch
    >>> report = Batch("slice.dcm", "clean/{name}").run(journal="run.sqlite", workers=1)
    >>> [failure.source for failure in report.failures() if failure.error.startswith("WorkerDied")]
    []
    """


class MissingExtraError(StreamdcmError, ImportError):
    """A target, or a codec, needs a library that streamdcm does not bring by itself.

    Examples
    --------
    >>> try:
    ...     streamdcm.dcmwrite("out.dcm", ds, frames=camera())
    ... except streamdcm.errors.MissingExtraError as error:
    ...     print("pip install what this names:", error)
    WriteResult(...)
    """


class NotDicomError(StreamdcmError, InvalidDicomError):
    """The source is no DICOM file: it lacks the prefix ``DICM`` (PS3.10 §7.1).

    Examples
    --------
    >>> from pathlib import Path
    >>> Path("notes.txt").write_text("no preamble, no DICM")
    20
    >>> streamdcm.rewrite("notes.txt", "out.dcm")
    Traceback (most recent call last):
    streamdcm.errors.NotDicomError: ...notes.txt lacks the prefix DICM of a DICOM file (PS3.10 §7.1); ...
    """


class PlanError(StreamdcmError, ValueError):
    """Refused before the first byte was written.

    Examples
    --------
    >>> streamdcm.dcmwrite("out.dcm", ds, chunk_size="much")
    Traceback (most recent call last):
    streamdcm.errors.PlanError: chunk_size must be at least 1 byte(s), a whole number or a size like '512 KiB', ...
    """


class DatasetTypeError(PlanError, TypeError, AttributeError):
    """What was given as a dataset is none.

    Examples
    --------
    >>> streamdcm.dcmwrite("out.dcm", {"PatientID": "1"})
    Traceback (most recent call last):
    streamdcm.errors.DatasetTypeError: the dataset must be a pydicom Dataset, not dict
    """


class FileMetaError(PlanError, AttributeError):
    """A required File Meta Information element is missing or empty (PS3.10 §7.1).

    Examples
    --------
    >>> ds.file_meta.clear()
    >>> ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    >>> del ds.SOPClassUID
    >>> streamdcm.dcmwrite("out.dcm", ds, enforce_file_format=True)
    Traceback (most recent call last):
    streamdcm.errors.FileMetaError: ...
    """


class LayoutError(PlanError):
    """An option would move the records that a DICOMDIR's offsets point at (PS3.3 §F.3).

    Examples
    --------
    >>> from pydicom import dcmread
    >>> from pydicom.data import get_testdata_file
    >>> records = dcmread(get_testdata_file("DICOMDIR"))
    >>> streamdcm.dcmwrite("DICOMDIR", records, sequence_lengths="undefined")
    Traceback (most recent call last):
    streamdcm.errors.LayoutError: a DICOMDIR's offsets count bytes from the start of the file, ...
    """


class JournalError(PlanError):
    """The journal of a batch is held by another run, is that of another plan, or cannot be read.

    Examples
    --------
    >>> from streamdcm import batch
    >>> batch.status("slice.dcm")
    Traceback (most recent call last):
    streamdcm.errors.JournalError: slice.dcm is no journal that can be read (...)
    """


class EncodeError(StreamdcmError):
    """An element cannot be encoded.

    Parameters
    ----------
    problem : str
        What is wrong and what to do about it, without any value of the dataset.
    path : str
        Tag and keyword of the element, behind those of the sequences and the items around it.

    Examples
    --------
    >>> from pydicom import DataElement
    >>> ds[0x00280010] = DataElement(0x00280010, "US", 70_000, already_converted=True)
    >>> try:
    ...     streamdcm.dcmwrite("out.dcm", ds)
    ... except streamdcm.errors.EncodeError as error:
    ...     print(error.path)
    (0028,0010) Rows
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class ValueTypeError(EncodeError, TypeError, AttributeError):
    """A value is of a type that its VR cannot take.

    Examples
    --------
    >>> from pydicom import DataElement
    >>> ds[0x00100020] = DataElement(0x00100020, "LO", 42, already_converted=True)
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.ValueTypeError: (0010,0020) PatientID: the value is of a type that its VR cannot take; convert it
    """


class InvalidValueError(EncodeError, ValueError):
    """A value is not one that its VR can take.

    Examples
    --------
    >>> list(streamdcm.iter_chunks(ds, frames=[b"no JPEG"], transfer_syntax="JPEGLSLossless"))
    Traceback (most recent call last):
    streamdcm.errors.InvalidValueError: (7FE0,0010) PixelData, frame 1: does not begin as JPEG does, ...
    """


class ValueLengthError(EncodeError, BytesLengthException):
    """A raw value is not of a length that its VR can have, so that it cannot be parsed.

    Examples
    --------
    >>> from pydicom.dataelem import RawDataElement
    >>> from pydicom.tag import Tag
    >>> ds[0x00280010] = RawDataElement(Tag(0x00280010), "US", 3, b"odd", 0, False, True)
    >>> list(streamdcm.iter_chunks(ds, transfer_syntax="ImplicitVRLittleEndian"))
    Traceback (most recent call last):
    streamdcm.errors.ValueLengthError: (0028,0010) Rows: the raw value has a length that its VR cannot have; correct it
    """


class NumberError(EncodeError, OSError, ValueError):
    """A number does not fit its VR (PS3.5 §6.2).

    Examples
    --------
    >>> from pydicom import DataElement
    >>> ds[0x00280010] = DataElement(0x00280010, "US", 70_000, already_converted=True)
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.NumberError: (0028,0010) Rows: the value is not what this VR holds: whole numbers from 0 to ...
    """


class TextError(EncodeError, UnicodeError, TypeError):
    r"""The character set cannot hold a text (PS3.5 §6.1.2).

    Examples
    --------
    >>> from pydicom import DataElement, config
    >>> config.settings.writing_validation_mode = config.RAISE
    >>> ds.PatientName = "\u0141ukasz"
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.TextError: (0010,0010) PatientName: the text has characters that ...
    """


class UnknownVRError(EncodeError, NotImplementedError):
    """A VR that is not in PS3.5 §6.2.

    Examples
    --------
    >>> from pydicom import DataElement
    >>> ds[0x00100020] = DataElement(0x00100020, "ZZ", "1", already_converted=True)
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.UnknownVRError: (0010,0020) PatientID: VR 'ZZ' is not in the standard (PS3.5 §6.2); ...
    """


class AmbiguousVRError(EncodeError, ValueError, AttributeError):
    """Nothing in the dataset says which of the dictionary's VRs an element has.

    Examples
    --------
    >>> ds["PixelData"].VR = "OB or OW"
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.AmbiguousVRError: (7FE0,0010) PixelData: VR 'OB or OW' is not one VR; set it, ...
    """


class EncapsulationError(EncodeError, ValueError, TypeError):
    """Pixel Data of undefined length must consist of items (PS3.5 §A.4).

    Examples
    --------
    >>> from pydicom.uid import JPEG2000Lossless
    >>> ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.EncapsulationError: (7FE0,0010) PixelData: the transfer syntax wants encapsulated Pixel Data, ...
    """


class LengthOverflowError(EncodeError, OverflowError, struct.error):
    """A value does not fit its length field (PS3.5 §7.1).

    Examples
    --------
    >>> from pydicom import DataElement
    >>> ds[0x00100020] = DataElement(0x00100020, "LO", 70_000 * "1", already_converted=True)
    >>> streamdcm.dcmwrite("out.dcm", ds, long_values="refuse")
    Traceback (most recent call last):
    streamdcm.errors.LengthOverflowError: (0010,0020) PatientID: 70,000 bytes are more than a value of VR LO ...
    """


class RecursiveDatasetError(EncodeError, RecursionError):
    """A dataset that contains itself, or one nested too deeply.

    Examples
    --------
    >>> ds.BeamSequence = [ds]
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.RecursiveDatasetError: (300A,00B0) BeamSequence: the sequence is nested too deeply, ...
    """


class ElementLookupError(EncodeError, KeyError):
    """A raw element whose VR is not in the dictionary, where pydicom's settings make that an error.

    Examples
    --------
    >>> try:
    ...     streamdcm.dcmwrite("out.dcm", ds)
    ... except streamdcm.errors.ElementLookupError as error:
    ...     print("give it a VR by Dataset.add_new():", error.path)
    WriteResult(...)
    """


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

    Examples
    --------
    >>> from pydicom.encaps import encapsulate
    >>> from pydicom.uid import RLELossless
    >>> ds.file_meta.TransferSyntaxUID = RLELossless
    >>> ds.PixelData = encapsulate([b"these are no runs of bytes".ljust(64)])
    >>> streamdcm.dcmwrite("coded.dcm", ds).location
    'coded.dcm'
    >>> streamdcm.rewrite("coded.dcm", "out.dcm", transfer_syntax="ExplicitVRLittleEndian")
    Traceback (most recent call last):
    streamdcm.errors.CodecError: frame 1: ...
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
    """A lazy value could not be read, or held fewer bytes than when the write was planned.

    Examples
    --------
    >>> ds.EncapsulatedDocument = streamdcm.ByteStream([b"%PDF"], length=100)
    >>> streamdcm.dcmwrite("out.dcm", ds)
    Traceback (most recent call last):
    streamdcm.errors.SourceError: (0042,0011) EncapsulatedDocument: its source ended after 4 of the 100 bytes ...
    """


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
