"""What a batch does: to which sources, with which targets, by which edit."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Final, Self

from streamdcm.batch.edit_names import named_edit
from streamdcm.batch.kept_names import kept_name
from streamdcm.batch.listing import as_path
from streamdcm.batch.template import TargetTemplate
from streamdcm.errors import PlanError
from streamdcm.files.edits import Edit
from streamdcm.files.transcode import refuse_coding_in_vain
from streamdcm.network.destination import Destination
from streamdcm.options import PlaceOptions, check_options
from streamdcm.options.checks import flag
from streamdcm.sinks import printable

if TYPE_CHECKING:
    from streamdcm.batch.run import BatchProgress, BatchReport

SECRET: Final = ("storage_options", "source_options")
"""Options that are in no file, but for a fingerprint."""

_PASSWORD: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*:[^/?#]*@")
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
        value before it. Only a manifest that names targets does without, and a batch that sends.
    send : str, optional
        In place of a target, a DICOM server: ``"dicom://AET@host:port"`` (C-STORE; ``dicoms://`` for TLS), or the base
        of a DICOMweb service (STOW-RS). Each worker has a connection of its own. An instance may be sent more than once
        where nobody could report that it was stored.
    edit : mapping, str or callable, optional
        As in `rewrite`; or a function that a worker can import, itself or as ``"module:function"``.
    transfer_syntax : str, optional
        As in `rewrite`. Without an edit, a transfer syntax and options the bytes are copied.
    force : bool, optional
        As in `rewrite`.
    send_options : mapping, optional
        About the server: `calling`, our AE title; `token_file`, a file with a bearer token that is read anew for each
        request; `cacert`, `cert` and `key`, files of certificates for TLS. Workers read the files.
    **options
        Those of `rewrite`, but objects such as a client.

    Raises
    ------
    PlanError
        If a worker could not import the edit, or an argument is wrong.

    Examples
    --------
    >>> from streamdcm.batch import Batch
    >>> batch = Batch("slice.dcm", "clean/{name}", edit={"PatientBirthDate": None})
    >>> batch
    Batch(['slice.dcm'], 'clean/{name}', edit={'PatientBirthDate': None})
    >>> batch.run(journal="run.sqlite", workers=1).done
    1
    """

    __slots__ = ("_destination", "_edit", "_force", "_options", "_sources", "_target", "_transfer_syntax")

    def __init__(
        self,
        sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        target: str | os.PathLike[str] | None = None,
        *,
        send: str | None = None,
        edit: Edit | str | None = None,
        transfer_syntax: str | None = None,
        force: bool = False,
        send_options: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        listed = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
        for name in _OBJECTS:
            if options.get(name) is not None:
                raise PlanError(
                    f"{name}= cannot be given to other processes; give storage_options=, or progress= to run()"
                )
        checked = check_options(dict(options), "rewrite")
        flag("force", force)
        if send is not None:
            _refuse_targets(target, options)
        self._destination = _destination(send, send_options)
        self._force = force
        _refuse_objects(options)
        self._edit = named_edit(edit)
        refuse_coding_in_vain(checked, transfer_syntax, edits_by_function=isinstance(self._edit, str))
        self._sources = tuple(as_path(os.fspath(source)) for source in listed)
        self._target = None if target is None else as_path(os.fspath(target))
        if self._target is not None:
            TargetTemplate(self._target)
        elif send is None and not any(source.startswith("@") for source in self._sources):
            raise PlanError("nothing says where instances go; give target=, send=, or a manifest that names targets")
        for place in (*self._sources, *([] if self._target is None else [self._target])):
            _refuse_password(place)
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
    def destination(self) -> Destination | None:
        """The server that instances are sent to, if they are."""
        return self._destination

    @property
    def edit(self) -> str | Mapping[str, Any] | None:
        """The edit: values by keyword, or the name of a function."""
        return self._edit

    @property
    def transfer_syntax(self) -> str | None:
        """The transfer syntax to write."""
        return self._transfer_syntax

    @property
    def force(self) -> bool:
        """Whether sources may lack the prefix ``DICM``."""
        return self._force

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
        skip_non_dicom: bool = False,
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
        skip_non_dicom : bool, optional
            Whether what lacks the prefix ``DICM`` is left out, and noted so in the journal, where it would fail.
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
            self,
            journal=journal,
            workers=workers,
            scheduler=scheduler,
            retries=retries,
            chunk=chunk,
            skip_non_dicom=skip_non_dicom,
            progress=progress,
        )

    async def run_async(
        self,
        *,
        journal: str | os.PathLike[str],
        workers: int | None = None,
        scheduler: str | None = None,
        retries: int = 2,
        chunk: int = 32,
        skip_non_dicom: bool = False,
        progress: Callable[[BatchProgress], object] | None = None,
    ) -> BatchReport:
        """Do the same on asyncio or trio, from a thread; `progress` is called there.

        Cancelled, it ends within seconds, as `run` does after Ctrl-C, and the journal is true.
        """
        from streamdcm.batch.run import run_batch_async

        return await run_batch_async(
            self,
            journal=journal,
            workers=workers,
            scheduler=scheduler,
            retries=retries,
            chunk=chunk,
            skip_non_dicom=skip_non_dicom,
            progress=progress,
        )

    def to_json(self) -> str:
        """Return the batch as JSON, with what its options and its URLs say in confidence."""
        return json.dumps(self._state(self._options, self._sent_to()), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the batch that `to_json` described."""
        state = json.loads(text)
        return cls(state.pop("sources"), state.pop("target"), **state.pop("options"), **state)

    def fingerprint(self) -> str:
        """Return the batch as JSON in which what is confidential is left out, or replaced by a digest."""
        kept = {name: _digest(value) if name in SECRET else value for name, value in self._options.items()}
        sent_to = self._sent_to()
        if sent_to["send"] is not None:
            sent_to["send"] = f"{printable(sent_to['send'])} {_digest(sent_to['send'])}"
        target = None if self._target is None else kept_name(self._target)
        places = {"sources": list(map(kept_name, self._sources)), "target": target}
        return json.dumps(self._state(kept, sent_to) | places, sort_keys=True)

    def _sent_to(self) -> dict[str, Any]:
        if self._destination is None:
            return {"send": None, "send_options": None}
        url, *_ = fields = astuple(self._destination)
        others = zip(Destination.__match_args__[1:], fields[1:], strict=True)
        return {"send": url, "send_options": {name: value for name, value in others if value is not None}}

    def _state(self, options: Mapping[str, Any], sent_to: Mapping[str, Any]) -> dict[str, Any]:
        state = {"sources": self._sources, "target": self._target, **sent_to, "edit": self._edit, "force": self._force}
        return {**state, "transfer_syntax": self._transfer_syntax, "options": options}

    def __reduce__(self) -> tuple[Callable[[str], Self], tuple[str]]:
        return type(self).from_json, (self.to_json(),)

    def __repr__(self) -> str:
        given = [repr(list(map(printable, self._sources)))]
        given += [repr(None if self._target is None else printable(self._target))]
        given += [f"send={printable(self._destination.url)!r}"] if self._destination is not None else []
        given += [f"edit={self._edit!r}"] if self._edit is not None else []
        given += [f"transfer_syntax={self._transfer_syntax!r}"] if self._transfer_syntax else []
        given += [f"{name}=…" if name in SECRET else f"{name}={value!r}" for name, value in self._options.items()]
        return f"{type(self).__name__}({', '.join(given)})"


def _destination(send: str | None, options: Mapping[str, str] | None) -> Destination | None:
    given = dict(options or {})
    known = Destination.__match_args__[1:]
    for name, value in given.items():
        if send is None or name not in known or not isinstance(value, str):
            what = f"has {name!r}" if send is not None else "is about a server, and send= names none"
            raise PlanError(f"send_options {what}; it takes texts for {', '.join(known)}")
    if send is None:
        return None
    destination = Destination(send, **given)
    destination.check()
    return destination


def _refuse_targets(target: object, options: Mapping[str, Any]) -> None:
    if target is not None:
        raise PlanError("send= is given in place of a target; give one of them")
    for name in options.keys() & PlaceOptions.__annotations__.keys() - {"storage_options", "client"}:
        raise PlanError(f"{name}= is about targets, and send= has none; leave it out")


def _refuse_password(place: str) -> None:
    """Refuse a URL that names a password: sources and targets stand in the journal."""
    if _PASSWORD.match(place):
        raise PlanError(
            f"{printable(place)}: the URL names a password, which the journal would keep; give it by storage_options=, "
            "source_options=, or in the environment"
        )


def _refuse_objects(options: Mapping[str, Any]) -> None:
    try:
        json.dumps(options)
    except (TypeError, ValueError):
        raise PlanError(
            "an option cannot be given to workers as JSON; give texts, numbers, lists and mappings of these"
        ) from None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=repr).encode()).hexdigest()
