"""``streamdcm codecs``: what decodes and encodes frames here."""

import argparse
import json
from typing import Any

from streamdcm.pixels.codecs.table import codecs


def add_command(commands: Any, summary: str) -> None:
    """Add the command to the parser of ``streamdcm``."""
    command = commands.add_parser(
        "codecs",
        help=summary,
        description="List, for each transfer syntax, what decodes and encodes frames in this environment: the library "
        "that is used first, and whether it runs in threads or processes.",
        examples=("streamdcm codecs",),
    )
    command.add_argument("--json", action="store_true", help="print a line of JSON for each transfer syntax")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the list."""
    for syntax in codecs():
        if given.json:
            said = {"transfer_syntax": syntax.uid, "keyword": syntax.keyword}
            print(json.dumps({**said, "decode": list(syntax.decode), "encode": list(syntax.encode)}))
            continue
        print(f"{syntax.keyword} ({syntax.uid})")
        for verb, libraries in (("decode", syntax.decode), ("encode", syntax.encode)):
            named = ", ".join(f"{library} ({runs_in})" for library, runs_in in libraries)
            print(f"  {verb}: {named or '-'}")
