"""STOW-RS: instances posted to a DICOMweb server (PS3.18 §10.5), streamed; and the same body for servers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any

from streamdcm.engine.progress import ProgressEvent
from streamdcm.errors import PlanError
from streamdcm.network.bodies import AsyncBody, BlockingBody
from streamdcm.network.entry import sent, sent_async
from streamdcm.network.instances import AsyncInstances, Instances
from streamdcm.network.items import Item
from streamdcm.network.multipart import Multipart, multipart
from streamdcm.network.operations import OnError
from streamdcm.network.results import InstanceResult, Ledger, StoreResult
from streamdcm.network.web import Length, WebSession, parsed_target
from streamdcm.network.web_clients import BlockingSender, async_sender
from streamdcm.options.checks import count
from streamdcm.sinks.http_clients import library_of, make_client

__all__ = ["Multipart", "multipart", "store", "store_async"]


def store(
    url: str,
    instances: Instances,
    *,
    client: Any = None,
    study: str | None = None,
    batch_size: int = 1,
    length: Length = "auto",
    workers: int = 1,
    retries: int = 2,
    on_error: OnError = "raise",
    on_result: Callable[[InstanceResult], object] | None = None,
    progress: Callable[[ProgressEvent], object] | None = None,
) -> StoreResult:
    """Send instances to a DICOMweb server by STOW-RS.

    They are taken one at a time and encoded as they are sent, so that memory stays flat. Files go as they are, but for
    those in Implicit VR or big endian byte order, which many servers refuse: they become Explicit VR Little Endian on
    their way. What the server names in its answer is stored, and nothing else.

    Parameters
    ----------
    url : str
        The base of the service, to which ``/studies`` is added.
    instances : path, Dataset, (Dataset, frames), Instance, or an iterable of these
        What is sent; a folder is walked in the order of names.
    client : httpx2.Client or httpx.Client, optional
        Who sends, with its authentication, certificates, proxies and timeouts; it stays open. Needs the extra
        ``http``.
    study : str, optional
        The Study Instance UID that all instances must have.
    batch_size : int, optional
        How many instances go in one request. A request fails as a whole.
    length : {"auto", "known", "chunked"}, optional
        Whether a request says how long it is: where that is known; always, or the instance fails; or never.
    workers : int, optional
        How many requests there are at a time.
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
        If the server cannot be reached, or the connection was lost too often; `PeerAccessError` if it does not know
        who sends, `PeerResponseError` if its answer cannot be understood. Its `result` has what was decided before.
    PlanError
        If an argument is wrong, or an instance cannot be encoded.
    MissingExtraError
        If there is no library for HTTP.

    Examples
    --------
    >>> result = dicomweb.store("https://pacs.example/dicom-web", ["a.dcm", "folder", (ds, camera())])
    >>> for item in result.failed:
    ...     print(item.sop_instance_uid, item.code, item.reason)
    """
    library = library_of(client, asynchronous=False)
    target = parsed_target(url, study, length, library)
    ledger = Ledger(on_result, progress)
    count("workers", workers)
    with ExitStack() as stack:

        def session() -> WebSession:
            used = client
            if used is None:
                used = stack.enter_context(make_client(library, {}, asynchronous=False))
            sender = BlockingSender(used, library)
            stack.callback(sender.close)
            return WebSession(target, used, sender, BlockingBody, ledger)

        sessions = [session() for _ in range(workers)]
        return sent(
            instances,
            ledger,
            sessions.pop,
            workers=workers,
            retries=retries,
            on_error=on_error,
            batch_size=batch_size,
            check=partial(_check_study, study),
        )


async def store_async(
    url: str,
    instances: AsyncInstances,
    *,
    client: Any = None,
    study: str | None = None,
    batch_size: int = 1,
    length: Length = "auto",
    workers: int = 1,
    retries: int = 2,
    on_error: OnError = "raise",
    on_result: Callable[[InstanceResult], object] | None = None,
    progress: Callable[[ProgressEvent], object] | None = None,
) -> StoreResult:
    """Send instances to a DICOMweb server by STOW-RS, as `store` does, on asyncio or trio.

    Files are read, and what takes long is encoded, on a thread. After a cancellation, what was on its way is not
    stored.

    Parameters
    ----------
    url : str
        See `store`.
    instances : path, Dataset, (Dataset, frames), Instance, an iterable or an async iterable of these
        What is sent; frames may come from an async iterable, too.
    client : httpx2.AsyncClient or httpx.AsyncClient, optional
        Who sends; it stays open.
    study, batch_size, length, workers, retries, on_error, on_result, progress
        See `store`.

    Returns
    -------
    StoreResult
        What became of each instance.

    Raises
    ------
    PeerConnectionError, PlanError, MissingExtraError
        As `store` does.
    """
    from streamdcm.aio.threads import worker_thread

    library = library_of(client, asynchronous=True)
    target = parsed_target(url, study, length, library)
    ledger = Ledger(on_result, progress)
    async with AsyncExitStack() as stack:
        used = client
        if used is None:
            async with worker_thread() as worker:  # it loads certificates
                used = await worker.run(partial(make_client, library, {}, asynchronous=True))
            await stack.enter_async_context(used)
        return await sent_async(
            instances,
            ledger,
            lambda: WebSession(target, used, async_sender(used), AsyncBody, ledger),
            workers=workers,
            retries=retries,
            on_error=on_error,
            batch_size=batch_size,
            check=partial(_check_study, study),
        )


def _check_study(study: str | None, item: Item) -> None:
    if study is not None and item.study_instance_uid != study:
        raise PlanError("it is of another study than study= names, which the server would refuse; send it by itself")
