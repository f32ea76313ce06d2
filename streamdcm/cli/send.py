"""``streamdcm send``: send files to a DICOM server, by STOW-RS or C-STORE as its URL says."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from streamdcm.cli.destinations import add_credentials, destination_of
from streamdcm.cli.parser import add_on_error, add_workers, count
from streamdcm.cli.progress import Show, shown
from streamdcm.cli.sources import named_files, refuse_unreadable_lists
from streamdcm.errors import PlanError, StoreFailedError
from streamdcm.network import InstanceResult, StoreResult
from streamdcm.network.destination import OUR_TITLE, Destination
from streamdcm.sinks import printable
from streamdcm.sinks.http_clients import library_of, make_client

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "send",
        help=summary,
        description="Send files, and all files of folders, to a DICOM server: by STOW-RS to http:// and https://, by "
        "C-STORE to dicom:// and dicoms:// (TLS). What fails is named, and the others are sent.",
        examples=(
            "streamdcm send --workers 4 archive/ dicom://STORE@pacs:104",
            "streamdcm send @new-files.txt dicom://STORE@pacs:104",
            "streamdcm send --token-file token study/ https://pacs/dicom-web",
        ),
    )
    command.add_argument(
        "files", metavar="FILE", nargs="+", help="a file or a folder; a glob; @FILE, which has a name in each line"
    )
    command.add_argument("url", metavar="URL", help="https://HOST/BASE, or dicoms://CALLED@HOST:PORT")
    add_workers(command, 1)
    add_on_error(command)
    command.add_argument(
        "--json", action="store_true", help="print a line of JSON for each instance on standard output"
    )
    command.add_argument("--batch-size", type=count, metavar="N", help="so many instances in a request, for http://")
    command.add_argument("--study", metavar="UID", help="the study that all instances must be of, for http://")
    add_credentials(command)
    command.set_defaults(run=run, refuse=command.error)


def run(given: argparse.Namespace) -> None:
    """Send as the arguments say."""
    destination = destination_of(given.url, given, ("batch_size", "study"))
    refuse_unreadable_lists(given.files)
    naming = _Naming(given)
    start = time.perf_counter()
    try:
        with shown(quiet=given.quiet, label="sending") as show:
            result = _send(given, destination, naming, show)
    except BaseException as error:
        decided = getattr(error, "result", None) or StoreResult(tuple(naming.results))
        if decided.stored and not given.quiet:
            print(_summary(decided, start), file=sys.stderr)
        raise
    if not result.instances:
        raise PlanError("there is no file to send")
    if not result.ok:
        raise StoreFailedError(_summary(result, start))
    if not given.quiet:
        print(_summary(result, start), file=sys.stderr)


def _send(given: argparse.Namespace, destination: Destination, naming: _Naming, show: Show) -> StoreResult:
    options: dict[str, Any] = {
        "workers": given.workers,
        "retries": given.retry,
        "on_error": "continue",  # whether to stop is decided by `naming`, for what the server refuses, too
        "on_result": naming,
        "progress": show,
    }
    if not destination.is_web:
        from streamdcm import dimse

        calling = given.calling or OUR_TITLE
        return dimse.store(given.url, named_files(given.files), calling=calling, tls=destination.context(), **options)
    from streamdcm import dicomweb

    library = library_of(None, asynchronous=False)
    with make_client(library, destination.client_options(), asynchronous=False) as client:
        options.update(study=given.study, batch_size=given.batch_size or 1)
        return dicomweb.store(given.url, named_files(given.files), client=client, **options)


class _Naming:
    """Names instances as they end, as the arguments ask for, and stops at a failure if they want that."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self.results: list[InstanceResult] = []

    def __call__(self, item: InstanceResult) -> None:
        self.results.append(item)
        name, has_failed = printable(item.name), item.status == "failed"
        if has_failed:
            print(f"streamdcm: {name}: {item.reason}", file=sys.stderr)
        elif self._given.verbose:
            print(f"{name}: {item.status}", file=sys.stderr)
        if self._given.json:
            said = {"source": name, "target": printable(self._given.url), "status": item.status}
            print(json.dumps({**said, "error": item.reason} if has_failed else said), flush=True)
        if has_failed and self._given.on_error == "stop":
            raise StoreFailedError("stopped at the first failure, as --on-error says")


def _summary(result: StoreResult, start: float) -> str:
    warned = f" ({len(result.warnings):,} with a warning)" if result.warnings else ""
    return (
        f"{len(result.stored):,} of {len(result.instances):,} instances stored{warned}, {result.bytes_sent:,} bytes in "
        f"{time.perf_counter() - start:.3f} s"
    )
