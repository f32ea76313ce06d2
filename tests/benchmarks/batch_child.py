"""The process that is measured by `tests.benchmarks.batch`: one contender, from its first instances to its last one.

So the start of workers, and their end, are left out.
"""

import resource
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pydicom

from streamdcm import rewrite
from streamdcm.batch import Batch

WARM = 200
"""How many instances are done before it is measured."""
EDIT = {"PatientName": "Doe^Jane", "PatientBirthDate": None}


class Marks:
    """The CPU of all processes, and the time, from the first instances to the last one.

    Parameters
    ----------
    count : int
        How many there are.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._first: tuple[int, float, float] | None = None
        self.each = (0.0, 0.0)
        """The milliseconds of CPU and of time of an instance."""

    def done(self, number: int) -> None:
        """Take how many instances are done so far."""
        if self._first is None and number >= WARM:
            self._first = number, cpu(), time.perf_counter()
        elif self._first is not None and number == self._count:
            first, used, start = self._first
            count = number - first
            self.each = (cpu() - used) / count * 1000, (time.perf_counter() - start) / count * 1000


class Given(NamedTuple):
    """What a contender has to do."""

    source: Path
    target: Path
    workers: int
    cluster: Any
    marks: Marks

    def files(self) -> list[Path]:
        return sorted(self.source.rglob("*.dcm"))


def by_rewrite(given: Given) -> None:
    """A plain loop."""
    for number, path in enumerate(given.files(), 1):
        rewrite(path, given.target / path.name, edit=EDIT)
        given.marks.done(number)


def by_streamdcm(given: Given) -> None:
    """A batch on processes."""
    _batch(given, workers=given.workers)


def by_streamdcm_on_dask(given: Given) -> None:
    """A batch on a cluster."""
    _batch(given, scheduler=given.cluster.scheduler_address)


def by_pydicom(given: Given) -> None:
    """A plain loop."""
    for number, path in enumerate(given.files(), 1):
        edit_by_pydicom(path, given.target)
        given.marks.done(number)


def by_pydicom_in_processes(given: Given) -> None:
    """``multiprocessing.Pool``."""
    import multiprocessing

    edit = partial(edit_by_pydicom, target=given.target)
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        for number, _ in enumerate(pool.imap_unordered(edit, given.files(), chunksize=32), 1):
            given.marks.done(number)


def by_pydicom_on_dask(given: Given) -> None:
    """``dask.bag``."""
    import dask.bag
    from distributed import Client

    files = given.files()
    with Client(given.cluster.scheduler_address):
        for first, end in ((0, WARM), (WARM, len(files))):
            bag = dask.bag.from_sequence(files[first:end], partition_size=32)
            bag.map(edit_by_pydicom, target=given.target).compute()
            given.marks.done(end)


def edit_by_pydicom(path: Path, target: Path) -> None:
    """Read, edit and write an instance."""
    dataset = pydicom.dcmread(path)
    dataset.PatientName = EDIT["PatientName"]
    del dataset.PatientBirthDate
    dataset.save_as(target / path.name)


CONTENDERS: dict[str, Callable[[Given], None]] = {
    "loop of rewrite": by_rewrite,
    "streamdcm": by_streamdcm,
    "streamdcm, dask": by_streamdcm_on_dask,
    "loop of pydicom": by_pydicom,
    "multiprocessing, pydicom": by_pydicom_in_processes,
    "dask.bag, pydicom": by_pydicom_on_dask,
}


def _batch(given: Given, **how: Any) -> None:
    batch = Batch(given.source, given.target / "{name}", edit=EDIT)
    journal = given.target.with_suffix(".sqlite")
    report = batch.run(journal=journal, progress=lambda event: given.marks.done(event.done), **how)
    assert report.done == len(given.files()), list(report.failures())[:3]


def cpu() -> float:
    """Return the seconds of CPU of this process, of those that it has, and of those that it had."""
    import psutil

    of_others = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used) + sum(each.user + each.system for each in of_others)


def _cluster(name: str, workers: int) -> AbstractContextManager[Any]:
    if "dask" not in name:
        return nullcontext()
    from distributed import LocalCluster

    cluster: AbstractContextManager[Any] = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    return cluster


def main(name: str, source: str, directory: str, workers: str) -> None:
    """Print the milliseconds of CPU and of time that an instance takes, and how many are skipped a second."""
    run = CONTENDERS[name]
    count = len(list(Path(source).rglob("*.dcm")))
    with _cluster(name, int(workers)) as cluster:
        given = Given(Path(source), Path(directory, "out"), int(workers), cluster, Marks(count))
        given.target.mkdir()
        run(given)
        again = 0.0
        if name == "streamdcm":
            start = time.perf_counter()
            run(given._replace(marks=Marks(0)))
            again = count / (time.perf_counter() - start)
    print(*given.marks.each, again)
    shutil.rmtree(directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
