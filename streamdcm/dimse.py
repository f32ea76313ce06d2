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
        See `AssociationOptions`.

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
    >>> result = await dimse.store_async("dicom://ORTHANC@pacs.example:4242", datasets, workers=4)
    """
    settings = AssociationSettings.of(kwargs)
    ledger = Ledger(settings.on_result, settings.progress)
    return await sent_async(instances, ledger, _sessions(url, settings, ledger), settings)


def _sessions(url: str, settings: AssociationSettings, ledger: Ledger) -> Callable[[], Any]:
    address = parsed_address(url, settings.calling, settings.tls)
    limits = limits_of(settings.max_pdu, settings.timeout, settings.answer_timeout)
    return partial(AssociationSession, address, limits, ledger)
