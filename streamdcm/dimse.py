"""C-STORE: instances sent to a DICOM server over an association (PS3.4 §B, PS3.7 §9.1.1), streamed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Unpack

from streamdcm.network.addresses import limits_of, parsed_address
from streamdcm.network.entry import sent, sent_async
from streamdcm.network.instances import AsyncInstances, Instances
from streamdcm.network.results import Ledger, StoreResult
from streamdcm.network.settings import AssociationOptions, AssociationSettings
from streamdcm.network.upper_layer import AssociationSession
from streamdcm.options.twins import twin_of

__all__ = ["AssociationOptions", "store", "store_async"]


def store(url: str, instances: Instances, **kwargs: Unpack[AssociationOptions]) -> StoreResult:
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
    **kwargs
        All are in `AssociationOptions`. Those that are used most, each with its default:

        - `calling` ("STREAMDCM"): our AE title.
        - `workers` (1): how many associations there are at a time.
        - `retries` (2): more attempts when the server cannot take an instance now, or the connection is lost.
        - `on_error` ("raise"): ``"continue"`` makes an instance that cannot be read one that failed.
        - `on_result` (None): called with the `InstanceResult` of each instance.
        - `progress` (None): called with a `ProgressEvent`.
        - `timeout` (30): seconds for connecting, associating, and each piece.
        - `answer_timeout` (600): seconds that the server may take to store an instance.
        - `max_pdu` ("128 KiB"): the bytes of the longest PDU (PS3.8 §D.1).
        - `tls` (None): an `ssl.SSLContext`, for ``dicoms://``.

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
    >>> from streamdcm import dimse
    >>> result = dimse.store("dicom://ORTHANC@pacs.example:4242", ["slice.dcm", "live.dcm"], calling="ME")
    >>> len(result.stored)
    2
    >>> result.raise_for_failures()
    """
    settings = AssociationSettings.of(kwargs)
    ledger = Ledger(settings.on_result, settings.progress)
    return sent(instances, ledger, _sessions(url, settings, ledger), settings)


@twin_of(store)
async def store_async(url: str, instances: AsyncInstances, **kwargs: Unpack[AssociationOptions]) -> StoreResult:
    """Send instances to a DICOM server by C-STORE, as `store` does, on asyncio or trio.

    Files are read, and what takes long is encoded, on a thread. A cancellation resets the connection; what was on its
    way is not stored.

    Parameters
    ----------
    instances : path, Dataset, (Dataset, frames), Instance, an iterable or an async iterable of these
        What is sent; frames may come from an async iterable, too.

    Examples
    --------
    >>> import asyncio
    >>> from streamdcm import dimse
    >>> asyncio.run(dimse.store_async("dicom://ORTHANC@pacs.example:4242", "slice.dcm")).ok
    True
    """
    settings = AssociationSettings.of(kwargs)
    ledger = Ledger(settings.on_result, settings.progress)
    return await sent_async(instances, ledger, _sessions(url, settings, ledger), settings)


def _sessions(url: str, settings: AssociationSettings, ledger: Ledger) -> Callable[[], Any]:
    address = parsed_address(url, settings.calling, settings.tls)
    limits = limits_of(settings.max_pdu, settings.timeout, settings.answer_timeout)
    return partial(AssociationSession, address, limits, ledger)
