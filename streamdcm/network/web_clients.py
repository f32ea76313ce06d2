"""Sending requests by a client of httpx2 or httpx, on a thread or on an event loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from streamdcm.cleanup import afterwards, afterwards_async
from streamdcm.network.answers import LARGEST
from streamdcm.network.bodies import AsyncBody, Body
from streamdcm.network.web import Answer
from streamdcm.sinks.http_clients import Library
from streamdcm.sinks.storage.http_connection import Connection


class BlockingSender:
    """Sends by a client, and can be interrupted by another thread.

    Parameters
    ----------
    client : httpx2.Client or httpx.Client
        The client.
    library : Library
        Its library.
    """

    def __init__(self, client: Any, library: Library) -> None:
        self._client = client
        self._connection = Connection(library, keep_socket=True)

    def __call__(self, request: Any, body: Body, arguments: dict[str, Any]) -> Callable[[Any], Answer]:
        """Return what sends a request; it is given what stops all workers."""

        def send(stop: Any) -> Answer:
            request.extensions["trace"] = self._connection.notice
            stop.also(self._connection.shut_down)
            with afterwards(partial(stop.no_longer, self._connection.shut_down)):
                response = self._client.send(request, stream=True, follow_redirects=False, **arguments)
                with afterwards(response.close):
                    pieces, size = [], 0
                    for piece in response.iter_raw():
                        size += len(piece)
                        if size > LARGEST:
                            break
                        pieces.append(piece)
            return _answer(response, pieces, size)

        return send

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def async_sender(client: Any) -> Any:
    """Return what sends by an asynchronous client."""

    def sender(request: Any, body: AsyncBody, arguments: dict[str, Any]) -> Callable[[Any], Any]:
        async def send(worker: Any) -> Answer:
            body.worker = worker
            async with afterwards_async(partial(_close, body)):
                response = await client.send(request, stream=True, follow_redirects=False, **arguments)
            async with afterwards_async(partial(_close, response)):
                pieces, size = [], 0
                async for piece in response.aiter_raw():
                    size += len(piece)
                    if size > LARGEST:
                        break
                    pieces.append(piece)
            return _answer(response, pieces, size)

        return send

    return sender


async def _close(closeable: Any) -> None:
    from anyio import CancelScope

    with CancelScope(shield=True):
        await closeable.aclose()


def _answer(response: Any, pieces: list[bytes], size: int) -> Answer:
    content = b"".join(pieces) if size <= LARGEST else None
    return Answer(response.status_code, content, response.headers, response.next_request)
