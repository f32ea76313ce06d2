"""Arguments: what all commands have, help with examples, and mistakes told in one line."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

_CHOICE: Final = re.compile(r"invalid choice: '(?P<given>.*)' \(choose from (?P<known>.*)\)")


class Formatter(argparse.HelpFormatter):
    """Leaves the lines of examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:\n"):
            return text
        return super()._fill_text(text, width, indent)


class Parser(argparse.ArgumentParser):
    """Says of wrong arguments, in one line, what is wrong and what was meant, and nothing that is secret."""

    def __init__(self, *, examples: Iterable[str] = (), **named: Any) -> None:
        if lines := [f"  {line}" for line in examples]:
            named["epilog"] = "\n".join(("examples:", *lines))
        named.setdefault("formatter_class", Formatter)
        super().__init__(allow_abbrev=False, **named)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and exit with status 2."""
        from streamdcm.sinks import printable_text

        said = _with_choice(message)
        self.exit(2, f"{self.prog}: {printable_text(said)}; try '{self.prog} --help'\n")

    def refuse_unknown(self, arguments: list[str]) -> NoReturn:
        """Say of the first argument that nobody knows what may have been meant."""
        first = arguments[0]
        if first.startswith("-"):
            options = (option for action in self._actions for option in action.option_strings)
            self.error(f"there is no option {first.partition('=')[0]}{meant(first.partition('=')[0], options)}")
        self.error(f"there is one argument too many: {first}")


def meant(given: str, known: Iterable[str]) -> str:
    """Return a question about what was meant, if something is close."""
    close = difflib.get_close_matches(given, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""


def add_common(command: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    common = command.add_argument_group("what is said")
    common.add_argument("-q", "--quiet", action="store_true", help="say nothing if all goes well")
    common.add_argument("-v", "--verbose", action="store_true", help="say more: each file as it is done")
    common.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="whether to use colors; auto: on a terminal, unless NO_COLOR is set",
    )


def count(text: str) -> int:
    """Return a number of at least 1, such as one of workers.

    Raises
    ------
    ArgumentTypeError
        If it is none.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1")
    return int(text)


def count_or_none(text: str) -> int:
    """Return a number of at least 0, such as one of further tries.

    Raises
    ------
    ArgumentTypeError
        If it is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return int(text)


def add_workers(command: argparse.ArgumentParser, default: int | None) -> None:
    """Add ``--workers`` and ``--retry``, which mean the same to all commands that have them."""
    said = "as many as processors" if default is None else str(default)
    command.add_argument(
        "--workers", type=count, default=default, metavar="N", help=f"how many files are done at a time ({said})"
    )
    command.add_argument(
        "--retry",
        "--retries",
        dest="retry",
        type=count_or_none,
        default=2,
        metavar="N",
        help="how often to try again what failed for a reason that may pass (%(default)s)",
    )


def add_on_error(command: argparse.ArgumentParser) -> None:
    """Add ``--on-error``, which means the same to all commands that have it."""
    command.add_argument(
        "--on-error",
        choices=("stop", "continue"),
        default="continue",
        help="what to do when a file fails: begin no other, or go on with the others (%(default)s)",
    )


NON_DICOM_HINT: Final = "--skip-non-dicom leaves out files without the prefix DICM"


def add_skip_non_dicom(command: argparse.ArgumentParser) -> None:
    """Add ``--skip-non-dicom``, which means the same to all commands that have it."""
    command.add_argument("--skip-non-dicom", action="store_true", help="leave out files without the DICM prefix")


def _with_choice(message: str) -> str:
    found = _CHOICE.search(message)
    if found is None:
        return message
    known = re.findall(r"'?([^', ]+)'?", found["known"])
    what = message[: found.start()].removeprefix("argument ").rstrip(": ")
    kind = "command" if what == "COMMAND" else f"choice for {what}"
    return f"there is no {kind} {found['given']!r}{meant(found['given'], known) or '; choose from ' + ', '.join(known)}"
