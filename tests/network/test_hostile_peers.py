"""C-STORE to peers that say too much, too early or too slowly, or what is not so."""

import threading
import time

import numpy as np
import pytest

from streamdcm.errors import PeerConnectionError, PeerTimeoutError
from streamdcm.network import Instance
from tests.network.test_dimse import CT_SMALL, MR_SMALL, accepting, camera, each_way, image, store_on
from tests.support.peers import Talk, pdu_of, reply_pdu, scripted


@each_way
def test_an_answer_has_its_time_as_a_whole(way):
    def drips(talk: Talk) -> None:
        talk.accept()
        for byte in reply_pdu(talk.message()[0], 0, talk.context):
            talk.send(bytes([byte]))
            time.sleep(0.1)

    start = time.monotonic()
    with scripted(drips) as peer, pytest.raises(PeerTimeoutError, match=r"did not answer within 0\.5 seconds"):
        store_on(way, peer.url, CT_SMALL, retries=0, answer_timeout=0.5)
    assert time.monotonic() - start < 5


@each_way
def test_so_has_the_beginning_of_tls(way):
    def drips(talk: Talk) -> None:
        talk.send(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc")
        while True:
            talk.send(b"\0")
            time.sleep(0.1)

    start = time.monotonic()
    with scripted(drips) as peer, pytest.raises(PeerTimeoutError, match=r"did not go on within 0\.5 seconds"):
        store_on(way, peer.url.replace("dicom:", "dicoms:"), CT_SMALL, retries=0, timeout=0.5)
    assert time.monotonic() - start < 5


@each_way
@pytest.mark.parametrize(("status", "expected"), [(0, ("stored", 2)), (0xB000, ("stored", 2)), (0x0122, ("failed", 1))])
def test_nothing_is_stored_by_an_answer_before_the_last_fragment(way, status, expected):
    answered = threading.Event()

    def early(talk: Talk) -> None:
        talk.accept()
        read = talk.pdu

        def pdu():
            if not answered.is_set():
                talk.reply(1, status)
                answered.set()
            return read()

        talk.pdu = pdu
        talk.message()
        talk.pdu()
        talk.send(pdu_of(6, bytes(4)))

    def frames():
        for _ in range(4):
            yield np.zeros((512, 512), "<u2")
            answered.wait(10)

    with scripted(early, accepting(1)) as peer:
        [item] = store_on(way, peer.url, Instance(image(4, 512), frames)).instances
    assert (item.status, item.attempts) == expected
    assert item.code == (status if item.status == "failed" else None)


@each_way
def test_a_second_answer_is_not_taken_for_that_to_the_next_instance(way):
    def answers_twice(talk: Talk) -> None:
        talk.accept()
        message_id, _ = talk.message()
        reply = reply_pdu(message_id, 0, talk.context)
        talk.send(reply + reply)
        talk.pdu()

    with scripted(answers_twice, accepting(1)) as peer:
        result = store_on(way, peer.url, [CT_SMALL, (image(), camera(1))], retries=0)
    assert [(item.status, item.attempts) for item in result.instances] == [("stored", 1)] * 2


@each_way
def test_a_peer_that_answers_without_end_is_left(way):
    over = threading.Event()

    def floods(talk: Talk) -> None:
        talk.accept()
        talk.pdu()
        talk.send(reply_pdu(1, 0xA900, talk.context) * 100)
        over.wait(10)

    def frames():
        for _ in range(40):
            yield np.zeros((512, 512), "<u2")

    with scripted(floods) as peer:
        with pytest.raises(PeerConnectionError, match="nobody asked for"):
            store_on(way, peer.url, (image(40, 512), frames()), retries=0)
        over.set()


@each_way
@pytest.mark.parametrize(
    "answer", [b"", reply_pdu(1, 0, 1), pdu_of(7, bytes(4))], ids=["nothing", "a reply", "an abort"]
)
def test_a_peer_that_does_not_release_costs_the_next_instance_nothing(way, answer):
    """Many hang up instead; another SOP class needs another association."""

    def hangs_up(talk: Talk) -> None:
        talk.accept()
        talk.reply(talk.message()[0], 0)
        talk.pdu()
        talk.send(answer)

    with scripted(hangs_up, accepting(1)) as peer:
        result = store_on(way, peer.url, [CT_SMALL, MR_SMALL], retries=0)
    assert [(item.status, item.attempts) for item in result.instances] == [("stored", 1)] * 2
