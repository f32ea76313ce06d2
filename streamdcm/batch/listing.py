"""Finds the sources of a batch: lazily, a folder at a time, sorted within each."""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from typing import Any, Final, NamedTuple, TextIO

from streamdcm import system
from streamdcm.batch.remote import listed_urls
from streamdcm.batch.stamps import file_stamp
from streamdcm.errors import PlanError, TargetTypeError
from streamdcm.sinks import printable, scheme_of
from streamdcm.sinks.resolve import path_of_url

_MAGIC: Final = re.compile(r"[*?[]")
_ANY_DEPTH: Final = "**"


class Found(NamedTuple):
    """A source of a batch.

    Attributes
    ----------
    source : str
        An absolute path, or a URL.
    relative : str
        Its path below the directory, or below the part of the glob that is fixed, with slashes.
    target : str or None
        The target that a manifest names.
    stamp : str or None
        What tells whether it is still the same, where the listing says it; see `stamp_of`.
    """

    source: str
    relative: str
    target: str | None = None
    stamp: str | None = None


def found_in(sources: Iterable[str], options: Mapping[str, Any]) -> Iterator[Found]:
    """Give what directories, files, globs, URLs and manifests name, each in its order.

    Parameters
    ----------
    sources : iterable of str
        A directory is taken with all below it, but for directories behind symbolic links; ``@FILE`` is a manifest with
        one source a line, or source, tab and target; ``@-`` is one on standard input.
    options : mapping
        For URLs: keyword arguments for the library that talks to the service.

    Raises
    ------
    PlanError
        If a manifest cannot be read.
    """
    for source in sources:
        if source.startswith("@"):
            yield from _manifest(source.removeprefix("@"))
        else:
            yield from _named(source, options)


def _named(source: str, options: Mapping[str, Any]) -> Iterator[Found]:
    if scheme_of(source) is not None:
        fixed, pattern = divided(source)
        below = pattern is not None or source.endswith("/")
        for url, relative, stamp in listed_urls(fixed, options, below=below):
            if pattern is None or pattern.fullmatch(relative):
                yield Found(url, relative, stamp=stamp)
        return
    if system.ON_WINDOWS:
        source = source.replace("\\", "/")
    if os.path.isdir(source):
        yield from _below(os.path.abspath(source), "")
    elif os.path.lexists(source) or not _MAGIC.search(source):
        path = os.path.abspath(source)
        yield Found(path, os.path.basename(path))
    else:
        fixed, pattern = divided(source)
        assert pattern is not None
        for found in _below(os.path.abspath(fixed or os.curdir), ""):
            if pattern.fullmatch(found.relative):
                yield found


def _below(directory: str, relative: str) -> Iterator[Found]:
    """Walk a directory; one that cannot be listed stands for itself, so that reading it says why."""
    try:
        with os.scandir(directory) as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        yield Found(directory, relative or os.path.basename(directory))
        return
    for entry in names:
        below = f"{relative}/{entry.name}" if relative else entry.name
        if _is_folder(entry, follow_symlinks=False):
            yield from _below(entry.path, below)
        elif not _is_folder(entry, follow_symlinks=True):
            yield Found(entry.path, below, stamp=_stamp(entry))


def _is_folder(entry: os.DirEntry[str], *, follow_symlinks: bool) -> bool:
    """Tell whether an entry is a folder; what cannot be looked at is none, so that reading it says why."""
    try:
        return entry.is_dir(follow_symlinks=follow_symlinks)
    except OSError:
        return False


def _stamp(entry: os.DirEntry[str]) -> str | None:
    try:
        return file_stamp(entry.stat())
    except OSError:
        return None


def divided(glob: str) -> tuple[str, re.Pattern[str] | None]:
    """Divide a glob into the part that is fixed and a pattern of what is below; no pattern if it is no glob."""
    parts = glob.split("/")
    first = next((index for index, part in enumerate(parts) if _MAGIC.search(part)), None)
    if first is None:
        return glob, None
    return "/".join(parts[:first]) or ("/" if glob.startswith("/") else ""), re.compile(_expression(parts[first:]))


def _expression(parts: list[str]) -> str:
    expression = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == _ANY_DEPTH:
            expression += ".*" if last else "(?:.*/)?"
        else:
            component = fnmatch.translate(part).removeprefix("(?s:").removesuffix(r")\Z")
            expression += component.replace(".*", "[^/]*") + ("" if last else "/")
    return f"(?s:{expression})"


def as_path(place: str) -> str:
    """Return the path that a ``file:`` URL names, and all else as it is.

    Raises
    ------
    TargetTypeError
        If such a URL names no path of this machine.
    """
    return path_of_url(place) if scheme_of(place) == "file" else place


def _manifest(name: str) -> Iterator[Found]:
    try:
        with nullcontext(sys.stdin) if name == "-" else open(name, encoding="utf-8", errors="surrogateescape") as lines:
            yield from _lines(lines)
    except OSError as error:
        raise PlanError(
            f"the manifest {name} cannot be read ({error.strerror}); name a file, or - for standard input"
        ) from error


def _lines(lines: TextIO) -> Iterator[Found]:
    for line in lines:
        source, _, target = line.rstrip("\r\n").partition("\t")
        if source:
            with suppress(TargetTypeError):  # what names no path of this machine fails by itself, when it is used
                source = as_path(source)
                target = as_path(target)
            is_url = scheme_of(source) is not None
            name = printable(source).rpartition("/")[2] if is_url else os.path.basename(source)
            yield Found(source if is_url else os.path.abspath(source), name, target or None)
