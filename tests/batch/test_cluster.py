"""Batches on a real cluster of dask.distributed, whose workers are processes of this machine."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest

from streamdcm.batch import Batch, JournalError, status
from streamdcm.batch.cluster import DaskWorkers
from streamdcm.batch.listing import found_in
from streamdcm.batch.pool import Claimed, Done, Event, GivenBack, Job
from streamdcm.errors import PlanError
from tests.batch.test_run import edits, files_below, make_instances
from tests.support import batch_edits
from tests.support.tools import package

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def _empty(log: Path) -> None:
    log.unlink(missing_ok=True)


def test_instances_are_done_once_and_not_again(tmp_path: Path, cluster: Any, log: Path) -> None:
    source = make_instances(tmp_path / "in", range(60))
    batch = Batch(source, tmp_path / "out" / "{relative}", edit=batch_edits.rename)
    for before in (0, 60):
        report = batch.run(journal=tmp_path / "run.sqlite", scheduler=cluster.scheduler_address, chunk=8)
        assert (report.done, report.failed, report.skipped) == (60, 0, before)
    assert set(edits(log).values()) == {1}
    assert files_below(tmp_path / "out") == files_below(source)
    assert all(pydicom.dcmread(path).PatientName == "Renamed" for path in (tmp_path / "out").rglob("*.dcm"))


def test_targets_are_named_and_claimed_in_a_first_task(tmp_path: Path, cluster: Any) -> None:
    source = make_instances(tmp_path / "in", range(10))
    (source / "000" / "copy.dcm").write_bytes((source / "000" / "00003.dcm").read_bytes())
    target = tmp_path / "out" / "{PatientName}" / "{SOPInstanceUID}.dcm"
    batch = Batch(source, target, edit=batch_edits.rename)
    report = batch.run(journal=tmp_path / "run.sqlite", scheduler=cluster.scheduler_address)
    assert (report.done, report.failed) == (10, 1)
    (failure,) = report.failures()
    assert failure.error.startswith("TargetCollision")
    assert files_below(tmp_path / "out") == sorted(f"Renamed/1.2.{number}.dcm" for number in range(10))


def test_instances_whose_targets_were_claimed_are_done_together(tmp_path: Path, cluster: Any) -> None:
    source = make_instances(tmp_path / "in", range(6))
    batch = Batch(source, tmp_path / "{SOPInstanceUID}.dcm")
    workers = DaskWorkers(batch, cluster.scheduler_address, chunk=4)
    workers.give([Job(number, found) for number, found in enumerate(found_in(batch.sources, {}))])
    asked: list[Event] = []
    while len(asked) < 6:
        asked += workers.events(30)
    for event in asked:
        workers.answer(event.number, Claimed())
    ended = workers.events(0)
    tasks = len(workers._underway)
    while len(ended) < 6:
        ended += workers.events(30)
    workers.stop()
    assert tasks <= 1
    assert {type(event) for event in ended} == {Done}


def test_a_worker_that_dies_costs_one_instance(tmp_path: Path, cluster: Any, log: Path) -> None:
    source = make_instances(tmp_path / "in", range(20))
    batch = Batch(source, tmp_path / "out" / "{relative}", edit=batch_edits.difficult)
    report = batch.run(journal=tmp_path / "run.sqlite", scheduler=cluster.scheduler_address, chunk=4, retries=1)
    assert (report.done, report.failed) == (18, 2)
    errors = {Path(failure.source).name: failure.error for failure in report.failures()}
    assert errors["00011.dcm"].startswith("WorkerDied: KilledWorker")
    assert errors["00007.dcm"].startswith("LookupError")
    assert len(files_below(tmp_path / "out")) == 18


def test_a_result_that_is_lost_with_its_worker_gives_the_instances_back(tmp_path: Path, log: Path) -> None:
    distributed, dask = package("distributed"), package("dask")
    source = make_instances(tmp_path / "in", range(3))
    batch = Batch(source, tmp_path / "out" / "{relative}", edit=batch_edits.once)
    (tmp_path / "out" / "000").mkdir(parents=True)
    jobs = [
        Job(number, found, str(tmp_path / "out" / found.relative), Claimed())
        for number, found in enumerate(found_in(batch.sources, {}))
    ]
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
    ):
        workers = DaskWorkers(batch, cluster.scheduler_address, chunk=3)
        workers.give(jobs)
        (future,) = workers._underway
        while not future.done():
            time.sleep(0.01)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        events = workers.events(30)
        workers.stop()
    assert events == [GivenBack(0), GivenBack(1), GivenBack(2)]
    assert set(edits(log).values()) <= {1, 2}


def test_a_worker_that_lacks_the_edit_is_named_before_the_first_chunk(tmp_path: Path, cluster: Any) -> None:
    (tmp_path / "only_here.py").write_text("def edit(dataset):\n    dataset.PatientID = 'x'\n")
    source = make_instances(tmp_path / "in", range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(tmp_path)
        batch = Batch(source, tmp_path / "out" / "{name}", edit="only_here:edit")
    with pytest.raises(PlanError, match="cannot do this batch"):
        batch.run(journal=tmp_path / "run.sqlite", scheduler=cluster.scheduler_address)
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_is_not_there(tmp_path: Path) -> None:
    package("distributed")
    source = make_instances(tmp_path / "in", range(1))
    with pytest.raises(JournalError, match="cannot be reached"):
        Batch(source, tmp_path / "{name}").run(journal=tmp_path / "run.sqlite", scheduler="tcp://127.0.0.1:9")


def test_a_scheduler_that_goes_away_ends_the_run_and_keeps_what_was_reported(tmp_path: Path, log: Path) -> None:
    distributed = package("distributed")
    source = make_instances(tmp_path / "in", range(400))
    batch = Batch(source, tmp_path / "out" / "{relative}", edit=batch_edits.rename)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:

        def stop(event: Any) -> None:
            if event.done >= 20:
                cluster.sync(cluster.scheduler.close)

        with pytest.raises(JournalError, match="the scheduler is gone"):
            batch.run(journal=tmp_path / "run.sqlite", scheduler=cluster.scheduler_address, chunk=4, progress=stop)
    there = status(tmp_path / "run.sqlite")
    assert 20 <= there.done < 400
    assert batch.run(journal=tmp_path / "run.sqlite", workers=2).done == 400
