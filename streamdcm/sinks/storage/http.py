"""The body of an HTTP PUT, sent in chunks as it comes: its length need not be known."""

import base64
import http.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from streamdcm.errors import (
    AccessDeniedError,
    ConnectionLostError,
    CredentialsError,
    NoBucketError,
    ObjectExistsError,
    StorageError,
    TargetTypeError,
)
from streamdcm.instructions import Chunk
from streamdcm.sinks.locations import printable
from streamdcm.sinks.storage.in_order import InOrderOutput
from streamdcm.sinks.storage.options import Storage

_CONNECTIONS = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}


def output_for(url: str, storage: Storage, *, overwrite: bool) -> "HttpOutput":
    """Return the output for a PUT to a URL."""
    storage.refuse("client", "metadata", "resume")
    parts = urlsplit(url)
    if not parts.hostname:
        raise TargetTypeError("a URL to PUT to needs the name of a host")
    return HttpOutput(parts, storage, overwrite=overwrite)


class HttpOutput(InOrderOutput):
    """A resource on an HTTP server, put in one request; the server decides when it becomes visible.

    Parameters
    ----------
    url : SplitResult
        Where to; a user and password in it are sent, and shown nowhere.
    storage : Storage
        Its options are the ``headers`` of the request and the arguments of `http.client.HTTPSConnection`.
    overwrite : bool
        Whether what is there may be replaced; if not, the server is asked to refuse (RFC 9110 §13.1.2).
    """

    def __init__(self, url: SplitResult, storage: Storage, *, overwrite: bool) -> None:
        self.location: str | None = printable(url.geturl())
        self._url = url
        self._options = {name: value for name, value in storage.options.items() if name != "headers"}
        self._headers = {"Content-Type": storage.content_type, "Transfer-Encoding": "chunked"}
        if url.username is not None:
            user = f"{unquote(url.username)}:{unquote(url.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode("ascii")
        if not overwrite:
            self._headers["If-None-Match"] = "*"
        self._headers |= storage.options.get("headers", {})
        self._connection: Any = None

    def open(self) -> None:
        """Connect and send the head of the request.

        Raises
        ------
        ConnectionLostError
            If there is no connection.
        """
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        with self._errors():
            self._connection = _CONNECTIONS[self._url.scheme](self._url.hostname, self._url.port, **self._options)
            self._connection.putrequest("PUT", path)
            for name, value in self._headers.items():
                self._connection.putheader(name, value)
            self._connection.endheaders()

    def write(self, buffers: Sequence[Chunk]) -> None:
        """Send all bytes of `buffers`, each as a chunk (RFC 9112 §7.1)."""
        with self._errors():
            for buffer in buffers:
                if size := memoryview(buffer).nbytes:
                    self._connection.send(b"%x\r\n" % size)
                    self._connection.send(buffer)
                    self._connection.send(b"\r\n")

    def commit(self) -> None:
        """Send the last chunk and wait for the answer.

        Raises
        ------
        StorageError
            If the server did not take the resource.
        """
        if self._connection is None:
            return
        with self._errors():
            self._connection.send(b"0\r\n\r\n")
            self._check(self._connection.getresponse().status)
        self._connection.close()
        self._connection = None

    def abort(self) -> None:
        """Break off: without its last chunk the request is not complete."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _check(self, status: int) -> None:
        if not 200 <= status < 300:
            kind, problem = _PROBLEMS.get(status, (StorageError, "the server did not take the resource"))
            raise kind(f"{self.location}: {problem} (HTTP status {status})")

    def _early_answer(self) -> int | None:
        """Return the status of a server that refused before it hung up."""
        with suppress(OSError, http.client.HTTPException):
            if getattr(self._connection, "sock", None) is not None:
                status: int = self._connection.getresponse().status
                return status
        return None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except (OSError, http.client.HTTPException) as error:
            if (status := self._early_answer()) is not None:
                self._check(status)
            raise ConnectionLostError(
                f"{self.location}: the connection failed ({type(error).__name__}); try again"
            ) from error


_PROBLEMS: dict[int, tuple[type[StorageError], str]] = {
    401: (CredentialsError, "the server wants credentials; give them in storage_options['headers']"),
    403: (AccessDeniedError, "the server does not allow this"),
    404: (NoBucketError, "there is no such place"),
    409: (NoBucketError, "there is no such place"),  # a WebDAV collection that does not exist (RFC 4918 §9.7.1)
    412: (ObjectExistsError, "the resource exists, and overwrite is off"),
    411: (StorageError, "the server wants to know the length ahead, and takes no chunks"),
    413: (StorageError, "the server finds this too large"),
}
