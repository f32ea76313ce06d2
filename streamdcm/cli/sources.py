"""The files that arguments name: by a name, a glob, or a list."""

import os
from collections.abc import Iterable, Iterator

from streamdcm.sinks import scheme_of


def is_glob(source: str) -> bool:
    """Tell whether an argument is a glob, and not the name of a file that is there."""
    marks = "*?[" if scheme_of(source) is None else "*["  # a URL has a query behind ?
    return any(mark in source for mark in marks) and not os.path.lexists(source)


def is_list(source: str) -> bool:
    """Tell whether an argument is ``@FILE``, which has a source in each line, or ``@-`` for standard input."""
    return source.startswith("@")


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
