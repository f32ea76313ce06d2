"""Sending over TLS as the how-to pages say, to servers that ask for a certificate of the client."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streamdcm import dicomweb, dimse
from streamdcm.batch import Batch
from streamdcm.cli.app import main
from streamdcm.errors import PeerConnectionError
from tests.network.test_dimse import CT_SMALL, dataset_of, each_way, store_on
from tests.support.peers import Storescp, scripted, storescp
from tests.support.stow import CT_UID, Web, ok
from tests.support.tools import need, package, run


class Certificates(NamedTuple):
    """Files of PEM."""

    authority: Path
    server: Path
    client: Path
    key: Path

    def context(self, *, known: bool = True) -> ssl.SSLContext:
        """What a client has, with a certificate or without."""
        context = ssl.create_default_context(cafile=self.authority)
        if known:
            context.load_cert_chain(self.client, self.key)
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    trustme = package("trustme")
    folder = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    server, client = authority.issue_cert("127.0.0.1", "localhost"), authority.issue_cert("client")
    files = Certificates(*(folder / name for name in ("authority.pem", "server.pem", "client.pem", "client.key")))
    authority.cert_pem.write_to_path(files.authority)
    server.private_key_and_cert_chain_pem.write_to_path(files.server)
    client.cert_chain_pems[0].write_to_path(files.client)
    client.private_key_pem.write_to_path(files.key)
    return files


@pytest.fixture(scope="module")
def secure(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storescp]:
    """DCMTK's storescp, which takes nobody without a certificate."""
    said = subprocess.run([need("storescp"), "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout
    if "OPENSSL" not in said.upper():
        pytest.skip("this storescp has no TLS")
    folder, server = tmp_path_factory.mktemp("secure"), certificates.server
    options = ["+xa", "+tls", str(server), str(server), "+cf", str(certificates.authority), "--require-peer-cert"]
    with storescp(folder, *options) as running:
        yield running._replace(url=running.url.replace("dicom://", "dicoms://"))


@pytest.fixture
def web(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates.authority)
    context.load_cert_chain(certificates.server)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def url_of(peer: Any) -> str:
    return str(peer.url.replace("dicoms://PEER@", "https://")) + "/dicom-web"


@each_way
def test_storescp_takes_who_has_a_certificate_and_nobody_else(
    secure: Storescp, certificates: Certificates, way: str
) -> None:
    secure.empty()
    result = store_on(way, secure.url, CT_SMALL, tls=certificates.context())
    assert result.ok
    (stored,) = secure.directory.iterdir()
    assert run("dcmftest", stored).returncode == 0
    assert dataset_of(stored) == dataset_of(CT_SMALL)
    for stranger in (certificates.context(known=False), ssl.create_default_context()):
        with pytest.raises(PeerConnectionError):
            store_on(way, secure.url, CT_SMALL, tls=stranger, retries=0)
    assert len(list(secure.directory.iterdir())) == 1


def test_a_batch_and_the_command_take_files_of_certificates(
    secure: Storescp, certificates: Certificates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secure.empty()
    files = {"cacert": certificates.authority, "cert": certificates.client, "key": certificates.key}
    options = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    assert main(["send", *options, str(CT_SMALL), secure.url]) == 0
    assert main(["send", *options[:2], "--retry", "0", str(CT_SMALL), secure.url]) == 1
    assert "1 of 1 instances stored" in capsys.readouterr().err
    batch = Batch(CT_SMALL, send=secure.url, send_options={name: str(path) for name, path in files.items()})
    report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert report.done == 1, list(report.failures())
    assert len(list(secure.directory.iterdir())) == 2


def test_https_with_the_certificate_of_a_client(certificates: Certificates, web: ssl.SSLContext) -> None:
    httpx2 = package("httpx2")
    answers = Web(ok(CT_UID))
    with (
        scripted(answers, tls=web) as peer,
        httpx2.Client(verify=certificates.context(), timeout=httpx2.Timeout(30, read=600), trust_env=False) as client,
    ):
        assert dicomweb.store(url_of(peer), CT_SMALL, client=client).ok
    assert CT_SMALL.read_bytes() in answers.requests[0][1]
    with scripted(Web(ok(CT_UID)), tls=web) as peer, pytest.raises(PeerConnectionError, match="connection failed"):
        dicomweb.store(url_of(peer), CT_SMALL, retries=0)


def test_the_command_posts_with_files_of_certificates(certificates: Certificates, web: ssl.SSLContext) -> None:
    package("httpx2")
    answers = Web(ok(CT_UID))
    given = ["--cacert", certificates.authority, "--cert", certificates.client, "--key", certificates.key]
    with scripted(answers, tls=web) as peer:
        assert main(["send", *map(str, given), str(CT_SMALL), url_of(peer)]) == 0
    assert CT_SMALL.read_bytes() in answers.requests[0][1]


def test_the_address_without_tls_is_not_tried_instead(secure: Storescp) -> None:
    with pytest.raises(PeerConnectionError):
        dimse.store(secure.url.replace("dicoms://", "dicom://"), CT_SMALL, retries=0)
