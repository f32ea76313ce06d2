"""What a value of an option must be: each check takes its name and the value, and returns the one to use.

They raise `PlanError`, which never shows an object, only numbers and texts that an option may have.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from streamdcm.engine.spool import AUTO, NEVER
from streamdcm.errors import PlanError
from streamdcm.options.sizes import bytes_in
from streamdcm.options.split import BytesEach, FramesEach, Split


def flag(name: str, given: Any) -> bool:
    """Refuse what only looks like true or false: ``overwrite="no"`` would overwrite."""
    if not isinstance(given, bool):
        raise PlanError(f"{name} must be True or False, not an object of type {type(given).__name__}")
    return given


def optional_flag(name: str, given: Any) -> bool | None:
    """Refuse what only looks like true, false or `None`."""
    if given is not None and not isinstance(given, bool):
        raise PlanError(f"{name} must be True, False or None, not an object of type {type(given).__name__}")
    return given


def as_given(name: str, given: Any) -> Any:
    """Take any value; it is checked where it is used."""
    return given


def one_of(*choices: Any) -> Callable[[str, Any], Any]:
    """Return what takes one of a few values."""

    def check(name: str, given: Any) -> Any:
        if not any(given is choice or (isinstance(given, str) and given == choice) for choice in choices):
            raise PlanError(f"{name} must be one of {', '.join(map(repr, choices))}, not {_described(given)}")
        return given

    return check


def size(least: int) -> Callable[[str, Any], int]:
    """Return what takes a number of bytes, or a text such as ``"512 KiB"``."""

    def check(name: str, given: Any) -> int:
        number = bytes_in(given) if isinstance(given, str) else whole_number(given)
        if number is None or number < least:
            raise PlanError(
                f"{name} must be at least {_written(least)}, a whole number or a size like '512 KiB', not "
                f"{_described(given)}"
            )
        return number

    return check


def _written(number: int) -> str:
    """Return a number of bytes as a message gives it."""
    mebibytes, rest = divmod(number, 1 << 20)
    return f"{mebibytes} MiB" if mebibytes and not rest else f"{number} byte{'' if number == 1 else 's'}"


def optional_size(name: str, given: Any) -> int | None:
    """Take a number of bytes above 0, a text such as ``"600 B"``, or `None`."""
    return None if given is None else size(1)(name, given)


def sync_every(name: str, given: Any) -> int | float:
    """Take a whole number of frames above 0, or a number of seconds as a float."""
    if isinstance(given, float) and given >= 0:
        return given
    number = whole_number(given)
    if number is None or number < 1:
        raise PlanError(f"{name} must be a number of frames above 0, or seconds such as 1.0, not {_described(given)}")
    return number


def count(name: str, given: Any) -> int:
    """Take a whole number above 0."""
    number = whole_number(given)
    if number is None or number < 1:
        raise PlanError(f"{name} must be a whole number above 0, not {_described(given)}")
    return number


def optional_count(name: str, given: Any) -> int | None:
    """Take a whole number above 0, or `None`."""
    return None if given is None else count(name, given)


def number_of_frames(name: str, given: Any) -> int | str | None:
    """Take a whole number above 0, `None`, or ``"count"``."""
    if isinstance(given, str) and given == "count":
        return given
    if isinstance(given, str):
        raise PlanError(f"{name} must be a whole number above 0, or 'count', not {_described(given)}")
    return optional_count(name, given)


def late(name: str, given: Any) -> Any:
    """Take names of elements, and the sizes of their values."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise PlanError(f"{name} must be a list of keywords or tags, or a mapping to sizes, not {_described(given)}")
    if isinstance(given, Mapping):
        return {key: optional_count(f"{name}[{key!r}]", length) for key, length in given.items()}
    return given


def progress(name: str, given: Any) -> Any:
    """Take a function or `None`."""
    if given is not None and not callable(given):
        raise PlanError(f"{name} must be a function that takes a ProgressEvent, not {_described(given)}")
    return given


def trace(name: str, given: Any) -> Any:
    """Take a path, a function, or `None`."""
    if given is not None and not callable(given) and not isinstance(given, (str, os.PathLike)):
        raise PlanError(f"{name} must be a path, or a function that takes a dict, not {_described(given)}")
    return given


def mapping(name: str, given: Any) -> Any:
    """Take a mapping."""
    if not isinstance(given, Mapping):
        raise PlanError(f"{name} must be a mapping, not an object of type {type(given).__name__}")
    return given


def optional_mapping(name: str, given: Any) -> Any:
    """Take a mapping; `None` stands for an empty one."""
    return {} if given is None else mapping(name, given)


def text(name: str, given: Any) -> str:
    """Take a text that is not empty."""
    if not isinstance(given, str) or not given:
        raise PlanError(f"{name} must be a text, not {_described(given)}")
    return given


def optional_text(name: str, given: Any) -> str | None:
    """Take a text that is not empty, or `None`."""
    return None if given is None else text(name, given)


def resume(name: str, given: Any) -> bool | str:
    """Take a flag or the id of an upload."""
    if not isinstance(given, (bool, str)) or given == "":
        raise PlanError(f"{name} must be True, False or the id of an upload, not {_described(given)}")
    return given


def spool(name: str, given: Any) -> str:
    """Take ``"auto"``, ``"never"``, or a directory that is there."""
    if isinstance(given, str) and given in (AUTO, NEVER):
        return given
    if not isinstance(given, (str, bytes, os.PathLike)) or not os.path.isdir(given):
        shown = os.fspath(given) if isinstance(given, os.PathLike) else given
        raise PlanError(f"{name} must be 'auto', 'never' or a directory that is there, not {_described(shown)}")
    return os.path.abspath(os.fsdecode(given))


def split(name: str, given: Any) -> Split | None:
    """Take a number of frames, or a size of files."""
    if given is None:
        return None
    if isinstance(given, str):
        return BytesEach(size(1)(name, given))
    number = whole_number(given)
    if number is None or number < 1:
        raise PlanError(
            f"{name} must be a number of frames above 0, or a size in bytes as a text like '2 GiB', not "
            f"{_described(given)}"
        )
    return FramesEach(number)


def whole_number(given: Any) -> int | None:
    """Return what `operator.index` makes of a number, NumPy's too; `None` for anything else, bools among it."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None


def _described(given: Any) -> str:
    """Show a value that cannot be a patient's: numbers and short texts, of anything else the type."""
    if given is None or isinstance(given, (bool, int, float, str)):
        return repr(given)
    return f"an object of type {type(given).__name__}"
