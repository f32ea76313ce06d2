"""What became of the instances that were sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Literal, TypeAlias

from streamdcm.engine.progress import Progress
from streamdcm.errors import StoreFailedError

Status: TypeAlias = Literal["stored", "warning", "failed"]
Path: TypeAlias = str | bytes | os.PathLike[Any]

_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class InstanceResult:
    """What became of one instance.

    Parameters
    ----------
    status : {"stored", "warning", "failed"}
        Whether the server has it; with a warning, it has it and says something about it.
    sop_class_uid, sop_instance_uid : str or None
        The instance; `None` where it could not be read that far.
    path : path or None
        The file, as it was given or found in a folder.
    code : int or None
        What the server answered: the status of DIMSE (PS3.4 §B.2.3), the reason of STOW-RS (PS3.18 §I.2.2), or that
        of HTTP.
    reason : str
        What that means, and what to do; empty if all went well.
    transfer_syntax : str or None
        The UID of the transfer syntax in which it was sent last.
    bytes_sent : int
        The bytes of it that went out, in all attempts.
    attempts : int
        How many times it was sent, or begun to be.
    error : Exception or None
        What was wrong with the source, or with the answer.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> result = dimse.store("dicom://ORTHANC@pacs.example:4242", "slice.dcm")
    >>> for each in result.instances:
    ...     print(each.name, each.status, each.code, each.attempts)
    slice.dcm stored None 1
    """

    status: Status
    sop_class_uid: str | None
    sop_instance_uid: str | None
    path: Path | None = None
    code: int | None = None
    reason: str = ""
    transfer_syntax: str | None = None
    bytes_sent: int = 0
    attempts: int = 0
    error: Exception | None = None

    @property
    def name(self) -> str:
        """The path, or else the SOP Instance UID, for people."""
        if self.path is not None:
            return os.fsdecode(self.path)
        return self.sop_instance_uid or "an instance without a SOP Instance UID"


@dataclass(frozen=True, slots=True)
class StoreResult:
    """What became of all instances.

    Parameters
    ----------
    instances : tuple of InstanceResult
        Each of them, in the order in which they were given.

    Examples
    --------
    >>> from streamdcm import dimse
    >>> result = dimse.store("dicom://ORTHANC@pacs.example:4242", ["slice.dcm", "live.dcm"])
    >>> len(result.stored), len(result.failed), result.ok
    (2, 0, True)
    >>> result.raise_for_failures()
    """

    instances: tuple[InstanceResult, ...] = ()

    @property
    def stored(self) -> tuple[InstanceResult, ...]:
        """Those that the server has, with a warning or without."""
        return tuple(each for each in self.instances if each.status != "failed")

    @property
    def warnings(self) -> tuple[InstanceResult, ...]:
        """Those that the server has, and says something about."""
        return tuple(each for each in self.instances if each.status == "warning")

    @property
    def failed(self) -> tuple[InstanceResult, ...]:
        """Those that the server does not have, or does not say that it has."""
        return tuple(each for each in self.instances if each.status == "failed")

    @property
    def ok(self) -> bool:
        """Whether the server has all of them."""
        return not self.failed

    @property
    def bytes_sent(self) -> int:
        """The bytes of instances that went out, in all attempts."""
        return sum(each.bytes_sent for each in self.instances)

    def raise_for_failures(self) -> None:
        """Raise an error if the server does not have all of them.

        Raises
        ------
        StoreFailedError
            Names the first few; its `result` has them all.
        """
        failed = self.failed
        if failed:
            first = "; ".join(f"{each.name}: {each.reason}" for each in failed[:_MOST_NAMED])
            more = f"; and {len(failed) - _MOST_NAMED} more" if len(failed) > _MOST_NAMED else ""
            count = f"{len(failed)} of {len(self.instances)}"
            raise StoreFailedError(f"{count} instances were not stored: {first}{more}", self)


OnResult: TypeAlias = Callable[[InstanceResult], object]


class Ledger:
    """Takes what becomes of each instance, from several threads too, and tells of it.

    Parameters
    ----------
    on_result : callable or None
        Is told each result as soon as it is there.
    progress : callable or None
        Is told how many bytes went out.
    """

    def __init__(self, on_result: OnResult | None, progress: Any) -> None:
        self._on_result = on_result
        self._progress = Progress(progress)
        self._results: dict[int, InstanceResult] = {}
        self._lock = Lock()

    def add(self, index: int, result: InstanceResult) -> None:
        """Take the result of an instance, and tell of it."""
        with self._lock:
            self._results[index] = result
            if self._on_result is not None:
                self._on_result(result)

    def note(self, index: int, result: InstanceResult) -> None:
        """Take the result of an instance that was left behind, in silence, unless there is one."""
        with self._lock:
            self._results.setdefault(index, result)

    def count(self, number: int) -> None:
        """Count bytes that went out."""
        with self._lock:
            self._progress.add(number)

    def finish(self) -> StoreResult:
        """Tell how many bytes went out, and return what became of all instances."""
        with self._lock:
            self._progress.tell()
        return self.result()

    def result(self) -> StoreResult:
        """Return what became of the instances so far."""
        with self._lock:
            return StoreResult(tuple(self._results[index] for index in sorted(self._results)))
