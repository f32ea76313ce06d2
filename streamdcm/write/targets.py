"""What a caller may give as a target: of one instance, or of several."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable
from typing import Any, BinaryIO, Final, TypeAlias

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO, WriteableBuffer

from streamdcm.encode._pydicom import deferred_file, elements_of, stored_value
from streamdcm.errors import PlanError, TargetError, TargetTypeError
from streamdcm.options import DEFAULTS, StorageOptions, TargetSettings, refuse_in_vain
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import Delivery, Output, PartsOutput, Performer, Sink, is_remote_path, scheme_of

_ABOUT_PATHS: Final = ("atomic", "durable")
_ABOUT_STORAGES: Final = tuple(name for name in StorageOptions.__annotations__ if name != "checksum")

Path: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Target: TypeAlias = Path | socket.socket | BinaryIO | WriteableBuffer | DicomIO | Sink | Output | PartsOutput
Targets: TypeAlias = Target | Callable[[int], Target]
"""A target, or a function that gives the target of each instance by its number, from 1."""


def resolve_target(
    delivery: Delivery, options: TargetSettings, tasks: Callable[[], Performer] | None = None
) -> Output | PartsOutput:
    """Find out how to write to a target, as the options say.

    Parameters
    ----------
    delivery : Delivery
        The target.
    options : TargetSettings
        Those about targets count.
    tasks : callable, optional
        Makes what awaits the requests of an asynchronous client, where there is an event loop.
    """
    if options is not DEFAULTS:
        refuse_options_in_vain(delivery.target, options)
    return delivery.resolve(
        overwrite=options.overwrite,
        atomic=options.atomic,
        durable=options.durable,
        seekable=options.seekable,
        storage=options,
        tasks=tasks,
    )


def capabilities_of(output: Output | PartsOutput) -> Capabilities:
    """Return what an output can do, as a plan has to know it."""
    return Capabilities(output.can_patch, can_grow=output.can_grow)


def refuse_options_in_vain(target: Any, options: TargetSettings) -> None:
    """Refuse options that a target of this kind has no use for, unless they have their default.

    Raises
    ------
    PlanError
        If one of them was given.
    """
    is_url = scheme_of(target) not in (None, "file") or is_remote_path(target)
    if is_url:
        refuse_in_vain(options, _ABOUT_PATHS, "is about paths, and the target is a URL")
    elif is_path(target):
        refuse_in_vain(options, _ABOUT_STORAGES, "is about object storages, and the target is a path")
    else:
        names = (*_ABOUT_PATHS, *_ABOUT_STORAGES)
        refuse_in_vain(options, names, "has no effect on an object that takes bytes")


def is_path(target: Any) -> bool:
    """Whether a target is the path of a file."""
    return isinstance(target, (str, bytes, os.PathLike))


def is_local_path(target: Any) -> bool:
    """Whether a target is the path of a file of this system, written as one: no URL, not even ``file://``."""
    return is_path(target) and scheme_of(target) is None and not is_remote_path(target)


def refuse_remote_frames(target: Any) -> None:
    """Refuse to put frames behind those of a target that is not a local file.

    Raises
    ------
    PlanError
        If `target` is an object or a URL.
    """
    if is_local_path(target):
        return
    what = "a URL" if is_path(target) else f"an object of type {type(target).__name__}"
    raise PlanError(f"frames can follow only those of a local file, and {what} is no path of one; give such a path")


def refuse_own_source(target: Any, dataset: Dataset) -> None:
    """Refuse to truncate the file that values of the dataset are still to be read from."""
    if not is_path(target) or not os.path.exists(target):
        return
    elements = elements_of(dataset).values()
    values = (stored_value(element) for element in elements if isinstance(element, DataElement))
    buffered = (getattr(value, "name", None) for value in values if isinstance(value, io.BufferedReader))
    for source in (deferred_file(dataset), *buffered):
        if isinstance(source, (str, bytes)) and os.path.exists(source) and os.path.samefile(source, target):
            raise PlanError(
                "values of the dataset are still to be read from the very file that atomic=False would overwrite; "
                "leave atomic=False out, or write to another file"
            )


def target_of_each(target: Any) -> Callable[[int], Any]:
    """Return what gives the target of each instance by its number, from 1.

    A path gets the number in front of its suffix.

    Raises
    ------
    TargetTypeError
        If the target is a single object.
    """
    if is_path(target):
        stem, suffix = os.path.splitext(os.fsdecode(target))
        return lambda number: f"{stem}-{number:04}{suffix}"
    if _is_function(target):
        return _Distinct(target)
    raise TargetTypeError(
        f"split= writes several instances, and an object of type {type(target).__name__} takes one; give a path, or "
        "a function that takes the number of an instance, from 1, and returns its target"
    )


def target_of_one(target: Any) -> Any:
    """Return the target of an instance that turned out to be the only one."""
    return target(1) if _is_function(target) else target


def _is_function(target: Any) -> bool:
    return callable(target) and not callable(getattr(target, "write", None))


class _Distinct:
    """Asks a caller's function for targets, and refuses a path that was given before."""

    def __init__(self, function: Callable[[int], Any]) -> None:
        self._function = function
        self._paths: set[str] = set()

    def __call__(self, number: int) -> Any:
        target = self._function(number)
        if is_path(target):
            path = os.path.abspath(os.fsdecode(target))
            if path in self._paths:
                raise TargetError(f"instance {number} has the path of an earlier one; give each number its own")
            self._paths.add(path)
        return target
