"""Copying several files into a folder, on several processes, without a journal."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from streamdcm.batch.listing import Found, found_in
from streamdcm.batch.local import LocalWorkers
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import Asks, Claimed, Died, Done, Failed, Job, Pool, is_no_dicom
from streamdcm.batch.template import TargetTemplate, normal
from streamdcm.cleanup import afterwards
from streamdcm.cli.parser import NON_DICOM_HINT
from streamdcm.cli.plausible import refuse_implausible
from streamdcm.errors import PlanError, StreamdcmError
from streamdcm.errors.system import told
from streamdcm.sinks import printable

_SECONDS: Final = 0.5


class SomeFailedError(StreamdcmError):
    """Some files failed, and were named."""


@dataclass
class _Outcome:
    """What became of the files so far."""

    done: int = 0
    skipped: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def copy_many(given: argparse.Namespace, batch_options: dict[str, Any]) -> None:
    """Copy files into a folder as the arguments say.

    Raises
    ------
    PlanError
        If two files would have one target, or a folder is named without ``-r``.
    SomeFailedError
        If some failed, each of which was named.
    """
    start = time.perf_counter()
    files = _with_targets(given)
    if given.dry_run:
        for found, target in files:
            _print_line(given, found.source, target, "planned")
        return
    outcome = _Outcome()
    jobs = _jobs(given, files, outcome)
    template = f"{_escaped(given.target)}/{{relative}}"
    batch = Batch(given.sources, template, force=given.force, **batch_options)
    pool = LocalWorkers(batch, min(given.workers, max(len(jobs), 1)), 4)
    with afterwards(pool.stop):
        _run(given, pool, jobs, outcome)
    _sum_up(given, outcome, len(files), time.perf_counter() - start)


def _with_targets(given: argparse.Namespace) -> list[tuple[Found, str]]:
    for source in given.sources:
        if os.path.isdir(source) and not given.recursive:
            raise PlanError(f"{printable(source)} is a folder; -r copies all files below it")
    field_name = "name" if given.flatten else "relative"
    template = TargetTemplate(f"{_escaped(given.target)}/{{{field_name}}}")
    owners: dict[str, str] = {}
    files = []
    for found in found_in(given.sources, {}):
        target = found.target or template.expanded(found, {}, {})
        other = owners.setdefault(normal(target), found.source)
        if other != found.source:
            what = "leave out --flatten" if given.flatten else "copy them into different folders"
            raise PlanError(
                f"{printable(found.source)} and {printable(other)} would both be {printable(target)}; {what}"
            )
        files.append((found, target))
    if not files:
        raise PlanError("there is no file to copy")
    return files


def _jobs(given: argparse.Namespace, files: list[tuple[Found, str]], outcome: _Outcome) -> dict[int, tuple[Job, str]]:
    """Return what workers are given; what is refused before is noted."""
    claimed = Claimed(replaces=given.overwrite)
    jobs = {}
    for number, (found, target) in enumerate(files):
        if given.force:
            try:
                refuse_implausible(found.source)
            except (StreamdcmError, OSError) as error:
                _end(given, outcome, (found.source, target), None if given.skip_non_dicom else told(error), skip=True)
                continue
        jobs[number] = Job(number, found, target, claimed), target
    return jobs


def _run(given: argparse.Namespace, pool: Pool, jobs: dict[int, tuple[Job, str]], outcome: _Outcome) -> None:
    waiting = deque(job for job, _ in jobs.values())
    tries = dict.fromkeys(jobs, 0)
    underway: set[int] = set()
    while waiting or underway:
        if given.on_error == "stop" and outcome.failures:
            return
        now = [waiting.popleft() for _ in range(min(pool.wants(), len(waiting)))]
        underway.update(job.number for job in now)
        pool.give(now)
        for event in pool.events(_SECONDS):
            if isinstance(event, Asks):
                continue
            job, target = jobs[event.number]
            error = event.how if isinstance(event, Died) else getattr(event, "error", None)
            underway.discard(event.number)
            may_pass = isinstance(event, Died) or (isinstance(event, Failed) and event.pause is not None)
            if isinstance(event, Done):
                _end(given, outcome, (job.found.source, target), None)
            elif error is None:  # given back
                waiting.append(job)
            elif may_pass and tries[event.number] < given.retry:
                tries[event.number] += 1
                waiting.append(job._replace(suspect=True))
            else:
                skip = given.skip_non_dicom and is_no_dicom(error)
                _end(given, outcome, (job.found.source, target), None if skip else error, skip=skip)


def _end(
    given: argparse.Namespace, outcome: _Outcome, file: tuple[str, str], error: str | None, *, skip: bool = False
) -> None:
    source, target = file
    if error is not None:
        outcome.failures.append((source, error))
        _print_line(given, source, target, "failed", error)
    elif skip:
        outcome.skipped += 1
        _print_line(given, source, target, "skipped")
    else:
        outcome.done += 1
        _print_line(given, source, target, "copied")


def _print_line(given: argparse.Namespace, source: str, target: str, status: str, error: str | None = None) -> None:
    """Say of one file what became of it, where that is wanted."""
    if given.json:
        said = {"source": source, "target": target, "status": status}
        print(json.dumps(said if error is None else {**said, "error": error}), flush=True)
    elif given.dry_run:
        print(f"{printable(source)} -> {printable(target)}")
    elif given.verbose and error is None:
        print(f"{printable(source)} -> {printable(target)}: {status}", file=sys.stderr, flush=True)


def _sum_up(given: argparse.Namespace, outcome: _Outcome, total: int, seconds: float) -> None:
    for source, error in outcome.failures:
        print(f"streamdcm: {printable(source)}: {error}", file=sys.stderr)
    failed = len(outcome.failures)
    if any(is_no_dicom(error) for _, error in outcome.failures):
        print(f"streamdcm: {NON_DICOM_HINT}", file=sys.stderr)
    left = total - outcome.done - outcome.skipped - failed
    said = [f"{outcome.done:,} copied"]
    said += [f"{number:,} {what}" for number, what in ((outcome.skipped, "skipped"), (failed, "failed")) if number]
    said += [f"{left:,} not begun"] if left else []
    if failed:
        raise SomeFailedError(f"{', '.join(said)}; {seconds:.1f} s")
    if not given.quiet:
        print(f"{', '.join(said)}; {seconds:.1f} s", file=sys.stderr)


def _escaped(target: str) -> str:
    return target.rstrip("/").replace("{", "{{").replace("}", "}}") or "/"
