"""The upper layer without a connection: PDUs, fragments, and what the bytes of a peer mean."""

import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdcm.network.association import Association, Reply, State
from streamdcm.network.commands import parsed, store_request
from streamdcm.network.fragments import Fragments, fragment_size
from streamdcm.network.pdus import (
    Abort,
    AssociateAccept,
    AssociateReject,
    ContextResult,
    Fragment,
    Malformed,
    PduReader,
    ReleaseReply,
)
from tests.support.peers import item_of, pdu_of

CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"


def accept(*results: tuple[int, int], max_length: int = 100, syntax: str = "") -> bytes:
    accepted = item_of(0x40, syntax.encode()) if syntax else b""
    contexts = b"".join(item_of(0x21, bytes((number, 0, result, 0)) + accepted) for number, result in results)
    user = item_of(0x50, item_of(0x51, struct.pack(">I", max_length)) + item_of(0x52, b"1.2"))
    return pdu_of(2, bytes(68) + item_of(0x10, b"1.2.840.10008.3.1.1.1") + contexts + user)


def reply(message_id: int = 1, status: int = 0) -> bytes:
    values = {0x100: 0x8001, 0x120: message_id, 0x900: status}
    command = b"".join(struct.pack("<HHIH", 0, number, 2, value) for number, value in values.items())
    return pdu_of(4, struct.pack(">IBB", len(command) + 2, 1, 3) + command)


def requested() -> Association:
    association = Association("CALLED", "CALLING", 1000)
    association.request([(CT, EXPLICIT), (CT, IMPLICIT)])
    return association


def test_a_request_names_both_titles_and_each_pair():
    request = Association("CALLED", "CALLING", 0x12345).request([(CT, EXPLICIT), (CT, IMPLICIT)])
    kind, length = struct.unpack_from(">BxI", request)
    assert (kind, length) == (1, len(request) - 6)
    assert request[10:42] == b"CALLED          CALLING         "
    first, second = (item_of(0x30, CT.encode()) + item_of(0x40, each.encode()) for each in (EXPLICIT, IMPLICIT))
    assert item_of(0x20, b"\1\0\0\0" + first) + item_of(0x20, b"\3\0\0\0" + second) in request
    assert item_of(0x51, b"\0\1\x23\x45") in request


def test_what_is_accepted_is_known_by_class_and_syntax():
    association = requested()
    [event] = association.receive(accept((1, 4), (3, 0)))
    assert event == AssociateAccept((ContextResult(1, 4), ContextResult(3, 0)), 100)
    assert association.contexts == {(CT, IMPLICIT): 3}
    assert association.state is State.OPEN


def test_a_context_is_accepted_as_it_was_proposed_or_not_at_all():
    """What is sent in a context would else be taken for another syntax, that of a peer that is wrong about it."""
    for syntax, contexts in {
        EXPLICIT: {(CT, EXPLICIT): 1},
        f"{IMPLICIT}\0": {(CT, IMPLICIT): 3},
        "1.2.840.10008.1.2.2": {},
        "": {(CT, EXPLICIT): 1, (CT, IMPLICIT): 3},
    }.items():
        association = requested()
        list(association.receive(accept((1, 0), (3, 0), (5, 0), syntax=syntax)))
        assert association.contexts == contexts


SCRIPTS = {
    "a reply": accept((1, 0)) + reply(7, 0xB000),
    "an abort": accept((1, 0)) + pdu_of(7, b"\0\0\2\6"),
    "a rejection": pdu_of(3, b"\0\2\3\2"),
    "garbage": accept((1, 0)) + b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a PDU too long": accept((1, 0)) + struct.pack(">BxI", 4, 2**20 + 1) + bytes(40),
    "lengths that do not fit": accept((1, 0)) + pdu_of(4, struct.pack(">IBB", 400, 1, 3) + bytes(8)),
    "half a command": accept((1, 0)) + pdu_of(4, b"\0\0\0\6\1\1\0\0\0\1") + pdu_of(4, b"\0\0\0\4\1\3\0\0"),
    "a message too early": reply(),
    "a short rejection": pdu_of(3, b"\0"),
    "an accept without items": pdu_of(2, bytes(20)),
    "half a syntax": pdu_of(2, bytes(68) + item_of(0x21, b"\1\0\0\0\x40\0\0\x09")),
    "no room for a fragment": accept((1, 0), max_length=7),
}


@pytest.mark.parametrize("script", SCRIPTS)
@given(data=st.data())
def test_any_division_into_reads_gives_the_same_events(script, data):
    received = SCRIPTS[script]
    whole = list(requested().receive(received))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(received)), max_size=12)))
    association = requested()
    events = []
    for start, end in zip([0, *cuts], [*cuts, len(received)], strict=True):
        events += association.receive(received[start:end])
    assert events == whole
    assert whole


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        ("a reply", [AssociateAccept, Reply]),
        ("an abort", [AssociateAccept, Abort]),
        ("a rejection", [AssociateReject]),
        ("garbage", [AssociateAccept, Malformed]),
        ("a PDU too long", [AssociateAccept, Malformed]),
        ("lengths that do not fit", [AssociateAccept, Malformed]),
        ("half a command", [AssociateAccept, Malformed]),
        ("a message too early", [Malformed]),
        ("a short rejection", [Malformed]),
        ("an accept without items", [Malformed]),
        ("half a syntax", [Malformed]),
        ("no room for a fragment", [Malformed]),
    ],
)
def test_what_the_bytes_of_a_peer_mean(script, kinds):
    assert [type(event) for event in requested().receive(SCRIPTS[script])] == kinds


@given(st.binary(max_size=300))
def test_no_bytes_of_a_peer_raise(received):
    association = requested()
    list(association.receive(accept((1, 0)) + received))


def test_a_release_is_answered():
    association = requested()
    list(association.receive(accept((1, 0))))
    assert association.release() == pdu_of(5, bytes(4))
    assert list(association.receive(pdu_of(6, bytes(4)))) == [ReleaseReply()]
    assert association.state is State.CLOSED


@given(st.lists(st.binary(max_size=50), max_size=12), st.integers(1, 40))
def test_any_chunks_give_the_same_pdus(chunks, half):
    size = 2 * half
    dataset = b"".join(chunks) + b"ab"
    fragments = Fragments(5, size)
    sent = [bytes(buffer) for chunk in [*chunks, b"ab"] for buffer in fragments.add(chunk)]
    sent += [bytes(buffer) for buffer in fragments.finish()]
    whole = Fragments(5, size)
    assert b"".join(sent) == b"".join(map(bytes, whole.add(dataset) + whole.finish()))
    found = list(PduReader().feed(b"".join(sent)))
    assert all(isinstance(each, Fragment) and each.context_id == 5 and not each.is_command for each in found)
    assert [each.is_last for each in found] == [False] * (len(found) - 1) + [True]
    assert all(len(each.data) == size for each in found[:-1])
    assert 0 < len(found[-1].data) <= size
    assert b"".join(each.data for each in found) == dataset


def test_a_large_chunk_is_not_copied():
    chunk = bytes(1000)
    fragments = Fragments(1, 100)
    buffers = fragments.add(chunk) + fragments.finish()
    assert all(buffer.obj is chunk for buffer in buffers if isinstance(buffer, memoryview))
    assert sum(isinstance(buffer, memoryview) for buffer in buffers) == 10


def test_a_peer_that_takes_a_few_bytes_at_a_time_costs_no_memory():
    """As bytes and views, a million PDUs would take a hundred times what is in them."""
    chunk = bytes(256 * 1024)
    fragments = Fragments(1, 2)
    tracemalloc.start()
    try:
        sent = sum(
            buffer.nbytes for part in fragments.portions(chunk) for buffer in map(memoryview, fragments.add(part))
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sent == (len(chunk) // 2 - 1) * 14  # the last one is held back
    assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize(("ours", "theirs", "size"), [(1000, 0, 994), (1000, 501, 494), (100, 2**32 - 1, 94)])
def test_fragments_are_even_and_no_longer_than_the_peer_takes(ours, theirs, size):
    assert fragment_size(ours, theirs) == size


def test_a_command_is_what_the_standard_says():
    command = store_request(258, CT, "1.2.3")
    assert command[:12] == b"\0\0\0\0\4\0\0\0" + (len(command) - 12).to_bytes(4, "little")
    assert parsed(command) == {0x100: 1, 0x110: 258, 0x700: 0, 0x800: 0}
    assert command.endswith(b"\0\0\0\x10\6\0\0\x001.2.3\0")
