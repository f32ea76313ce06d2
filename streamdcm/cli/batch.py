"""``streamdcm batch``: do one thing to many instances, and go on where it stopped."""

from __future__ import annotations

import argparse
import json
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from streamdcm.batch import Batch, BatchReport, status
from streamdcm.cli.counts import counted
from streamdcm.cli.destinations import CREDENTIALS, add_credentials, destination_of
from streamdcm.cli.edits import add_edit_function, add_edits
from streamdcm.cli.parser import add_workers
from streamdcm.errors import StreamdcmError
from streamdcm.sinks import printable

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]

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
    command.add_argument("--transfer-syntax", metavar="NAME", help="the keyword or UID of a transfer syntax to write")
    command.add_argument("--overwrite", action="store_true", help="replace files that are not the batch's own")
    command.add_argument("--journal", metavar="FILE", help="what keeps what became of each instance (SQLite)")
    add_workers(command, None)
    command.add_argument("--scheduler", metavar="ADDRESS", help="the scheduler of a dask.distributed cluster")
    command.add_argument("--status", metavar="JOURNAL", help="say what a journal says, and do nothing")
    command.add_argument("--json", action="store_true", help="give the report as JSON on standard output")
    command.set_defaults(run=lambda given: run(given, command), refuse=command.error)


def run(given: argparse.Namespace, command: argparse.ArgumentParser) -> None:
    """Do what the arguments say."""
    if given.status is not None:
        _show(status(given.status), given)
        return
    if not given.sources or given.journal is None:
        command.error("a SOURCE and --journal FILE are needed, or --status JOURNAL")
    if given.edits and given.edit:
        command.error("--edit excludes --set and --delete; set values in the function")
    edit = dict(given.edits) if given.edits else given.edit
    options: dict[str, Any] = {"overwrite": True} if given.overwrite else {}
    options |= _destination(given)
    batch = Batch(given.sources, given.target, edit=edit, transfer_syntax=given.transfer_syntax, **options)
    with counted(quiet=given.quiet) as show:
        report = batch.run(
            journal=given.journal,
            workers=given.workers,
            scheduler=given.scheduler,
            retries=given.retry,
            progress=show,
        )
    _show(report, given)


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
    for failure in named:
        tries = f" ({failure.attempts} tries)" if failure.attempts > 1 else ""
        print(f"{printable(failure.source)}: {failure.error}{tries}", file=sys.stderr)
    for warned in islice(report.warnings(), _MOST_NAMED if given.quiet else None):
        print(f"{printable(warned.source)}: {warned.warning}", file=sys.stderr)
    if given.json:
        fields = {name: value for name, value in report._asdict().items()}
        print(json.dumps(fields))
    elif not given.quiet:
        print(
            f"{report.done:,} done ({report.skipped:,} of them before), {report.failed:,} failed, "
            f"{report.pending:,} to do; {report.seconds:.1f} s",
            file=sys.stderr,
        )
    if report.failed:
        raise SomeFailedError(f"{report.failed:,} instances failed; run the same again to try them again")
