"""What a run would do, instance by instance, found out without doing it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from streamdcm.batch.instance import described, no_target, refuse_collision
from streamdcm.batch.journal import JournalCopy
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import Claimed, Done, Event, Failed, Job
from streamdcm.batch.run import Run
from streamdcm.batch.template import TargetTemplate
from streamdcm.errors import StreamdcmError

_AT_A_TIME: Final = 1000
"""How many instances are looked at between two transactions."""


class Planned(NamedTuple):
    """What would become of an instance, as far as that is known before its source is read.

    Attributes
    ----------
    source : str
        Its path or URL.
    target : str or None
        Where it would go, with the fields in braces that depend on its dataset.
    problem : str or None
        Why it would fail.
    """

    source: str
    target: str | None
    problem: str | None = None


def rehearse(
    batch: Batch,
    *,
    journal: str | os.PathLike[str] | None,
    say: Callable[[Planned], object],
    skip_non_dicom: bool = False,
) -> None:
    """Say what a run would do; neither the journal nor a source nor a target is touched.

    Parameters
    ----------
    batch : Batch
        What would be done.
    journal : str, PathLike or None
        The journal, which need not be there; what is done by what it says is not among what is said.
    say : callable
        Called with each instance that would be done.
    skip_non_dicom : bool, optional
        See `Batch.run`.

    Raises
    ------
    JournalError, PlanError
        As a run would.
    """
    with JournalCopy(journal or "", batch.fingerprint()) as copy:
        Run(batch, copy, _Rehearsal(batch, say), 0, None, skip_non_dicom=skip_non_dicom).complete(bool)


class _Rehearsal:
    """Workers that do nothing, and say what they were given."""

    def __init__(self, batch: Batch, say: Callable[[Planned], object]) -> None:
        self._server = None if batch.destination is None else batch.destination.url
        self._template = None if batch.target is None else TargetTemplate(batch.target)
        self._say = say
        self._said: list[Event] = []

    def wants(self) -> int:
        """Return how many more instances can be given now."""
        return _AT_A_TIME - len(self._said)

    def give(self, jobs: Sequence[Job]) -> None:
        """Say what would become of instances."""
        for job in jobs:
            target = self._target(job)
            problem = self._problem(job, target)
            self._say(Planned(job.found.source, target, problem))
            self._said.append(Done(job.number, None) if problem is None else Failed(job.number, problem, None))

    def events(self, seconds: float) -> list[Event]:
        """Return that everything is over that was given."""
        said, self._said = self._said, []
        return said

    def answer(self, number: int, claimed: Claimed) -> None:
        """Answer nobody: no target is asked for."""

    def stop(self) -> list[Event]:
        """Have nothing to end."""
        return []

    def _target(self, job: Job) -> str | None:
        if self._server is not None:
            return self._server
        if job.wanted is not None or self._template is None:
            return job.wanted
        after = {keyword: f"{{{keyword}}}" for keyword in self._template.after}
        before = {keyword: f"{{source.{keyword}}}" for keyword in self._template.before}
        return self._template.expanded(job.found, after, before)

    def _problem(self, job: Job, target: str | None) -> str | None:
        try:
            if target is None:
                raise no_target()
            if job.claimed is not None:
                refuse_collision(target, job.claimed)
        except StreamdcmError as error:
            return described(error)
        return None
