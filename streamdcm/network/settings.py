"""The keyword arguments of the functions that send, each said once: its meaning, and its value if it is not given."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any, Self, TypedDict

from streamdcm.engine.progress import ProgressEvent
from streamdcm.network.operations import OnError
from streamdcm.network.results import InstanceResult
from streamdcm.network.web import Length


class StoreOptions(TypedDict, total=False):
    """Keyword arguments of all functions that send.

    Attributes
    ----------
    workers : int
        How many associations, or requests, there are at a time; 1 if not given.
    retries : int
        How many more attempts there are when the server cannot take an instance now, or the connection is lost; 2 if
        not given.
    on_error : {"raise", "continue"}
        Whether an instance that cannot be read or encoded ends everything, or is one that failed.
    on_result : callable, optional
        Called with the `InstanceResult` of each instance as soon as there is one.
    progress : callable, optional
        Called with a `ProgressEvent`.
    """

    workers: int
    retries: int
    on_error: OnError
    on_result: Callable[[InstanceResult], object] | None
    progress: Callable[[ProgressEvent], object] | None


class AssociationOptions(StoreOptions, total=False):
    """Keyword arguments of `dimse.store` and its ``_async`` counterpart.

    Attributes
    ----------
    calling : str
        Our AE title; ``"STREAMDCM"`` if not given.
    max_pdu : int or str
        The bytes of the longest PDU, ``"128 KiB"`` if not given; a peer may want shorter ones.
    tls : ssl.SSLContext, optional
        For ``dicoms://``: how the connection is encrypted, with a client certificate where one is needed.
    timeout : float
        The seconds for connecting, associating, and each piece that is sent; 30 if not given.
    answer_timeout : float
        The seconds that the server may take to store an instance; 600 if not given.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> options = dimse.AssociationOptions(calling="ME", timeout=10, retries=5, on_error="continue")
    >>> dimse.store("dicom://ORTHANC@pacs.example:4242", "slice.dcm", **options).ok
    True
    """

    calling: str
    max_pdu: int | str
    tls: ssl.SSLContext | None
    timeout: float
    answer_timeout: float


class WebOptions(StoreOptions, total=False):
    """Keyword arguments of `dicomweb.store` and its ``_async`` counterpart.

    Attributes
    ----------
    client : httpx2.Client, httpx.Client, or their AsyncClient for `store_async`, optional
        Who sends, with its authentication, certificates, proxies and timeouts; it stays open. Needs the extra
        ``http``.
    study : str, optional
        The Study Instance UID that all instances must have.
    batch_size : int
        How many instances go in one request, which fails as a whole; 1 if not given.
    length : {"auto", "known", "chunked"}
        Whether a request says how long it is: where that is known; always, or the instance fails; or never.

    Examples
    --------
    >>> from streamdcm import dicomweb
    >>> options = dicomweb.WebOptions(retries=5, on_error="continue", length="known")
    >>> dicomweb.store("https://pacs.example/dicom-web", "slice.dcm", **options).ok
    True
    """

    client: Any
    study: str | None
    batch_size: int
    length: Length


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What `StoreOptions` are if they are not given."""

    workers: int = 1
    retries: int = 2
    on_error: OnError = "raise"
    on_result: Callable[[InstanceResult], object] | None = None
    progress: Callable[[ProgressEvent], object] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return what a caller gave.

        Raises
        ------
        TypeError
            For an argument that there is not.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                hint = "".join(f"; did you mean {close}?" for close in get_close_matches(name, known, 1))
                raise TypeError(f"store() got an unexpected keyword argument {name!r}{hint}")
        return cls(**given)


@dataclass(frozen=True, slots=True)
class AssociationSettings(StoreSettings):
    """What `AssociationOptions` are if they are not given."""

    calling: str = "STREAMDCM"
    max_pdu: int | str = "128 KiB"
    tls: ssl.SSLContext | None = None
    timeout: float = 30
    answer_timeout: float = 600


@dataclass(frozen=True, slots=True)
class WebSettings(StoreSettings):
    """What `WebOptions` are if they are not given."""

    client: Any = None
    study: str | None = None
    batch_size: int = 1
    length: Length = "auto"
