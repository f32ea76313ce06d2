"""Edits as they are written on the command line: ``KEYWORD=VALUE``, and ``KEYWORD`` to delete."""

import os
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from pydicom.datadict import dictionary_VR, keyword_dict

from streamdcm.cli.parser import meant
from streamdcm.cli.values import hint, is_written_as
from streamdcm.encode.vr import AMBIGUOUS_VRS, BULK_VRS, VRS
from streamdcm.errors import PlanError
from streamdcm.errors.translation import element_name
from streamdcm.files.edit_paths import ItemEdits, edits_by_tag, tag_named

CommandLineEdit: TypeAlias = tuple[int | str, Any]
"""A tag, or a path into a sequence, and the new value; `None` deletes the element."""

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
        help="set an element: a keyword, gggg,eeee, or a path such as Sequence[0].Keyword or Sequence[*].Keyword; "
        "backslashes separate values",
    )
    command.add_argument(
        "--delete",
        dest="edits",
        action="append",
        type=deletion,
        metavar="KEYWORD",
        help="delete an element, named as for --set",
    )


def add_edit_function(command: ArgumentParser) -> None:
    """Add ``--edit`` to the arguments of a command."""
    command.add_argument(
        "--edit",
        type=_importable,
        metavar="MODULE:FUNCTION",
        help="a function that changes each dataset; the module may be in the current folder",
    )


def _importable(name: str) -> str:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does; workers get the same path
    return name


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
    key, tag = _named(name)
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return key, text
    if vr in _NOT_TEXT:
        how = "name an element in its items, as in Sequence[0].Keyword=VALUE" if vr == "SQ" else "give it by --edit"
        raise ArgumentTypeError(f"{element_name(tag)} has VR {vr}, which cannot be given as text; {how}")
    if not is_written_as(vr, text):
        raise ArgumentTypeError(f"{element_name(tag)}: {hint(vr)}")
    number = _NUMBERS.get(vr)
    if number is None:
        return key, text
    try:
        values = [number(part) for part in text.split("\\")] if text else []
    except (ValueError, PlanError):
        raise ArgumentTypeError(f"{element_name(tag)}: {hint(vr)}") from None
    return key, values[0] if len(values) == 1 else values


def deletion(argument: str) -> CommandLineEdit:
    """Return what ``--delete KEYWORD`` asks for.

    Raises
    ------
    ArgumentTypeError
        If there is no such element.
    """
    return _named(argument)[0], None


def _named(name: str) -> tuple[int | str, int]:
    """Return what an edit has as its key, a tag or a path, and the tag of the element."""
    try:
        ((tag, value),) = edits_by_tag({name: None}).items()
    except PlanError as error:
        last = re.split(r"[.\[]", name)[-1] or name
        raise ArgumentTypeError(f"{error}{meant(last, keyword_dict)}") from None
    return (name, value.edits[0].tag) if isinstance(value, ItemEdits) else (tag, tag)
