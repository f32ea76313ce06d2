"""``streamdcm index``: where each frame of a file is."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from streamdcm.files.index import index_file

if TYPE_CHECKING:
    from streamdcm.cli.parser import Parser

    Commands = argparse._SubParsersAction[Parser]


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "index",
        help=summary,
        description="Print the offset of the first byte of each frame, and its length, found by ranged reads: no frame "
        "is read. A byte that makes an item even counts. Where a frame has several fragments, "
        "the headers of the items between them count.",
        examples=("streamdcm index cine.dcm", "streamdcm index --json s3://bucket/cine.dcm"),
    )
    command.add_argument("source", metavar="FILE", help="a path, or a URL such as s3://BUCKET/KEY")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--force", action="store_true", help="read a file that lacks the prefix DICM")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the index as the arguments say."""
    index = index_file(given.source, force=given.force)
    if given.json:
        print(json.dumps({"transfer_syntax": index.transfer_syntax, "frames": index.frames}))
        return
    for offset, length in index.frames:
        print(offset, length)
