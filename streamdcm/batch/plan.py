"""What a batch does: to which sources, with which targets, by which edit."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Self, cast

from pydicom.datadict import keyword_for_tag
from pydicom.tag import Tag

from streamdcm.batch.template import TargetTemplate
from streamdcm.errors import PlanError
from streamdcm.files.edits import Edit
from streamdcm.options import check_options
from streamdcm.plan.syntaxes import syntax_named

if TYPE_CHECKING:
    from streamdcm.batch.run import BatchProgress, BatchReport

SECRET: Final = ("storage_options", "source_options")
"""Options that are in no file, but for a fingerprint."""

_OBJECTS: Final = ("client", "source_client", "progress")


class Batch:
    """One thing to do to many instances: rewrite them, copy them, or send them.

    It does not change, can be pickled, and holds no connection.

    Parameters
    ----------
    sources : str, PathLike or sequence of these
        Directories (with all below them), files, globs, URLs, and manifests: ``"@FILE"``, with one source a line, or a
        source, a tab and its target; ``"@-"`` is standard input.
    target : str or PathLike, optional
        Where each instance goes. In braces: `relative` (the path below the directory or the fixed part of the glob),
        `stem`, `name`, `parent`, keywords whose values count after the edit, and ``source.`` with a keyword for the
        value before it. Only a manifest that names targets does without.
    edit : mapping, str or callable, optional
        As in `rewrite`; or a function that a worker can import, itself or as ``"module:function"``.
    transfer_syntax : str, optional
        As in `rewrite`. Without an edit, a transfer syntax and options the bytes are copied.
    **options
        Those of `rewrite`, but objects such as a client.

    Raises
    ------
    PlanError
        If a worker could not import the edit, or an argument is wrong.

    Examples
    --------
    >>> Batch(["/archive"], "/clean/{relative}", edit={"PatientBirthDate": None})
    Batch(['/archive'], '/clean/{relative}', edit={'PatientBirthDate': None})
    """

    __slots__ = ("_edit", "_options", "_sources", "_target", "_transfer_syntax")

    def __init__(
        self,
        sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        target: str | os.PathLike[str] | None = None,
        *,
        edit: Edit | str | None = None,
        transfer_syntax: str | None = None,
        **options: Any,
    ) -> None:
        listed = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
        for name in _OBJECTS:
            if options.get(name) is not None:
                raise PlanError(
                    f"{name}= cannot be given to other processes; give storage_options=, or progress= to run()"
                )
        check_options(dict(options), "rewrite")
        _refuse_objects(options)
        if transfer_syntax is not None:
            syntax_named(transfer_syntax)
        self._sources = tuple(os.fspath(source) for source in listed)
        self._target = None if target is None else os.fspath(target)
        if self._target is not None:
            TargetTemplate(self._target)
        self._edit = _named_edit(edit)
        self._transfer_syntax = transfer_syntax
        self._options = dict(options)

    @property
    def sources(self) -> tuple[str, ...]:
        """What the instances are read from."""
        return self._sources

    @property
    def target(self) -> str | None:
        """Where each instance goes, with fields in braces."""
        return self._target

    @property
    def edit(self) -> str | Mapping[str, Any] | None:
        """The edit: values by keyword, or the name of a function."""
        return self._edit

    @property
    def transfer_syntax(self) -> str | None:
        """The transfer syntax to write."""
        return self._transfer_syntax

    @property
    def options(self) -> Mapping[str, Any]:
        """The options of `rewrite`."""
        return dict(self._options)

    def run(
        self,
        *,
        journal: str | os.PathLike[str],
        workers: int | None = None,
        scheduler: str | None = None,
        retries: int = 2,
        chunk: int = 32,
        progress: Callable[[BatchProgress], object] | None = None,
    ) -> BatchReport:
        """Do all instances that the journal does not say are done.

        Parameters
        ----------
        journal : str or PathLike
            A SQLite file that keeps what became of each instance; made if it is not there. With the same one a run goes
            on where the last one stopped.
        workers : int, optional
            How many processes there are; the cores that this process may use if not given.
        scheduler : str, optional
            The address of a scheduler of dask.distributed, whose workers do it instead.
        retries : int, optional
            How often an instance is tried again whose worker died, or that failed because a service was not there.
        chunk : int, optional
            How many instances a worker has at a time.
        progress : callable, optional
            Called with a `BatchProgress` as instances end.

        Returns
        -------
        BatchReport
            What became of all instances of the journal. That some failed raises nothing.

        Raises
        ------
        JournalError
            If the journal is that of another plan, or another run holds it.
        """
        from streamdcm.batch.run import run_batch

        return run_batch(
            self, journal=journal, workers=workers, scheduler=scheduler, retries=retries, chunk=chunk, progress=progress
        )

    async def run_async(
        self,
        *,
        journal: str | os.PathLike[str],
        workers: int | None = None,
        scheduler: str | None = None,
        retries: int = 2,
        chunk: int = 32,
        progress: Callable[[BatchProgress], object] | None = None,
    ) -> BatchReport:
        """Do the same on asyncio or trio, from a thread; `progress` is called there.

        Cancelled, it ends within seconds, as `run` does after Ctrl-C, and the journal is true.
        """
        from streamdcm.batch.run import run_batch_async

        return await run_batch_async(
            self, journal=journal, workers=workers, scheduler=scheduler, retries=retries, chunk=chunk, progress=progress
        )

    def to_json(self) -> str:
        """Return the batch as JSON, with what its options say in confidence."""
        return json.dumps(self._state(self._options), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the batch that `to_json` described."""
        state = json.loads(text)
        return cls(state.pop("sources"), state.pop("target"), **state.pop("options"), **state)

    def fingerprint(self) -> str:
        """Return the batch as JSON in which the confidential options are replaced by a digest."""
        kept = {name: _digest(value) if name in SECRET else value for name, value in self._options.items()}
        return json.dumps(self._state(kept), sort_keys=True)

    def _state(self, options: Mapping[str, Any]) -> dict[str, Any]:
        state = {"sources": self._sources, "target": self._target, "edit": self._edit}
        return {**state, "transfer_syntax": self._transfer_syntax, "options": options}

    def __reduce__(self) -> tuple[Callable[[str], Self], tuple[str]]:
        return type(self).from_json, (self.to_json(),)

    def __repr__(self) -> str:
        given = [repr(list(self._sources)), repr(self._target)]
        given += [f"edit={self._edit!r}"] if self._edit is not None else []
        given += [f"transfer_syntax={self._transfer_syntax!r}"] if self._transfer_syntax else []
        given += [f"{name}=…" if name in SECRET else f"{name}={value!r}" for name, value in self._options.items()]
        return f"{type(self).__name__}({', '.join(given)})"


def imported_edit(edit: str | Mapping[str, Any] | None) -> Edit | None:
    """Return the edit that a batch names."""
    if not isinstance(edit, str):
        return cast("Edit | None", edit)
    module, _, name = edit.partition(":")
    function: Any = import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    return function  # type: ignore[no-any-return]


def _named_edit(edit: Any) -> str | dict[str, Any] | None:
    if edit is None:
        return None
    if isinstance(edit, Mapping):
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


def _refuse_objects(options: Mapping[str, Any]) -> None:
    try:
        json.dumps(options)
    except (TypeError, ValueError):
        raise PlanError(
            "an option cannot be given to workers as JSON; give texts, numbers, lists and mappings of these"
        ) from None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()
