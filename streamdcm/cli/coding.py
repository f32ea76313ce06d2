"""Arguments about the transfer syntax that files are written in, and about the codec of their frames."""

from __future__ import annotations

import argparse
from typing import Any

from streamdcm.errors import PlanError
from streamdcm.plan.syntaxes import syntax_named


def add_coding(command: argparse.ArgumentParser) -> None:
    """Add ``--transfer-syntax`` and ``--codec-option``, which mean the same to all commands that have them."""
    command.add_argument(
        "--transfer-syntax",
        type=_known_syntax,
        metavar="NAME",
        help="the keyword or UID of the transfer syntax to write",
    )
    command.add_argument(
        "--codec-option",
        dest="codec_options",
        action="append",
        type=codec_option,
        metavar="NAME=VALUE",
        help="say something to the codec, such as near=3 or quality=90",
    )


def codec_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `rewrite` that ``--codec-option`` asks for; none if it was not given."""
    return {"codec_options": dict(given.codec_options)} if given.codec_options else {}


def _known_syntax(name: str) -> str:
    try:
        syntax_named(name)
    except PlanError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name


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
