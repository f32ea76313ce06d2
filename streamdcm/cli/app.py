"""``streamdcm``: finds the command, of which nothing is imported before it is chosen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final, NoReturn

import streamdcm

COMMANDS: Final = {
    "copy": "read a DICOM file and write it again",
    "batch": "do one thing to many instances",
    "send": "send files to a DICOM server",
    "index": "tell where each frame of a file is",
    "layout": "show what is where in a file, and what is wrong with it",
    "uploads": "list or abort uploads that were never completed",
    "clean": "list or remove hidden files of writes that were killed",
    "codecs": "list what decodes and encodes frames",
    "demo": "write a huge multi-frame image from a generator, and read frames of it back",
}
"""What each command does; its module has its name."""

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
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser(next((word for word in words if not word.startswith("-")), None))
    given = parser.parse_args(words)
    if given.version:
        print("\n".join(_versions(verbose=given.verbose)))
        return 0
    if "run" not in given:
        parser.error("a COMMAND is needed")
    from streamdcm.cli.run import run

    return run(given)


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """Return a parser that knows the arguments of one command, and of the others what they do."""
    parser: argparse.ArgumentParser = _Parser(prog="streamdcm", description="The streaming DICOM writer.")
    parser.add_argument("-V", "--version", action="store_true", help="print the version and exit")
    parser.add_argument("--verbose", action="store_true", help="with --version: those of other packages, too")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, summary in COMMANDS.items():
        if name == chosen:
            import_module(f"streamdcm.cli.{name}").add_command(commands, summary)
        else:
            commands.add_parser(name, help=summary)
    return parser


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


class _Parser(argparse.ArgumentParser):
    """Says of wrong arguments nothing that is secret."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit."""
        from streamdcm.sinks import printable_text

        super().error(printable_text(message))
