"""Workers that are processes of this machine: ``python -m streamdcm.batch``, spoken to through pipes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from streamdcm import system
from streamdcm.batch.hearing import Hearing
from streamdcm.batch.messages import Unpacker, packed
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import Asks, Claimed, Died, Done, Event, Failed, GivenBack, Job
from streamdcm.errors import JournalError

_SHORTEST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.02
_PATIENCE: Final = 4.0
"""The seconds that workers have for what is underway when the run is interrupted."""


class LocalWorkers:
    """Some processes, each of which does one instance after the other.

    Not `concurrent.futures.ProcessPoolExecutor`, in which one death fails all that was submitted, nor
    `multiprocessing`, whose children run the caller's script again.

    Parameters
    ----------
    batch : Batch
        What they do.
    count : int
        How many there are.
    chunk : int
        How many instances each may have at a time.
    """

    def __init__(self, batch: Batch, count: int, chunk: int) -> None:
        self._plan = {"plan": batch.to_json(), "path": sys.path}
        self._chunk = chunk
        self._hearing: Hearing[_Worker] = Hearing()
        self._count = count
        self._workers: list[_Worker] = []
        self._alone: deque[Job] = deque()

    def wants(self) -> int:
        """Return how many more instances can be given now."""
        if self._alone:
            return 0  # until somebody has nothing else
        idle = self._count - len(self._workers)
        return idle * self._chunk + sum(worker.wants() for worker in self._workers)

    def give(self, jobs: Sequence[Job]) -> None:
        """Give instances to the workers that have the fewest; a worker is started when there is something for it."""
        self._alone += (job for job in jobs if job.alone or job.suspect)
        others = [job for job in jobs if not (job.alone or job.suspect)]
        while len(self._workers) < min(self._count, len(self._workers) + len(jobs)):
            self._workers.append(self._started())
        for worker in sorted(self._workers, key=lambda worker: len(worker.jobs)):
            free = worker.wants()
            worker.give(others[:free])
            del others[:free]
        self._give_alone()

    def _give_alone(self) -> None:
        for worker in self._workers:
            if self._alone and not worker.jobs:
                worker.give([self._alone.popleft()])

    def events(self, seconds: float) -> list[Event]:
        """Wait for what workers say; those that died are replaced."""
        events: list[Event] = []
        for worker, data in self._hearing.heard(seconds):
            if data:
                events += worker.heard(data)
            else:
                events += self._replaced(worker)
        self._give_alone()
        return events

    def answer(self, number: int, claimed: Claimed) -> None:
        """Answer the worker that asked for a target."""
        for worker in self._workers:
            if worker.jobs and worker.jobs[0].number == number:
                worker.say({"claimed": claimed})

    def stop(self) -> list[Event]:
        """Let no instance begin, wait some seconds for those that are underway, and end the workers."""
        events: list[Event] = []
        for worker in self._workers:
            worker.say({"stop": True})
        end = time.monotonic() + _PATIENCE
        running = [worker for worker in self._workers if worker.jobs]
        while running and (left := end - time.monotonic()) > 0:
            for speaker, data in self._hearing.heard(left):
                events += speaker.heard(data)
                running = [worker for worker in running if data or worker is not speaker]
        for worker in self._workers:
            worker.end()
        self._hearing.close()
        return events

    def _started(self) -> _Worker:
        worker = _Worker(self._plan, self._chunk)
        self._hearing.listen(worker, worker.output)
        return worker

    def _replaced(self, worker: _Worker) -> list[Event]:
        """Put another worker in the place of one that died, and say at what it was."""
        how = worker.end()
        if not worker.is_ready:
            self._workers.remove(worker)
            raise JournalError(
                f"a worker could not begin ({how}); what it said is on standard error. Mend it and run again"
            )
        self._workers[self._workers.index(worker)] = self._started()
        first, *others = worker.jobs or [None]
        died: list[Event] = [] if first is None else [Died(first.number, how)]
        return died + [GivenBack(job.number) for job in others if job is not None]


class _Worker:
    """A process, and the instances that it has, up to a chunk."""

    def __init__(self, plan: dict[str, Any], chunk: int) -> None:
        place = str(Path(__file__).parents[2])
        known = os.environ.get("PYTHONPATH")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streamdcm.batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": place if known is None else f"{place}{os.pathsep}{known}"},
            **system.process_apart(),  # Ctrl-C is for the coordinator
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input = self._process.stdin
        self.output: Final = self._process.stdout
        self._unpacker = Unpacker()
        self._chunk = chunk
        self._has_asked = False
        self.pause = 0.0
        """The seconds for which what it says may gather before it is heard."""
        self.jobs: deque[Job] = deque()
        self.is_ready = False
        self.say(plan)

    def wants(self) -> int:
        """Return how many more instances it can have."""
        if len(self.jobs) > self._chunk * 3 // 4 or any(job.alone or job.suspect for job in self.jobs):
            return 0
        return self._chunk - len(self.jobs)

    def give(self, jobs: Sequence[Job]) -> None:
        """Give it instances."""
        if jobs:
            self.jobs += jobs
            self.say({"jobs": jobs})

    def say(self, message: dict[str, Any]) -> None:
        """Send it a message; if it has died, that is heard elsewhere."""
        with suppress(OSError):
            self._input.write(packed(message))
            self._input.flush()

    def heard(self, data: bytes) -> list[Event]:
        """Return what it says."""
        events = [event for message in self._unpacker.feed(data) if (event := self._event(message)) is not None]
        self.pause = self._next_pause(len(events))
        return events

    def _next_pause(self, ended: int) -> float:
        """Return a pause after which about half of its chunk will have ended, so that it gets more in good time."""
        if self._has_asked:
            return 0.0  # it waits for the answer
        change = self._chunk / 2 / max(ended, 1)
        return min(max(self.pause, _SHORTEST_PAUSE) * min(max(change, 0.5), 1.5), _LONGEST_PAUSE)

    def end(self) -> str:
        """End it, and return how it ended."""
        with suppress(OSError):
            self._input.close()
        try:
            status = self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        return f"signal {-status}" if status < 0 else f"exit status {status}"

    def _event(self, message: dict[str, Any]) -> Event | None:
        if "ready" in message:
            self.is_ready = True
            return None
        number = self.jobs[0].number
        if "asks" in message:
            self._has_asked = True
            return Asks(number, message["asks"], message["is_there"], message["stamp"])
        self.jobs.popleft()
        if "failed" in message:
            return Failed(number, message["failed"], message["pause"])
        return Done(number, *message["done"])
