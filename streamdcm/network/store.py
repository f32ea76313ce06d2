"""Sending one instance after the other, whatever the protocol: attempts, failures and results."""

from __future__ import annotations

from collections.abc import Sequence
from traceback import extract_tb
from typing import Protocol

from streamdcm.cleanup import afterwards
from streamdcm.errors import (
    AssociationRejectedError,
    PeerAccessError,
    PeerConnectionError,
    PeerResponseError,
    StreamdcmError,
)
from streamdcm.errors.system import told
from streamdcm.network.failures import NOT_CONFIRMED, ONCE, Verdict, pause_after
from streamdcm.network.operations import Close, Job, OnError, SourceFailed, Steps, Take, Wait
from streamdcm.network.results import Ledger


class Session(Protocol):
    """A protocol at work."""

    def attempt(self, jobs: Sequence[Job]) -> Steps[list[Verdict]]:
        """Send instances once, and return what the server says of each.

        Raises
        ------
        SourceFailed
            If one of them cannot be encoded; the server has stored none.
        PeerConnectionError
            If the answer did not come.
        """

    def finish(self) -> Steps[None]:
        """End in good order."""

    def abandon(self) -> None:
        """Break off at once what is not finished."""


class Sender:
    """Sends what it takes through a session.

    Parameters
    ----------
    session : Session
        The protocol.
    ledger : Ledger
        Takes the results.
    batch_size : int
        How many instances go together.
    retries : int
        How many more attempts there are.
    on_error : {"raise", "continue"}
        What becomes of an error of a source.
    """

    def __init__(self, session: Session, ledger: Ledger, *, batch_size: int, retries: int, on_error: OnError) -> None:
        self._session = session
        self._ledger = ledger
        self._batch_size = batch_size
        self._retries = retries
        self._on_error = on_error

    def run(self) -> Steps[None]:
        """Send until there are no more instances."""
        with afterwards(self._session.abandon):
            while True:
                jobs, unreadable = yield from self._taken()
                if jobs:
                    yield from self._send(jobs)
                if unreadable is not None:
                    yield from self._fail_source(unreadable)
                if not jobs and unreadable is None:
                    break
                del jobs, unreadable  # so that nothing of them is held while the next ones are asked for
            yield from self._session.finish()

    def _taken(self) -> Steps[tuple[list[Job], SourceFailed | None]]:
        """Take a batch of instances, which ends early at one that cannot be read."""
        jobs: list[Job] = []
        while len(jobs) < self._batch_size:
            job = yield Take()
            if job is None:
                break
            if job.error is not None:
                return jobs, SourceFailed(job.error, job)
            jobs.append(job)
        return jobs, None

    def _send(self, jobs: list[Job]) -> Steps[None]:
        """Send instances until each of them has its result."""
        attempts = 0
        try:
            while jobs:
                attempts += 1
                jobs, pause = yield from self._attempt(jobs, attempts)
                if jobs:
                    yield Wait(None, False, pause)
        except BaseException:
            for job in jobs:
                self._ledger.note(job.index, job.result("failed", reason=NOT_CONFIRMED))
            raise

    def _attempt(self, jobs: list[Job], attempts: int) -> Steps[tuple[list[Job], float]]:
        """Send instances once; return those to send again, and after how many seconds."""
        for job in jobs:
            job.attempts = attempts
        try:
            verdicts = yield from self._session.attempt(jobs)
        except SourceFailed as failure:
            for job in jobs:
                if job is not failure.job:
                    yield from self._decide(job, Verdict("failed", reason=NOT_CONFIRMED))
            yield from self._fail_source(failure)
            return [], 0.0
        except PeerConnectionError as error:
            self._refuse_repeating(jobs, attempts, error)
            return jobs, pause_after(attempts)
        again: list[Job] = []
        pauses: list[float] = []
        for job, verdict in zip(jobs, verdicts, strict=True):
            if verdict.again and attempts <= self._retries and self._can_restart(job):
                again.append(job)
                pauses.append(pause_after(attempts, verdict.pause))
            else:
                yield from self._decide(job, verdict)
        self._raise_verdict(verdicts)
        return again, max(pauses, default=0.0)

    def _refuse_repeating(self, jobs: list[Job], attempts: int, error: PeerConnectionError) -> None:
        """Raise the error if instances are not to be sent again."""
        if isinstance(error, AssociationRejectedError) and not error.is_transient:
            raise error
        if not all(map(self._can_restart, jobs)):
            raise type(error)(f"{error}; {ONCE}") from error
        if attempts > self._retries:
            raise error

    def _raise_verdict(self, verdicts: list[Verdict]) -> None:
        """Raise what ends everything: a server that does not allow it, or that cannot be understood."""
        for error in filter(None, (verdict.error for verdict in verdicts)):
            if isinstance(error, PeerAccessError):
                raise error
        errors = [verdict.error for verdict in verdicts]
        if self._on_error == "raise" and errors and all(isinstance(error, PeerResponseError) for error in errors):
            raise errors[0]  # type: ignore[misc]

    def _decide(self, job: Job, verdict: Verdict) -> Steps[None]:
        reason = verdict.reason
        if verdict.again and not self._can_restart(job):
            reason = f"{reason}; {ONCE}"
        self._ledger.add(job.index, job.result(verdict.status, verdict.code, reason, verdict.error))
        yield Close(job)

    def _fail_source(self, failure: SourceFailed) -> Steps[None]:
        """Take a result for an instance that cannot be read, or raise why."""
        job, error = failure.job, failure.error
        assert job is not None
        reason = "it cannot be read or encoded: " + (told(error) if _is_discreet(error) else type(error).__name__)
        if self._on_error == "raise":
            self._ledger.note(job.index, job.result("failed", reason=reason, error=error))
            raise error
        self._ledger.add(job.index, job.result("failed", reason=reason, error=_without_frames(error)))
        yield Close(job)

    @staticmethod
    def _can_restart(job: Job) -> bool:
        return job.item is not None and job.item.can_restart


def _without_frames(error: Exception) -> Exception:
    """Return an error that holds no dataset: the frames of a traceback do, and so do those that called them.

    Where its text is not shown, because it may quote a value, a note says where it comes from.
    """
    if error.__traceback__ is not None and not _is_discreet(error):
        [place] = extract_tb(error.__traceback__, -1)
        error.add_note(f"it was raised in {place.name}, {place.filename}, line {place.lineno}")
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            each.__traceback__ = None
            waiting += filter(None, (each.__cause__, each.__context__, *getattr(each, "exceptions", ())))
    return error


def _is_discreet(error: Exception) -> bool:
    """Whether the text of an error names no values: our own, and those of the system."""
    return isinstance(error, StreamdcmError) or (isinstance(error, OSError) and error.errno is not None)
