"""Workers of a cluster of dask.distributed. Nothing of a dataset goes through its scheduler."""

from __future__ import annotations

import json
import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from streamdcm.batch.instance import Work, described, pause_before_another_try
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import Asks, Claimed, Died, Done, Event, Failed, GivenBack, Job, job_from
from streamdcm.errors import JournalError, MissingExtraError, PlanError

try:
    from distributed import CancelledError, Client, Future, KilledWorker
    from distributed.comm import CommClosedError
except ImportError as error:
    raise MissingExtraError("scheduler= needs dask.distributed: pip install 'streamdcm[dask]'") from error

_CHUNKS_A_THREAD: Final = 4
"""How many chunks a thread has underway, half of them on the way there; a million would stall the scheduler."""
_CHUNKS_A_TASK: Final = 2
"""How many chunks a task does, which costs the cluster as much as ten small instances."""
_SHORTEST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.05
_SECONDS_TO_STOP: Final = 4.0
_ASK_AGAIN: Final = 2.0
"""The seconds after which the scheduler is asked again how many threads there are."""
_WITHOUT_WORKERS: Final = 600.0
"""The seconds that one waits for workers of a cluster that has none."""
_AT_ONCE: Final = 1000
"""The most instances to give at a time."""


class DaskWorkers:
    """The threads of a cluster, each of which does a chunk of instances one after the other.

    A target whose name depends on the dataset is named, and claimed, in a first task of its own.

    Parameters
    ----------
    batch : Batch
        What they do.
    address : str
        Of the scheduler.
    chunk : int
        How many instances a task does.

    Raises
    ------
    JournalError
        If there is no scheduler.
    PlanError
        If a worker cannot import streamdcm or the edit.
    """

    def __init__(self, batch: Batch, address: str, chunk: int) -> None:
        self._plan = batch.to_json()
        self._sends = batch.destination is not None
        self._chunk = chunk
        self._ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self._pause = _SHORTEST_PAUSE
        self._underway: dict[Future, Sequence[Job]] = {}
        self._named: dict[int, Job] = {}
        self._claimed: list[Job] = []
        self._suspects: deque[Job] = deque()
        self._suspected: int | None = None
        self._asked_at = self._seen_at = 0.0
        self._thread_count = 0
        try:
            self._client = Client(address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise JournalError(f"the scheduler {address} cannot be reached ({error}); name one that runs") from error
        self._check_workers()

    def wants(self) -> int:
        """Return how many more instances can be given now."""
        if self._suspects or self._suspected is not None:
            return 0  # what waits behind one on its worker would be lost with it
        underway = sum(map(len, self._underway.values())) + len(self._claimed)
        free = max(self._threads(), 1) * _CHUNKS_A_THREAD * self._chunk - underway
        return min(free, _AT_ONCE) if free >= self._chunk * _CHUNKS_A_TASK else 0

    def _threads(self) -> int:
        """Return how many threads the cluster has, as far as is known: to ask takes a message to the scheduler.

        Raises
        ------
        JournalError
            If it has had none for long.
        """
        now = time.monotonic()
        if now >= self._asked_at + _ASK_AGAIN and self._is_connected():
            self._asked_at, self._thread_count = now, sum(self._client.nthreads().values())
        if self._thread_count or not self._asked_at:
            self._seen_at = now
        if now > self._seen_at + _WITHOUT_WORKERS:
            raise JournalError(
                f"the cluster has had no worker for {_WITHOUT_WORKERS:,.0f} seconds; start some, and run the same again"
            )
        return self._thread_count

    def give(self, jobs: Sequence[Job]) -> None:
        """Submit instances: some chunks a task, those that are alone one by one, suspects when nothing is underway."""
        self._suspects += (job for job in jobs if job.suspect)
        others = [job for job in jobs if not job.suspect]
        self._submit_all(_do, [job for job in others if job.claimed is not None])
        self._submit_all(_name, [job for job in others if job.claimed is None])
        self._try_suspect()

    def _try_suspect(self) -> None:
        if self._suspects and self._suspected is None and not (self._underway or self._named or self._claimed):
            job = self._suspects.popleft()
            self._suspected = job.number
            self._submit(_name if job.claimed is None else _do, [[job]])

    def events(self, seconds: float) -> list[Event]:
        """Wait for tasks to end."""
        if not self._is_connected():
            raise JournalError("the scheduler is gone; what it had reported is in the journal: run the same again")
        claimed, self._claimed = self._claimed, []
        self._submit_all(_do, claimed)
        events = self._events(self._ended_within(seconds))
        if any(event.number == self._suspected and not isinstance(event, Asks) for event in events):
            self._suspected = None
        self._try_suspect()
        return events

    def _ended_within(self, seconds: float) -> list[Future]:
        """Wait for a task to end, and a little for others: to ask for the result of each takes longer than to do one.

        That is done for about half of those that are underway, so that no thread runs out of work.
        """
        try:
            ended = [self._ended.get(timeout=seconds)]
        except queue.Empty:
            return []
        time.sleep(self._pause)
        while not self._ended.empty():
            ended.append(self._ended.get())
        change = max(len(self._underway) / 2, 1) / len(ended)
        self._pause = min(max(self._pause * min(max(change, 0.5), 1.5), _SHORTEST_PAUSE), _LONGEST_PAUSE)
        return ended

    def answer(self, number: int, claimed: Claimed) -> None:
        """Do an instance whose target was claimed, with others that are claimed now."""
        self._claimed.append(self._named.pop(number)._replace(claimed=claimed))

    def stop(self) -> list[Event]:
        """Take back what has not begun, wait some seconds for the rest, and leave the cluster."""
        events: list[Event] = []
        if self._is_connected():
            self._client.cancel([future for future in self._underway if future.status == "pending"], force=False)
            events += self.events(_SECONDS_TO_STOP) if self._underway else []
            if self._sends and not self._underway and self._is_connected():
                self._client.run(_leave_server, self._plan, on_error="ignore")
        self._client.close(timeout=1)
        return [event for event in events if isinstance(event, (Done, Failed))]

    def _submit_all(self, task: Callable[..., Any], jobs: Sequence[Job]) -> None:
        together = [job for job in jobs if not job.alone]
        size = self._chunk * _CHUNKS_A_TASK
        chunks = [together[start : start + size] for start in range(0, len(together), size)]
        self._submit(task, [*chunks, *([job] for job in jobs if job.alone)])

    def _submit(self, task: Callable[..., Any], chunks: Sequence[Sequence[Job]]) -> None:
        if not chunks:
            return
        # Not pure: the same may have to be done again. A task that dies is not repeated by the cluster alone.
        # As texts: Dask looks for tasks in every list and tuple of an argument, which takes longer than an instance.
        texts = [json.dumps(chunk) for chunk in chunks]
        futures = self._client.map(task, texts, plan=self._plan, pure=False, retries=0)
        for future, jobs in zip(futures, chunks, strict=True):
            self._underway[future] = jobs
            future.add_done_callback(self._ended.put)

    def _events(self, ended: Sequence[Future]) -> list[Event]:
        """Return what tasks say that have ended."""
        ours = [future for future in ended if future in self._underway]
        results: dict[Future, str] = {}
        with suppress(Exception):  # if one is lost, each is asked for by itself
            good = [future for future in ours if future.status == "finished"]
            results.update(zip(good, self._client.gather(good), strict=True))
        return [event for future in ours for event in self._events_of(future, results)]

    def _events_of(self, future: Future, results: Mapping[Future, str]) -> list[Event]:
        jobs = self._underway.pop(future)
        try:
            result = results[future] if future in results else future.result()
            said = [_event(*fields) for fields in json.loads(result)]
        except (KilledWorker, CancelledError, CommClosedError):  # a finished one's result may be lost with its worker
            return self._lost(jobs, future)
        except Exception as error:  # of what a worker does before the first instance
            return [Failed(job.number, described(error), pause_before_another_try(error)) for job in jobs]
        self._named.update({job.number: job for job in jobs})
        for event in said:
            if isinstance(event, Asks):
                self._named[event.number] = self._named[event.number]._replace(wanted=event.target)
            else:
                self._named.pop(event.number, None)
        return said

    def _lost(self, jobs: Sequence[Job], future: Future) -> list[Event]:
        """Return what became of instances whose worker died: only one that had it for itself is known to be why."""
        if jobs[0].number != self._suspected:
            return [GivenBack(job.number) for job in jobs]
        error = future.exception() if future.status == "error" else None
        return [Died(jobs[0].number, type(error).__name__ if error is not None else "lost")]

    def _check_workers(self) -> None:
        """Refuse workers that could do nothing, before the first chunk."""
        if not self._client.nthreads():
            self._client.wait_for_workers(1, timeout=30)
        problems = self._client.run(_problem, self._plan, sys.version_info[:2])
        for worker, problem in problems.items():
            if problem is not None:
                self._client.close(timeout=1)
                raise PlanError(f"the worker {worker} cannot do this batch ({problem}); install what it lacks there")

    def _is_connected(self) -> bool:
        return bool(self._client.status == "running")


class _NamedError(Exception):
    """A target was named: what a claim raises where nothing is to be written yet."""

    def __init__(self, target: str, is_there: bool, stamp: str | None) -> None:
        self.answer = target, is_there, stamp


def _name(jobs: str, plan: str) -> str:
    """Name the targets of some instances, on a worker."""

    def claim(*named: Any) -> Claimed:
        raise _NamedError(*named)

    work, said = _work(plan), list[tuple[Any, ...]]()
    for job in map(job_from, json.loads(jobs)):
        try:
            work.perform(job, claim)
        except _NamedError as named:
            said.append(("asks", job.number, *named.answer))
        except Exception as error:
            said.append(("failed", job.number, described(error), pause_before_another_try(error)))
    return json.dumps(said)


def _do(jobs: str, plan: str) -> str:
    """Do some instances, on a worker."""
    work, said = _work(plan), list[tuple[Any, ...]]()
    for job in map(job_from, json.loads(jobs)):
        assert job.claimed is not None
        # The cluster repeats a task whose result was lost with its worker: what is there may be what it wrote.
        job = job._replace(claimed=job.claimed._replace(replaces=True))
        try:
            outcome = work.outcome_if_done_in_place(job) or work.perform(job, _unasked)
            said.append(("done", job.number, *outcome))
        except Exception as error:
            said.append(("failed", job.number, described(error), pause_before_another_try(error)))
    return json.dumps(said)


@lru_cache(maxsize=4)
def _work(plan: str) -> Work:
    return Work(Batch.from_json(plan))


def _leave_server(plan: str) -> None:
    """Let a worker leave the server that it has sent to."""
    _work(plan).close()


def _unasked(*_: Any) -> Claimed:
    raise AssertionError("the target is claimed already")


def _event(what: str, *fields: Any) -> Event:
    kinds: dict[str, Callable[..., Event]] = {"asks": Asks, "done": Done, "failed": Failed}
    return kinds[what](*fields)


def _problem(plan: str, version: tuple[int, int]) -> str | None:
    """Return why a worker could not do a batch."""
    try:
        _work(plan)
    except Exception as error:
        return described(error)
    found = sys.version_info[:2]
    return None if found == version else f"Python {found[0]}.{found[1]}, and {version[0]}.{version[1]} here"
