"""What an asynchronous function has from the synchronous one: all that its own docstring does not say otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import cleandoc
from typing import Any, Final, TypeVar

Twin = TypeVar("Twin", bound=Callable[..., Any])

_HEADING: Final = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)
_ENTRY: Final = re.compile(r"^(?=\S)", re.MULTILINE)
_WITH_ENTRIES: Final = ("Parameters", "Raises", "Attributes")


def twin_of(function: Callable[..., Any]) -> Callable[[Twin], Twin]:
    """Complete the docstring of an asynchronous function by the sections of its synchronous twin.

    A section that it has itself takes the place of the twin's; of parameters only those that it names, where they are.

    Parameters
    ----------
    function : callable
        The synchronous function.
    """

    def complete(twin: Twin) -> Twin:
        twin.__doc__ = merged(cleandoc(twin.__doc__ or ""), cleandoc(function.__doc__ or ""))
        return twin

    return complete


def merged(own: str, other: str) -> str:
    """Return a docstring, completed by the sections of another."""
    summary, sections = _sections(own)
    for heading, text in _sections(other)[1].items():
        if heading in _WITH_ENTRIES and heading in sections:
            entries = _entries(text) | _entries(sections[heading])
            sections[heading] = "".join(entries.values())
        else:
            sections.setdefault(heading, text)
    order = [*_sections(other)[1], *sections]
    texts = [f"{heading}\n{'-' * len(heading)}\n{sections[heading].strip()}" for heading in dict.fromkeys(order)]
    return "\n\n".join([summary.strip(), *texts])


def _sections(docstring: str) -> tuple[str, dict[str, str]]:
    """Return what stands before the first section of a docstring, and the sections by their headings."""
    summary, *rest = _HEADING.split(docstring)
    return summary, dict(zip(rest[::2], rest[1::2], strict=True))


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a section by the names that they begin with."""
    entries = [f"{entry.strip()}\n" for entry in _ENTRY.split(section) if entry.strip()]
    return {entry.partition(" :")[0].partition("\n")[0]: entry for entry in entries}
