"""Edits by name: values, or a function that every process can import."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from pydicom.datadict import keyword_for_tag
from pydicom.tag import Tag

from streamdcm.errors import PlanError
from streamdcm.files.edit_paths import edits_by_tag
from streamdcm.files.edits import Edit


def imported_edit(edit: str | Mapping[str, Any] | None) -> Edit | None:
    """Return the edit that a batch names."""
    if not isinstance(edit, str):
        return cast("Edit | None", edit)
    module, _, name = edit.partition(":")
    function: Any = import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    return function  # type: ignore[no-any-return]


def named_edit(edit: Any) -> str | dict[str, Any] | None:
    """Return an edit as what is said in a journal: values by keyword, or the name of a function.

    Raises
    ------
    PlanError
        If another process could not import it, or has no use for a value.
    """
    if edit is None:
        return None
    if isinstance(edit, Mapping):
        edits_by_tag(edit)
        return _plain({_keyword(tag): value for tag, value in edit.items()})
    name = edit if isinstance(edit, str) else _name_of(edit)
    try:
        function = imported_edit(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise PlanError(f"edit={name!r} cannot be imported ({error}); it is given as 'module:function'") from error
    if not callable(function) or (not isinstance(edit, str) and function is not edit):
        raise PlanError(f"edit={name!r} is not the function that it names; give one that a worker can import")
    return name


def _name_of(function: Any) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
    if not callable(function) or not isinstance(module, str) or module == "__main__" or "<" in name or not name:
        raise PlanError(
            "edit is not a function that a worker can import: a lambda, or one in __main__ or in another function; put "
            "it into a module, or give a mapping"
        )
    return f"{module}:{name}"


def _keyword(tag: Any) -> str:
    if isinstance(tag, str):
        return tag
    number = Tag(tag)
    return keyword_for_tag(number) or f"{number.group:04X},{number.element:04X}"


def _plain(edit: dict[str, Any]) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(edit))  # type: ignore[no-any-return]
    except (TypeError, ValueError):
        raise PlanError(
            "edit has a value that is neither text, number nor a list of these; set it in a function of a module"
        ) from None
