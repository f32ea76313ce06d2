"""Edits as they are written on the command line: ``KEYWORD=VALUE``, and ``KEYWORD`` to delete."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from pydicom.datadict import dictionary_VR

from streamdcm.encode.vr import AMBIGUOUS_VRS, BULK_VRS, VRS
from streamdcm.errors import PlanError, element_name
from streamdcm.files.edit_paths import tag_named

CommandLineEdit: TypeAlias = tuple[int, Any]
"""A tag and its new value; `None` deletes the element."""

_NUMBERS: Final[dict[str, Callable[[str], Any]]] = {
    **{vr: int for vr, row in VRS.items() if row.fixed and not row.pad},
    **dict.fromkeys(("FL", "FD"), float),
    "AT": tag_named,
    "US or SS": int,
}
_NOT_TEXT: Final = BULK_VRS | (AMBIGUOUS_VRS.keys() - _NUMBERS.keys()) | {"SQ"}


def add_edits(command: ArgumentParser) -> None:
    """Add ``--set`` and ``--delete`` to the arguments of a command; what they ask for is collected in `edits`."""
    command.add_argument(
        "--set",
        dest="edits",
        action="append",
        type=setting,
        metavar="KEYWORD=VALUE",
        help="set an element, by keyword or as gggg,eeee; several values are separated by backslashes",
    )
    command.add_argument(
        "--delete", dest="edits", action="append", type=deletion, metavar="KEYWORD", help="delete an element"
    )


def setting(argument: str) -> CommandLineEdit:
    """Return what ``--set KEYWORD=VALUE`` asks for.

    Raises
    ------
    ArgumentTypeError
        Says what is wrong, without the value.
    """
    name, equals, text = argument.partition("=")
    if not equals:
        raise ArgumentTypeError("KEYWORD=VALUE is expected; to delete an element use --delete")
    tag = _tag(name)
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return tag, text
    if vr in _NOT_TEXT:
        raise ArgumentTypeError(
            f"{element_name(tag)} has VR {vr}, which cannot be given as text; use streamdcm.rewrite()"
        )
    number = _NUMBERS.get(vr)
    if number is None:
        return tag, text
    try:
        values = [number(part) for part in text.split("\\")] if text else []
    except ValueError:
        raise ArgumentTypeError(f"{element_name(tag)} has VR {vr}, and the value given is no such number") from None
    return tag, values[0] if len(values) == 1 else values


def deletion(argument: str) -> CommandLineEdit:
    """Return what ``--delete KEYWORD`` asks for.

    Raises
    ------
    ArgumentTypeError
        If there is no such element.
    """
    return _tag(argument), None


def _tag(name: str) -> int:
    try:
        return tag_named(name)
    except PlanError as error:
        raise ArgumentTypeError(str(error)) from None
