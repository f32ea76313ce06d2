"""HTTP clients, of httpx2 or of httpx: all are made in this one place, for targets and for whatever else sends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streamdcm.errors import MissingExtraError, TargetError, TargetTypeError
from streamdcm.errors.translation import reason_of

if TYPE_CHECKING:
    import ssl

_LIBRARIES: Final = ("httpx2", "httpx")

IDLE: Final = 30.0
"""The seconds that connecting, or sending a piece, may take."""

ANSWER: Final = 600.0
"""The seconds that a server may take to answer when it has all: it may store a large object before it does."""

NO_SECRETS: Final = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "if-none-match"),
        *("transfer-encoding", "user-agent"),
    }
)
"""The headers that a request to another server may have; anything else that a caller's client adds may be a secret."""

_OF_CERTIFICATES: Final = frozenset({"verify", "cert", "trust_env", "transport"})
"""Options of a client that say which certificates it trusts and has, or do without them."""

_OF_ENVIRONMENT: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name the certificates to trust."""


class Library(NamedTuple):
    """A library that makes HTTP clients.

    Attributes
    ----------
    http : module
        httpx2 or httpx.
    core : module
        httpcore2 or httpcore, which is below it.
    """

    http: Any
    core: Any


def library_of(client: Any, *, asynchronous: bool) -> Library:
    """Return the library that a caller's client is of, or, without a client, one that is installed.

    Parameters
    ----------
    client : httpx2.Client, httpx2.AsyncClient, httpx.Client, httpx.AsyncClient or None
        The client.
    asynchronous : bool
        Whether it has to be one for an event loop.

    Raises
    ------
    MissingExtraError
        If no library is installed.
    TargetTypeError
        If it is no client, or of the wrong kind.
    """
    if client is None:
        return _installed()
    for module in filter(None, map(sys.modules.get, _LIBRARIES)):
        for kind in (module.Client, module.AsyncClient):
            if isinstance(client, kind):
                if (kind is module.AsyncClient) is not asynchronous:
                    raise TargetTypeError(_wrong_kind(module.__name__, asynchronous))
                return _library(module)
    raise TargetTypeError(
        f"client= is an object of type {type(client).__name__}; for http:// and https:// it is a client of httpx2 or "
        "httpx"
    )


def make_client(library: Library, options: Mapping[str, Any], *, asynchronous: bool) -> Any:
    """Make a client, with what the library does by default but for the timeouts: proxies, certificates, environment.

    The first one takes a while, for it loads certificates; clients share them. Whoever makes it closes it.

    Parameters
    ----------
    library : Library
        The library.
    options : mapping
        Keyword arguments of the client, which come first.
    asynchronous : bool
        Whether it is to be one for an event loop.

    Raises
    ------
    TargetTypeError
        If the client does not take the options.
    MissingExtraError
        If the options need another library.
    TargetError
        If the certificates that the environment names cannot be loaded.
    """
    kind = library.http.AsyncClient if asynchronous else library.http.Client
    name = f"{library.http.__name__}.{kind.__name__}"
    own: dict[str, Any] = {"timeout": library.http.Timeout(IDLE, read=ANSWER)}
    if not options.keys() & _OF_CERTIFICATES:
        own["verify"] = _certificates(library.http, *map(os.environ.get, _OF_ENVIRONMENT))
    try:
        return kind(**{**own, **options})
    except ImportError as error:
        raise MissingExtraError(f"{name} needs another library for these storage_options") from error
    except Exception as error:
        raise TargetTypeError(
            f"storage_options are the arguments of {name}, which does not take these ({type(error).__name__})"
        ) from error


def origin(url: Any) -> tuple[str, str, int]:
    """Return what tells one server from another (RFC 9110 §4.3.1): two ports of a host may be of different people."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}[url.scheme]


@cache
def _certificates(http: Any, *_: str | None) -> ssl.SSLContext:
    """Return what the library trusts by default in this environment: to load it takes longer than a small request."""
    try:
        context: ssl.SSLContext = http.create_ssl_context()
    except OSError as error:
        raise TargetError(
            f"the certificates to trust cannot be loaded ({reason_of(error)}); correct SSL_CERT_FILE or SSL_CERT_DIR, "
            "which name them"
        ) from error
    return context


def _installed() -> Library:
    for name in _LIBRARIES:
        try:
            return _library(import_module(name))
        except ModuleNotFoundError:
            continue
    raise MissingExtraError("http:// and https:// need the library httpx2: pip install 'streamdcm[http]'")


def _library(module: Any) -> Library:
    return Library(module, import_module(module.__name__.replace("httpx", "httpcore")))


def _wrong_kind(library: str, asynchronous: bool) -> str:
    if asynchronous:
        return f"client= is a {library}.Client, and this function runs on an event loop; give an AsyncClient"
    return f"client= is an {library}.AsyncClient; give a Client, or use the function whose name ends in _async"
