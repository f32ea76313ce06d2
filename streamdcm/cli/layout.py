"""``streamdcm layout``: what is where in a file, and what is wrong with it."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING

from streamdcm.cli.layout_json import as_json
from streamdcm.cli.layout_text import lines
from streamdcm.cli.parser import count_or_none
from streamdcm.errors import SourceError
from streamdcm.files.layout import layout_of
from streamdcm.sinks.path_capture import SUFFIX

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_command(commands: Commands, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "layout",
        help=summary,
        description="Show what is where in a file: its sections as one bar, its elements, its offset tables held "
        "against the frames, and what is wrong with it. Frames are not read; values are not shown, since they may "
        "identify a patient. The exit status is 1 if something is wrong.",
        examples=(
            "streamdcm layout slide.dcm",
            "streamdcm layout --frames 10..20 s3://bucket/cine.dcm",
            "streamdcm layout --json slide.dcm",
            "streamdcm layout --trace trace.jsonl --html trace.html",
        ),
    )
    command.add_argument("source", metavar="FILE", nargs="?", help="a path, or a URL such as s3://BUCKET/KEY")
    command.add_argument(
        "--trace", metavar="TRACE", help="play what dcmwrite(..., trace=TRACE) recorded, in place of a file's layout"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.add_argument("--html", metavar="OUT", help="write a page to look at in a browser, which needs no network")
    command.add_argument(
        "--frames", type=_range, metavar="A..B", help="list these frames, counted from 1, such as 10..20"
    )
    command.add_argument(
        "--depth",
        type=count_or_none,
        default=0,
        metavar="N",
        help="how many sequences deep to look into items; 0 unless given",
    )
    command.add_argument("--values", action="store_true", help="show short values, which may identify a patient")
    command.add_argument("--force", action="store_true", help="read a file that lacks the prefix DICM")
    command.set_defaults(run=partial(run, command))


def run(command: argparse.ArgumentParser, given: argparse.Namespace) -> None:
    """Look at a file, and show it as the arguments say."""
    if (given.source is None) == (given.trace is None):
        command.error("a FILE or --trace TRACE is needed, and not both")
    if given.trace is not None:
        _play(given)
        return
    found = layout_of(given.source, force=given.force, depth=given.depth, with_values=given.values)
    if given.html:
        from streamdcm.cli.layout_html import write_page

        write_page(given.html, found)
    if given.json:
        print(json.dumps(as_json(found, given.frames)))
    elif not given.html:
        for line in lines(found, given.frames, _width()):
            print(line)
    if found.problems:
        if (given.source or "").endswith(SUFFIX):
            raise SourceError(
                "this is a capture that was not completed; 'streamdcm recover FILE OUT' makes a file of it"
            )
        count = len(found.problems)
        raise SourceError(f"{count:,} problem{'s' if count > 1 else ''} found, the first: {found.problems[0]}")


def _play(given: argparse.Namespace) -> None:
    """Show a trace of a write."""
    from streamdcm.cli.trace_steps import read_trace
    from streamdcm.cli.trace_text import trace_lines

    instances = read_trace(given.trace)
    if given.html:
        from streamdcm.cli.trace_html import write_trace_page

        write_trace_page(given.html, instances)
    elif given.json:
        print(json.dumps([{**vars(each), "steps": [step._asdict() for step in each.steps]} for each in instances]))
    else:
        for line in trace_lines(instances, _width()):
            print(line)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 100


def _range(text: str) -> range:
    """Return the frames that ``A..B`` or ``A`` names, counted from 0."""
    match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of frames; give one such as 10..20")
    first = int(match[1])
    last = int(match[2] or first)
    if not 1 <= first <= last:
        raise argparse.ArgumentTypeError(f"{text!r} is no range of frames, which count from 1 and go up")
    return range(first - 1, last)
