"""The options that every entry point takes, with their defaults."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypedDict, get_args

from pydicom.misc import size_in_bytes

from streamdcm.context import GroupLengths, LongValues, SequenceLengths
from streamdcm.errors import PlanError
from streamdcm.progress import ProgressEvent


class WriteOptions(TypedDict, total=False):
    """Keyword arguments of all functions that write.

    Attributes
    ----------
    implicit_vr, little_endian : bool, optional
        The encoding, where the Transfer Syntax UID does not give it; they must agree with it.
    enforce_file_format : bool
        Complete and check the File Meta Information, and write a preamble (PS3.10 §7).
    force_encoding : bool
        Let `implicit_vr` and `little_endian` override the Transfer Syntax UID.
    sequence_lengths : {"preserve", "defined", "undefined"}
        Whether sequences and items keep the kind of length that they have, or all get the same.
    group_lengths : {"omit", "write"}
        Whether to write the retired Group Length of each group (PS3.5 §7.2).
    long_values : {"UN", "refuse"}
        What to do with a value over 64 KiB whose VR has a 16-bit length field (PS3.5 §6.2.2).
    chunk_size : int or str
        The most bytes to read or write at a time; a number or a size such as ``"512 KiB"``.
    hold_limit : int or str
        The most bytes to hold back for a target that cannot seek.
    progress : callable, optional
        Called with a `ProgressEvent`, at most some ten times a second and once before the commit.
        Raising in it cancels the write.
    """

    implicit_vr: bool | None
    little_endian: bool | None
    enforce_file_format: bool
    force_encoding: bool
    sequence_lengths: SequenceLengths
    group_lengths: GroupLengths
    long_values: LongValues
    chunk_size: int | str
    hold_limit: int | str
    progress: Callable[[ProgressEvent], object] | None


class TargetOptions(WriteOptions, total=False):
    """Keyword arguments of the functions that write to a target.

    Attributes
    ----------
    overwrite : bool
        Whether a path may exist already.
    atomic : bool
        Whether a path appears under its name only when it is complete.
    durable : bool
        Whether a path is on the disk, and not only in its cache, when the function returns.
    seekable : bool, optional
        Overrides what was found out about the target.
    """

    overwrite: bool
    atomic: bool
    durable: bool
    seekable: bool | None


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one write, checked."""

    implicit_vr: bool | None = None
    little_endian: bool | None = None
    enforce_file_format: bool = False
    force_encoding: bool = False
    sequence_lengths: SequenceLengths = "preserve"
    group_lengths: GroupLengths = "omit"
    long_values: LongValues = "UN"
    chunk_size: int = 1024 * 1024
    hold_limit: int = 64 * 1024 * 1024
    progress: Callable[[ProgressEvent], object] | None = None
    overwrite: bool = True
    atomic: bool = True
    durable: bool = False
    seekable: bool | None = None


_CHOICES = {
    "sequence_lengths": get_args(SequenceLengths),
    "group_lengths": get_args(GroupLengths),
    "long_values": get_args(LongValues),
}
_NAMES = frozenset(field.name for field in fields(Options))


def check_options(given: dict[str, Any], function: str) -> Options:
    """Return the options that a caller gave, checked.

    Raises
    ------
    TypeError
        For an argument that `function` does not have.
    PlanError
        For a value that an option cannot have.
    """
    unknown = sorted(given.keys() - _NAMES)
    if unknown:
        raise TypeError(f"{function}() got unexpected keyword argument(s): {', '.join(unknown)}")
    checked = dict(given)
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            raise PlanError(f"{name} must be one of {', '.join(map(repr, choices))}, not {given[name]!r}")
    for name, least in (("chunk_size", 1), ("hold_limit", 0)):
        if name in given:
            checked[name] = _size(name, given[name], least)
    return Options(**checked)


def _size(name: str, given: Any, least: int) -> int:
    try:
        size = size_in_bytes(given)
    except (ValueError, TypeError):
        size = None
    if size is None or isinstance(given, bool) or size < least:
        raise PlanError(f"{name} must be at least {least} byte(s), a number or a size like '512 KiB', not {given!r}")
    return int(size)
