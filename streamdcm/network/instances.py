"""What a caller gives to be sent, taken one at a time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.errors import PlanError
from streamdcm.network.dataset_item import DatasetItem
from streamdcm.network.items import FileItem, Item
from streamdcm.network.operations import Job
from streamdcm.network.results import Path
from streamdcm.options import check_options
from streamdcm.sinks import printable
from streamdcm.sinks.storage.urls import scheme_of


class Instance:
    """A dataset to be sent, with what belongs to it.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    frames : iterable of array or bytes-like, or callable, optional
        The frames of the pixel data, as `dcmwrite` takes them; or a function that returns them anew for each attempt,
        so that the instance can be sent again. For functions whose names end in ``_async``, also an async iterable.
    number_of_frames : int, optional
        How many frames there are, where they have no ``len()``.
    **options
        Options of `iter_chunks`.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> from streamdcm.network import Instance
    >>> instance = Instance(ds, frames=lambda: camera(), number_of_frames=3)
    >>> dimse.store("dicom://ORTHANC@pacs.example:4242", instance).ok
    True
    """

    __slots__ = ("dataset", "frames", "number_of_frames", "options")

    def __init__(
        self,
        dataset: Dataset,
        frames: Any = None,
        *,
        number_of_frames: int | None = None,
        **options: Any,
    ) -> None:
        for name in ("enforce_file_format", "file_meta", "progress"):
            if name in options:
                raise TypeError(f"{name} is decided by who sends; leave it out")
        check_options(options, "iter_chunks")
        self.dataset = dataset
        self.frames = frames
        self.number_of_frames = number_of_frames
        self.options = options


Sendable: TypeAlias = Path | Dataset | tuple[Dataset, Any] | Instance
"""A file, a folder, a dataset, a dataset with frames, or an `Instance`."""

Instances: TypeAlias = Sendable | Iterable[Sendable]
AsyncInstances: TypeAlias = Instances | AsyncIterable[Sendable]


class Given(NamedTuple):
    """One instance as it was given, or as it was found in a folder; or the error of a folder that cannot be read."""

    thing: Any
    path: Path | None


Check: TypeAlias = Callable[[Item], None]
"""Raises an error for an instance that is not to be sent."""


def unchecked(item: Item) -> None:
    """Let every instance be sent."""


class Intake:
    """Takes instances one at a time, each in its place in the order.

    Parameters
    ----------
    instances : object
        What the caller gave.
    check : callable, optional
        Refuses instances.
    """

    def __init__(self, instances: Any, check: Check = unchecked) -> None:
        self._check = check
        self._things: Iterator[Any] | None = None
        self._async_things: AsyncIterator[Any] | None = None
        if is_one(instances):
            self._things = iter((instances,))
        elif isinstance(instances, AsyncIterable):
            self._async_things = aiter(instances)
        elif isinstance(instances, Iterable):
            self._things = iter(instances)
        else:
            raise PlanError(
                f"instances must be paths, folders and datasets, one or an iterable, not {type(instances).__name__}"
            )
        self._found: Iterator[Given] = iter(())
        self._count = 0

    @property
    def is_async(self) -> bool:
        """Whether only an event loop can ask for the next one."""
        return self._async_things is not None

    def take(self) -> Job | None:
        """Return the next instance, or `None`."""
        assert self._things is not None
        while (job := self._next_found()) is None:
            try:
                thing = next(self._things)
            except StopIteration:
                return None
            self._found = _expanded(thing)
        return job

    async def take_async(self, call: Any) -> Job | None:
        """Return the next instance of an async iterable; `call` calls a function in a thread."""
        assert self._async_things is not None
        while (job := await call(self._next_found)) is None:
            try:
                thing = await anext(self._async_things)
            except StopAsyncIteration:
                return None
            self._found = _expanded(thing)
        return job  # type: ignore[no-any-return]

    def _next_found(self) -> Job | None:
        given = next(self._found, None)
        if given is None:
            return None
        index, self._count = self._count, self._count + 1
        if isinstance(given.thing, OSError):
            return Job(index, given.path, None, given.thing)
        return identified(index, given, self._check)


def identified(index: int, given: Given, check: Check) -> Job:
    """Find out what an instance is; what goes wrong becomes the error of its job."""
    thing = given.thing
    item: Item | None = None
    try:
        if given.path is not None:
            if scheme_of(given.path) is not None:
                raise PlanError(
                    f"{printable(os.fsdecode(given.path))} is a URL, and files are sent from paths alone; streamdcm "
                    "batch --send, in Python Batch(url, send=...), sends what is behind URLs"
                )
            item = FileItem(given.path)
        elif isinstance(thing, Instance):
            options = {"number_of_frames": thing.number_of_frames, **thing.options}
            item = DatasetItem(thing.dataset, thing.frames, {k: v for k, v in options.items() if v is not None})
        else:
            dataset, frames = thing if isinstance(thing, tuple) else (thing, None)
            item = DatasetItem(dataset, frames, {})
        check(item)
    except Exception as error:
        return Job(index, given.path, item, error)
    return Job(index, given.path, item)


def is_one(thing: Any) -> bool:
    """Whether it is one instance, or one folder, and not several."""
    if isinstance(thing, (str, bytes, os.PathLike, Dataset, Instance)):
        return True
    if not isinstance(thing, tuple) or len(thing) != 2 or not isinstance(thing[0], Dataset):
        return False
    return not isinstance(thing[1], (str, bytes, os.PathLike, Dataset, Instance, tuple))


def _expanded(thing: Any) -> Iterator[Given]:
    if not isinstance(thing, (str, bytes, os.PathLike)):
        yield Given(thing, None)
    elif os.path.isdir(thing):
        yield from _files_in(os.fspath(thing))
    else:
        yield Given(None, thing)


def _files_in(folder: Any) -> Iterator[Given]:
    """Give the files of a folder and of those in it, in the order of their names, but for folders behind links."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Given(error, folder)
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path)
        elif not entry.is_symlink() or not os.path.isdir(entry.path):
            yield Given(None, entry.path)
