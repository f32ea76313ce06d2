"""A target cannot be written as asked, or an object storage does not take it."""

from io import UnsupportedOperation

from streamdcm.errors.root import StreamdcmError


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
