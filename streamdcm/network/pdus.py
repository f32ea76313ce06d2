"""The protocol data units of the DICOM upper layer, as values and as bytes (PS3.8 §9.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from streamdcm.plan.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

LARGEST: Final = 1024 * 1024
"""The most bytes of a PDU that is read; what a peer sends here has a few hundred."""

PDU_HEADER: Final = Struct(">BxI")
PDV_HEADER: Final = Struct(">IBB")
_ITEM_HEADER: Final = Struct(">BxH")
_ASSOCIATE_HEAD: Final = 68
"""The bytes before the items of A-ASSOCIATE-RQ and -AC."""

_APPLICATION_CONTEXT: Final = b"1.2.840.10008.3.1.1.1"  # PS3.7 §A.2.1
_COMMAND: Final = 1
_LAST: Final = 2


class PresentationContext(NamedTuple):
    """A SOP class in one transfer syntax, as it is proposed (PS3.8 §9.3.2.2)."""

    id: int
    abstract_syntax: str
    transfer_syntax: str


class ContextResult(NamedTuple):
    """What became of a presentation context that was proposed: 0 is acceptance (PS3.8 §9.3.3.2)."""

    id: int
    result: int
    transfer_syntax: str = ""
    """The one that is accepted; empty if the peer names none."""


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC: what is accepted, and how long the PDUs may be; 0 is without limit."""

    contexts: tuple[ContextResult, ...]
    max_length: int


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """A-ASSOCIATE-RJ."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """One presentation data value of a P-DATA-TF: a piece of a command or of a dataset (PS3.8 §9.3.5)."""

    context_id: int
    is_command: bool
    is_last: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A-RELEASE-RQ."""


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """A-RELEASE-RP."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT: 0 is the peer itself, 2 what carries its messages."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no PDU; nothing is read after them."""

    problem: str


Pdu: TypeAlias = AssociateAccept | AssociateReject | Fragment | ReleaseRequest | ReleaseReply | Abort | Malformed


def associate_request(called: str, calling: str, contexts: list[PresentationContext], max_length: int) -> bytes:
    """Return an A-ASSOCIATE-RQ (PS3.8 §9.3.2)."""
    titles = called.encode("ascii").ljust(16) + calling.encode("ascii").ljust(16)
    user = b"".join(
        (
            _item(0x51, max_length.to_bytes(4, "big")),
            _item(0x52, IMPLEMENTATION_CLASS_UID.encode("ascii")),
            _item(0x55, IMPLEMENTATION_VERSION_NAME.encode("ascii")),
        )
    )
    items = [_item(0x10, _APPLICATION_CONTEXT), *map(_context_item, contexts), _item(0x50, user)]
    return _pdu(1, b"\0\1\0\0" + titles + bytes(32) + b"".join(items))


def release_request() -> bytes:
    """Return an A-RELEASE-RQ (PS3.8 §9.3.6)."""
    return _pdu(5, bytes(4))


def release_reply() -> bytes:
    """Return an A-RELEASE-RP (PS3.8 §9.3.7)."""
    return _pdu(6, bytes(4))


def abort() -> bytes:
    """Return an A-ABORT of the user's own (PS3.8 §9.3.8)."""
    return _pdu(7, bytes(4))


def fragment_header(context_id: int, length: int, *, is_command: bool, is_last: bool) -> bytes:
    """Return what stands before a fragment that has a P-DATA-TF to itself."""
    control = is_command * _COMMAND | is_last * _LAST
    return PDU_HEADER.pack(4, length + 6) + PDV_HEADER.pack(length + 2, context_id, control)


class PduReader:
    """Makes PDUs of the bytes that a peer sends, however they are divided."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_broken = False

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """Take bytes, and give the PDUs that are complete."""
        self._buffer += data
        while not self._is_broken and len(self._buffer) >= PDU_HEADER.size:
            kind, length = PDU_HEADER.unpack_from(self._buffer)
            problem = self._problem(kind, length)
            if problem:
                self._is_broken = True
                yield Malformed(problem)
                return
            end = PDU_HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(memoryview(self._buffer)[PDU_HEADER.size : end])
            del self._buffer[:end]
            for pdu in _decoded(kind, body):
                self._is_broken = isinstance(pdu, Malformed)
                yield pdu

    def _problem(self, kind: int, length: int) -> str:
        if kind not in _DECODERS:
            return f"a PDU of the unknown type {kind:02X}H"
        return f"a PDU of {length:,} bytes" if length > LARGEST else ""


def _decoded(kind: int, body: bytes) -> Iterator[Pdu]:
    try:
        yield from _DECODERS[kind](body)
    except (IndexError, ValueError):
        yield Malformed(f"a PDU of type {kind:02X}H whose lengths do not fit")


def _accept(body: bytes) -> Iterator[Pdu]:
    contexts: list[ContextResult] = []
    max_length = 0
    for kind, value in _items(body[_at_least(body, _ASSOCIATE_HEAD) :]):
        if kind == 0x21:
            contexts.append(ContextResult(value[0], value[2], "" if value[2] else _syntax_in(value[4:])))
        elif kind == 0x50:
            for inner, number in _items(value):
                if inner == 0x51:
                    max_length = int.from_bytes(number, "big")
    yield AssociateAccept(tuple(contexts), max_length)


def _syntax_in(data: bytes) -> str:
    found = next((value for kind, value in _items(data) if kind == 0x40), b"")
    return found.rstrip(b"\0 ").decode("latin-1")


def _reject(body: bytes) -> Iterator[Pdu]:
    yield AssociateReject(body[1], body[2], body[3])


def _fragments(body: bytes) -> Iterator[Pdu]:
    at = 0
    while at < len(body):
        header_end = at + PDV_HEADER.size
        length, context_id, control = PDV_HEADER.unpack(body[at:header_end].ljust(PDV_HEADER.size, b"\0"))
        end = at + 4 + length
        if length < 2 or end > len(body):
            raise ValueError(length)
        yield Fragment(context_id, bool(control & _COMMAND), bool(control & _LAST), body[header_end:end])
        at = end


def _release_request(body: bytes) -> Iterator[Pdu]:
    yield ReleaseRequest()


def _release_reply(body: bytes) -> Iterator[Pdu]:
    yield ReleaseReply()


def _abort(body: bytes) -> Iterator[Pdu]:
    yield Abort(body[2], body[3])


_DECODERS: Final[dict[int, Callable[[bytes], Iterator[Pdu]]]] = {
    2: _accept,
    3: _reject,
    4: _fragments,
    5: _release_request,
    6: _release_reply,
    7: _abort,
}


def _at_least(body: bytes, length: int) -> int:
    if len(body) < length:
        raise ValueError(length)
    return length


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, length = _ITEM_HEADER.unpack(data[at : at + 4].ljust(4, b"\0"))
        end = at + 4 + length
        if end > len(data):
            raise ValueError(length)
        yield kind, data[at + 4 : end]
        at = end


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM_HEADER.pack(kind, len(value)) + value


def _context_item(context: PresentationContext) -> bytes:
    syntaxes = _item(0x30, context.abstract_syntax.encode("ascii")) + _item(
        0x40, context.transfer_syntax.encode("ascii")
    )
    return _item(0x20, bytes((context.id, 0, 0, 0)) + syntaxes)


def _pdu(kind: int, body: bytes) -> bytes:
    return PDU_HEADER.pack(kind, len(body)) + body
