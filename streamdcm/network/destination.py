"""A server to which instances are sent, said in texts: it goes to other processes, and to the command line."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from streamdcm.errors import PlanError
from streamdcm.network.addresses import parsed_address
from streamdcm.network.upper_layer import Address
from streamdcm.network.web import parsed_target
from streamdcm.sinks import printable, scheme_of
from streamdcm.sinks.http_clients import library_of

_DIMSE: Final = ("dicom", "dicoms")
_WEB: Final = ("http", "https")
_ENCRYPTED: Final = ("dicoms", "https")
_SCHEMES: Final = (*_DIMSE, *_WEB)

ONLY_FOR: Final = {
    "calling": _DIMSE,
    "batch_size": _WEB,
    "study": _WEB,
    "token_file": _WEB,
    "cacert": _ENCRYPTED,
    "cert": _ENCRYPTED,
    "key": _ENCRYPTED,
}
"""What can be said of some schemes alone."""

OUR_TITLE: Final = "STREAMDCM"


@dataclass(frozen=True, slots=True)
class Destination:
    """A server, who we are there, and whom we trust.

    Parameters
    ----------
    url : str
        ``dicom://CALLED@host:port``, ``dicoms://`` for TLS, or the base of a DICOMweb service.
    calling : str, optional
        For DIMSE: our AE title.
    token_file : str, optional
        For HTTP: a file with a bearer token, read anew for each request.
    cacert : str, optional
        For TLS: a file with the certificates to trust, in place of the system's.
    cert, key : str, optional
        For TLS: files with our certificate and its private key.
    """

    url: str
    calling: str | None = None
    token_file: str | None = None
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None

    @property
    def scheme(self) -> str:
        """The scheme of its URL."""
        return (scheme_of(self.url) or "") if isinstance(self.url, str) else ""

    @property
    def is_web(self) -> bool:
        """Whether it is sent to by STOW-RS, and not by C-STORE."""
        return self.scheme in _WEB

    def check(self, study: str | None = None) -> None:
        """Refuse what cannot be sent to; no file is read, and nobody asked.

        Parameters
        ----------
        study : str, optional
            The study that all instances must be of.

        Raises
        ------
        PlanError
            If the URL is another one, or what belongs to it does not fit.
        MissingExtraError
            If there is no library for HTTP.
        """
        if self.scheme not in _SCHEMES:
            shown = printable(self.url) if isinstance(self.url, str) else type(self.url).__name__
            raise PlanError(f"{shown}: the URL must begin with {'://, '.join(_SCHEMES)}://")
        for name, schemes in ONLY_FOR.items():
            if getattr(self, name, None) is not None and self.scheme not in schemes:
                raise PlanError(f"{name} is for {' and '.join(f'{each}://' for each in schemes)} only; leave it out")
        if (self.cert is None) is not (self.key is None):
            raise PlanError("cert and key belong together; give both, or neither")
        if self.is_web:
            parsed_target(self.url, study, "auto", library_of(None, asynchronous=False))
        else:
            parsed_address(self.url, self.calling or OUR_TITLE, None)

    def address(self) -> Address:
        """Return whom to associate with; see `context` for what it raises."""
        return parsed_address(self.url, self.calling or OUR_TITLE, self.context())

    def context(self) -> ssl.SSLContext | None:
        """Return how the connection is encrypted; `None` for one that is not.

        Raises
        ------
        PlanError
            If a file cannot be read, or has no certificate or key in it.
        """
        if self.scheme not in _ENCRYPTED:
            return None
        with _read_in_pem(self.cacert):
            context = ssl.create_default_context(cafile=self.cacert)
        if self.cert is not None:
            with _read_in_pem(self.cert, self.key):
                context.load_cert_chain(self.cert, self.key)
        return context

    def client_options(self) -> dict[str, Any]:
        """Return the arguments of a client of HTTP."""
        options: dict[str, Any] = {}
        if self.token_file is not None:
            options["auth"] = _bearer(self.token_file)
        context = self.context()
        if context is not None:
            options["verify"] = context
        return options


@contextmanager
def _read_in_pem(*paths: str | None) -> Iterator[None]:
    """Name the files of which Python's error says nothing."""
    try:
        yield
    except OSError as error:
        names = " with ".join(printable(path) for path in paths if path is not None)
        reason = "nothing in it is one" if isinstance(error, ssl.SSLError) else error.strerror
        raise PlanError(f"{names} cannot be used as a certificate ({reason}); give files in PEM") from error


def _bearer(path: str) -> Callable[[Any], Any]:
    """Return what gives each request the token that is in a file at that time."""

    def authorize(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {_token_in(path)}"
        return request

    return authorize


def _token_in(path: str) -> str:
    """Return the token that is in a file, and quote it nowhere."""
    try:
        token = Path(path).read_bytes().strip()
    except OSError as error:
        raise PlanError(
            f"the token file {printable(path)} cannot be read ({error.strerror}); correct token_file"
        ) from error
    if not re.fullmatch(rb"[!-~]+", token):  # RFC 6750 §2.1 has fewer; spaces and line breaks cannot be sent
        raise PlanError(f"the token file {printable(path)} must have one token in it, of ASCII and without spaces")
    return token.decode("ascii")
