"""A run of a batch: what the journal does not say is done is given to workers, and what they say is noted."""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from streamdcm import system
from streamdcm.batch.interrupts import interrupts_held
from streamdcm.batch.journal import BLOCK, Entry, Journal
from streamdcm.batch.journal_reading import Failure, State, Warned, counts_in, failures_in, warnings_in
from streamdcm.batch.kept_names import kept_name
from streamdcm.batch.listing import found_in
from streamdcm.batch.local import LocalWorkers
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import LARGE, Asks, Claimed, Died, Done, Event, Failed, GivenBack, Job, Pool, is_no_dicom
from streamdcm.batch.stamps import size_in, stamp_of
from streamdcm.batch.template import TargetTemplate, normal
from streamdcm.cleanup import afterwards
from streamdcm.errors import WorkerDied
from streamdcm.sinks import scheme_of

_POLL: Final = 0.2
"""The seconds after which it is looked whether something is to be tried again."""

_KEEP: Final = 0.2
"""The seconds after which what was noted is kept, also if nobody wants more instances."""

_PAUSE: Final = 1.0
"""The seconds before a second try of what failed for a reason that may pass; before a third one twice as many."""


class BatchProgress(NamedTuple):
    """How far a run is.

    Attributes
    ----------
    done, failed, skipped : int
        How many instances were done, failed, or had been done before, in this run.
    non_dicom : int
        How many were left out because they are no DICOM files (`skip_non_dicom`).

    Examples
    --------
    >>> from streamdcm.batch import Batch
    >>> batch = Batch("slice.dcm", "clean/{name}")
    >>> def show(progress):
    ...     print(f"{progress.done} done, {progress.failed} failed")
    >>> report = batch.run(journal="run.sqlite", workers=1, progress=show)
    ...
    1 done, 0 failed
    """

    done: int
    failed: int
    skipped: int
    non_dicom: int = 0


class BatchReport(NamedTuple):
    """What became of a batch, over its whole journal.

    Attributes
    ----------
    done, failed, pending : int
        How many instances are in each state.
    skipped : int
        How many had been done before this run.
    seconds : float
        How long the run took.
    journal : str
        The file.
    non_dicom : int
        How many were left out because they are no DICOM files (`skip_non_dicom`).

    Examples
    --------
    >>> from streamdcm.batch import Batch
    >>> batch = Batch("slice.dcm", "clean/{name}", edit={"PatientBirthDate": None})
    >>> report = batch.run(journal="run.sqlite", workers=1)
    >>> report.done, report.failed, report.pending
    (1, 0, 0)
    >>> batch.run(journal="run.sqlite", workers=1).skipped  # the same again: nothing is left to do
    1
    """

    done: int
    failed: int
    skipped: int
    pending: int
    seconds: float
    journal: str
    non_dicom: int = 0

    def failures(self) -> Iterator[Failure]:
        """Give source, target, error and attempts of each instance that failed, one by one."""
        return failures_in(self.journal)

    def warnings(self) -> Iterator[Warned]:
        """Give source and warning of each instance that a server has stored with a warning, one by one.

        Such an instance is done. The warning may be that values were changed, or elements dropped.
        """
        return warnings_in(self.journal)


def run_batch(
    batch: Batch,
    *,
    journal: str | os.PathLike[str],
    workers: int | None,
    scheduler: str | None,
    retries: int,
    chunk: int,
    progress: Callable[[BatchProgress], object] | None,
    skip_non_dicom: bool = False,
    is_stopped: Callable[[], bool] = bool,
) -> BatchReport:
    """Run a batch; see `Batch.run`. Once `is_stopped` says so, it ends."""
    begun = time.monotonic()
    with Journal(journal, batch.fingerprint()) as kept:
        pool = _pool(batch, workers, scheduler, chunk)
        run = Run(batch, kept, pool, retries, progress, skip_non_dicom=skip_non_dicom)
        run.complete(is_stopped)
        counts = kept.counts()
    return _report(counts, run.skipped, time.monotonic() - begun, journal)


async def run_batch_async(batch: Batch, **how: Any) -> BatchReport:
    """Run a batch on a thread of its own."""
    from streamdcm.aio.threads import worker_thread

    stopped = threading.Event()
    async with worker_thread() as worker:
        return await worker.run(partial(run_batch, batch, is_stopped=stopped.is_set, **how), stop=stopped.set)


def status(journal: str | os.PathLike[str]) -> BatchReport:
    """Return what a journal says; a run may write it meanwhile.

    Raises
    ------
    JournalError
        If it cannot be read.

    Examples
    --------
    >>> from streamdcm import batch
    >>> report = batch.Batch("slice.dcm", "clean/{name}").run(journal="run.sqlite", workers=1)
    >>> batch.status("run.sqlite").done
    1
    """
    return _report(counts_in(journal), 0, 0.0, journal)


def _report(counts: Mapping[State, int], skipped: int, seconds: float, journal: str | os.PathLike[str]) -> BatchReport:
    done, failed, pending = (counts[state] for state in (State.DONE, State.FAILED, State.PENDING))
    return BatchReport(done, failed, skipped, pending, seconds, os.fspath(journal), counts[State.SKIPPED])


def _pool(batch: Batch, workers: int | None, scheduler: str | None, chunk: int) -> Pool:
    if scheduler is not None:
        from streamdcm.batch.cluster import DaskWorkers

        return DaskWorkers(batch, scheduler, chunk)
    return LocalWorkers(batch, workers or system.processors(), chunk)


class Run:
    """One run of a batch.

    Parameters
    ----------
    batch : Batch
        What to do.
    journal : Journal
        Open.
    pool : Pool
        Who does it.
    retries : int
        How often an instance is tried again at which a worker died, or that failed for a reason that passes.
    progress : callable, optional
        Called with a `BatchProgress`.
    skip_non_dicom : bool, optional
        Whether files that are not DICOM are left out, and do not fail.
    """

    def __init__(
        self,
        batch: Batch,
        journal: Journal,
        pool: Pool,
        retries: int,
        progress: Callable[[BatchProgress], object] | None,
        *,
        skip_non_dicom: bool = False,
    ) -> None:
        self._batch = batch
        self._journal = journal
        self._pool = pool
        self._retries = retries
        self._progress = progress
        self._skips = skip_non_dicom
        self._options = batch.options.get("source_options") or batch.options.get("storage_options") or {}
        self._template = None if batch.target is None else TargetTemplate(batch.target)
        self._is_confidential = batch.target is not None and kept_name(batch.target) != batch.target
        self._underway: dict[int, Entry] = {}
        self._again: list[tuple[float, int, Entry, bool]] = []
        self._attempts: dict[int, int] = {}
        self._counts = {"done": 0, "failed": 0, "skipped": 0, "non_dicom": 0}
        self._kept_at = 0.0
        self._replaces_all = bool(batch.options.get("overwrite", False))

    def complete(self, is_stopped: Callable[[], bool]) -> None:
        """Do all instances that are not done, until that is stopped."""
        waiting = self._entries()
        with afterwards(self._stop):
            while not is_stopped() and (self._give(waiting) or self._underway or self._again):
                with interrupts_held():
                    self._note(self._pool.events(_POLL))

    def _stop(self) -> None:
        self._note(self._pool.stop())

    @property
    def skipped(self) -> int:
        """How many had been done before."""
        return self._counts["skipped"]

    def _entries(self) -> Iterator[Entry]:
        """Give the instances that have to be done, as they are listed."""
        listed = found_in(self._batch.sources, self._options)
        while block := list(itertools.islice(listed, BLOCK)):
            for entry in self._journal.add(block):
                if self._is_done(entry):
                    self._count("skipped")
                elif self._is_known_to_be_no_dicom(entry):
                    self._count("non_dicom")
                else:
                    if entry.state is not State.PENDING:
                        self._journal.again(entry.number)
                    yield entry
            self._journal.commit()

    def _is_done(self, entry: Entry) -> bool:
        """Tell whether an instance was done before, and nothing has changed since."""
        if entry.state is State.PENDING and (stamp := self._rewritten(entry)) is not None:
            self._journal.done(entry.number, stamp)
            return True
        return entry.state is State.DONE and self._stamp(entry) == entry.found.stamp and self._is_there(entry)

    def _is_known_to_be_no_dicom(self, entry: Entry) -> bool:
        """Tell whether a source was left out before, would be again, and nothing has changed since."""
        return self._skips and entry.state is State.SKIPPED and self._stamp(entry) == entry.found.stamp

    def _rewritten(self, entry: Entry) -> str | None:
        """Return the stamp of a source that is its own target and is not what it was when that was claimed.

        Its new content got its name, and nobody could report it any more; it must not be edited a second time.
        """
        if entry.target is None or entry.target != kept_name(normal(entry.found.source)):
            return None
        stamp = stamp_of(entry.found.source, self._options)
        return None if stamp == entry.found.stamp else stamp

    def _stamp(self, entry: Entry) -> str | None:
        return entry.listed or stamp_of(entry.found.source, self._options)

    def _is_there(self, entry: Entry) -> bool:
        if entry.target is None:
            return True
        if scheme_of(entry.target) is None:
            return os.path.lexists(entry.target)
        wanted = self._wanted(entry)
        if wanted is None and self._is_confidential:
            return True  # the journal does not keep what would be needed to look
        return stamp_of(wanted or entry.target, self._batch.options.get("storage_options", {})) is not None

    def _give(self, waiting: Iterator[Entry]) -> bool:
        """Give workers what they want; tell whether there was anything."""
        jobs: list[Job] = []
        wanted = self._pool.wants()
        now = time.monotonic()
        while len(jobs) < wanted and self._again and self._again[0][0] <= now:
            *_, entry, suspect = heapq.heappop(self._again)
            if suspect and (stamp := self._rewritten(entry)) is not None:
                self._journal.done(entry.number, stamp)
                self._count("done")
            else:
                jobs.append(self._job(entry, suspect=suspect))
        for entry in itertools.islice(waiting, wanted - len(jobs)):
            jobs.append(self._job(entry))
        if jobs:
            self._keep()  # a target is claimed before anything is written there
            self._pool.give(jobs)
        return bool(jobs)

    def _job(self, entry: Entry, *, suspect: bool = False) -> Job:
        self._underway[entry.number] = entry
        wanted = self._wanted(entry)
        claimed = None if self._batch.destination is None else Claimed()
        if wanted is not None and scheme_of(wanted) is None:
            claimed = self._claim(entry, normal(wanted), os.path.lexists(wanted), None)
        is_large = size_in(entry.listed) > LARGE
        return Job(entry.number, self._underway[entry.number].found, wanted, claimed, is_large, suspect)

    def _wanted(self, entry: Entry) -> str | None:
        """Return the target of an instance, if that can be known without its dataset."""
        if self._batch.destination is not None:
            return None
        if entry.found.target is not None or self._template is None:
            return entry.found.target
        return None if self._template.needs_dataset else self._template.expanded(entry.found, {}, {})

    def _claim(self, entry: Entry, target: str, is_there: bool, stamp: str | None) -> Claimed:
        kept = kept_name(target)
        is_source = is_there and target == normal(entry.found.source)
        replaces = self._replaces_all or is_source or entry.target == kept
        if is_there and not replaces:
            owner = self._journal.owner(entry.number, target)
            return Claimed(owner, is_foreign=owner is None)
        if is_source and stamp is None:
            stamp = stamp_of(entry.found.source, self._options)
        if not self._journal.claim(entry.number, target, stamp):
            return Claimed(self._journal.owner(entry.number, target))
        if stamp != entry.found.stamp:
            entry = entry._replace(found=entry.found._replace(stamp=stamp))
        self._underway[entry.number] = entry if kept == entry.target else entry._replace(target=kept)
        return Claimed(replaces=replaces, is_source=is_source)

    def _note(self, events: list[Event]) -> None:
        """Note what workers say."""
        answers = []
        for event in events:
            entry = self._underway.get(event.number)
            if entry is None:
                continue
            match event:
                case Asks(number, target, is_there, stamp):
                    answers.append((number, self._claim(entry, target, is_there, stamp)))
                case Done(number, stamp, warning):
                    self._journal.done(number, stamp, warning)
                    self._end(number, "done")
                case Failed(number, error, _) if self._skips and is_no_dicom(error):
                    self._journal.skipped(number, self._stamp(entry))
                    self._end(number, "non_dicom")
                case Failed(number, error, pause):
                    self._note_failure(entry, error, pause)
                case Died(number, how):
                    times = self._attempts.get(number, 0) + 1
                    error = f"{WorkerDied.__name__}: {how}" + (f", {times} times" if times > 1 else "")
                    self._note_failure(entry, error, 0.0, suspect=True)
                case GivenBack(number):
                    del self._underway[number]
                    heapq.heappush(self._again, (0.0, number, entry, True))
        if events and self._progress is not None:
            self._progress(BatchProgress(**self._counts))
        if answers or time.monotonic() > self._kept_at + _KEEP:
            self._keep()  # before anybody writes to a target
        for number, claimed in answers:
            self._pool.answer(number, claimed)

    def _keep(self) -> None:
        """Keep what was noted, as a transaction."""
        self._journal.commit()
        self._kept_at = time.monotonic()

    def _note_failure(self, entry: Entry, error: str, pause: float | None, *, suspect: bool = False) -> None:
        number = entry.number
        tried = self._attempts[number] = self._attempts.get(number, 0) + 1
        if pause is not None and tried <= self._retries:
            self._journal.tried(number)
            del self._underway[number]
            least = 0.0 if suspect else _PAUSE * tried
            heapq.heappush(self._again, (time.monotonic() + max(pause, least), number, entry, suspect))
        else:
            self._journal.failed(number, error)
            self._attempts.pop(number)
            self._end(number, "failed")

    def _end(self, number: int, what: str) -> None:
        del self._underway[number]
        self._attempts.pop(number, None)
        self._count(what)

    def _count(self, what: str) -> None:
        self._counts[what] += 1
