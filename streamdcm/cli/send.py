"""``streamdcm send``: send files to a DICOM server, by STOW-RS or C-STORE as its URL says."""

from __future__ import annotations

import argparse
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamdcm.cli.progress import Show, shown
from streamdcm.errors import PeerError, StoreFailedError
from streamdcm.network import InstanceResult, StoreResult
from streamdcm.sinks import printable, scheme_of
from streamdcm.sinks.http_clients import library_of, make_client

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_SCHEMES = ("dicom", "dicoms", "http", "https")
_ONLY_FOR = {
    "calling": ("dicom", "dicoms"),
    "batch_size": ("http", "https"),
    "study": ("http", "https"),
    "token_file": ("http", "https"),
    "cacert": ("dicoms", "https"),
    "cert": ("dicoms", "https"),
    "key": ("dicoms", "https"),
}


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "send",
        help=summary,
        description="Send files, and all files of folders, to a DICOM server: by STOW-RS to http:// and https://, by "
        "C-STORE to dicom:// and dicoms:// (TLS). What fails is named, and the others are sent.",
    )
    command.add_argument("files", metavar="FILE", nargs="+", help="a file or a folder")
    command.add_argument("url", metavar="URL", help="https://HOST/BASE, or dicoms://CALLED@HOST:PORT")
    command.add_argument("--workers", type=int, default=1, metavar="N", help="send so many at a time")
    command.add_argument("--retry", type=int, default=2, metavar="N", help="how many more attempts there are")
    command.add_argument("--calling", metavar="AE", help="our AE title, for dicom://")
    command.add_argument("--batch-size", type=int, metavar="N", help="so many instances in a request, for http://")
    command.add_argument("--study", metavar="UID", help="the study that all instances must be of, for http://")
    command.add_argument("--token-file", metavar="F", help="a file with a bearer token, read anew for each request")
    command.add_argument("--cacert", metavar="F", help="the certificates to trust, in place of the system's")
    command.add_argument("--cert", metavar="F", help="our certificate")
    command.add_argument("--key", metavar="F", help="its private key")
    command.add_argument("--quiet", action="store_true", help="name failures only")
    command.set_defaults(run=run, refuse=command.error)


def run(given: argparse.Namespace) -> None:
    """Send as the arguments say."""
    scheme = scheme_of(given.url) or ""
    _check(given, scheme)
    start = time.perf_counter()
    try:
        with shown(quiet=given.quiet, label="sending") as show:
            result = _send(given, scheme, show)
    except PeerError as error:
        if error.result is not None:
            _sum_up(given, error.result, start)
        raise
    _sum_up(given, result, start)
    if not result.ok:
        raise StoreFailedError(f"{len(result.failed):,} of {len(result.instances):,} instances were not stored")


def _check(given: argparse.Namespace, scheme: str) -> None:
    if scheme not in _SCHEMES:
        given.refuse(f"{printable(given.url)}: the URL must begin with {'://, '.join(_SCHEMES)}://")
    for name, schemes in _ONLY_FOR.items():
        if getattr(given, name) is not None and scheme not in schemes:
            given.refuse(f"--{name.replace('_', '-')} is for {' and '.join(f'{each}://' for each in schemes)} only")
    if (given.cert is None) is not (given.key is None):
        given.refuse("--cert and --key belong together")
    if given.workers < 1 or given.retry < 0 or (given.batch_size is not None and given.batch_size < 1):
        given.refuse("--workers and --batch-size are at least 1, and --retry at least 0")


def _send(given: argparse.Namespace, scheme: str, show: Show) -> StoreResult:
    options: dict[str, Any] = {
        "workers": given.workers,
        "retries": given.retry,
        "on_error": "continue",
        "on_result": _name_failure,
        "progress": show,
    }
    context = _tls(given) if scheme in ("https", "dicoms") else None
    if scheme.startswith("dicom"):
        from streamdcm import dimse

        return dimse.store(given.url, given.files, calling=given.calling or "STREAMDCM", tls=context, **options)
    from streamdcm import dicomweb

    with ExitStack() as stack:
        client_options: dict[str, Any] = {}
        if given.token_file is not None:
            client_options["auth"] = _bearer(given.token_file)
        if context is not None:
            client_options["verify"] = context
        library = library_of(None, asynchronous=False)
        client = stack.enter_context(make_client(library, client_options, asynchronous=False))
        batch_size = given.batch_size or 1
        return dicomweb.store(
            given.url, given.files, client=client, study=given.study, batch_size=batch_size, **options
        )


def _tls(given: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=given.cacert)
    if given.cert is not None:
        context.load_cert_chain(given.cert, given.key)
    return context


def _bearer(path: str) -> Callable[[Any], Any]:
    """Return what gives each request the token that is in a file at that time."""

    def authorize(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {Path(path).read_text('ascii').strip()}"
        return request

    return authorize


def _name_failure(item: InstanceResult) -> None:
    if item.status == "failed":
        print(f"streamdcm: {printable(item.name)}: {item.reason}", file=sys.stderr)


def _sum_up(given: argparse.Namespace, result: StoreResult, start: float) -> None:
    if given.quiet:
        return
    warned = f" ({len(result.warnings):,} with a warning)" if result.warnings else ""
    print(
        f"{len(result.stored):,} of {len(result.instances):,} instances stored{warned}, {result.bytes_sent:,} bytes in "
        f"{time.perf_counter() - start:.3f} s",
        file=sys.stderr,
    )
