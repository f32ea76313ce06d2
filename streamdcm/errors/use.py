"""Something was used in a way, or at a time, at which it cannot be used, or lacks what it needs."""

from pydicom.errors import InvalidDicomError

from streamdcm.errors.root import StreamdcmError


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
