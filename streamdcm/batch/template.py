"""Names of targets, made from those of the sources and from values of the dataset."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import lru_cache
from string import Formatter
from typing import Any, Final

from pydicom.datadict import keyword_dict
from pydicom.dataset import Dataset

from streamdcm import system
from streamdcm.batch.listing import Found
from streamdcm.errors import PlanError
from streamdcm.sinks import scheme_of

_OF_PATHS: Final[Mapping[str, Callable[[str], str]]] = {
    "relative": str,
    "stem": lambda relative: posixpath.splitext(posixpath.basename(relative))[0],
    "name": posixpath.basename,
    "parent": posixpath.dirname,
}
_BEFORE: Final = "source."
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9.\-_]")
_DEVICE: Final = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
_NO_NAME: Final = re.compile(r"\.*")


class TargetTemplate:
    """A target with fields in braces.

    Parameters
    ----------
    text : str
        Such as ``"/clean/{relative}"`` or ``"s3://bucket/{StudyInstanceUID}/{SOPInstanceUID}.dcm"``.

    Raises
    ------
    PlanError
        If a field is neither one of `relative`, `stem`, `name` and `parent` nor a keyword.
    """

    def __init__(self, text: str) -> None:
        self._parts = list(_parsed(text))
        fields = [name for _, name in self._parts if name is not None]
        self._of_paths = {name: of_path for name, of_path in _OF_PATHS.items() if name in fields}
        self.before: Final = frozenset(name.removeprefix(_BEFORE) for name in fields if name.startswith(_BEFORE))
        """Keywords whose values count as they are before the edit."""
        self.after: Final = frozenset(name for name in fields if name not in _OF_PATHS and not name.startswith(_BEFORE))
        """Keywords whose values count as they are after the edit."""

    @property
    def needs_dataset(self) -> bool:
        """Whether the name depends on values of the dataset."""
        return bool(self.before or self.after)

    def expanded(self, found: Found, after: Mapping[str, str], before: Mapping[str, str]) -> str:
        """Return the target of a source.

        Parameters
        ----------
        found : Found
            The source.
        after, before : mapping of str to str
            What `name_parts` gives for the keywords.
        """
        values = {name: of_path(found.relative) for name, of_path in self._of_paths.items()}
        values.update(after)
        values.update({_BEFORE + keyword: value for keyword, value in before.items()})
        return _tidy("".join(text + ("" if name is None else values[name]) for text, name in self._parts))


def name_parts(dataset: Dataset, keywords: Iterable[str]) -> dict[str, str]:
    """Return values as parts of a name: letters, digits, ``.``, ``-`` and ``_``, and never empty or dots alone."""
    return {keyword: _safe(dataset.get(keyword)) for keyword in keywords}


def _safe(value: Any) -> str:
    text = _UNSAFE.sub("_", "" if value is None else str(value))
    if system.ON_WINDOWS and _DEVICE.match(text):
        return f"_{text}"
    return "_" if _NO_NAME.fullmatch(text) else text


def normal(target: str) -> str:
    """Return the one name of a target that may be written in several ways."""
    if scheme_of(target) is not None:
        return target
    directory, name = os.path.split(target)
    if name in ("", os.curdir, os.pardir):
        directory, name = os.path.split(os.path.abspath(target))
    return system.comparable(os.path.join(_real(directory), name))


@lru_cache(maxsize=4096)
def _real(directory: str) -> str:
    return os.path.realpath(directory)


def _parsed(text: str) -> Iterable[tuple[str, str | None]]:
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise PlanError(
            f"the target {text!r} has braces that do not fit ({error}); a brace itself is written twice"
        ) from None
    for literal, name, form, conversion in parsed:
        if name is not None:
            _check(name, form, conversion)
        yield literal, name


def _check(name: str, form: str | None, conversion: str | None) -> None:
    if form or conversion:
        raise PlanError(f"the target has {{{name}}} with a format; a field is a name alone")
    keyword = name.removeprefix(_BEFORE)
    if name in _OF_PATHS or (keyword and keyword in keyword_dict):
        return
    close = get_close_matches(keyword, [*_OF_PATHS, *keyword_dict], 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise PlanError(f"the target has {{{name}}}, which is neither {', '.join(_OF_PATHS)} nor a keyword{hint}")


def _tidy(target: str) -> str:
    if scheme_of(target) is None:
        return os.path.normpath(target)
    scheme, _, path = target.partition("://")
    return f"{scheme}://{posixpath.normpath(path)}"
