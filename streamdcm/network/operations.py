"""What a session asks of whoever drives it: the vocabulary between the protocols and their two drivers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar

from streamdcm.network.results import InstanceResult, Path, Status
from streamdcm.plan.capabilities import Framing

if TYPE_CHECKING:
    from streamdcm.network.items import Item

T = TypeVar("T")


class Wait(NamedTuple):
    """Wait until a socket can be read from or written to; answered with whether it can, before the time is over.

    Without a socket it is a pause.
    """

    socket: socket.socket | None
    reads: bool
    seconds: float


class Call(NamedTuple):
    """Call a function that may take a while; answered with what it returns."""

    function: Callable[[], Any]


class Take(NamedTuple):
    """Take the next instance; answered with a `Job`, or `None` if there are no more."""


class Open(NamedTuple):
    """Begin to encode an instance anew; answered with a body. What goes wrong is thrown as a `SourceFailed`."""

    job: Job
    transfer_syntax: str
    framing: Framing


class Pull(NamedTuple):
    """Encode on; answered with the next chunk of a body, or `None` at its end. Fails as `Open` does."""

    body: Any


class Close(NamedTuple):
    """Let go of what was opened last, and of the instance itself if it is done."""

    job: Job | None = None


class Post(NamedTuple):
    """Send a request of HTTP; answered with what `send` returns, which is given what the driver has to offer."""

    send: Callable[[Any], Any]


Operation: TypeAlias = Wait | Call | Take | Open | Pull | Close | Post
Steps: TypeAlias = Generator[Operation, Any, T]
OnError: TypeAlias = Literal["raise", "continue"]


class SourceFailed(Exception):
    """An instance cannot be read or encoded; never seen outside.

    Parameters
    ----------
    error : Exception
        What its source raised.
    job : Job, optional
        Which it was.
    """

    def __init__(self, error: Exception, job: Job | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.job = job


@dataclass(slots=True, eq=False)
class Job:
    """An instance on its way.

    Parameters
    ----------
    index : int
        Its place in the order that was given.
    path : path or None
        Its file.
    item : Item or None
        What is sent; `None` if it could not be read, and when all is done.
    error : Exception or None
        Why it could not be read.
    """

    index: int
    path: Path | None
    item: Item | None
    error: Exception | None = None
    attempts: int = 0
    bytes_sent: int = 0
    transfer_syntax: str | None = None

    def result(
        self, status: Status, code: int | None = None, reason: str = "", error: Exception | None = None
    ) -> InstanceResult:
        """Return what became of it."""
        item = self.item
        return InstanceResult(
            status,
            None if item is None else item.sop_class_uid,
            None if item is None else item.sop_instance_uid,
            self.path,
            code,
            reason,
            self.transfer_syntax,
            self.bytes_sent,
            self.attempts,
            error,
        )
