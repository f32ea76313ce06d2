"""What a write does, recorded step by step: sizes and places, and never a value of the dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final, TypeAlias, TypeVar

from streamdcm.engine.counted import content_size
from streamdcm.engine.release import Insertion, Operation, Part, Patch, Transfer, Whole, Write
from streamdcm.engine.spool import Keep
from streamdcm.errors import PlanError
from streamdcm.instructions import Content, Encoder, Fill, Insert, Reserve, substitute

T = TypeVar("T")

Record: TypeAlias = dict[str, Any]

_AT_A_TIME: Final = 64
"""How many lines go to a file at a time."""


class TraceLog:
    """The records of one call, which may write several instances.

    Each record is a `dict` with ``t``, the seconds since the call; ``instance``, which counts from 1; and ``event``:

    ========== ============================= ==========================================================
    ``event``  more                          what happened
    ========== ============================= ==========================================================
    begin      target, policy                an instance begins
    reserve    offset, size                  the encoder left a field open
    fill       offset, size                  the value of that field became known
    write      offset, size                  bytes went to the target
    transfer   offset, size                  a range went from file to file
    patch      offset, size                  bytes that were written before were overwritten
    part       number, size                  a part of an upload went out
    keep       size                          bytes that are held back went to a temporary file
    insert     offset, size                  bytes were put between others, which moved
    end        outcome                       ``"committed"``; ``"complete"``, of an instance that gets its name with
                                             others; or the name of an exception
    ========== ============================= ==========================================================

    All but the first and the last also say ``encoded``: how many bytes the encoder had given by then.

    Parameters
    ----------
    record : path or callable
        A file for the records, one JSON object a line, or what is called with each of them.
    """

    def __init__(self, record: str | os.PathLike[str] | Callable[[Record], object]) -> None:
        self._file = file = None if callable(record) else _Lines(os.fspath(record))
        self._record: Callable[[Record], object] = record if file is None else file.add  # type: ignore[assignment]
        self._began = perf_counter()
        self._instances = 0

    def __call__(self, record: Record) -> None:
        """Take one record."""
        self._record({"t": round(perf_counter() - self._began, 6), **record})

    def flush(self) -> None:
        """See that a file has all records."""
        if self._file is not None:
            self._file.flush()

    def next_instance(self, target: str | None) -> int:
        """Return the number of an instance that begins.

        Raises
        ------
        PlanError
            If the records would go to where it is written.
        OSError
            If they cannot be written.
        """
        if self._file is not None:
            self._file.refuse(target)
            if not self._instances:
                self._file.create()
        self._instances += 1
        return self._instances


class Trace:
    """The records of one instance.

    Parameters
    ----------
    log : TraceLog
        Where they go.
    """

    def __init__(self, log: TraceLog) -> None:
        self._log = log
        self._instance = 0
        self._encoded = 0
        self._written = 0
        self._has_ended = False

    def __call__(self, record: Record) -> None:
        """Take one record."""
        self._log({"instance": self._instance, **record})

    def begin(self, target: str | None, policy: str) -> None:
        """Tell that an instance begins."""
        self._instance = self._log.next_instance(target)
        self({"event": "begin", "target": target, "policy": policy})

    def encoding(self, encoder: Encoder[T]) -> Encoder[T]:
        """Pass on what an encoder yields, and tell of fields that it leaves open and fills."""
        places: dict[Reserve, int] = {}

        def on_content(content: Content) -> Encoder[None]:
            if isinstance(content, Reserve):
                places[content] = self._encoded
                self._tell("reserve", offset=self._encoded, size=content.size)
            elif isinstance(content, Fill):
                self._tell("fill", offset=places.pop(content.reserve, 0), size=content.reserve.size)
            elif isinstance(content, Insert):
                self._encoded += content.size
            self._encoded += content_size(content)
            yield content

        return substitute(encoder, on_content)

    def performed(self, operation: Operation) -> None:
        """Tell of an operation that was performed on the target."""
        if isinstance(operation, Write):
            self._wrote("write", sum(map(len, operation.buffers)))
        elif isinstance(operation, Transfer):
            self._wrote("transfer", operation.copy.length)
        elif isinstance(operation, Patch):
            self._tell("patch", offset=operation.offset, size=len(operation.value))
        elif isinstance(operation, Part):
            self._tell("part", number=operation.number, size=len(operation.data))
        elif isinstance(operation, Whole):
            self._tell("part", number=1, size=len(operation.data))
        elif isinstance(operation, Keep):
            self._tell("keep", size=sum(map(len, operation.buffers)))
        elif isinstance(operation, Insertion):
            self._written += operation.size
            self._tell("insert", offset=operation.offset, size=operation.size)

    def end(self, outcome: str) -> None:
        """Tell how an instance ended, once."""
        if not self._has_ended:
            self._has_ended = True
            self({"event": "end", "outcome": outcome})
            self._log.flush()

    def _wrote(self, event: str, size: int) -> None:
        self._tell(event, offset=self._written, size=size)
        self._written += size

    def _tell(self, event: str, **more: int) -> None:
        self({"event": event, **more, "encoded": self._encoded})


def trace_of(record: Any) -> Trace | None:
    """Return what records a write for the value of the option `trace`."""
    log = log_of(record)
    return log if log is None or isinstance(log, Trace) else Trace(log)


def log_of(record: Any) -> TraceLog | Trace | None:
    """Return what is common to the instances of a call, for the value of the option `trace`."""
    return record if record is None or isinstance(record, (TraceLog, Trace)) else TraceLog(record)


class _Lines:
    """A file to which lines are added; it is open only while some are.

    Parameters
    ----------
    path : str
        Where it is; what is there is replaced.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines: list[str] = []

    def refuse(self, target: str | None) -> None:
        """Refuse a target that is this very file, which would be written over."""
        if target is not None and is_one_file(self._path, target):
            raise PlanError(f"trace= and the target are one file, {self._path}; name another for the trace")

    def create(self) -> None:
        """Make the file, or find out before anything is written that this is not possible."""
        with open(self._path, "w", encoding="utf-8"):
            pass

    def add(self, record: Record) -> None:
        """Add a record."""
        self._lines.append(json.dumps(record) + "\n")
        if len(self._lines) >= _AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        lines, self._lines = self._lines, []
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:  # of a full disk it does not say which file it is about
            raise OSError(error.errno, error.strerror, self._path) from error


def is_one_file(path: str, other: str) -> bool:
    """Tell whether two names are those of one file, which need not be there yet."""
    if os.path.realpath(path) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
