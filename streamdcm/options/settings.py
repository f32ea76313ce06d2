"""One row for each option: its type, its default, how a value is checked, and the functions that take it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, get_args

from streamdcm.engine.in_order import DEFAULT_CHUNK_SIZE, DEFAULT_HOLD_LIMIT
from streamdcm.engine.parts import MIB
from streamdcm.engine.spool import AUTO
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import PlanError
from streamdcm.options import checks
from streamdcm.options.groups import (
    ChecksumAlgorithm,
    GroupLengths,
    LateNames,
    LongValues,
    NumberOfFrames,
    OffsetTableChoice,
    OnVrConflict,
    Overflow,
    ProgressCallback,
    SequenceLengths,
    TraceChoice,
)
from streamdcm.options.split import Split
from streamdcm.sources import AnyFrames


class Row(NamedTuple):
    """What is said of an option beside its type and its default.

    Attributes
    ----------
    check : callable
        Takes the name and a value that was given; returns the value to use, or raises `PlanError`.
    functions : frozenset of str
        The functions that take it.
    """

    check: Callable[[str, Any], Any]
    functions: frozenset[str]


def _option(default: Any, check: Callable[[str, Any], Any], functions: frozenset[str]) -> Any:
    row = {"row": Row(check, functions)}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=row)
    return field(default=default, metadata=row)


def _with_twins(*names: str) -> frozenset[str]:
    return frozenset(names) | {f"{name}_async" for name in names}


_CONVERTERS: Final = _with_twins("iter_chunks", "open_chunks", "open_reader", "encoded_size") | {"encoder"}
_FRAMES_GIVEN: Final = _with_twins("dcmwrite") | _CONVERTERS
_FRAMES: Final = _FRAMES_GIVEN | _with_twins("open_writer")
_LAID_OUT: Final = _FRAMES | _with_twins("rewrite", "rewrite_chunks")
_REWRITERS: Final = _with_twins("rewrite", "rewrite_chunks")
_CODERS: Final = _FRAMES | _REWRITERS
_WITH_TABLES: Final = _CODERS | _with_twins("append") | _with_twins("recover")
_APPENDERS: Final = _with_twins("append")
_READERS: Final = (
    _FRAMES
    | _APPENDERS
    | _with_twins("recover")
    | _with_twins("write_encoder", "encoder_chunks", "rewrite", "rewrite_chunks")
)
_STREAMS: Final = _READERS - _with_twins("encoded_size") - {"encoder"}
_TARGETS: Final = _with_twins("dcmwrite", "write_encoder", "open_writer", "rewrite") | _with_twins("recover")
_FRAMES_ON_LOOP: Final = frozenset({"dcmwrite_async", "iter_chunks_async", "open_chunks_async", "open_reader_async"})
_DIVIDERS: Final = _with_twins("dcmwrite", "open_writer")

_SMALLEST_PART: Final = 5 * MIB  # S3 takes smaller ones only as the last


@dataclass(frozen=True)
class PlanSettings:
    """What is decided before the first byte."""

    # for a value that is not a bool the plan raises pydicom's TypeError, once it is clear that the two count
    implicit_vr: bool | None = _option(None, checks.as_given, _FRAMES)
    little_endian: bool | None = _option(None, checks.as_given, _FRAMES)
    enforce_file_format: bool = _option(False, checks.flag, _LAID_OUT)
    force_encoding: bool = _option(False, checks.flag, _FRAMES)
    transfer_syntax: str | None = _option(None, checks.optional_text, _FRAMES)
    file_meta: bool = _option(True, checks.flag, _CONVERTERS)
    sequence_lengths: SequenceLengths = _option("preserve", checks.one_of(*get_args(SequenceLengths)), _LAID_OUT)
    group_lengths: GroupLengths = _option("omit", checks.one_of(*get_args(GroupLengths)), _LAID_OUT)
    long_values: LongValues = _option("UN", checks.one_of(*get_args(LongValues)), _LAID_OUT)
    on_vr_conflict: OnVrConflict = _option("refuse", checks.one_of(*get_args(OnVrConflict)), _LAID_OUT)
    frames: AnyFrames | None = _option(None, checks.as_given, _FRAMES_GIVEN)
    number_of_frames: NumberOfFrames = _option(None, checks.number_of_frames, _FRAMES)
    max_frames: int | None = _option(None, checks.optional_count, _FRAMES)
    offset_table: OffsetTableChoice = _option("auto", checks.one_of(*get_args(OffsetTableChoice)), _WITH_TABLES)
    codec_workers: int | None = _option(None, checks.optional_count, _CODERS | _APPENDERS)
    codec_options: Mapping[str, Any] = _option({}, checks.optional_mapping, _CODERS | _APPENDERS)
    fragments_per_frame: int = _option(1, checks.count, _FRAMES)
    fragment_size: int | None = _option(None, checks.optional_count, _FRAMES)
    check_frames: bool = _option(True, checks.flag, _FRAMES | _APPENDERS)
    frame_index: bool = _option(False, checks.flag, _with_twins("dcmwrite", "open_writer"))
    frame_groups: int | None = _option(None, checks.optional_size, _FRAMES)
    overflow: Overflow = _option("rewrite", checks.one_of(*get_args(Overflow)), _FRAMES)
    late: LateNames = _option((), checks.late, _FRAMES)
    append: bool = _option(False, checks.flag, _with_twins("open_writer"))
    recover: bool = _option(False, checks.flag, _with_twins("open_writer"))
    sync_every: int | float = _option(1.0, checks.sync_every, _with_twins("open_writer"))
    split: Split | None = _option(None, checks.split, _DIVIDERS)


@dataclass(frozen=True)
class StreamSettings:
    """How bytes pass."""

    chunk_size: int = _option(DEFAULT_CHUNK_SIZE, checks.size(1), _READERS)
    hold_limit: int = _option(DEFAULT_HOLD_LIMIT, checks.size(0), _READERS)
    spool: str = _option(AUTO, checks.spool, _READERS)
    progress: ProgressCallback | None = _option(None, checks.progress, _STREAMS)
    trace: TraceChoice = _option(None, checks.trace, _TARGETS)
    frames_on_loop: bool = _option(False, checks.flag, _FRAMES_ON_LOOP)


@dataclass(frozen=True)
class TargetSettings(StorageSettings):
    """Where bytes go. What is about object storages has its type and its default in `StorageSettings`."""

    overwrite: bool = _option(True, checks.flag, _TARGETS)
    atomic: bool = _option(True, checks.flag, _TARGETS)
    durable: bool = _option(False, checks.flag, _TARGETS | _APPENDERS)
    seekable: bool | None = _option(None, checks.optional_flag, _TARGETS)


@dataclass(frozen=True)
class SourceSettings:
    """How the URL of a source is read."""

    source_options: Mapping[str, Any] = _option({}, checks.mapping, _REWRITERS)
    source_client: Any = _option(None, checks.as_given, _REWRITERS)


@dataclass(frozen=True)
class Options(PlanSettings, StreamSettings, TargetSettings, SourceSettings):
    """The options of one write, checked."""


_STORAGE_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "storage_options": checks.mapping,
    "client": checks.as_given,
    "part_size": checks.size(_SMALLEST_PART),
    "workers": checks.count,
    "metadata": checks.mapping,
    "content_type": checks.text,
    "checksum": checks.one_of(None, *get_args(ChecksumAlgorithm)),
    "resume": checks.resume,
}


def _row(option: Field[Any]) -> Row:
    row: Row | None = option.metadata.get("row")
    functions = _TARGETS | _APPENDERS if option.name == "checksum" else _TARGETS
    return row or Row(_STORAGE_CHECKS[option.name], functions)


ROWS: Final[Mapping[str, Row]] = {option.name: _row(option) for option in fields(Options)}
"""The options by their names."""


def check_options(given: dict[str, Any], function: str) -> Options:
    """Return the options that a caller gave, checked.

    Raises
    ------
    TypeError
        For an argument that `function` does not have.
    PlanError
        For a value that an option cannot have.
    """
    if not given:
        return DEFAULTS
    checked = {}
    for name, value in given.items():
        row = ROWS.get(name)
        if row is None or function not in row.functions:
            raise _unexpected(name, function)
        checked[name] = row.check(name, value)
    return Options(**checked)


DEFAULTS: Final = Options()
"""What holds where no option was given, so that none can be in vain."""


def refuse_in_vain(settings: PlanSettings | TargetSettings, names: Iterable[str], why: str) -> None:
    """Refuse options that can have no effect, unless they have their default.

    Parameters
    ----------
    settings : PlanSettings or TargetSettings
        What the caller asked for.
    names : iterable of str
        The options that can have no effect.
    why : str
        The end of a sentence that begins with one of them.

    Raises
    ------
    PlanError
        If one of them was given.
    """
    if settings is DEFAULTS:
        return
    for name in names:
        if getattr(settings, name) != getattr(DEFAULTS, name):
            raise PlanError(f"{name}= {why}; leave it out")


def _unexpected(name: str, function: str) -> TypeError:
    """Return the error for an argument that a function does not take, with what may have been meant."""
    row = ROWS.get(name)
    if row is not None:
        others = ", ".join(f"{other}()" for other in sorted(row.functions))
        return TypeError(f"{function}() does not take {name}=, which is for {others}")
    taken = [other for other, row in ROWS.items() if function in row.functions]
    close = get_close_matches(name, taken, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
