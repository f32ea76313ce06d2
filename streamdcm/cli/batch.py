"""``streamdcm batch``: do one thing to many instances, and go on where it stopped."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from streamdcm.batch import Batch, BatchProgress, BatchReport, status
from streamdcm.batch.journal_reading import State, outcomes_in
from streamdcm.batch.pool import is_no_dicom
from streamdcm.batch.run import run_batch
from streamdcm.cli.coding import add_coding, codec_options
from streamdcm.cli.counts import Show, counted
from streamdcm.cli.destinations import CREDENTIALS, add_credentials, destination_of
from streamdcm.cli.edits import add_edit_function, add_edits
from streamdcm.cli.parser import NON_DICOM_HINT, add_on_error, add_skip_non_dicom, add_workers
from streamdcm.cli.run import as_options
from streamdcm.errors import PlanError, StreamdcmError
from streamdcm.sinks import printable

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]

_CHUNK: Final = 32
"""How many instances a worker has at a time."""
_MOST_NAMED: Final = 20
"""How many failures are named with --quiet."""


class SomeFailedError(StreamdcmError):
    """Some instances failed, and were named."""


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "batch",
        help=summary,
        description="Rewrite, edit, copy or send many instances on several processes, or on a cluster of "
        "dask.distributed. A journal keeps what became of each; with the same one a run goes on where the last one "
        "stopped.",
        examples=(
            "streamdcm batch /archive --to '/clean/{relative}' --journal run.sqlite --delete PatientName",
            "streamdcm batch @list.txt --send dicom://STORE@pacs:104 --journal sent.sqlite",
            "streamdcm batch --status run.sqlite",
        ),
    )
    command.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="a folder, file, glob or URL; @FILE, one of these a line; @- for standard input",
    )
    command.add_argument(
        "--to",
        dest="target",
        metavar="TARGET",
        help="where each goes, with {relative}, {stem}, {name}, {parent}, or a keyword in braces",
    )
    command.add_argument(
        "--send", metavar="URL", help="send each to a server: https://HOST/BASE, or dicoms://CALLED@HOST:PORT"
    )
    add_credentials(command)
    add_edits(command)
    add_edit_function(command)
    add_coding(command)
    command.add_argument("--overwrite", action="store_true", help="replace files that are not the batch's own")
    command.add_argument("--journal", metavar="FILE", help="what keeps what became of each instance (SQLite)")
    command.add_argument(
        "--dry-run", action="store_true", help="print what would go where, and touch neither targets nor journal"
    )
    add_skip_non_dicom(command)
    add_workers(command, None)
    add_on_error(command)
    command.add_argument("--scheduler", metavar="ADDRESS", help="the scheduler of a dask.distributed cluster")
    command.add_argument("--status", metavar="JOURNAL", help="say what a journal says, and do nothing")
    command.add_argument(
        "--json", action="store_true", help="print a line of JSON for each instance on standard output"
    )
    command.set_defaults(run=lambda given: run(given, command), refuse=command.error)


def run(given: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    """Do what the arguments say."""
    if given.status is not None:
        _show(status(given.status), given)
        return
    if not given.sources:
        command.error("a SOURCE is needed, or --status JOURNAL")
    if given.journal is None and not given.dry_run:
        command.error("--journal FILE is needed, such as run.sqlite: a run that stops goes on from it")
    if given.edits and given.edit:
        command.error("--edit excludes --set and --delete; set values in the function")
    batch = _batch(given)
    if given.dry_run:
        _rehearse(batch, given)
        return
    with counted(quiet=given.quiet) as show:
        stop = _Stop(show, at_failures=given.on_error == "stop")
        report = run_batch(
            batch,
            journal=given.journal,
            workers=given.workers,
            scheduler=given.scheduler,
            retries=given.retry,
            chunk=1 if given.on_error == "stop" else _CHUNK,
            skip_non_dicom=given.skip_non_dicom,
            progress=stop.hear,
            is_stopped=stop.is_due,
        )
    _show(report, given)


def _rehearse(batch: Batch, given: argparse.Namespace) -> None:
    """Print what a run would do."""
    from streamdcm.batch.rehearsal import Planned, rehearse

    failing = 0

    def say(planned: Planned) -> None:
        nonlocal failing
        failing += planned.problem is not None
        source, target = printable(planned.source), None if planned.target is None else printable(planned.target)
        if given.json:
            said = {"source": source, "target": target, "status": "planned" if planned.problem is None else "failed"}
            print(json.dumps(said if planned.problem is None else {**said, "error": planned.problem}))
        elif planned.problem is None:
            print(f"{source} -> {target}")
        else:
            print(f"{source}: {planned.problem}", file=sys.stderr)

    rehearse(batch, journal=given.journal, say=say, skip_non_dicom=given.skip_non_dicom)
    if failing:
        raise SomeFailedError(f"{failing:,} instance{'s' if failing > 1 else ''} would fail")


def _batch(given: argparse.Namespace) -> Batch:
    """Return what the arguments ask for; end with status 2 if they cannot be right."""
    edit = dict(given.edits) if given.edits else given.edit
    # Only what was given: the plan in the journal stays the same if there are more options one day.
    options: dict[str, Any] = {"overwrite": True} if given.overwrite else {}
    options |= codec_options(given) | _destination(given)
    try:
        return Batch(given.sources, given.target, edit=edit, transfer_syntax=given.transfer_syntax, **options)
    except PlanError as error:
        given.refuse(as_options(str(error), given))
        raise


class _Stop:
    """Stops a run at the first failure, where that is wanted.

    Parameters
    ----------
    show : callable or None
        What else hears of the progress.
    at_failures : bool
        Whether it is wanted.
    """

    def __init__(self, show: Show | None, *, at_failures: bool) -> None:
        self._show = show
        self._at_failures = at_failures
        self._has_failed = False

    def hear(self, event: BatchProgress) -> None:
        """Take the progress."""
        self._has_failed = event.failed > 0
        if self._show is not None:
            self._show(event)

    def is_due(self) -> bool:
        """Tell whether to stop."""
        return self._at_failures and self._has_failed


def _destination(given: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `Batch` about a server."""
    said = {name: value for name in CREDENTIALS if (value := getattr(given, name)) is not None}
    if given.send is None:
        if said:
            given.refuse(f"--{next(iter(said)).replace('_', '-')} is for --send only")
        return {}
    destination_of(given.send, given)
    return {"send": given.send, "send_options": said}


def _show(report: BatchReport, given: argparse.Namespace) -> None:
    """Name what failed, and say how many instances there are of each kind."""
    named = islice(report.failures(), _MOST_NAMED if given.quiet else None)
    has_no_dicom = False
    for failure in named:
        has_no_dicom = has_no_dicom or is_no_dicom(failure.error)
        tries = f" ({failure.attempts} tries)" if failure.attempts > 1 else ""
        print(f"{printable(failure.source)}: {failure.error}{tries}", file=sys.stderr)
    if has_no_dicom:
        print(f"streamdcm: {NON_DICOM_HINT}", file=sys.stderr)
    for warned in islice(report.warnings(), _MOST_NAMED if given.quiet else None):
        print(f"{printable(warned.source)}: {warned.warning}", file=sys.stderr)
    if given.json:
        _print_outcomes(report, given)
    if not given.quiet:
        has_run = given.status is None
        before = f" ({report.skipped:,} of them before)" if has_run else ""
        seconds = f"; {report.seconds:.1f} s" if has_run else ""
        skipped = f", {report.non_dicom:,} skipped" if report.non_dicom else ""
        print(
            f"{report.done:,} done{before}, {report.failed:,} failed{skipped}, {report.pending:,} to do{seconds}",
            file=sys.stderr,
        )
    if report.failed:
        what = (
            "instance failed; run the same again to try it"
            if report.failed == 1
            else ("instances failed; run the same again to try them")
        )
        raise SomeFailedError(f"{report.failed:,} {what} again")


def _print_outcomes(report: BatchReport, given: argparse.Namespace) -> None:
    """Print a line for each instance of the journal, as `copy` and `send` do for each file."""
    sent = None if given.send is None else printable(given.send)
    statuses = {state: state.name.lower() for state in State}
    for outcome in outcomes_in(report.journal):
        target = sent if outcome.target is None else printable(outcome.target)
        said = {"source": printable(outcome.source), "target": target, "status": statuses[outcome.state]}
        what = "error" if outcome.state is State.FAILED else "warning"
        print(json.dumps(said if outcome.error is None else {**said, what: outcome.error}))
