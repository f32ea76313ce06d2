"""``streamdcm recover``: complete what was captured before a process or a machine died."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from streamdcm.files.recover import counted_recovery

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "recover",
        help=summary,
        description="Write a file of all frames of a capture (open_writer with recover=True) that had reached the disk "
        "by its last sync, with their functional groups. The capture, .NAME.xxxxxxxx.capture, and its log stay.",
        examples=("streamdcm recover .live.dcm.1f0c9a3b.capture live.dcm",),
    )
    command.add_argument("capture", metavar="FILE", help="the capture")
    command.add_argument("target", metavar="OUT", help="a path, or a URL such as s3://BUCKET/KEY")
    command.add_argument("--no-overwrite", action="store_true", help="fail if OUT exists")
    command.add_argument("--json", action="store_true", help="print a line of JSON")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Recover as the arguments say."""
    result, count = counted_recovery(given.capture, given.target, {"overwrite": not given.no_overwrite})
    if given.json:
        said = {
            "source": given.capture,
            "target": result.location,
            "status": "recovered",
            "bytes": result.bytes_written,
            "frames": count,
        }
        print(json.dumps(said))
    elif not given.quiet:
        print(f"{result.location}: {count:,} frame{'s' * (count != 1)}, {result.bytes_written:,} bytes")
