"""``streamdcm clean``: find and remove the hidden files of writes that were killed."""

import argparse
import json
from typing import TYPE_CHECKING

from streamdcm.sinks.hidden_files import abandoned_files

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def add_command(commands: "Commands", summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "clean",
        help=summary,
        description="List the files in a directory, named .xxxxxxxxxxxx.partial, that writes left there because they "
        "were killed (SIGKILL, a power failure). A file that a process is writing is not among them.",
        examples=("streamdcm clean /archive", "streamdcm clean --yes /archive"),
    )
    command.add_argument("directory", metavar="DIR", help="the directory; those in it are not looked at")
    command.add_argument("--yes", action="store_true", help="remove them")
    command.add_argument("--json", action="store_true", help="print a line of JSON for each file")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """List or remove as the arguments say."""
    for file in abandoned_files(given.directory):
        if given.yes:
            file.remove()
        if given.json:
            said = {"source": str(file.path), "status": "removed" if given.yes else "found"}
            print(json.dumps({**said, "bytes": file.size, "modified": file.modified.isoformat()}))
            continue
        print(f"{file.modified:%Y-%m-%d %H:%M}  {file.size:,} bytes  {file.path}{'  removed' if given.yes else ''}")
