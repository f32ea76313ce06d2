"""One instance of a batch: from its source to its target."""

from __future__ import annotations

import os
import stat
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydicom.dataset import Dataset

from streamdcm.batch.copying import copied, read_values
from streamdcm.batch.edit_names import imported_edit
from streamdcm.batch.plan import Batch
from streamdcm.batch.pool import Claimed, Job
from streamdcm.batch.sending import Sending
from streamdcm.batch.stamps import stamp_of
from streamdcm.batch.template import TargetTemplate, name_parts, normal
from streamdcm.errors import AssociationRejectedError, NotDicomError, PlanError, TargetCollision
from streamdcm.errors.system import told
from streamdcm.files.chunks import rewrite_chunks_as
from streamdcm.files.edit_paths import edits_by_tag, tag_named
from streamdcm.files.edits import Edit, edited
from streamdcm.files.plan_rewrite import Request
from streamdcm.files.rewrite import rewrite_as
from streamdcm.instructions import Encoder
from streamdcm.options import PlaceOptions, ReadingOptions, RewriteChunksOptions, check_options
from streamdcm.plan.coded_header import derived_uid
from streamdcm.sinks import printable, printable_text, scheme_of
from streamdcm.write.functions import write_encoder

Claim = Callable[[str, bool, "str | None"], Claimed]
"""Claims a target: takes its normalised name, whether something is there, and the stamp of the source."""

_OF_PLACES: Final = frozenset({*PlaceOptions.__annotations__, *ReadingOptions.__annotations__, "source_options"})
"""Options that have nothing to do with what is in a file."""

_SPECIAL: Final = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}


class Outcome(NamedTuple):
    """What there is to say of an instance that is done.

    Attributes
    ----------
    stamp : str or None
        That of its source now.
    warning : str or None
        What the server said that has stored it.
    """

    stamp: str | None
    warning: str | None = None


class Work:
    """Does what a batch does, to one instance after the other.

    Parameters
    ----------
    batch : Batch
        What to do.
    """

    def __init__(self, batch: Batch) -> None:
        self._options: Final = dict(batch.options)
        self._target_options = self._options.get("storage_options", {})
        self._source_options = self._options.get("source_options") or self._target_options
        self._template = None if batch.target is None else TargetTemplate(batch.target)
        edit = imported_edit(batch.edit)
        self._edit: Final[Edit | None] = dict[Any, Any](edits_by_tag(edit)) if isinstance(edit, Mapping) else edit
        self._transfer_syntax = batch.transfer_syntax
        self._force = batch.force
        if batch.transfer_syntax is not None:
            self._options.setdefault("codec_workers", 1)  # the parallelism is over instances
        self._checked: Final = {
            replaces: check_options({**self._options, "overwrite": replaces}, "rewrite") for replaces in (False, True)
        }
        self._sending = (
            None if batch.destination is None else Sending(batch.destination, self._of_chunks(), self._source_options)
        )
        self._copies = batch.edit is None and batch.transfer_syntax is None and not self._options.keys() - _OF_PLACES

    def perform(self, job: Job, claim: Claim) -> Outcome:
        """Do an instance, and return what there is to say of it.

        Raises
        ------
        TargetCollision
            If another instance has its target, or somebody else's file is there; nothing was written.
        Exception
            Whatever reading, the edit or writing raises; the target is what it was.
        """
        source = job.found.source
        _refuse_special(source)
        stamp = stamp_of(source, self._source_options)
        if self._sending is not None:
            return Outcome(stamp, self._send(job, self._sending))
        place = _Place(job, stamp, claim, self._template, self._target_options)
        if job.wanted is not None:
            place.take(job.wanted)
        elif self._template is None:
            raise no_target()
        if self._copies:
            self._copy(source, place)
        else:
            self._rewrite(source, place)
        return Outcome(stamp_of(source, self._source_options) if place.is_source else stamp)

    def outcome_if_done_in_place(self, job: Job) -> Outcome | None:
        """Return that of a source that is its own target and is not what it was when the target was claimed."""
        if job.found.stamp is None or job.claimed is None or not job.claimed.is_source:
            return None
        stamp = stamp_of(job.found.source, self._source_options)
        return None if stamp == job.found.stamp else Outcome(stamp)

    def close(self) -> None:
        """Leave the server that instances were sent to."""
        if self._sending is not None:
            self._sending.close()

    def _send(self, job: Job, sending: Sending) -> str | None:
        if job.found.target is not None:
            raise PlanError("the manifest names a target, and a batch that sends has none; leave it out")
        edit = self._edit
        return sending.send(job.found.source, self._request(_located(edit) if callable(edit) else edit))

    def _copy(self, source: str, place: _Place) -> None:
        target = place.target or self._named(source, place)
        copied(source, target, place.options(self._options), force=self._force)

    def _rewrite(self, source: str, place: _Place) -> None:
        edit = self._edit
        if place.target is None and callable(edit):
            self._rewrite_and_name(source, edit, place)
            return
        target = place.target or self._named(source, place)
        request = self._request(_located(edit) if callable(edit) else edit)
        rewrite_as(source, target, request, self._checked[place.replaces])

    def _named(self, source: str, place: _Place) -> str:
        """Name a target by values that no edit changes, or one by values alone."""
        dataset = read_values(source, place.keywords, self._options, force=self._force)
        before = name_parts(dataset, place.keywords)
        if isinstance(self._edit, Mapping):
            tags = {tag_named(keyword) for keyword in place.keywords}
            edited(dataset, {tag: value for tag, value in self._edit.items() if tag in tags})
        return place.take_for(name_parts(dataset, place.keywords), before)

    def _rewrite_and_name(self, source: str, edit: Callable[[Dataset], Dataset | None], place: _Place) -> None:
        """Rewrite to a target whose name is known when the edit was made, once."""

        def editing(dataset: Dataset) -> Dataset:
            before = name_parts(dataset, place.keywords)
            made = _located(edit)(dataset) or dataset
            place.take_for(name_parts(made, place.keywords), before)
            return made

        with rewrite_chunks_as(source, self._request(editing), self._of_chunks()) as chunks:
            assert place.target is not None
            placed = {name: value for name, value in self._options.items() if name in PlaceOptions.__annotations__}
            write_encoder(_passed_on(chunks), place.target, **place.options(placed))

    def _request(self, edit: Edit | None) -> Request:
        """Return what is wanted of an instance; one that is done again gets the same SOP Instance UID again."""
        return Request(edit, self._transfer_syntax, self._force, new_uid=derived_uid)

    def _of_chunks(self) -> dict[str, Any]:
        return {name: value for name, value in self._options.items() if name in RewriteChunksOptions.__annotations__}


class _Place:
    """The target of an instance, which is claimed before anything is written there."""

    def __init__(
        self,
        job: Job,
        stamp: str | None,
        claim: Claim,
        template: TargetTemplate | None,
        options: dict[str, Any],
    ) -> None:
        self._job = job
        self._stamp = stamp
        self._claim = claim
        self._template = template
        self._options = options
        self.replaces = False
        """Whether what is there may be replaced."""
        self.is_source = False
        """Whether the source itself is there."""
        self.target: str | None = None

    @property
    def keywords(self) -> frozenset[str]:
        """The elements whose values the name has."""
        assert self._template is not None
        return self._template.before | self._template.after

    def take_for(self, after: Mapping[str, str], before: Mapping[str, str]) -> str:
        """Claim the target with these values in its name, and return it."""
        assert self._template is not None
        return self.take(self._template.expanded(self._job.found, after, before))

    def take(self, target: str) -> str:
        """Claim a target, make the directory that it is in, and return it."""
        claimed = self._job.claimed or self._claim(normal(target), self._is_there(target), self._stamp)
        refuse_collision(target, claimed)
        self.replaces, self.is_source = claimed.replaces, claimed.is_source
        self.target = target
        directory = os.path.dirname(target)
        if scheme_of(target) is None and directory and not os.path.isdir(directory):
            os.makedirs(directory, exist_ok=True)
        return target

    def options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options with which it is written."""
        return {**options, "overwrite": self.replaces}

    def _is_there(self, target: str) -> bool:
        if scheme_of(target) is None:
            return os.path.lexists(target)
        return stamp_of(target, self._options) is not None


def _refuse_special(source: str) -> None:
    """Refuse a path that is neither a file nor a folder: who opens a pipe waits until somebody writes to it.

    Raises
    ------
    NotDicomError
        If it is one.
    """
    if scheme_of(source) is not None:
        return
    try:
        kind = stat.S_IFMT(os.stat(source).st_mode)
    except OSError:
        return  # opening it says why
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise NotDicomError(f"{source} is {_SPECIAL.get(kind, 'a device')}, and no file; leave it out")


def refuse_collision(target: str, claimed: Claimed) -> None:
    """Refuse a target that could not be claimed.

    Raises
    ------
    TargetCollision
        If another instance has it, or somebody else's file is there.
    """
    if claimed.owner is not None:
        raise TargetCollision(
            f"{printable(target)} is the target of {printable(claimed.owner)} already; name each another"
        )
    if claimed.is_foreign:
        raise TargetCollision(f"{printable(target)} is there, and not of this batch; overwrite=True replaces it")


def no_target() -> PlanError:
    """Return the error for an instance whose target nothing names."""
    return PlanError("the manifest names no target for it, and the batch has none; name one behind a tab")


def _passed_on(chunks: Iterator[bytes]) -> Encoder[None]:
    yield from chunks


def described(error: BaseException) -> str:
    """Return the class of an error and its text, without a secret."""
    text = "; ".join([told(error), *getattr(error, "__notes__", ())])
    name = next(kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))
    return f"{name}: {printable_text(text)}" if text else name


def pause_before_another_try(error: BaseException) -> float | None:
    """Return after how many seconds another try may help; `None` if it will not.

    It does where the network, or the service, is not there, or says that it may take the instance later.
    """
    if isinstance(error, AssociationRejectedError):
        return 0.0 if error.is_transient else None
    if isinstance(error, (ConnectionError, TimeoutError)):
        return 0.0
    pause: float | None = getattr(error, "pause", None)
    return pause


def _located(edit: Callable[[Dataset], Dataset | None]) -> Callable[[Dataset], Dataset | None]:
    """Return an edit whose exceptions have a note of the line that they come from."""

    def located(dataset: Dataset) -> Dataset | None:
        try:
            return edit(dataset)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)[1:]
            of_edit = [frame for frame in frames if frame.filename == frames[0].filename]
            error.add_note(f"in edit, {of_edit[-1].filename} line {of_edit[-1].lineno}")
            raise

    return located
