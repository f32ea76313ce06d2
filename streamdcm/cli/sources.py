"""The files that arguments name: by a name, a glob, or a list."""

import os
from collections.abc import Iterable, Iterator

from streamdcm.errors import PlanError
from streamdcm.sinks import printable, scheme_of


def is_glob(source: str) -> bool:
    """Tell whether an argument is a glob, and not the name of a file that is there."""
    marks = "*?[" if scheme_of(source) is None else "*["  # a URL has a query behind ?
    return any(mark in source for mark in marks) and not os.path.lexists(source)


def is_list(source: str) -> bool:
    """Tell whether an argument is ``@FILE``, which has a source in each line, or ``@-`` for standard input."""
    return source.startswith("@")


def refuse_unreadable_lists(sources: Iterable[str]) -> None:
    """Say it before anything is done if a list cannot be read.

    Raises
    ------
    PlanError
        If one cannot.
    """
    for name in (source.removeprefix("@") for source in sources if is_list(source)):
        if name != "-" and (os.path.isdir(name) or not os.access(name, os.R_OK)):
            raise PlanError(f"the list {printable(name)} cannot be read; name a file, or - for standard input")


def named_files(sources: Iterable[str]) -> Iterator[str]:
    """Give what the arguments name, lazily: the files of globs and lists, and all else as it is.

    A glob that matches no file stands for itself, so that reading it says why.

    Raises
    ------
    PlanError
        If a list cannot be read.
    """
    for source in sources:
        if not is_glob(source) and not is_list(source):
            yield source
            continue
        from streamdcm.batch.listing import found_in

        is_empty = True
        for found in found_in([source], {}):
            is_empty = False
            yield found.source
        if is_empty and is_glob(source):
            yield source
