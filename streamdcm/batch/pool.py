"""What runs the instances of a batch somewhere, as the coordinator sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from streamdcm.batch.listing import Found
from streamdcm.errors import NotDicomError

LARGE: Final = 256 << 20
"""The bytes from which on an instance is given to a worker alone."""


class Claimed(NamedTuple):
    """What became of the claim of a target.

    Attributes
    ----------
    owner : str or None
        The source whose target it is, if that is another one.
    is_foreign : bool
        Whether something is there that is not the batch's own.
    replaces : bool
        Whether what is there may be replaced.
    is_source : bool
        Whether it is the source itself.
    """

    owner: str | None = None
    is_foreign: bool = False
    replaces: bool = False
    is_source: bool = False


class Job(NamedTuple):
    """An instance that is to be done.

    Attributes
    ----------
    number : int
        Its number in the journal.
    found : Found
        Its source.
    wanted : str or None
        Its target, where that does not depend on the dataset.
    claimed : Claimed or None
        What became of the claim of it; if `None`, the worker asks.
    alone : bool
        Whether it is done by a worker that has nothing else.
    suspect : bool
        Whether a worker died that had it, so that nothing else should be lost by it.
    """

    number: int
    found: Found
    wanted: str | None = None
    claimed: Claimed | None = None
    alone: bool = False
    suspect: bool = False


def job_from(fields: Sequence[Any]) -> Job:
    """Return the instance that a message describes."""
    number, found, wanted, claimed, *others = fields
    return Job(number, Found(*found), wanted, None if claimed is None else Claimed(*claimed), *others)


class Asks(NamedTuple):
    """A worker asks for a target, and waits."""

    number: int
    target: str
    is_there: bool
    stamp: str | None


class Done(NamedTuple):
    """An instance is done; its source has this stamp, and the server that it was sent to may have had a warning."""

    number: int
    stamp: str | None
    warning: str | None = None


class Failed(NamedTuple):
    """An instance failed; another try may help after a pause, or not where that is `None`."""

    number: int
    error: str
    pause: float | None


class Died(NamedTuple):
    """A worker died at an instance."""

    number: int
    how: str


def is_no_dicom(error: str) -> bool:
    """Tell whether an instance failed because its source is no DICOM file."""
    return error.startswith(f"{NotDicomError.__name__}:")


class GivenBack(NamedTuple):
    """An instance was given to a worker that died before it began it."""

    number: int


Event = Asks | Done | Failed | Died | GivenBack


class Pool(Protocol):
    """Workers that do instances."""

    def wants(self) -> int:
        """Return how many more instances can be given now."""

    def give(self, jobs: Sequence[Job]) -> None:
        """Give instances to workers; not more than are wanted."""

    def events(self, seconds: float) -> list[Event]:
        """Wait for what workers say."""

    def answer(self, number: int, claimed: Claimed) -> None:
        """Answer a worker that asked for a target."""

    def stop(self) -> list[Event]:
        """Let no instance begin, wait some seconds for those that are underway, and end the workers."""
