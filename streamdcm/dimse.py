"""C-STORE: instances sent to a DICOM server over an association (PS3.4 §B, PS3.7 §9.1.1), streamed."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

from streamdcm.engine.progress import ProgressEvent
from streamdcm.network.addresses import limits_of, parsed_address
from streamdcm.network.entry import sent, sent_async
from streamdcm.network.instances import AsyncInstances, Instances
from streamdcm.network.operations import OnError
from streamdcm.network.results import InstanceResult, Ledger, StoreResult
from streamdcm.network.upper_layer import AssociationSession

__all__ = ["store", "store_async"]


def store(
    url: str,
    instances: Instances,
    *,
    calling: str = "STREAMDCM",
    workers: int = 1,
    max_pdu: int | str = "128 KiB",
    tls: ssl.SSLContext | None = None,
    timeout: float = 30,
    answer_timeout: float = 600,
    retries: int = 2,
    on_error: OnError = "raise",
    on_result: Callable[[InstanceResult], object] | None = None,
    progress: Callable[[ProgressEvent], object] | None = None,
) -> StoreResult:
    """Send instances to a DICOM server by C-STORE.

    They are taken one at a time and encoded as they are sent, so that memory stays flat. Each goes in its own transfer
    syntax if the server takes that; else uncompressed data are encoded anew on their way.

    Parameters
    ----------
    url : str
        ``dicom://CALLED@host:port``, or ``dicoms://`` for TLS. What goes over ``dicom://`` is **not encrypted**:
        whoever sees the network reads patients' names and images.
    instances : path, Dataset, (Dataset, frames), Instance, or an iterable of these
        What is sent; a folder is walked in the order of names.
    calling : str, optional
        Our AE title.
    workers : int, optional
        How many associations there are at a time.
    max_pdu : int or str, optional
        The bytes of the longest PDU; a peer may want shorter ones.
    tls : ssl.SSLContext, optional
        For ``dicoms://``: how the connection is encrypted, with a client certificate where one is needed.
    timeout : float, optional
        The seconds for connecting, associating, and each piece that is sent.
    answer_timeout : float, optional
        The seconds that the server may take to store an instance.
    retries : int, optional
        How many more attempts there are when the server cannot take an instance now, or the connection is lost.
    on_error : {"raise", "continue"}, optional
        Whether an instance that cannot be read or encoded ends everything, or is one that failed.
    on_result : callable, optional
        Called with the `InstanceResult` of each instance as soon as there is one.
    progress : callable, optional
        Called with a `ProgressEvent`.

    Returns
    -------
    StoreResult
        What became of each instance.

    Raises
    ------
    PeerConnectionError
        If the server cannot be reached, or the connection was lost too often; `AssociationRejectedError` if it rejects
        the association, `PeerTimeoutError` if it does not go on. Its `result` has what was decided before.
    PlanError
        If an argument is wrong, or an instance cannot be encoded.

    Examples
    --------
    >>> result = dimse.store("dicom://ORTHANC@pacs.example:4242", ["a.dcm", "folder"], calling="ME")
    >>> result.raise_for_failures()
    """
    address, limits = parsed_address(url, calling, tls), limits_of(max_pdu, timeout, answer_timeout)
    ledger = Ledger(on_result, progress)
    make = partial(AssociationSession, address, limits, ledger)
    return sent(instances, ledger, make, workers=workers, retries=retries, on_error=on_error)


async def store_async(
    url: str,
    instances: AsyncInstances,
    *,
    calling: str = "STREAMDCM",
    workers: int = 1,
    max_pdu: int | str = "128 KiB",
    tls: ssl.SSLContext | None = None,
    timeout: float = 30,
    answer_timeout: float = 600,
    retries: int = 2,
    on_error: OnError = "raise",
    on_result: Callable[[InstanceResult], object] | None = None,
    progress: Callable[[ProgressEvent], object] | None = None,
) -> StoreResult:
    """Send instances to a DICOM server by C-STORE, as `store` does, on asyncio or trio.

    Files are read, and what takes long is encoded, on a thread. A cancellation resets the connection; what was on its
    way is not stored.

    Parameters
    ----------
    url : str
        See `store`.
    instances : path, Dataset, (Dataset, frames), Instance, an iterable or an async iterable of these
        What is sent; frames may come from an async iterable, too.
    calling, workers, max_pdu, tls, timeout, answer_timeout, retries, on_error, on_result, progress
        See `store`.

    Returns
    -------
    StoreResult
        What became of each instance.

    Raises
    ------
    PeerConnectionError, PlanError
        As `store` does.
    """
    address, limits = parsed_address(url, calling, tls), limits_of(max_pdu, timeout, answer_timeout)
    ledger = Ledger(on_result, progress)
    make: Callable[[], Any] = partial(AssociationSession, address, limits, ledger)
    return await sent_async(instances, ledger, make, workers=workers, retries=retries, on_error=on_error)
