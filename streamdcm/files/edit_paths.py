"""Names of elements in an edit: keywords, tags, and paths into sequences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydicom.tag import Tag

from streamdcm.errors import PlanError
from streamdcm.errors.translation import element_name

_TAG: Final = re.compile(r"\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?")
_STEP: Final = re.compile(r"([^.\[\]]+)\[(\d+|\*)\]\.")


class Step(NamedTuple):
    """From a dataset to the items of one of its sequences.

    Attributes
    ----------
    tag : int
        The sequence.
    item : int or None
        The item, from 0; `None` for all.
    """

    tag: int
    item: int | None


class InItems(NamedTuple):
    """A new value in items of a sequence.

    Attributes
    ----------
    steps : tuple of Step
        The way from the sequence on, it included.
    tag : int
        The element.
    value : object
        Its new value; `None` deletes it.
    """

    steps: tuple[Step, ...]
    tag: int
    value: Any


@dataclass(frozen=True, slots=True)
class ItemEdits:
    """What an edit changes in the items of one sequence of the dataset."""

    edits: tuple[InItems, ...]


def tag_named(name: Any) -> int:
    """Return the tag with a keyword, or written as pydicom takes it or as ``gggg,eeee``.

    Raises
    ------
    PlanError
        If there is no such element.
    """
    match = _TAG.fullmatch(name) if isinstance(name, str) else None
    try:
        return int(Tag(match.groups() if match else name))  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        raise PlanError(f"{name!r} is neither a keyword nor a tag of DICOM; correct it") from None


def edits_by_tag(edit: Mapping[Any, Any]) -> dict[int, Any]:
    """Return the new values of a mapping by tag, those in items of a sequence together as `ItemEdits`.

    Raises
    ------
    PlanError
        If it names something that is not an element, or both a sequence and an element in its items.
    """
    edits: dict[int, Any] = {}
    nested: dict[int, list[InItems]] = {}
    for name, value in edit.items():
        steps, tag = _parsed(name) if isinstance(name, str) and "[" in name else ((), tag_named(name))
        if steps:
            nested.setdefault(steps[0].tag, []).append(InItems(steps, tag, value))
        else:
            edits[tag] = value
    for tag, changes in nested.items():
        if tag in edits:
            raise PlanError(f"{element_name(tag)} is edited as a whole and in its items; leave one of them out")
        edits[tag] = ItemEdits(tuple(changes))
    return edits


def _parsed(path: str) -> tuple[tuple[Step, ...], int]:
    """Return the steps and the element of a path such as ``RequestAttributesSequence[0].ScheduledProcedureStepID``."""
    steps = []
    at = 0
    while match := _STEP.match(path, at):
        name, index = match.groups()
        steps.append(Step(tag_named(name), None if index == "*" else int(index)))
        at = match.end()
    return tuple(steps), tag_named(path[at:])
