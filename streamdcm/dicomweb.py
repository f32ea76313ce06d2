"""STOW-RS: instances posted to a DICOMweb server (PS3.18 §10.5), streamed; and the same body for servers."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Unpack

from streamdcm.errors import PlanError
from streamdcm.network.bodies import AsyncBody, BlockingBody
from streamdcm.network.entry import sent, sent_async
from streamdcm.network.instances import AsyncInstances, Instances
from streamdcm.network.items import Item
from streamdcm.network.multipart import Multipart, multipart
from streamdcm.network.results import Ledger, StoreResult
from streamdcm.network.settings import WebOptions, WebSettings
from streamdcm.network.web import WebSession, parsed_target
from streamdcm.network.web_clients import BlockingSender, async_sender
from streamdcm.options.checks import count
from streamdcm.options.twins import twin_of
from streamdcm.sinks.http_clients import library_of, make_client

__all__ = ["Multipart", "WebOptions", "multipart", "store", "store_async"]


def store(url: str, instances: Instances, **kwargs: Unpack[WebOptions]) -> StoreResult:
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
    **kwargs
        All are in `WebOptions`. Those that are used most, each with its default:

        - `client` (None): a client of httpx2 or httpx, with its authentication, certificates and timeouts.
        - `workers` (1): how many requests there are at a time.
        - `retries` (2): more attempts when the server cannot take an instance now, or the connection is lost.
        - `on_error` ("raise"): ``"continue"`` makes an instance that cannot be read one that failed.
        - `on_result` (None): called with the `InstanceResult` of each instance.
        - `progress` (None): called with a `ProgressEvent`.
        - `study` (None): the Study Instance UID that all instances must have.
        - `batch_size` (1): how many instances go in one request, which fails as a whole.
        - `length` ("auto"): whether a request says its length: ``"known"``, always; ``"chunked"``, never.

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
    >>> from streamdcm import dicomweb
    >>> result = dicomweb.store("https://pacs.example/dicom-web", ["slice.dcm", (ds, camera())])
    >>> for item in result.failed:
    ...     print(item.sop_instance_uid, item.code, item.reason)
    """
    settings = WebSettings.of(kwargs)
    client = settings.client
    library = library_of(client, asynchronous=False)
    target = parsed_target(url, settings.study, settings.length, library)
    ledger = Ledger(settings.on_result, settings.progress)
    count("workers", settings.workers)
    with ExitStack() as stack:

        def session() -> WebSession:
            used = client
            if used is None:
                used = stack.enter_context(make_client(library, {}, asynchronous=False))
            sender = BlockingSender(used, library)
            stack.callback(sender.close)
            return WebSession(target, used, sender, BlockingBody, ledger)

        sessions = [session() for _ in range(settings.workers)]
        check = partial(_check_study, settings.study)
        return sent(instances, ledger, sessions.pop, settings, settings.batch_size, check)


@twin_of(store)
async def store_async(url: str, instances: AsyncInstances, **kwargs: Unpack[WebOptions]) -> StoreResult:
    """Send instances to a DICOMweb server by STOW-RS, as `store` does, on asyncio or trio.

    Files are read, and what takes long is encoded, on a thread. After a cancellation, what was on its way is not
    stored.

    Parameters
    ----------
    instances : path, Dataset, (Dataset, frames), Instance, an iterable or an async iterable of these
        What is sent; frames may come from an async iterable, too.

    Examples
    --------
    >>> import asyncio
    >>> from streamdcm import dicomweb
    >>> asyncio.run(dicomweb.store_async("https://pacs.example/dicom-web", "slice.dcm")).ok
    True
    """
    from streamdcm.aio.threads import worker_thread

    settings = WebSettings.of(kwargs)
    library = library_of(settings.client, asynchronous=True)
    target = parsed_target(url, settings.study, settings.length, library)
    ledger = Ledger(settings.on_result, settings.progress)
    async with AsyncExitStack() as stack:
        used = settings.client
        if used is None:
            async with worker_thread() as worker:  # it loads certificates
                used = await worker.run(partial(make_client, library, {}, asynchronous=True))
            await stack.enter_async_context(used)

        def session() -> WebSession:
            return WebSession(target, used, async_sender(used), AsyncBody, ledger)

        check = partial(_check_study, settings.study)
        return await sent_async(instances, ledger, session, settings, settings.batch_size, check)


def _check_study(study: str | None, item: Item) -> None:
    if study is not None and item.study_instance_uid != study:
        raise PlanError("it is of another study than study= names, which the server would refuse; send it by itself")
