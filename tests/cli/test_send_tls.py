"""``streamdcm send`` over TLS: whom it trusts, and what it shows of itself, to servers that demand it."""

import ssl
from pathlib import Path
from typing import NamedTuple

import pytest

from streamdcm.cli.app import main
from tests.network.test_dimse import CT_SMALL, accepting
from tests.support import peers
from tests.support.peers import scripted
from tests.support.stow import CT_UID, Web, ok
from tests.support.tools import package

pytestmark = pytest.mark.slow


class Certificates(NamedTuple):
    """Files, and what a server takes."""

    trusted: Path
    foreign: Path
    ours: Path
    key: Path
    of_server: Path
    key_of_server: Path
    server: ssl.SSLContext

    def shown(self) -> list[str]:
        return ["--cacert", str(self.trusted), "--cert", str(self.ours), "--key", str(self.key)]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A server with a certificate, which demands one of whoever sends."""
    trustme = package("trustme")
    directory = tmp_path_factory.mktemp("certificates")
    authority, other = trustme.CA(), trustme.CA()
    paths = [directory / name for name in ("ca", "other", "ours", "key", "server", "key_of_server")]
    ours, of_server = authority.issue_cert("client"), authority.issue_cert("127.0.0.1")
    blobs = [authority.cert_pem, other.cert_pem, ours.cert_chain_pems[0], ours.private_key_pem]
    blobs += [of_server.cert_chain_pems[0], of_server.private_key_pem]
    for path, blob in zip(paths, blobs, strict=True):
        blob.write_to_path(path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    of_server.configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    return Certificates(*paths, server)


def web_of(peer: peers.ScriptedPeer) -> str:
    return peer.url.replace("dicoms://PEER@", "https://") + "/dicom-web"


def test_it_is_posted_to_a_server_that_demands_a_certificate(certificates: Certificates) -> None:
    web = Web(ok(CT_UID))
    with scripted(web, tls=certificates.server) as peer:
        assert main(["send", *certificates.shown(), str(CT_SMALL), web_of(peer)]) == 0
    assert len(web.requests) == 1


def test_it_is_stored_by_a_server_that_demands_a_certificate(certificates: Certificates) -> None:
    with scripted(accepting(1), tls=certificates.server) as peer:
        assert main(["send", *certificates.shown(), str(CT_SMALL), peer.url]) == 0


@pytest.mark.parametrize("is_web", [True, False], ids=["https", "dicoms"])
@pytest.mark.parametrize("lacks", ["our certificate", "trust"])
def test_nothing_is_sent_without_a_certificate_or_trust(
    certificates: Certificates, is_web: bool, lacks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    web = Web(ok(CT_UID))
    given = ["--cacert", str(certificates.trusted)]
    if lacks == "trust":
        given = [*certificates.shown(), "--cacert", str(certificates.foreign)]
    with scripted(web, tls=certificates.server) as peer:
        url = web_of(peer) if is_web else peer.url
        assert main(["send", "--retry", "0", *given, str(CT_SMALL), url]) == 1
    assert web.requests == []
    said = capsys.readouterr().err
    assert "127.0.0.1" in said
    assert "Traceback" not in said


def test_storescp_with_tls_has_it(certificates: Certificates, tmp_path: Path) -> None:
    options = ["+tls", str(certificates.key_of_server), str(certificates.of_server), "+cf", str(certificates.trusted)]
    with peers.storescp(tmp_path / "received", *options, "+xa") as server:
        url = server.url.replace("dicom://", "dicoms://")
        assert main(["send", *certificates.shown(), str(CT_SMALL), url]) == 0
        assert len(server.datasets()) == 1
        assert main(["send", "--retry", "0", "--cacert", str(certificates.trusted), str(CT_SMALL), url]) == 1
        assert len(server.datasets()) == 1


def test_files_of_certificates_that_are_none_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    package("httpx2")
    (tmp_path / "none.pem").write_text("nothing")
    assert main(["send", "--cacert", str(tmp_path / "none.pem"), str(CT_SMALL), "https://127.0.0.1:9/x"]) == 1
    assert "none.pem" in capsys.readouterr().err
    assert main(["send", "--cacert", str(tmp_path / "missing"), str(CT_SMALL), "dicoms://127.0.0.1:9"]) == 1
    assert "missing" in capsys.readouterr().err
