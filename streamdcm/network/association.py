"""An association, without its connection: what is sent, and what the bytes of the peer mean (PS3.8 §9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from streamdcm.network.commands import parsed
from streamdcm.network.fragments import OVERHEAD, Fragments, command_pdus, fragment_size
from streamdcm.network.pdus import (
    Abort,
    AssociateAccept,
    AssociateReject,
    ContextResult,
    Fragment,
    Malformed,
    Pdu,
    PduReader,
    PresentationContext,
    ReleaseReply,
    ReleaseRequest,
    associate_request,
    release_reply,
    release_request,
)

MOST_CONTEXTS: Final = 128
"""Their ids are odd numbers of one byte (PS3.8 §9.3.2.2)."""

_LEAST: Final = OVERHEAD + 2


class State(Enum):
    """How far an association is."""

    IDLE = auto()
    REQUESTED = auto()
    OPEN = auto()
    RELEASING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Reply:
    """A message without a dataset has come: its elements that are numbers."""

    elements: Mapping[int, int]


Event: TypeAlias = AssociateAccept | AssociateReject | Reply | ReleaseRequest | ReleaseReply | Abort | Malformed

_EXPECTED: Final[Mapping[State, tuple[type, ...]]] = {
    State.REQUESTED: (AssociateAccept, AssociateReject),
    State.OPEN: (Fragment, ReleaseRequest),
    State.RELEASING: (Fragment, ReleaseReply, ReleaseRequest),
}


class Association:
    """An association that is asked for here.

    Parameters
    ----------
    called, calling : str
        The titles of the two application entities.
    max_length : int
        The longest PDU that is sent, and that the peer may send.
    """

    def __init__(self, called: str, calling: str, max_length: int) -> None:
        self._called = called
        self._calling = calling
        self._max_length = max_length
        self._reader = PduReader()
        self._command = bytearray()
        self._proposed: list[PresentationContext] = []
        self._size = 0
        self.state = State.IDLE
        self.contexts: dict[tuple[str, str], int] = {}
        """The ids of the contexts that are accepted, by SOP class and transfer syntax."""

    def request(self, pairs: list[tuple[str, str]]) -> bytes:
        """Return the PDU that asks for an association with pairs of a SOP class and a transfer syntax."""
        self._proposed = [PresentationContext(2 * at + 1, *pair) for at, pair in enumerate(pairs)]
        self.state = State.REQUESTED
        return associate_request(self._called, self._calling, self._proposed, self._max_length)

    def receive(self, data: bytes) -> Iterator[Event]:
        """Take bytes of the peer, and give what they mean; after what is `Malformed` nothing more."""
        for pdu in self._reader.feed(data):
            event = self._event_of(pdu)
            if event is not None:
                yield event
                if isinstance(event, Malformed):
                    return

    def command(self, context_id: int, command: bytes) -> list[bytes | memoryview]:
        """Return the PDUs of a command."""
        return command_pdus(context_id, command, self._size)

    def fragments(self, context_id: int) -> Fragments:
        """Return what divides a dataset over PDUs."""
        return Fragments(context_id, self._size)

    def release(self) -> bytes:
        """Return the PDU that ends an association in good order."""
        self.state = State.RELEASING
        return release_request()

    def release_reply(self) -> bytes:
        """Return the PDU that lets the peer end it."""
        self.state = State.CLOSED
        return release_reply()

    def _event_of(self, pdu: Pdu) -> Event | None:
        if isinstance(pdu, (Abort, Malformed)):
            self.state = State.CLOSED
            return pdu
        if not isinstance(pdu, _EXPECTED.get(self.state, ())):
            self.state = State.CLOSED
            return Malformed(f"a PDU {type(pdu).__name__} that has no place here")
        if isinstance(pdu, Fragment):
            return self._reply_of(pdu)
        if isinstance(pdu, AssociateAccept):
            return self._accepted(pdu)
        if isinstance(pdu, (AssociateReject, ReleaseReply)):
            self.state = State.CLOSED
        return pdu

    def _accepted(self, pdu: AssociateAccept) -> Event:
        if 0 < pdu.max_length < _LEAST:
            self.state = State.CLOSED
            return Malformed(f"a maximum length of {pdu.max_length} bytes, in which no fragment has its place")
        answers = {context.id: context for context in pdu.contexts}
        self.contexts = {
            (context.abstract_syntax, context.transfer_syntax): context.id
            for context in self._proposed
            if context.id in answers and _is_accepted(context, answers[context.id])
        }
        self._size = fragment_size(self._max_length, pdu.max_length)
        self.state = State.OPEN
        return pdu

    def _reply_of(self, fragment: Fragment) -> Event | None:
        self._command += fragment.data
        if not fragment.is_command or len(self._command) > self._max_length:
            self.state = State.CLOSED
            return Malformed("a message that is no reply")
        if not fragment.is_last:
            return None
        command, self._command = bytes(self._command), bytearray()
        try:
            return Reply(parsed(command))
        except ValueError:
            self.state = State.CLOSED
            return Malformed("a message that is no command set")


def _is_accepted(context: PresentationContext, answer: ContextResult) -> bool:
    """Tell whether a context is accepted as it was proposed: else the peer would take what comes for another syntax."""
    return answer.result == 0 and answer.transfer_syntax in ("", context.transfer_syntax)
