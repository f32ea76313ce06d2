"""C-STORE over an association: what is sent when, and what answers mean (PS3.7 §9.1.1, PS3.8)."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

from pydicom.config import IGNORE
from pydicom.uid import UID

from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.errors import AssociationRejectedError, EncodeError, PeerConnectionError, PeerError
from streamdcm.network.association import MOST_CONTEXTS, Association, Event, Reply, State
from streamdcm.network.commands import COMMAND_FIELD, REPLIES_TO, STATUS, STORE_REPLY, store_request
from streamdcm.network.failures import Verdict, verdict_of_status
from streamdcm.network.items import Item, uncompressed_alternatives
from streamdcm.network.operations import Close, Job, Open, Pull, SourceFailed, Steps
from streamdcm.network.pdus import (
    Abort,
    AssociateAccept,
    AssociateReject,
    Malformed,
    ReleaseReply,
    ReleaseRequest,
    abort,
)
from streamdcm.network.results import Ledger
from streamdcm.network.transport import Transport

_LAST_MESSAGE_ID: Final = 0xFFFF
_MOST_EVENTS: Final = 16
"""How many answers are kept of a peer that sends more than the one it was asked for."""

_REJECTIONS: Final = {  # PS3.8 §9.3.4
    (1, 1): "it gives no reason",
    (1, 2): "it does not support the application context",
    (1, 3): "it does not know the calling AE title; set calling, or enter it at the server",
    (1, 7): "it does not know the called AE title; correct it in the URL",
    (2, 2): "it does not support the protocol version",
    (3, 1): "it is congested; try again later",
    (3, 2): "its local limit is exceeded; try again later, or give fewer workers",
}


class Address(NamedTuple):
    """A peer, and the titles that it and we have.

    Attributes
    ----------
    host, port : str, int
        Where it is.
    called, calling : str
        The titles of the application entities.
    tls : ssl.SSLContext or None
        How the connection is encrypted.
    """

    host: str
    port: int
    called: str
    calling: str
    tls: ssl.SSLContext | None


class Limits(NamedTuple):
    """How long things may be and take.

    Attributes
    ----------
    max_pdu : int
        The bytes of a PDU.
    timeout, answer_timeout : float
        The seconds for connecting and each piece, and for an answer.
    """

    max_pdu: int
    timeout: float
    answer_timeout: float


class AssociationSession:
    """Stores instances over one association at a time.

    Parameters
    ----------
    address : Address
        The peer.
    limits : Limits
        How long things may be and take.
    ledger : Ledger
        Counts bytes.
    """

    def __init__(self, address: Address, limits: Limits, ledger: Ledger) -> None:
        self._address = address
        self._limits = limits
        self._ledger = ledger
        self._pairs: dict[tuple[str, str], None] = {}
        self._transport: Transport | None = None
        self._association: Association | None = None
        self._events: deque[Event] = deque()
        self._message_id = 0

    def attempt(self, jobs: Sequence[Job]) -> Steps[list[Verdict]]:
        """Store one instance."""
        [job] = jobs
        try:
            return [(yield from self._store(job))]
        except SourceFailed as failure:
            self._break_off()
            raise SourceFailed(failure.error, job) from failure
        except PeerError:
            self.abandon()
            raise

    def finish(self) -> Steps[None]:
        """Release the association; a peer that does not answer is left."""
        try:
            yield from self._release()
        except PeerConnectionError:
            self.abandon()

    def abandon(self) -> None:
        """Reset the connection, if there still is one."""
        if self._transport is not None:
            self._transport.reset()
        self._transport = self._association = None

    def _store(self, job: Job) -> Steps[Verdict]:
        item = job.item
        assert item is not None
        syntaxes = uncompressed_alternatives(item)
        chosen = yield from self._context_for(item, syntaxes)
        if chosen is None:
            names = " or ".join(map(_named, syntaxes))
            return Verdict(
                "failed", reason=f"the server does not take SOP class {_named(item.sop_class_uid)} in {names}"
            )
        context_id, job.transfer_syntax = chosen
        yield Open(job, job.transfer_syntax, "dataset")
        message_id = self._message_id = self._message_id % _LAST_MESSAGE_ID + 1
        is_early = yield from self._send_message(job, context_id, message_id)
        reply = yield from self._next_event(self._limits.answer_timeout)
        if (
            not isinstance(reply, Reply)
            or reply.elements.get(COMMAND_FIELD) != STORE_REPLY
            or reply.elements.get(REPLIES_TO) != message_id
            or STATUS not in reply.elements
        ):
            raise self._lost("sent a message that is no answer to ours")
        verdict = verdict_of_status(reply.elements[STATUS])
        if is_early and verdict.is_stored:
            raise self._lost("says that it is stored before it had all of it")
        return verdict

    def _send_message(self, job: Job, context_id: int, message_id: int) -> Steps[bool]:
        """Send a C-STORE-RQ and its dataset; tell whether the peer has answered before it had the last fragment.

        Each PDU goes out whole before more of the dataset is asked for.
        """
        association, item = self._association, job.item
        assert association is not None
        assert item is not None
        command = store_request(message_id, item.sop_class_uid, item.sop_instance_uid)
        waiting = association.command(context_id, command)
        fragments = association.fragments(context_id)
        while (chunk := (yield Pull(None))) is not None:
            for portion in fragments.portions(chunk):
                waiting += fragments.add(portion)
                if waiting:
                    yield from self._send(waiting)
                    waiting = []
            job.bytes_sent += len(chunk)
            self._ledger.count(len(chunk))
        if fragments.is_odd:
            if not transfer_syntax(job.transfer_syntax).deflated:
                raise SourceFailed(EncodeError("the dataset has an odd number of bytes; correct its odd value"))
            waiting += fragments.add(b"\0")  # PS3.5 §A.5
        yield Close()
        is_early = bool(self._events)
        yield from self._send(waiting + fragments.finish())
        return is_early

    def _context_for(self, item: Item, syntaxes: tuple[str, ...]) -> Steps[tuple[int, str] | None]:
        """Return the context for an instance, on an association that has been asked for all that it may be sent in."""
        self._leave_if_ended()
        pairs = [(item.sop_class_uid, syntax) for syntax in syntaxes]
        if self._association is None or not self._pairs.keys() >= set(pairs):
            yield from self.finish()
            for pair in pairs:
                self._pairs.pop(pair, None)
                self._pairs[pair] = None
            for pair in list(self._pairs)[:-MOST_CONTEXTS]:
                del self._pairs[pair]
            yield from self._associate()
        assert self._association is not None
        for pair in pairs:
            context_id = self._association.contexts.get(pair)
            if context_id is not None:
                return context_id, pair[1]
        return None

    def _leave_if_ended(self) -> None:
        """Leave an association that the peer has ended since the last instance, as many do when nothing happens.

        Leave one, too, in which it has said more than it was asked for: its next answer would be taken for ours.
        """
        if self._transport is None:
            return
        try:
            said = self._transport.poll()
            if said is not None:
                self._heard(said)
        except OSError:  # also our own, of what the peer says
            self.abandon()
        if self._events:
            self.abandon()

    def _associate(self) -> Steps[None]:
        address, limits = self._address, self._limits
        self._events.clear()
        self._transport = Transport(address.host, address.port, address.tls, limits.timeout)
        yield from self._transport.connect()
        self._association = Association(address.called, address.calling, limits.max_pdu)
        yield from self._send([self._association.request(list(self._pairs))])
        event = yield from self._next_event(limits.timeout)
        if isinstance(event, AssociateReject):
            reason = _REJECTIONS.get((event.source, event.reason), f"source {event.source}, reason {event.reason}")
            raise AssociationRejectedError(
                f"{self._transport.place} rejects the association: {reason}", event.result, event.source, event.reason
            )
        if not isinstance(event, AssociateAccept):
            raise self._lost("does not answer the request for an association")

    def _release(self) -> Steps[None]:
        if self._association is None or self._transport is None:
            return
        yield from self._send([self._association.release()])
        if not isinstance((yield from self._next_event(self._limits.timeout)), ReleaseReply):
            raise self._lost("does not agree to end the association")
        self._transport.close()
        self._transport = self._association = None

    def _send(self, buffers: list[Any]) -> Steps[None]:
        assert self._transport is not None
        yield from self._transport.send(buffers, self._heard)

    def _next_event(self, seconds: float) -> Steps[Event]:
        assert self._transport is not None
        deadline = monotonic() + seconds  # for the whole of it: a peer may give it byte by byte
        while not self._events:
            self._heard((yield from self._transport.receive(seconds, deadline)))
        return self._events.popleft()

    def _heard(self, data: bytes) -> None:
        """Take what the peer says.

        Raises
        ------
        PeerConnectionError
            If that ends the association.
        """
        assert self._association is not None
        if not data:
            raise self._lost("has hung up")
        for event in self._association.receive(data):
            if isinstance(event, Abort):
                raise self._lost(f"aborted the association (source {event.source}, reason {event.reason})")
            if isinstance(event, Malformed):
                raise self._lost(f"sent {event.problem}")
            if isinstance(event, ReleaseRequest) and self._association.state is State.OPEN:
                assert self._transport is not None
                self._transport.send_now(self._association.release_reply())
                raise self._lost("ended the association")
            if len(self._events) >= _MOST_EVENTS:
                raise self._lost("sends answers that nobody asked for")
            self._events.append(event)

    def _lost(self, what: str) -> PeerConnectionError:
        assert self._transport is not None
        return PeerConnectionError(f"the association is lost: {self._transport.place} {what}")

    def _break_off(self) -> None:
        """End an association in the middle of a dataset, so that nothing of it is stored (PS3.8 §9.3.8)."""
        if self._transport is not None and self._association is not None and self._transport.send_now(abort()):
            self._transport.close()
        self.abandon()


def _named(uid: str) -> str:
    """Return a UID with its name, if it is a public one."""
    name = UID(uid, validation_mode=IGNORE).name
    return uid if name == uid else f"{uid} ({name})"
