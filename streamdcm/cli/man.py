"""``streamdcm man``: the manual page, made of what ``--help`` says."""

import argparse
from collections.abc import Iterator
from typing import Any

import streamdcm


def add_command(commands: Any, summary: str) -> None:
    """Add the command to the parser of the program."""
    command = commands.add_parser(
        "man",
        help=summary,
        description="Print the manual page in the language of troff.",
        examples=("streamdcm man | man -l -", "streamdcm man > /usr/local/share/man/man1/streamdcm.1"),
    )
    command.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the page."""
    from streamdcm.cli.app import whole_parser

    print("\n".join(_page(whole_parser())))


def _page(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f'.TH STREAMDCM 1 "" "streamdcm {streamdcm.__version__}" "User Commands"'
    yield from (".SH NAME", "streamdcm \\- the streaming DICOM writer")
    yield from (".SH SYNOPSIS", ".B streamdcm", "\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]")
    yield from (".SH DESCRIPTION", _text(parser.description or ""))
    commands: Any = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        yield f".SH COMMAND {name.upper()}"
        yield ".nf"
        yield _text(command.format_usage().removeprefix("usage: ").rstrip())
        yield from (".fi", ".PP", _text(command.description or ""))
        for action in command._actions:
            yield from (".TP", _named(action), _text(_help(action)))
        if command.epilog:
            _, *examples = command.epilog.splitlines()
            yield from (".PP", "Examples:", ".nf", *map(_text, examples), ".fi")
    yield from (".SH EXIT STATUS", _text((parser.epilog or "").removeprefix("exit status: ")))


def _named(action: argparse.Action) -> str:
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"\\fI{_text(str(value))}\\fR"
    names = ", ".join(f"\\fB{_text(option)}\\fR" for option in action.option_strings)
    return names if action.nargs == 0 else f"{names} \\fI{_text(str(value))}\\fR"


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")


def _text(text: str) -> str:
    lines = text.replace("\\", "\\e").replace("-", "\\-").splitlines() or [""]
    return "\n".join(f"\\&{line}" if line.startswith((".", "'")) else line for line in lines)
