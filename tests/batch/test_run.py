"""Runs of batches on processes of this machine: what is written, what the journal says, what is left."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import examples

from streamdcm import dimse
from streamdcm.batch import Batch, JournalError, status
from streamdcm.batch.journal import Journal, State
from streamdcm.batch.pool import Claimed, Died, Done, Event, Job
from streamdcm.batch.run import Run
from streamdcm.errors import PlanError
from streamdcm.plan.coded_header import derived_uid
from tests.support import batch_edits, python
from tests.support.open_files import open_files
from tests.support.peers import storescp
from tests.support.tools import package, run

pytestmark = pytest.mark.slow  # each starts processes

CT = examples.get_path("ct")


@pytest.fixture(autouse=True)
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BATCH_LOG", str(tmp_path / "edits.log"))
    return tmp_path / "edits.log"


def edits(log: Path) -> Counter[int]:
    return Counter(map(int, log.read_text().split())) if log.exists() else Counter()


def make_instances(directory: Path, numbers: range) -> Path:
    """Small instances, each with its number, in folders of a hundred."""
    template = pydicom.dcmread(CT)
    template.PixelData, template.Rows, template.Columns = b"\1\2\3\4", 1, 2
    for number in numbers:
        folder = directory / f"{number // 100:03}"
        folder.mkdir(parents=True, exist_ok=True)
        template.InstanceNumber = number
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        template.save_as(folder / f"{number:05}.dcm")
    return directory


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_values_are_set_and_what_was_done_is_not_done_again(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(10))
    batch = Batch(source, tmp_path / "out" / "{relative}", edit={"PatientName": "Doe^Jane"})
    report = batch.run(journal=tmp_path / "run.sqlite", workers=2)
    assert (report.done, report.failed, report.skipped, report.pending) == (10, 0, 0, 0)
    assert files_below(tmp_path / "out") == files_below(source)
    assert all(pydicom.dcmread(path).PatientName == "Doe^Jane" for path in (tmp_path / "out").rglob("*.dcm"))
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.dcm")}

    again = batch.run(journal=tmp_path / "run.sqlite", workers=2)
    assert (again.done, again.skipped) == (10, 10)
    assert written == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.dcm")}


def test_what_changed_or_is_missing_is_done_again(tmp_path: Path, logged: Path) -> None:
    source = make_instances(tmp_path / "in", range(5))
    batch = Batch(source, tmp_path / "out" / "{name}", edit=batch_edits.rename)
    batch.run(journal=tmp_path / "run.sqlite", workers=1)
    (tmp_path / "out" / "00001.dcm").unlink()
    make_instances(source, range(3, 4))
    make_instances(source, range(5, 6))
    report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert (report.done, report.skipped) == (6, 3)
    assert edits(logged) == {0: 1, 1: 2, 2: 1, 3: 2, 4: 1, 5: 1}


def test_bytes_are_copied_where_nothing_is_to_be_changed(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(3))
    (source / "note.txt").write_text("no DICOM")
    report = Batch(source, tmp_path / "out" / "{relative}").run(journal=tmp_path / "run.sqlite", workers=1)
    assert (report.done, report.failed) == (3, 1)
    for name in files_below(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (source / name).read_bytes()
    (failure,) = report.failures()
    assert failure.source == str(source / "note.txt")
    assert failure.error.startswith("NotDicomError")


def test_nobody_waits_for_what_is_no_file(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1)) / "000"
    os.mkfifo(source / "pipe")
    (source / "link").symlink_to("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(source / "socket"))
        batch = Batch(source, tmp_path / "out" / "{name}", edit={"PatientName": "x"})
        report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
        assert (report.done, report.failed) == (1, 3)
        assert [failure.error for failure in report.failures()] == [
            f"NotDicomError: {source / name} is {kind}, and no file; leave it out"
            for name, kind in (("link", "a named pipe"), ("pipe", "a named pipe"), ("socket", "a socket"))
        ]
        assert batch.run(journal=tmp_path / "run.sqlite", workers=1, skip_non_dicom=True).non_dicom == 3


def test_a_truncated_file_is_not_copied_as_if_it_were_whole(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(2))
    cut = source / "000" / "00001.dcm"
    cut.write_bytes(cut.read_bytes()[:-2])
    report = Batch(source, tmp_path / "out" / "{relative}").run(journal=tmp_path / "run.sqlite", workers=1)
    assert [(failure.source, failure.error.partition(":")[0]) for failure in report.failures()] == [
        (str(cut), "SourceError")
    ]
    assert files_below(tmp_path / "out") == ["000/00000.dcm"]


@pytest.mark.parametrize("edit", [{"PatientID": "new"}, batch_edits.rename], ids=["values", "function"])
def test_targets_are_named_by_values_before_and_after_the_edit(tmp_path: Path, edit: object, logged: Path) -> None:
    source = make_instances(tmp_path / "in", range(2))
    old = pydicom.dcmread(next(source.rglob("*.dcm")))
    target = tmp_path / "out" / "{source.PatientName}-{PatientName}-{PatientID}" / "{InstanceNumber}.dcm"
    report = Batch(source, target, edit=edit).run(journal=tmp_path / "run.sqlite", workers=1)
    assert report.done == 2
    name = str(old.PatientName).replace("^", "_")
    folder = f"{name}-{name}-new" if isinstance(edit, dict) else f"{name}-Renamed-{old.PatientID}"
    assert files_below(tmp_path / "out") == [f"{folder}/0.dcm", f"{folder}/1.dcm"]
    assert all(count == 1 for count in edits(logged).values())


def test_a_manifest_names_every_target_where_the_batch_has_none(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(2)) / "000"
    target = tmp_path / "out.dcm"
    (tmp_path / "manifest").write_text(f"{source / '00000.dcm'}\t{target}\n{source / '00001.dcm'}\n")
    report = Batch(f"@{tmp_path / 'manifest'}").run(journal=tmp_path / "run.sqlite", workers=1)
    (failure,) = report.failures()
    assert (report.done, target.exists(), failure.source) == (1, True, str(source / "00001.dcm"))
    assert failure.error.startswith("PlanError: the manifest names no target for it")
    with pytest.raises(PlanError, match="nothing says where instances go"):
        Batch(source)


def test_two_sources_of_one_target_and_files_of_somebody_else(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(3))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.2.2.dcm").write_text("precious")
    shutil.copy(source / "000" / "00000.dcm", source / "000" / "copy.dcm")
    batch = Batch(source, tmp_path / "out" / "{SOPInstanceUID}.dcm", edit={"PatientID": None})
    report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert (report.done, report.failed) == (2, 2)
    foreign, collision = sorted(report.failures(), key=lambda failure: failure.source)
    assert "1.2.2.dcm is there, and not of this batch" in foreign.error
    assert "TargetCollision" in collision.error
    assert str(source / "000" / "00000.dcm") in collision.error
    assert (tmp_path / "out" / "1.2.2.dcm").read_text() == "precious"

    again = batch.run(journal=tmp_path / "run.sqlite", workers=1)  # which must not take it for its own
    assert (again.done, again.failed) == (2, 2)
    assert (tmp_path / "out" / "1.2.2.dcm").read_text() == "precious"


def test_urls_of_files_are_paths(tmp_path: Path) -> None:
    source, other = make_instances(tmp_path / "in", range(2)), tmp_path / "other"
    shutil.copytree(source, other)
    listed, its_target = other / "000/00001.dcm", tmp_path / "listed.dcm"
    (tmp_path / "manifest").write_text(f"{listed.as_uri()}\t{its_target.as_uri()}\n")
    target = f"{(tmp_path / 'out').as_uri()}/{{name}}"
    sources = [source.as_uri(), f"@{tmp_path / 'manifest'}"]
    assert Batch(sources, target).run(journal=tmp_path / "run.sqlite", workers=1).done == 3
    assert files_below(tmp_path / "out") == ["00000.dcm", "00001.dcm"]
    assert its_target.read_bytes() == listed.read_bytes()
    again = Batch(other.as_uri(), target).run(journal=tmp_path / "other.sqlite", workers=1)
    assert [failure.error.partition(":")[0] for failure in again.failures()] == ["TargetCollision"] * 2


def test_urls_of_files_elsewhere_fail_by_themselves(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(2)) / "000"
    lines = [
        f"file://elsewhere/x.dcm\t{tmp_path / 'x.dcm'}",
        f"{(source / '00000.dcm').as_uri()}\tfile://elsewhere/y.dcm",
        f"{source / '00001.dcm'}\t{tmp_path / 'z.dcm'}",
    ]
    (tmp_path / "manifest").write_text("\n".join(lines))
    report = Batch(f"@{tmp_path / 'manifest'}", "{name}").run(journal=tmp_path / "run.sqlite", workers=1)
    assert (report.done, (tmp_path / "z.dcm").exists()) == (1, True)
    failures = {failure.source: failure.error.partition(":")[0] for failure in report.failures()}
    assert failures == {
        "file://elsewhere/x.dcm": "TargetTypeError",
        str(source / "00000.dcm"): "TargetTypeError",
    }


def test_overwrite_replaces(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1))
    (tmp_path / "00000.dcm").write_text("old")
    batch = Batch(source, tmp_path / "{name}", edit={"PatientID": None}, overwrite=True)
    assert batch.run(journal=tmp_path / "run.sqlite", workers=1).done == 1
    assert "PatientID" not in pydicom.dcmread(tmp_path / "00000.dcm")


def test_in_place_each_is_done_once(tmp_path: Path, logged: Path) -> None:
    source = make_instances(tmp_path / "in", range(4))
    batch = Batch(source, source / "{relative}", edit=batch_edits.rename)
    for expected in (0, 4):
        report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
        assert (report.done, report.failed, report.skipped) == (4, 0, expected)
    assert edits(logged) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert all(pydicom.dcmread(path).PatientName == "Renamed" for path in source.rglob("*.dcm"))


class DiesAfterTheCommit:
    """A pool whose worker puts the new content in its place, and dies before it can say so."""

    def __init__(self) -> None:
        self.given: list[Job] = []
        self._lost: list[Job] = []

    def wants(self) -> int:
        return 10

    def give(self, jobs: Sequence[Job]) -> None:
        self.given += jobs
        self._lost += jobs

    def events(self, seconds: float) -> list[Event]:
        lost, self._lost = self._lost, []
        for job in lost:
            dataset = pydicom.dcmread(job.found.source)
            dataset.PatientName = "Renamed"
            dataset.save_as(job.found.source)
        return [Died(job.number, "signal 9") for job in lost]

    def answer(self, number: int, claimed: Claimed) -> None:
        raise AssertionError("nobody asks")

    def stop(self) -> list[Event]:
        return []


def test_what_is_its_own_target_is_not_edited_twice_when_a_worker_dies_behind_its_commit(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(3))
    batch, pool = Batch(source, source / "{relative}", edit={"PatientName": "Renamed"}), DiesAfterTheCommit()
    with Journal(tmp_path / "run.sqlite", batch.fingerprint()) as journal:
        Run(batch, journal, pool, 2, None).complete(bool)
        assert journal.counts()[State.DONE] == 3
    assert len(pool.given) == 3


class Interrupted(DiesAfterTheCommit):
    """A pool whose user interrupts at the moment when it has heard what was done."""

    def events(self, seconds: float) -> list[Event]:
        lost, self._lost = self._lost, []
        os.kill(os.getpid(), signal.SIGINT)
        return [Done(job.number, None) for job in lost]


def test_an_interrupt_loses_nothing_that_was_heard(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(3))
    batch = Batch(source, tmp_path / "out" / "{relative}")
    with Journal(tmp_path / "run.sqlite", batch.fingerprint()) as journal:
        with pytest.raises(KeyboardInterrupt):
            Run(batch, journal, Interrupted(), 2, None).complete(bool)
        assert journal.counts()[State.DONE] == 3


def test_what_loses_something_gets_the_same_new_uid_each_time(tmp_path: Path) -> None:
    package("imagecodecs")
    (tmp_path / "in").mkdir()
    shutil.copy(CT, tmp_path / "in" / "ct.dcm")
    uids = []
    for number, ratio in enumerate((10, 10, 20)):
        target = tmp_path / f"out{number}" / "{name}"
        options: dict[str, Any] = {"transfer_syntax": "JPEG2000", "codec_options": {"ratio": ratio}}
        batch = Batch(tmp_path / "in", target, **options)
        report = batch.run(journal=tmp_path / f"{number}.sqlite", workers=1)
        assert (report.done, list(report.failures())) == (1, [])
        written = pydicom.dcmread(tmp_path / f"out{number}" / "ct.dcm")
        assert written.SOPInstanceUID == written.file_meta.MediaStorageSOPInstanceUID
        assert written.SOPInstanceUID.is_valid
        uids.append(written.SOPInstanceUID)
    assert uids[0] == uids[1] != uids[2]
    assert pydicom.dcmread(CT).SOPInstanceUID not in uids


def test_instances_without_a_uid_are_not_given_the_same_one() -> None:
    assert derived_uid("1.2.3", "JPEG 2000") == derived_uid("1.2.3", "JPEG 2000")
    assert derived_uid("", "JPEG 2000") != derived_uid("", "JPEG 2000")


def test_outputs_below_the_source_are_no_sources(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(3))
    batch = Batch(source, source / "zz" / "{name}", edit={"PatientID": "x"})
    for _ in range(2):
        report = batch.run(journal=tmp_path / "run.sqlite", workers=1)
        assert (report.done, report.failed) == (3, 0)
    assert len(files_below(source)) == 6


def test_what_an_edit_prints_is_no_message(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(2))
    batch = Batch(source, tmp_path / "out" / "{name}", edit=batch_edits.speak)
    assert batch.run(journal=tmp_path / "run.sqlite", workers=1).done == 2


def test_a_journal_that_is_no_database_is_closed_again(tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    journal.write_bytes(1000 * b"no database")
    batch = Batch(make_instances(tmp_path / "in", range(1)), f"{tmp_path}/out/{{name}}")
    with pytest.raises(JournalError, match="file is not a database"):
        batch.run(journal=journal, workers=1)
    assert open_files(tmp_path) == []


def test_another_plan_and_another_run_are_refused(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1))
    journal = tmp_path / "run.sqlite"
    Batch(source, tmp_path / "out" / "{name}").run(journal=journal, workers=1)
    with pytest.raises(JournalError, match="another plan"):
        Batch(source, tmp_path / "out" / "{stem}").run(journal=journal, workers=1)
    with Journal(journal, Batch(source, tmp_path / "out" / "{name}").fingerprint()):
        with pytest.raises(JournalError, match="another run holds"):
            Batch(source, tmp_path / "out" / "{name}").run(journal=journal, workers=1)
        assert status(journal).done == 1


def test_the_journal_has_no_secrets_and_is_for_its_owner(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(1))
    batch = Batch(source, tmp_path / "out" / "{name}", edit={"PatientID": "x"}, source_options={"secret": "hunter2"})
    batch.run(journal=tmp_path / "run.sqlite", workers=1)
    assert (tmp_path / "run.sqlite").stat().st_mode & 0o777 == 0o600
    assert b"hunter2" not in (tmp_path / "run.sqlite").read_bytes()
    assert "hunter2" not in repr(batch)


def test_two_thousand_instances_some_of_them_difficult(tmp_path: Path, logged: Path) -> None:
    source = make_instances(tmp_path / "in", range(2000))
    (source / "000" / "note.txt").write_text("no DICOM")
    broken = source / "000" / "00005.dcm"
    broken.write_bytes(broken.read_bytes()[:600])
    batch = Batch(source, tmp_path / "out" / "{relative}", edit=batch_edits.difficult)
    report = batch.run(journal=tmp_path / "run.sqlite", workers=2)
    assert (report.done, report.failed, report.pending) == (1997, 4, 0)
    errors = {Path(failure.source).name: failure for failure in report.failures()}
    assert set(errors) == {"note.txt", "00005.dcm", "00007.dcm", "00011.dcm"}
    assert errors["00011.dcm"].error == "WorkerDied: signal 9, 3 times"
    assert errors["00011.dcm"].attempts == 3
    assert "LookupError: seven is not wanted" in errors["00007.dcm"].error
    assert "batch_edits.py line" in errors["00007.dcm"].error
    counted = edits(logged)
    assert counted.pop(11) == 3
    assert counted.pop(13) == 2
    assert set(counted.values()) == {1}
    assert len(counted) == 2000 - 3  # 5 is broken, 11 and 13 were taken out
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            written = pydicom.dcmread(path)
            assert written.PatientName == "Renamed"
            assert written.PixelData == b"\1\2\3\4"
    assert len(files_below(tmp_path / "out")) == 1997


def test_other_programs_take_what_was_written(tmp_path: Path) -> None:
    source = make_instances(tmp_path / "in", range(20))
    syntaxes = (None, "DeflatedExplicitVRLittleEndian", "RLELossless")
    for number, syntax in enumerate(syntaxes):
        batch = Batch(source, tmp_path / f"out{number}" / "{name}", edit=batch_edits.rename, transfer_syntax=syntax)
        assert batch.run(journal=tmp_path / f"{number}.sqlite", workers=2).done == 20
        written = sorted((tmp_path / f"out{number}").iterdir())
        assert run("dcmftest", *written).returncode == 0
        with storescp(tmp_path / f"received{number}") as server:
            result = dimse.store(server.url, written)
            result.raise_for_failures()
            assert len(result.stored) == len(list(server.directory.iterdir())) == 20
            for stored in server.directory.iterdir():
                assert run("dcmftest", stored).returncode == 0


def test_a_killed_coordinator_goes_on_where_it_stopped(tmp_path: Path, logged: Path) -> None:
    source = make_instances(tmp_path / "in", range(300))
    script = (
        "from streamdcm.batch import Batch; "
        f"print(Batch({str(source)!r}, {str(source / '{relative}')!r}, edit='tests.support.batch_edits:rename')"
        f".run(journal={str(tmp_path / 'run.sqlite')!r}, workers=2, chunk=8).done)"
    )
    for attempt in range(10):
        environment = {**os.environ, "COORDINATOR_OF": str(tmp_path)}
        process = subprocess.Popen(python(script), start_new_session=True, stdout=subprocess.DEVNULL, env=environment)
        enough = sum(edits(logged).values()) + 3 * attempt
        while sum(edits(logged).values()) <= enough:
            assert process.poll() is None
            time.sleep(0.001)
        assert workers_of(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = (
        time.monotonic() + 10
    )  # 2 s, and on a busy machine as long as what still starts up takes to read its input
    while workers_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workers_of(tmp_path)
    subprocess.run(python(script), check=True, stdout=subprocess.DEVNULL)
    report = status(tmp_path / "run.sqlite")
    assert (report.done, report.failed, report.pending) == (300, 0, 0)
    assert all(pydicom.dcmread(path).PatientName == "Renamed" for path in source.rglob("*.dcm"))
    assert len(files_below(source)) == 300
    assert sum(edits(logged).values()) <= 300 + 10 * 2 * 8


def workers_of(folder: Path) -> list[str]:
    """The workers on this machine that were started by the coordinators of a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue
        if b"streamdcm.batch\0" in command and f"COORDINATOR_OF={folder}\0".encode() in environment:
            found.append(command.decode())
    return found
