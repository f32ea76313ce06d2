"""``streamdcm``: finds the command, of which nothing is imported before it is chosen."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import streamdcm
from streamdcm.cli.parser import Parser, add_common

COMMANDS: Final = {
    "copy": "read DICOM files and write them again, edited or in another transfer syntax",
    "batch": "do one thing to many instances, with a journal to go on from",
    "send": "send files to a DICOM server",
    "index": "tell where each frame of a file is",
    "layout": "show what is where in a file, and what is wrong with it",
    "uploads": "list or abort uploads that were never completed",
    "recover": "complete what was captured before a process or a machine died",
    "clean": "list or remove hidden files of writes that were killed",
    "codecs": "list what decodes and encodes frames",
    "demo": "write a huge multi-frame image from a generator, and read frames of it back",
    "completion": "print what makes a shell complete the arguments of this program",
    "man": "print the manual page",
}
"""What each command does; its module has its name."""

STATUSES: Final = (
    "exit status: 0 if all went well; 1 if not, or if a file of several failed; 2 if the arguments are wrong; 130 "
    "after Ctrl-C; 143 after SIGTERM."
)

_OTHERS: Final = ("pydicom", "anyio", "numpy", "boto3", "azure-storage-blob", "fsspec", "httpx2", "obstore", "rich")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the name of the program.

    Returns
    -------
    int
        0 if all went well, 1 if not, 130 after Ctrl-C, 143 after SIGTERM; wrong arguments exit with 2.
    """
    try:
        return _main(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:  # while the command was being imported, or its arguments read
        print("streamdcm: interrupted; nothing had begun", file=sys.stderr)
        return 130


def _main(words: list[str]) -> int:
    parser, commands = _parsers(next((word for word in words if not word.startswith("-")), None))
    given, unknown = parser.parse_known_args(words)
    if unknown:
        commands.get(getattr(given, "command", ""), parser).refuse_unknown(unknown)
    if given.version:
        print("\n".join(_versions(verbose=given.verbose)))
        return 0
    if "run" not in given:
        parser.error("a COMMAND is needed")
    if given.color == "never":
        os.environ["NO_COLOR"] = "1"
    elif given.color == "always":
        os.environ.pop("NO_COLOR", None)
        os.environ["FORCE_COLOR"] = "1"
    from streamdcm.cli.run import run

    return run(given)


def whole_parser() -> Parser:
    """Return a parser that knows the arguments of all commands."""
    return _parsers(*COMMANDS)[0]


def _parsers(*chosen: str | None) -> tuple[Parser, dict[str, Parser]]:
    """Return a parser that knows the arguments of some commands, and of the others what they do."""
    parser = Parser(prog="streamdcm", description="The streaming DICOM writer.", epilog=STATUSES)
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    parser.add_argument("--verbose", "-v", action="store_true", help="with --version: those of other packages, too")
    commands: Any = parser.add_subparsers(metavar="COMMAND", dest="command", parser_class=Parser)
    for name, summary in COMMANDS.items():
        if name in chosen:
            import_module(f"streamdcm.cli.{name}").add_command(commands, summary)
            add_common(commands.choices[name])
        else:
            commands.add_parser(name, help=summary)
    return parser, commands.choices


def _versions(*, verbose: bool) -> list[str]:
    lines = [f"streamdcm {streamdcm.__version__}"]
    if verbose:
        from importlib.metadata import PackageNotFoundError, version

        lines.append(f"Python {sys.version.split()[0]}")
        for name in _OTHERS:
            try:
                lines.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                lines.append(f"{name} is not installed")
        from streamdcm.encode.hot import HOT

        lines.append(f"hot path: {'pure Python' if HOT is None else 'C'}")
    return lines
