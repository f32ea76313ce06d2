"""A write, or a batch, is refused before its first byte."""

from streamdcm.errors.root import StreamdcmError


class PlanError(StreamdcmError, ValueError):
    """Refused before the first byte was written.

    Examples
    --------
    >>> streamdcm.dcmwrite("out.dcm", ds, chunk_size="much")
    Traceback (most recent call last):
    streamdcm.errors.PlanError: chunk_size must be at least 1 byte, a whole number or a size like '512 KiB', ...
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
    streamdcm.errors.JournalError: the journal slice.dcm cannot be read or written (...); name another file
    """
