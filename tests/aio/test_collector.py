"""What one write on a thread hands to the loop at a time: about a chunk, and nothing that could still change."""

import io

import pytest

from streamdcm.aio.collector import Collector
from streamdcm.engine.progress import Progress
from streamdcm.engine.release import Patch, Write
from streamdcm.instructions import END, Copy, Fill, Need, Reserve
from streamdcm.options import Options
from streamdcm.sinks import Delivery
from streamdcm.sources import BufferSource
from streamdcm.write.driver import DONE, FULL, Writing

CHUNK = 10_000


def collected(encoder, *, can_patch=False, takes_views=False):
    """Run an encoder, and give what is collected at each step, and what the step ended with."""
    collector = Collector(CHUNK, can_patch=can_patch, takes_views=takes_views)
    delivery = Delivery(collector)
    delivery.resolve()
    writing = Writing(
        encoder, delivery, Options(chunk_size=CHUNK), Progress(None), asked_for=lambda _: True, collecting=collector
    )
    then = writing.begin()
    while True:
        yield collector.taken(), then
        if then is DONE:
            return
        then = writing.advance()


def bytes_of(operations):
    return b"".join(map(bytes, (buffer for operation in operations for buffer in operation.buffers)))


@pytest.mark.parametrize("value", [bytes(95_000), bytearray(95_000), memoryview(bytes(95_000))], ids=type)
async def test_a_large_value_is_given_chunk_by_chunk(value):
    def encoder():
        yield b"head"
        yield value
        yield b"end"

    steps = list(collected(encoder()))
    assert [then for _, then in steps] == [FULL] * 9 + [DONE]
    sizes = [len(bytes_of(operations)) for operations, _ in steps]
    assert sum(sizes) == 95_007
    assert max(sizes) <= 2 * CHUNK


async def test_a_range_is_read_chunk_by_chunk():
    content = bytes(range(256)) * 200

    def encoder():
        yield Copy(BufferSource(io.BytesIO(content), ""), 100, 50_000)

    steps = list(collected(encoder()))
    assert [then for _, then in steps] == [FULL] * 5 + [DONE]
    assert b"".join(bytes_of(operations) for operations, _ in steps) == content[100:50_100]


@pytest.mark.parametrize("takes_views", [False, True])
async def test_what_could_change_is_copied(takes_views):
    borrowed, constant = bytearray(CHUNK), bytes(2 * CHUNK)

    def encoder():
        yield borrowed
        yield constant

    kept = [
        buffer
        for operations, _ in collected(encoder(), takes_views=takes_views)
        for operation in operations
        for buffer in operation.buffers
    ]
    assert type(kept[0]) is bytes
    assert {type(buffer) for buffer in kept[1:]} == ({memoryview} if takes_views else {bytes})


async def test_small_writes_and_patches_are_collected_in_order():
    field = Reserve(4)

    def encoder():
        yield field
        yield bytes(CHUNK)
        yield Fill(field, b"late")

    steps = list(collected(encoder(), can_patch=True))
    assert [then for _, then in steps] == [FULL, DONE]
    assert [type(operation) for operations, _ in steps for operation in operations] == [Write, Patch]


async def test_a_need_that_comes_from_outside_ends_a_batch():
    source = object()

    def encoder():
        yield b"before"
        assert (yield Need(source)) is END

    delivery = Delivery(Collector(CHUNK))
    delivery.resolve()
    writing = Writing(encoder(), delivery, Options(), Progress(None), lambda outside: outside is source)
    need = writing.begin()
    assert isinstance(need, Need)
    assert writing.advance(END) is DONE


async def test_further_views_of_a_value_that_is_held_anyway_do_not_fill_a_batch():
    def encoder():
        yield bytes(32 * CHUNK)
        yield bytes(CHUNK)

    steps = list(collected(encoder(), takes_views=True))
    sizes = [len(bytes_of(operations)) for operations, _ in steps]
    assert sizes == [CHUNK, 16 * CHUNK, 16 * CHUNK, 0]
