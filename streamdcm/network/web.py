"""STOW-RS: what is posted, and what the answer means (PS3.18 §10.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from streamdcm.errors import PeerAccessError, PeerConnectionError, PeerResponseError, PeerTimeoutError, PlanError
from streamdcm.network.answers import LARGEST, StoreAnswer, UnclearError, decoded, parsed_answer
from streamdcm.network.bodies import Body, NotRepeatableError, item_of
from streamdcm.network.failures import ONCE, Verdict, verdict_of_http, verdict_of_status
from streamdcm.network.items import Item
from streamdcm.network.multipart import content_type, length_of, random_boundary, web_syntax
from streamdcm.network.operations import Call, Job, Post, SourceFailed, Steps
from streamdcm.network.results import Ledger
from streamdcm.options.checks import one_of
from streamdcm.sinks import printable
from streamdcm.sinks.http_clients import NO_SECRETS, Library, origin

Length: TypeAlias = Literal["auto", "known", "chunked"]

_REDIRECTS: Final = frozenset({307, 308})
_SCHEMES: Final = frozenset({"http", "https"})
_MOST_REDIRECTS: Final = 5
_NO_ACCESS: Final = frozenset({401, 403})


class Answer(NamedTuple):
    """What a server answered.

    Attributes
    ----------
    status : int
        The status of HTTP.
    content : bytes or None
        The body; `None` if there is too much of it.
    headers : mapping
        The headers.
    next_request : object
        What the library would send next, if it is a redirection.
    """

    status: int
    content: bytes | None
    headers: Mapping[str, str]
    next_request: Any = None


Send: TypeAlias = Callable[[Any, Body, dict[str, Any]], Callable[[Any], Any]]
"""Takes a request, its body and arguments, and returns what sends it when a driver calls that."""


class Target(NamedTuple):
    """Where instances are posted, and by what.

    Attributes
    ----------
    url : httpx2.URL or httpx.URL
        The resource.
    place : str
        The same, for people.
    length : {"auto", "known", "chunked"}
        Whether requests have a Content-Length.
    library : Library
        The library of the client.
    """

    url: Any
    place: str
    length: Length
    library: Library


def parsed_target(url: str, study: str | None, length: Length, library: Library) -> Target:
    """Return where instances go.

    Raises
    ------
    PlanError
        If the URL is none of HTTP, or another argument is wrong.
    """
    one_of("auto", "known", "chunked")("length", length)
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        shown = printable(url) if isinstance(url, str) else type(url).__name__
        raise PlanError(f"{shown} is no URL that begins with http:// or https://")
    if study is not None and (not isinstance(study, str) or not study or not set(study) <= set("0123456789.")):
        raise PlanError("study must be a Study Instance UID")
    if "?" in url or "#" in url:
        raise PlanError(f"{printable(url)} has a query or a fragment, behind which no path can be added; leave it out")
    whole = f"{url.rstrip('/')}/studies{'' if study is None else '/' + study}"
    try:
        parsed = library.http.URL(whole)
        parsed.host.encode("idna")
    except (library.http.InvalidURL, ValueError) as error:
        raise PlanError(f"{printable(url)} is no valid URL ({type(error).__name__})") from None
    if not parsed.host or parsed.port not in (None, *range(1, 65536)):
        raise PlanError(f"{printable(url)} names no host, or no valid port")
    return Target(parsed, printable(whole), length, library)


class WebSession:
    """Stores instances by requests of HTTP.

    Parameters
    ----------
    target : Target
        Where to.
    client : object
        The client.
    send : callable
        Sends by it.
    make_body : callable
        Makes the body of a request.
    ledger : Ledger
        Counts bytes.
    """

    def __init__(self, target: Target, client: Any, send: Send, make_body: type[Body], ledger: Ledger) -> None:
        self._target = target
        self._client = client
        self._send = send
        self._make_body = make_body
        self._ledger = ledger

    def attempt(self, jobs: Sequence[Job]) -> Steps[list[Verdict]]:
        """Post instances in one request."""
        body = self._make_body(jobs, random_boundary(), self._ledger)
        headers = {
            "Content-Type": content_type(body.boundary),
            "Accept": "application/dicom+json",
            "Accept-Encoding": "identity",
        }
        length = yield from self._length(jobs, body)
        if length is not None:
            headers["Content-Length"] = str(length)
        for job in jobs:
            job.transfer_syntax = web_syntax(item_of(job))
        request = self._client.build_request("POST", self._target.url, headers=headers, content=body)
        try:
            answer = yield from self._exchange(request, body)
        except NotRepeatableError:
            return [Verdict("failed", reason=f"the server asks for it again; {ONCE}")] * len(jobs)
        return self._verdicts(jobs, answer, body)

    def finish(self) -> Steps[None]:
        """End; connections belong to the client."""
        yield from ()

    def abandon(self) -> None:
        """Break off; a request that is under way ends with its body."""

    def _length(self, jobs: Sequence[Job], body: Body) -> Steps[int | None]:
        if self._target.length == "chunked":
            return None
        sizes = []
        for job in jobs:
            item = item_of(job)
            try:
                size = yield Call(partial(item.size, web_syntax(item), "file"))
            except Exception as error:
                raise SourceFailed(error, job) from error
            if size is None and self._target.length == "known":
                raise SourceFailed(PlanError(_UNKNOWN), job)
            sizes.append(size)
        return length_of(body.boundary, sizes)

    def _exchange(self, request: Any, body: Body) -> Steps[Answer]:
        """Send a request, and again to where it is redirected."""
        arguments: dict[str, Any] = {}
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                answer: Answer = yield Post(self._send(request, body, arguments))
            except Exception as error:
                raise self._translated(error, body) from error
            following = answer.next_request
            if answer.status not in _REDIRECTS or following is None or following.url.scheme not in _SCHEMES:
                return answer
            if request.url.scheme == "https" and following.url.scheme != "https":
                raise PeerAccessError(f"{self._target.place}: the server redirects to where nothing is encrypted")
            if not _may_see_secrets(following.url, request.url):
                arguments = {"auth": None}  # the client's is for the first server
                for name in set(following.headers) - NO_SECRETS - {"host"}:
                    del following.headers[name]
            request = following
        raise PeerConnectionError(f"{self._target.place}: the server redirects in circles")

    def _translated(self, error: Exception, body: Body) -> Exception:
        """Say in our own words what a library says, whose texts may quote what is secret."""
        http, place = self._target.library.http, self._target.place
        if body.failure is not None:
            return body.failure
        hint = f" after {body.sent:,} bytes; more than the server takes may be the cause" if body.sent else ""
        if isinstance(error, http.TimeoutException):
            return PeerTimeoutError(
                f"{place}: the server did not go on in time ({type(error).__name__}){hint}; try again"
            )
        is_wrong = isinstance(error, http.LocalProtocolError) and not body.sent
        if is_wrong or isinstance(error, http.UnsupportedProtocol):
            text = "the request cannot be sent; see what the client and its authentication add to it"
            return PlanError(f"{place}: {text} ({type(error).__name__})")
        if isinstance(error, http.HTTPError):
            return PeerConnectionError(f"{place}: the connection failed ({type(error).__name__}){hint}")
        return error

    def _verdicts(self, jobs: Sequence[Job], answer: Answer, body: Body) -> list[Verdict]:
        """Return what an answer says of instances.

        Raises
        ------
        PeerConnectionError
            If it says that one is stored that was not sent as a whole.
        """
        unclear = ""
        named = StoreAnswer()
        try:
            if answer.content is None:
                raise UnclearError(f"it is longer than {LARGEST:,} bytes")
            named = parsed_answer(decoded(answer.content, answer.headers.get("Content-Encoding", "")))
        except UnclearError as error:
            unclear = str(error)
        verdicts = [self._verdict(item_of(job), answer, named, unclear) for job in jobs]
        if not body.whole.issuperset(job for job, verdict in zip(jobs, verdicts, strict=True) if verdict.is_stored):
            raise PeerConnectionError(
                f"{self._target.place}: the server says that it is stored before it had all of it"
            )
        return verdicts

    def _verdict(self, item: Item, answer: Answer, named: StoreAnswer, unclear: str) -> Verdict:
        """Return what an answer says of an instance: the body decides, and not the status."""
        uid, status = item.sop_instance_uid, answer.status
        is_success = 200 <= status < 300
        if uid in named.failed:
            reason = named.failed[uid]
            if reason is None:
                return Verdict("failed", status, f"the server refuses it without a reason (HTTP status {status})")
            return verdict_of_status(reason)._replace(status="failed")
        if uid in named.stored:
            warning = named.stored[uid]
            if not is_success:
                return Verdict("warning", status, f"it is stored, though the request failed (HTTP status {status})")
            return Verdict("stored") if not warning else verdict_of_status(warning)._replace(status="warning")
        verdict = verdict_of_http(status, _pause(answer.headers))
        if status in _NO_ACCESS:
            return verdict._replace(error=PeerAccessError(f"{self._target.place}: {_ACCESS} (HTTP status {status})"))
        if is_success and unclear:
            text = f"the answer cannot be understood: {unclear}; it may be stored or not (HTTP status {status})"
            return verdict._replace(reason=text, error=PeerResponseError(f"{self._target.place}: {text}"))
        return verdict


def _may_see_secrets(url: Any, first: Any) -> bool:
    """Tell whether what is for one server may go to where it redirects: to itself, or to its encrypted twin."""
    is_encrypted_twin = (origin(first), origin(url)) == (("http", url.host, 80), ("https", url.host, 443))
    return is_encrypted_twin or origin(url) == origin(first)


def _pause(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a server wants to be left alone for (RFC 9110 §10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


_ACCESS: Final = "the server does not know who sends, or does not allow it"
_UNKNOWN: Final = (
    "its length is not known, which length='known' asks for; give number_of_frames, or the ByteStream its length"
)
