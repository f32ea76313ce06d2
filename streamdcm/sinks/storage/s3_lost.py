"""Answers of S3 that are lost on their way: what was asked for may have been done all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from botocore.exceptions import ClientError

from streamdcm.errors import ConnectionLostError, ObjectExistsError
from streamdcm.sinks.storage.requests import Request
from streamdcm.sinks.storage.s3_client import S3, code_of

TOKEN: Final = "streamdcm-write"
"""The key of the metadata that tells our object from another's, where none must be replaced."""

_EVENT: Final = "needs-retry.s3.CreateMultipartUpload"
_HANDLER: Final = "streamdcm-once"
# What says that nothing was sent: errors of botocore, and those of urllib3 and aiohttp in an EndpointConnectionError.
_NEVER_SENT: Final = frozenset(
    {"ConnectTimeoutError", "ProxyConnectionError", "NewConnectionError", "ClientConnectorError", "gaierror"}
)

_once: ContextVar[bool] = ContextVar("once", default=False)


def is_lost(error: Exception) -> bool:
    """Tell whether S3 may have done what it was asked for, and its answer was lost."""
    inner = getattr(error, "kwargs", {}).get("error")
    names = {code_of(error), *(kind.__name__ for kind in type(inner).__mro__)}
    return not names & _NEVER_SENT and isinstance(S3.translated(error, None), ConnectionLostError)


def may_be_done(error: Exception) -> bool:
    """Tell whether an object may have appeared by a request that failed: by an attempt whose answer was lost.

    The library repeats such a request, and is answered that the object exists, or that the upload does not any more.
    """
    is_refused = isinstance(S3.translated(error, None), ObjectExistsError) or code_of(error) == "NoSuchUpload"
    return is_refused or is_lost(error)


def once(request: Request, *, awaits: bool) -> Request:
    """Return a request to create an upload that the library does not repeat by itself.

    Repeated, it would make one more upload, and nobody would be told the id of the first.
    """
    if not awaits:

        def make() -> Any:
            with _alone():
                return request()

        return make

    async def make_async() -> Any:
        with _alone():
            return await request()

    return make_async


def heed_once(client: Any) -> None:
    """Have a client heed `once`; all else that it is asked for it does as before."""
    client.meta.events.register_first(_EVENT, _refuse_to_repeat, unique_id=_HANDLER, unique_id_uses_count=True)


def heed_once_no_more(client: Any) -> None:
    """Take back what `heed_once` did."""
    client.meta.events.unregister(_EVENT, unique_id=_HANDLER, unique_id_uses_count=True)


@contextmanager
def _alone() -> Iterator[None]:
    token = _once.set(True)
    try:
        yield
    finally:
        _once.reset(token)


def _refuse_to_repeat(response: Any, operation: Any, caught_exception: Exception | None, **_: Any) -> None:
    """Raise what the library would only raise after its last attempt; called by it before it repeats a request."""
    if not _once.get():
        return
    if caught_exception is not None:
        raise caught_exception
    if response is not None and response[0].status_code >= 500:
        raise ClientError(response[1], operation.name)
