"""``streamdcm copy``: read a DICOM file and write it again, edited or in another transfer syntax."""

import argparse
import sys
import time
from typing import TYPE_CHECKING

from streamdcm.cli.edits import add_edits
from streamdcm.cli.progress import shown
from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.files.divide import divide
from streamdcm.files.edits import Edit
from streamdcm.files.rewrite import rewrite
from streamdcm.options import RewriteOptions
from streamdcm.options.typed import ProgressCallback
from streamdcm.sinks import printable

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_command(commands: "Commands", summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "copy",
        help=summary,
        description="Read a DICOM file and write it again; pixel data are copied unread where they can be. OUT "
        "appears under its name only when it is complete.",
    )
    command.add_argument("source", metavar="IN", help="a file, or - for standard input")
    command.add_argument("target", metavar="OUT", help="a file, or - for standard output")
    add_edits(command)
    command.add_argument("--transfer-syntax", metavar="NAME", help="the keyword or UID of the transfer syntax to write")
    command.add_argument(
        "--split",
        metavar="SIZE",
        help="divide the frames over several instances, OUT with their numbers: so many frames each, or a size of "
        "files such as '2 GiB'",
    )
    command.add_argument(
        "--codec-workers", type=int, metavar="NUMBER", help="how many frames are decoded and encoded at a time"
    )
    command.add_argument(
        "--codec-option",
        dest="codec_options",
        action="append",
        type=codec_option,
        metavar="NAME=VALUE",
        help="say something to the codec, such as near=3 or quality=90",
    )
    command.add_argument(
        "--enforce-file-format", action="store_true", help="complete the preamble and File Meta Information"
    )
    command.add_argument("--sequence-lengths", choices=("preserve", "defined", "undefined"), default="preserve")
    command.add_argument("--group-lengths", choices=("omit", "write"), default="omit")
    command.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="fail if OUT exists")
    command.add_argument("--durable", action="store_true", help="wait until OUT is on the disk")
    command.add_argument("--force", action="store_true", help="read IN even without the DICM prefix")
    command.add_argument("--quiet", action="store_true", help="say nothing if all goes well")
    command.set_defaults(run=run)


def codec_option(argument: str) -> tuple[str, int | float]:
    """Return what ``--codec-option NAME=VALUE`` asks for.

    Raises
    ------
    ArgumentTypeError
        If it is not so written.
    """
    name, _, text = argument.partition("=")
    for kind in (int, float):
        try:
            return name, kind(text)
        except ValueError:
            continue
    raise argparse.ArgumentTypeError("NAME=VALUE with a number is expected, such as near=3")


def run(given: argparse.Namespace) -> None:
    """Copy as the arguments say."""
    options: RewriteOptions = {
        "enforce_file_format": given.enforce_file_format,
        "sequence_lengths": given.sequence_lengths,
        "group_lengths": given.group_lengths,
        "overwrite": given.overwrite,
        "durable": given.durable,
        "codec_workers": given.codec_workers,
        "codec_options": dict(given.codec_options or ()),
    }
    start = time.perf_counter()
    source = sys.stdin.buffer if given.source == "-" else given.source
    with shown(quiet=given.quiet, label="copying") as show:
        options["progress"] = show
        target = sys.stdout.buffer if given.target == "-" else given.target
        edit = dict(given.edits) if given.edits else None
        syntax = given.transfer_syntax
        if given.split is None:
            result = rewrite(source, target, edit=edit, transfer_syntax=syntax, force=given.force, **options)
        else:
            result = _divided(given, edit, show)
        if given.target == "-":
            sys.stdout.buffer.flush()
    if not given.quiet:
        seconds = time.perf_counter() - start
        where = "standard output" if given.target == "-" else result.location or f"{len(result.instances):,} instances"
        print(
            f"{printable(given.source)} -> {where}: {result.bytes_written:,} bytes in {seconds:.3f} s", file=sys.stderr
        )


def _divided(given: argparse.Namespace, edit: Edit | None, show: ProgressCallback) -> WriteResult:
    """Divide a file as the arguments say.

    Raises
    ------
    PlanError
        If an argument can have no effect.
    """
    if "-" in (given.source, given.target):
        raise PlanError("--split reads one file and writes several; give paths in place of -")
    if given.transfer_syntax or given.codec_options or given.codec_workers:
        raise PlanError("--split copies frames as they are; change the transfer syntax before, or leave it out")
    return divide(
        given.source,
        given.target,
        edit=edit,
        force=given.force,
        split=int(given.split) if given.split.isdecimal() else given.split,
        enforce_file_format=given.enforce_file_format,
        sequence_lengths=given.sequence_lengths,
        group_lengths=given.group_lengths,
        overwrite=given.overwrite,
        durable=given.durable,
        progress=show,
    )
