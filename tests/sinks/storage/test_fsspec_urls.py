"""URLs that fsspec makes nothing of: every scheme that it knows ends in an error of ours, or in a file."""

import io
import socket
from collections.abc import Callable

import fsspec
import pytest

import streamdcm
from streamdcm.errors import ConnectionLostError, StreamdcmError, TargetTypeError
from tests.support.services import free_ports
from tests.support.uploads import small

pytestmark = [
    pytest.mark.slow,
    # of file systems that could not be made, and have a __del__ all the same
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCHEMES = sorted(
    scheme for scheme in fsspec.available_protocols() if scheme not in {"dask", "file", "local"} and "_" not in scheme
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(self, address):
        raise ConnectionRefusedError(f"secret {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def urls_of(scheme: str) -> list[str]:
    return [f"{scheme}://user:secret@host/x.dcm", f"{scheme}://", f"{scheme}://in.zip::memory://x"]


def error_of(write: Callable[[], object], *kinds: type[Exception]) -> str:
    """What an error of these kinds shows; anything else fails the test."""
    try:
        write()
    except kinds as error:
        return f"{error} {error!r} {getattr(error, '__notes__', '')}"
    return ""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_target_of_any_scheme_is_written_or_refused_by_an_error_of_ours(scheme):
    for url in urls_of(scheme):
        assert "secret" not in error_of(lambda url=url: streamdcm.dcmwrite(url, small()), StreamdcmError)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_source_of_any_scheme_is_read_or_refused_by_an_error_of_ours(scheme):
    for url in urls_of(scheme):
        kinds = (StreamdcmError, FileNotFoundError)
        assert "secret" not in error_of(lambda url=url: streamdcm.rewrite(url, io.BytesIO()), *kinds)


def test_a_server_that_is_asked_while_the_target_is_looked_at_can_refuse(monkeypatch):
    monkeypatch.undo()
    [port] = free_ports(1)
    with pytest.raises(ConnectionLostError, match=rf"^ftp://127\.0\.0\.1:{port}/x\.dcm: .*try again"):
        streamdcm.dcmwrite(f"ftp://user:secret@127.0.0.1:{port}/x.dcm", small())


def test_options_that_a_file_system_does_not_take_are_refused():
    with pytest.raises(TargetTypeError, match=r"^ftp://host/x\.dcm: .*storage_options"):
        streamdcm.dcmwrite("ftp://host/x.dcm", small(), storage_options={"nonsense": object(), "port": "x"})
