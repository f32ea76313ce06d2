"""One PUT request without its I/O: what is sent, when it is sent again, and what the answers mean (RFC 9110 §9.3.4)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from typing import Any, Final, NamedTuple, TypeAlias

from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import (
    ConnectionLostError,
    StorageError,
    TargetTypeError,
)
from streamdcm.sinks.http_clients import NO_SECRETS, library_of, origin
from streamdcm.sinks.locations import printable
from streamdcm.sinks.storage.problems import Service
from streamdcm.sinks.storage.refusal import refuse

_KEPT: Final = 1024 * 1024
"""The most bytes from the beginning of a body that are kept, to be sent again."""

CONTINUE_WAIT: Final = 1.0
"""The seconds that a server has to say whether it wants a large body (RFC 9110 §10.1.1); old ones say nothing."""

_DELAYS: Final = (0.2, 0.8)
"""The seconds to wait before a second and a third attempt."""

_MOST_REDIRECTS: Final = 5
_LARGEST_HEAD: Final = 64 * 1024
_REDIRECTS: Final = frozenset({307, 308})  # RFC 9110 §15.4.8, §15.4.9: the same method and body at another address
_REFUSES_EXPECT: Final = 417
_TRY_AGAIN: Final = frozenset({429, 503})


class Answer(NamedTuple):
    """What a server answered.

    Attributes
    ----------
    status : int
        The status.
    location : str or None
        Where it redirects to.
    """

    status: int
    location: str | None


class Send(NamedTuple):
    """Send this request, and answer with an `Answer`, or throw what the library raised."""

    request: Any
    arguments: dict[str, Any]


class Wait(NamedTuple):
    """Wait for so many seconds."""

    seconds: float


Exchange: TypeAlias = Generator[Send | Wait, Answer | None, int]
"""Says what to do to have a resource put; returns the last status."""


class EarlyAnswerError(Exception):
    """Breaks off a body when the server has answered; never seen outside."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class AbortedError(Exception):
    """Breaks off a body when its write was aborted; never seen outside."""


class Start:
    """The beginning of a body, kept for as long as it is short enough to be sent again."""

    def __init__(self) -> None:
        self._pieces: list[bytes] | None = []
        self._size = 0
        self.has_ended = False
        """Whether the end of the body was given away: the server may have taken it all."""

    @property
    def is_whole(self) -> bool:
        """Whether all that was given away was kept."""
        return self._pieces is not None

    def keep(self, piece: bytes) -> None:
        """Keep a piece that is given away now, or give up to keep any."""
        self._size += len(piece)
        if self._size > _KEPT:
            self._pieces = None
        elif self._pieces is not None:
            self._pieces.append(piece)

    def pieces(self) -> tuple[bytes, ...]:
        """Return what was given away, to give it away again."""
        assert self._pieces is not None
        return tuple(self._pieces)


class AnswerReader:
    """Reads from a connection what a server answers before it has the whole body."""

    def __init__(self) -> None:
        self._read = b""

    def take(self, data: bytes) -> bool:
        """Take what was read; tell whether the server wants the body.

        Raises
        ------
        EarlyAnswerError
            If the server has answered without it.
        """
        self._read += data
        while b"\r\n\r\n" in self._read and len(self._read) <= _LARGEST_HEAD:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            line, _, fields = head.partition(b"\r\n")
            code = line.split(b" ", 2)[1:2]
            if not code or not code[0].isdigit():
                return True  # nonsense; what comes of it is seen at the end
            if (status := int(code[0])) >= 200:
                raise EarlyAnswerError(Answer(status, BytesHeaderParser().parsebytes(fields).get("Location")))
            if status == 100:
                return True
        return False


class Put:
    """A resource that is to be put.

    Parameters
    ----------
    url : str
        Where to; a user and password in it are sent, and shown nowhere.
    storage : StorageSettings
        Its client, or the arguments of one.
    overwrite : bool
        Whether what is there may be replaced; if not, the server is asked to refuse (RFC 9110 §13.1.2).
    asynchronous : bool
        Whether the client has to be one for an event loop.

    Raises
    ------
    MissingExtraError
        If no library for HTTP is installed.
    TargetTypeError
        If the URL is none, or the client is of the wrong kind.
    """

    def __init__(self, url: str, storage: StorageSettings, *, overwrite: bool, asynchronous: bool) -> None:
        refuse(storage, "metadata", "resume")
        self.location = printable(url)
        self.library = library_of(storage.client, asynchronous=asynchronous)
        self._server = server_of(self.library.http)
        self.storage = storage
        self.size: int | None = None
        """The number of bytes, if it is known: sent as the Content-Length."""
        self.sent = 0
        """The number of bytes that were given away."""
        self.asks_first = False
        """Whether the request that is being sent asks the server whether it wants the body."""
        self._overwrite = overwrite
        parsed = self._parsed(url)
        if parsed.fragment:  # RFC 9110 §7.1: it is not sent, and what names differ by it alone would be one resource
            raise TargetTypeError(f"{self.location}: a URL to PUT to has no fragment; write # in a name as %23")
        self._auth = (parsed.username, parsed.password) if parsed.username or parsed.password else None
        self._url = parsed.copy_with(username=None, password=None)

    def exchange(self, client: Any, body: Any, start: Start, trace: Any) -> Exchange:
        """Say what to do, one thing after the other.

        Parameters
        ----------
        client : object
            The client that will send.
        body : iterable or async iterable
            Gives the body from its beginning each time.
        start : Start
            What the body has given away.
        trace : callable
            Is told what happens on the connection, as httpcore does.
        """
        request = self._first_request(client, body, trace)
        arguments: dict[str, Any] = {} if self._auth is None else {"auth": self._auth}
        delays = iter(_DELAYS)
        redirects = 0
        while True:
            self.asks_first = "Expect" in request.headers
            try:
                answer = yield Send(request, arguments)
            except self.library.http.TransportError as error:
                delay = next(delays, None)
                if delay is None or not self._may_repeat(error, start):
                    raise
                yield Wait(delay)
                continue
            assert answer is not None
            if answer.status in _REDIRECTS and answer.location:
                redirects += 1
                request = self._redirected(request, answer, body, start, redirects)
                arguments = {"auth": None}  # the client's is for the first address
            elif answer.status == _REFUSES_EXPECT and self.asks_first and start.is_whole:
                del request.headers["Expect"]
            elif answer.status in _TRY_AGAIN and start.is_whole and (delay := next(delays, None)) is not None:
                yield Wait(delay)
            else:
                return answer.status

    def check(self, status: int, start: Start) -> None:
        """Raise what the last status stands for, unless it is one of success.

        Raises
        ------
        StorageError
            If the server did not take the resource.
        """
        if 200 <= status < 300:
            if start.has_ended:
                return
            raise StorageError(f"{self.location}: the server answered before it had everything (HTTP status {status})")
        names = (f"HTTP {status}", f"HTTP {status // 100}xx")
        raise self._server.problem(names, self.location, f"HTTP status {status}")

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Translate the exceptions of the library, which may quote what is secret."""
        try:
            with self._server.errors_of(self.location):
                yield
        except ConnectionLostError as error:
            if self.sent > _KEPT:
                error.add_note(f"{self.sent:,} bytes were sent; the server may find this too large")
            raise

    def _first_request(self, client: Any, body: Any, trace: Any) -> Any:
        headers = {}
        if "Content-Type" not in client.headers:
            headers["Content-Type"] = self.storage.content_type
        if not self._overwrite:
            headers["If-None-Match"] = "*"
        if self.size is not None:
            headers["Content-Length"] = str(self.size)
        if self.size is None or self.size > _KEPT:
            headers["Expect"] = "100-continue"
        request = client.build_request("PUT", self._url, headers=headers, content=body, extensions={"trace": trace})
        request.url = self._hidden(request.url)
        return request

    def _redirected(self, request: Any, answer: Answer, body: Any, start: Start, count: int) -> Any:
        """Return the request to where a server redirects to, without what another host must not see."""
        if count > _MOST_REDIRECTS:
            raise StorageError(f"{self.location}: the server redirects in circles (HTTP status {answer.status})")
        if not start.is_whole:
            raise StorageError(
                f"{self.location}: the server redirects when bytes were sent that were not kept (HTTP status "
                f"{answer.status}); give the address that it redirects to"
            )
        url = self._parsed(str(self.library.http.URL(request.url).join(answer.location)))
        url = url.copy_with(username=None, password=None)
        if request.url.scheme == "https" and url.scheme != "https":
            raise StorageError(
                f"{self.location}: the server redirects to where nothing is encrypted (HTTP status {answer.status})"
            )
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() != "host" and (origin(url) == origin(request.url) or name.lower() in NO_SECRETS)
        }
        again = self.library.http.Request("PUT", url, headers=headers, content=body, extensions=request.extensions)
        again.url = self._hidden(again.url)
        return again

    def _may_repeat(self, error: Exception, start: Start) -> bool:
        """Tell whether to try again, which is idempotent (RFC 9110 §9.2.2) unless what may be there is refused."""
        http = self.library.http
        if isinstance(error, (http.TimeoutException, http.LocalProtocolError, http.UnsupportedProtocol)):
            return False
        return start.is_whole and (self._overwrite or not start.has_ended)

    def _parsed(self, url: str) -> Any:
        try:
            parsed = self.library.http.URL(url)
            parsed.host.encode("idna")  # as resolving it does
        except (self.library.http.InvalidURL, ValueError) as error:
            raise TargetTypeError(f"{printable(url)}: this is not a valid URL ({type(error).__name__})") from error
        if parsed.scheme not in {"http", "https"} or not parsed.host or (parsed.port or 1) not in range(1, 65536):
            raise TargetTypeError(f"{printable(url)}: a URL to PUT to needs the name of a host, and a valid port")
        return parsed

    def _hidden(self, url: Any) -> Any:
        """Return a URL whose text lacks the query, which may be a signature: the libraries log it."""
        shown = printable(str(url))
        hidden = type("Hidden", (self.library.http.URL,), {"__str__": lambda _: shown})
        return hidden(url)


def server_of(http: Any) -> Service:
    """Return what the errors of a library for HTTP are called."""
    return Service(
        name="the server",
        thing="resource",
        container="place",
        credentials="auth= or headers= in storage_options",
        errors=(http.HTTPError, http.StreamError, http.InvalidURL, OSError, UnicodeError),
        otherwise="TransportError",
    )
