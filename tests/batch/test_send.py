"""Batches that are sent: to servers that run, and to ones that follow a script."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest

from streamdcm.batch import Batch, BatchReport
from streamdcm.cli.app import main
from streamdcm.errors import PlanError
from tests.batch.test_run import make_instances
from tests.network.test_dimse import accepting
from tests.support import batch_edits, peers
from tests.support.peers import Storescp, Talk, scripted, stored_json
from tests.support.stow import Web, ok, status, url_of
from tests.support.tools import package, run

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # each starts processes, or a cluster


@pytest.fixture(autouse=True)
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_LOG", str(tmp_path / "edits.log"))


@pytest.fixture(scope="module")
def running_storescp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storescp]:
    with peers.storescp(tmp_path_factory.mktemp("storescp")) as server:
        yield server


@pytest.fixture
def storescp(running_storescp: Storescp) -> Storescp:
    running_storescp.empty()
    return running_storescp


def counts(report: BatchReport) -> tuple[int, int, int]:
    return report.done, report.failed, report.skipped


def test_instances_are_edited_while_they_are_sent(tmp_path: Path, storescp: Storescp) -> None:
    source = make_instances(tmp_path / "in", range(30))
    (source / "note.txt").write_text("no DICOM")
    batch = Batch(source, send=storescp.url, edit=batch_edits.rename, transfer_syntax="RLELossless")
    report = batch.run(journal=tmp_path / "run.sqlite", workers=2, chunk=4)
    assert counts(report) == (30, 1, 0)
    stored = sorted(storescp.directory.iterdir())
    assert len(stored) == 30
    for path in stored:
        assert run("dcmftest", path).returncode == 0
        dataset = pydicom.dcmread(path)
        assert dataset.PatientName == "Renamed"
        assert dataset.file_meta.TransferSyntaxUID == pydicom.uid.RLELossless
        assert dataset.pixel_array.tobytes() == b"\1\2\3\4"
    assert counts(batch.run(journal=tmp_path / "run.sqlite", workers=2)) == (30, 1, 30)
    assert len(list(storescp.directory.iterdir())) == 30


def test_a_warning_of_a_server_stands_in_the_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_instances(tmp_path / "in", range(3))

    def stores(talk: Talk) -> None:
        talk.accept()
        talk.store_all(0, 0xB006, 0)

    with scripted(stores) as peer:
        report = Batch(source, send=peer.url).run(journal=tmp_path / "run.sqlite", workers=1)
    assert counts(report) == (3, 0, 0)
    (warned,) = report.warnings()
    assert Path(warned.source).name == "00001.dcm"
    assert warned.warning == "the server dropped elements (status B006H)"
    assert list(report.failures()) == []
    main(["batch", "--status", report.journal])
    assert "00001.dcm: the server dropped elements (status B006H)" in capsys.readouterr().err


def test_a_worker_keeps_its_association_and_releases_it(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(5))
    released = []

    def stores(talk: Talk) -> None:
        talk.accept()
        talk.store_all()
        released.append(True)

    with scripted(stores) as peer:
        report = Batch(source, send=peer.url).run(journal=tmp_path / "run.sqlite", workers=1, chunk=2)
        assert counts(report) == (5, 0, 0)
        assert len(peer.talks) == 1
    assert released == [True]


def test_an_association_that_the_peer_ended_meanwhile_costs_no_try(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(2))

    def stores_one(talk: Talk) -> None:
        talk.accept()
        message = talk.message()
        assert message is not None
        talk.reply(message[0], 0)
        talk.connection.close()

    with scripted(stores_one, accepting(1)) as peer:
        batch = Batch(source, send=peer.url, edit=batch_edits.slow)
        report = batch.run(journal=tmp_path / "run.sqlite", workers=1, retries=0)
    assert counts(report) == (2, 0, 0)


def test_what_a_server_refuses_is_recorded_and_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(3))

    def stores(talk: Talk) -> None:
        talk.accept()
        talk.store_all(0xA700, 0xC000, 0, 0)

    with scripted(stores) as peer:
        report = Batch(source, send=peer.url).run(journal=tmp_path / "run.sqlite", workers=1)
    assert counts(report) == (2, 1, 0)
    (failure,) = report.failures()
    assert Path(failure.source).name == "00001.dcm"
    assert failure.target is None
    assert failure.attempts == 1
    assert failure.error.startswith("StoreFailedError: 1.2.1 was not stored: the server cannot understand it")
    assert "(status C000H)" in failure.error


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1))
    report = Batch(source, send="dicom://secret@127.0.0.1:9").run(journal=tmp_path / "run.sqlite", workers=1, retries=1)
    (failure,) = report.failures()
    assert failure.error.startswith("PeerConnectionError: 127.0.0.1:9 cannot be reached")
    assert failure.attempts == 2


def test_instances_are_posted_with_a_token_over_one_connection(tmp_path: Path) -> None:
    package("httpx2")
    source = make_instances(tmp_path / "in", range(3))
    (tmp_path / "token").write_text("hush\n")
    web = Web(ok("1.2.0"), status(503), ok("1.2.2"), status(409, stored_json(failed={"1.2.1": 0xA900})))
    with scripted(web) as peer:
        batch = Batch(
            source,
            send=url_of(peer),
            edit={"PatientName": "Sent"},
            send_options={"token_file": str(tmp_path / "token")},
        )
        report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert counts(report) == (2, 1, 0)
    (failure,) = report.failures()
    assert failure.attempts == 2
    assert "(status A900H)" in failure.error
    assert len(web.requests) == 4
    assert all("authorization: bearer hush" in head.lower() for head, _ in web.requests)
    assert all(b"Sent" in body for _, body in web.requests)


def test_orthanc_has_what_was_posted(tmp_path: Path) -> None:
    package("httpx2")
    source = make_instances(tmp_path / "in", range(10))
    with peers.orthanc(tmp_path / "orthanc") as server:
        batch = Batch(source, send=server.dicomweb, edit=batch_edits.rename)
        report = batch.run(journal=tmp_path / "run.sqlite", workers=2)
        assert counts(report) == (10, 0, 0)
        assert set(server.files()) == {f"1.2.{number}" for number in range(10)}


def test_on_a_cluster_each_worker_has_its_association(tmp_path: Path, storescp: Storescp, cluster: Any) -> None:
    source = make_instances(tmp_path / "in", range(20))
    batch = Batch(source, send=storescp.url, edit={"PatientName": "Sent"})
    report = batch.run(journal=tmp_path / "run.sqlite", scheduler=cluster.scheduler_address, chunk=4)
    assert counts(report) == (20, 0, 0)
    assert [pydicom.dcmread(path).PatientName for path in storescp.directory.iterdir()] == ["Sent"] * 20


def test_the_command_sends(tmp_path: Path, storescp: Storescp, capsys: pytest.CaptureFixture[str]) -> None:
    source = make_instances(tmp_path / "in", range(2))
    journal = str(tmp_path / "run.sqlite")
    given = ["batch", str(source), "--send", storescp.url, "--calling", "ME", "--journal", journal, "--workers", "1"]
    assert main([*given, "--set", "PatientName=Sent"]) == 0
    assert "2 done" in capsys.readouterr().err
    assert len(list(storescp.directory.iterdir())) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--send", "ftp://host"],
        ["--send", "dicom://host", "--token-file", "f"],
        ["--calling", "ME", "--to", "out"],
        ["--send", "dicoms://host", "--cert", "f"],
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["batch", "in", "--journal", "run.sqlite", *arguments])
    assert capsys.readouterr().err.endswith("; try 'streamdcm batch --help'\n")


def test_what_does_not_fit_is_refused_and_no_secret_is_kept(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="in place of a target"):
        Batch("in", "out", send="dicom://host")
    with pytest.raises(PlanError, match="overwrite= is about targets"):
        Batch("in", send="dicom://host", overwrite=True)
    with pytest.raises(PlanError, match="send_options has 'client'"):
        Batch("in", send="https://host", send_options={"client": "x"})
    with pytest.raises(PlanError, match="names none"):
        Batch("in", "out", send_options={"calling": "ME"})
    package("httpx2")
    batch = Batch("in", send="https://user:hunter2@host/dicom-web")
    assert "hunter2" not in batch.fingerprint()
    assert "hunter2" not in repr(batch)
    assert Batch.from_json(batch.to_json()).fingerprint() == batch.fingerprint()


def test_a_manifest_that_names_a_target_does_not_fit(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1))
    manifest = tmp_path / "list"
    manifest.write_text(f"{source}/000/00000.dcm\telsewhere.dcm\n")
    report = Batch(f"@{manifest}", send="dicom://127.0.0.1:9").run(journal=tmp_path / "run.sqlite", workers=1)
    (failure,) = report.failures()
    assert failure.error.startswith("PlanError: the manifest names a target")
