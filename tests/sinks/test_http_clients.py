"""HTTP clients of our own making: what they trust, and how often it is loaded."""

import ssl
from typing import Any

import pytest

from streamdcm.errors import TargetError
from streamdcm.sinks.http_clients import Library, library_of, make_client
from tests.support.tools import package


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What certificates are loaded from, each time."""
    seen: list[str] = []
    load = ssl.SSLContext.load_verify_locations

    def loading(context: ssl.SSLContext, *where: Any, **named: Any) -> None:
        seen.append(str(where or named))
        load(context, *where, **named)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", loading)
    return seen


@pytest.fixture
def library() -> Library:
    package("httpx2")
    return library_of(None, asynchronous=False)


def test_certificates_are_loaded_once(library: Library, loads: list[str]) -> None:
    make_client(library, {}, asynchronous=False).close()
    loads.clear()
    make_client(library, {}, asynchronous=False).close()
    make_client(library, {"headers": {"X-Key": "1"}}, asynchronous=True)
    assert loads == []


def test_another_environment_has_other_certificates(
    library: Library, loads: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    certificate = tmp_path / "authority.pem"
    package("trustme").CA().cert_pem.write_to_path(certificate)
    make_client(library, {}, asynchronous=False).close()
    loads.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    make_client(library, {}, asynchronous=False).close()
    assert str(certificate) in "".join(loads)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_loaded_are_told(
    library: Library, content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    if content is not None:
        (tmp_path / "authority.pem").write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with pytest.raises(TargetError, match="correct SSL_CERT_FILE"):
        make_client(library, {}, asynchronous=False)


def test_what_a_client_is_told_is_not_shared(library: Library) -> None:
    context = ssl.create_default_context()
    told = make_client(library, {"verify": context}, asynchronous=False)
    plain = make_client(library, {}, asynchronous=False)
    assert used(told) is context
    assert used(plain) is not context
    assert used(plain).verify_mode is ssl.CERT_REQUIRED
    assert used(plain).check_hostname


def used(client: Any) -> ssl.SSLContext:
    """Return what a client's connections are encrypted by."""
    found: ssl.SSLContext = client._transport._pool._ssl_context
    return found
