"""``streamdcm completion``: what makes a shell complete the arguments of this program."""

import argparse
from typing import Any

from streamdcm.errors import MissingExtraError


def add_command(commands: Any, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "completion",
        help=summary,
        description="Print a script that makes a shell complete commands, options and files of streamdcm.",
        examples=(
            "streamdcm completion bash > ~/.local/share/bash-completion/completions/streamdcm",
            "streamdcm completion zsh > ~/.zfunc/_streamdcm",
        ),
    )
    command.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the script.

    Raises
    ------
    MissingExtraError
        If shtab is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise MissingExtraError("completion needs shtab: pip install 'streamdcm[cli]'") from error
    from streamdcm.cli.app import whole_parser

    print(shtab.complete(whole_parser(), given.shell))
