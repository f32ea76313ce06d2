"""Sending parts from several threads: bounded, stopped by the first error, and digested on the way."""

import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdcm.engine.parts import PartSizes
from streamdcm.sinks.storage.parts_upload import PartDigests, Sending
from streamdcm.sinks.storage.requests import Requests, Threads

MIB = 1024 * 1024


def sending(
    send: Callable[[int, bytearray], Any],
    workers: int,
    most_bytes: int,
    give_back: Callable[[bytearray], object] = bytearray.clear,
) -> Sending[Any]:
    """Send in threads, by a function that is the only request of each part."""

    def requests(number: int, data: bytearray) -> Requests[Any]:
        return (yield partial(send, number, data))

    return Sending(requests, Threads(workers), workers, most_bytes, give_back)


class Service:
    """Remembers what it was sent, and how much of it at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now = self.most = 0
        self.together = self.most_together = 0
        self.received: dict[int, bytes] = {}

    def send(self, number: int, data: bytearray) -> str:
        with self.lock:
            self.now += len(data)
            self.together += 1
            self.most = max(self.most, self.now)
            self.most_together = max(self.most_together, self.together)
        time.sleep(0.0001)
        with self.lock:
            self.now -= len(data)
            self.together -= 1
            self.received[number] = bytes(data)
        return f"tag {number}"


@given(st.lists(st.integers(1, 300), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 400))
def test_no_more_is_on_its_way_than_may_be(sizes, workers, most_bytes):
    service = Service()
    pool = sending(service.send, workers, most_bytes)
    for number, size in enumerate(sizes, start=1):
        pool.put(number, bytearray([number]) * size)
    numbers = list(range(1, len(sizes) + 1))
    assert pool.finish() == {number: f"tag {number}" for number in numbers}
    assert service.received == {number: bytes([number]) * size for number, size in zip(numbers, sizes, strict=True)}
    assert service.most <= max(most_bytes, *sizes)
    assert service.most_together <= workers


def test_the_first_error_stops_everything():
    sent: list[int] = []
    failed = threading.Event()

    def send(number: int, data: bytearray) -> None:
        sent.append(number)
        if number == 2:
            failed.set()
            raise ValueError("two")

    pool = sending(send, 1, 10)
    with pytest.raises(ValueError, match="two"):
        for number in range(1, 100):
            pool.put(number, bytearray(5))
    assert failed.is_set()
    with pytest.raises(ValueError, match="two"):
        pool.finish()
    pool.stop()
    assert sent == [1, 2]


def test_stopping_waits_for_what_is_being_sent_and_sends_nothing_more():
    started, goes_on, sent = threading.Event(), threading.Event(), list[int]()

    def send(number: int, data: bytearray) -> None:
        started.set()
        goes_on.wait()
        sent.append(number)

    pool = sending(send, 1, 100)
    pool.put(1, bytearray(5))
    started.wait()
    threading.Timer(0.05, goes_on.set).start()
    pool.stop()
    assert sent == [1]


def test_whoever_waits_can_be_interrupted():
    goes_on = threading.Event()
    pool = sending(lambda number, data: goes_on.wait(30), 1, 100)
    pool.put(1, bytearray(5))
    threading.Timer(0.05, pool.interrupt, [KeyError("enough")]).start()
    with pytest.raises(KeyError, match="enough"):
        pool.put(2, bytearray(5))
    with pytest.raises(KeyError, match="enough"):
        pool.finish()
    goes_on.set()
    pool.stop()


@given(st.lists(st.binary(min_size=1, max_size=10), min_size=1, max_size=6), st.randoms())
def test_digests_of_parts_in_any_order(parts, random):
    numbers = list(range(1, len(parts) + 1))
    random.shuffle(numbers)
    digests = PartDigests()
    for number in numbers:
        digests.add(number, bytearray(parts[number - 1]))
    checksum = digests.checksum()
    if numbers == sorted(numbers):
        assert (checksum.digest, checksum.parts) == (hashlib.sha256(b"".join(parts)).hexdigest(), None)
    else:
        each = b"".join(hashlib.sha256(part).digest() for part in parts)
        assert (checksum.digest, checksum.parts) == (hashlib.sha256(each).hexdigest(), len(parts))


def test_80_gigabytes_of_unknown_length_need_less_than_150_mebibytes():
    """By the formula of the documentation: an open first part, the one that is filled, those on their way."""
    sizes, workers, written, number = PartSizes(), 8, 0, 0
    while written < 80e9:
        number += 1
        written += sizes.size(number)
    largest = sizes.size(number)
    assert sizes.first + largest + max(workers * sizes.first, largest) < 150 * MIB


def test_the_memory_of_a_part_comes_back_when_it_was_sent():
    given_back: list[bytearray] = []
    parts = [bytearray([number]) * 100 for number in range(3)]
    pool = sending(lambda number, data: bytes(data), 2, 1000, given_back.append)
    for number, data in enumerate(parts, start=1):
        pool.put(number, data)
    sent = pool.finish()
    assert sorted(map(id, given_back)) == sorted(map(id, parts))
    assert list(sent.values()) == [bytes([number]) * 100 for number in range(3)]


def test_that_of_a_part_which_failed_does_not():
    given_back: list[bytearray] = []

    def fail(number: int, data: bytearray) -> str:
        raise OSError("gone")

    pool = sending(fail, 2, 1000, given_back.append)
    pool.put(1, bytearray(100))
    with pytest.raises(OSError, match="gone"):
        pool.finish()
    pool.stop()
    assert given_back == []
