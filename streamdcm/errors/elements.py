"""An element of the dataset cannot be encoded."""

import struct
from typing import Any

from pydicom.errors import BytesLengthException

from streamdcm.errors.root import StreamdcmError


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
