"""An ordered pool gives what its threads make in the order of what came, and leaves nothing when it ends."""

import threading
import time
from collections.abc import Iterator

import pytest

from streamdcm.write.ordered_pool import OrderedPool, OrderedWork


def threads() -> int:
    return sum(thread.name.startswith("streamdcm-codec") for thread in threading.enumerate())


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_order_is_that_of_the_pieces(workers: int) -> None:
    def slow(piece: int, number: int) -> tuple[int, int]:
        time.sleep(0.003 * (piece % 3 == 0))
        return piece, number

    pool = OrderedPool(iter(range(50)), OrderedWork(slow, workers))
    assert list(pool) == [(number, number + 1) for number in range(50)]
    pool.close()
    assert threads() == 0


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_no_more_are_underway_than_said(workers: int) -> None:
    taken = given = most = 0

    def pieces() -> Iterator[int]:
        nonlocal taken, most
        for number in range(40):
            taken += 1
            most = max(most, taken - given)
            yield number

    for _ in OrderedPool(pieces(), OrderedWork(lambda piece, number: piece, workers)):
        given += 1
    assert given == 40
    assert most == (1 if workers == 1 else workers + 2)


def test_one_worker_is_no_thread() -> None:
    pool = OrderedPool(iter([1]), OrderedWork(lambda piece, number: threading.current_thread(), 1))
    assert next(pool) is threading.current_thread()


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("where", ["pieces", "work"])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_an_exception_comes_in_its_turn(workers: int, where: str, kind: type[BaseException]) -> None:
    closed = []

    def pieces() -> Iterator[int]:
        try:
            for number in range(20):
                if where == "pieces" and number == 4:
                    raise kind
                yield number
        finally:
            closed.append("pieces")

    def work(piece: int, number: int) -> int:
        if where == "work" and piece == 4:
            raise kind
        return piece

    ordered = OrderedWork(work, workers, stop=lambda: closed.append("stop"), close=lambda: closed.append("close"))
    pool = OrderedPool(pieces(), ordered)
    given = []
    with pytest.raises(kind):
        for piece in pool:
            given.append(piece)
    assert given == [0, 1, 2, 3] or (kind is KeyboardInterrupt and where == "pieces")
    assert closed.count("pieces") == 1
    assert closed[-2:] == ["close", "pieces"] or closed == ["pieces", "stop", "close"]
    assert threads() == 0
    assert list(pool) == []


def test_what_is_not_started_is_not_started_any_more() -> None:
    started = []
    gate = threading.Event()

    def work(piece: int, number: int) -> int:
        started.append(piece)
        if piece:
            gate.wait(5)
        return piece

    pool = OrderedPool(iter(range(100)), OrderedWork(work, 2, stop=gate.set))
    assert next(pool) == 0
    pool.close()
    assert len(started) <= 4
    assert threads() == 0


def test_an_exhausted_pool_that_is_closed_twice() -> None:
    pool = OrderedPool(iter([1, 2]), OrderedWork(lambda piece, number: piece, 2))
    assert list(pool) == [1, 2]
    pool.close()
    pool.close()
    assert next(pool, None) is None
