"""A DICOM server did not take what was sent to it."""

from typing import Any

from streamdcm.errors.root import StreamdcmError


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
