"""The policy that divides a stream into parts, by itself: no sink, no thread, no network."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdcm.engine.parts import PartBuffers, PartSizes, PartsPolicy
from streamdcm.engine.release import Part, Whole
from streamdcm.errors import InstructionError, PartLimitError
from streamdcm.instructions import Copy, Fill, Insert, Instruction, Need, Reserve
from tests.engine.test_release import expected, streams

MIB = 1024 * 1024
GIB = 1024 * MIB


class Parts:
    """Takes what a policy releases, as an upload would."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.order: list[int] = []
        self.whole: bytes | None = None

    def __call__(self, operations: Iterable[Part | Whole]) -> None:
        for operation in operations:
            assert self.whole is None, "something came after the whole"
            if isinstance(operation, Whole):
                assert not self.parts
                self.whole = bytes(operation.data)
            else:
                assert operation.number not in self.parts, "a part came twice"
                self.order.append(operation.number)
                self.parts[operation.number] = bytes(operation.data)
            operation.data[:] = b"\xee" * len(operation.data)  # they are the sink's: nobody reads them any more

    @property
    def content(self) -> bytes:
        if self.whole is not None:
            return self.whole
        assert sorted(self.parts) == list(range(1, len(self.parts) + 1))
        return b"".join(self.parts[number] for number in sorted(self.parts))


def run(sizes: PartSizes, instructions: Iterable[Instruction]) -> Parts:
    parts, policy = Parts(), PartsPolicy(sizes)
    for instruction in instructions:
        parts(policy.feed(instruction))
    parts(policy.finish())
    return parts


def without_copies(stream: Iterable[Instruction]) -> list[Instruction]:
    """What `read_copies` makes of a stream, as far as a policy sees it."""
    return [bytes(i.source[i.offset : i.offset + i.length]) if isinstance(i, Copy) else i for i in stream]


part_sizes = st.builds(PartSizes, st.sampled_from([1000, 4096, 100_000, MIB]), st.sampled_from([2000, 10_000]))


@given(streams(), part_sizes)
def test_the_parts_are_what_a_seekable_sink_gets(stream, sizes):
    stream = without_copies(stream)
    assert run(sizes, stream).content == expected(stream)


@given(streams(), part_sizes)
def test_all_parts_but_the_last_are_full(stream, sizes):
    parts = run(sizes, without_copies(stream)).parts
    assert all(len(parts[number]) == sizes.size(number) for number in sorted(parts)[:-1])
    assert all(len(data) for data in parts.values())


@given(streams(), part_sizes)
def test_nothing_is_held_but_parts_with_open_fields_and_the_last(stream, sizes):
    parts, policy = Parts(), PartsPolicy(sizes)
    position = 0
    fields: dict[Reserve, tuple[int, int]] = {}
    for instruction in without_copies(stream):
        parts(policy.feed(instruction))
        if isinstance(instruction, Fill):
            del fields[instruction.reserve]
        elif isinstance(instruction, Reserve):
            fields[instruction] = (position, position + instruction.size)
            position += instruction.size
        else:
            position += len(instruction)
        begun = list(parts_up_to(sizes, position))
        held = {number for number, start, end in begun if any(lies_in(*field, start, end) for field in fields.values())}
        released = {number for number, _, _ in begun[:-1]} - held
        assert set(parts.parts) == released


def lies_in(first: int, behind: int, start: int, end: int) -> bool:
    """Whether a field, or the place of an empty one, is in a part."""
    if first == behind:
        return start < first <= end or first == start == 0
    return first < end and behind > start


def parts_up_to(sizes: PartSizes, position: int) -> Iterable[tuple[int, int, int]]:
    """Yield the number, start and end of the parts that bytes up to `position` lie in."""
    number, start = 1, 0
    while start < max(position, 1):
        yield number, start, start + sizes.size(number)
        start += sizes.size(number)
        number += 1


@given(st.permutations(range(5)), st.integers(1, 40))
def test_fields_are_filled_in_any_order_across_the_borders_of_parts(order, size):
    fields = [Reserve(size) for _ in order]
    stream: list[Instruction] = [thing for field in fields for thing in (field, b"." * 7)]
    stream += [Fill(fields[index], bytes([index]) * size) for index in order]
    assert run(PartSizes(16), stream).content == b"".join(bytes([index]) * size + b"." * 7 for index in range(5))


def test_a_part_with_an_open_field_goes_last_and_the_others_at_once():
    parts, policy, field = Parts(), PartsPolicy(PartSizes(10)), Reserve(4)
    for instruction in (b"head", field, b"." * 40):
        parts(policy.feed(instruction))
    assert parts.order == [2, 3, 4]
    parts(policy.feed(Fill(field, b"late")))
    assert parts.order == [2, 3, 4, 1]
    parts(policy.finish())
    assert parts.content == b"headlate" + b"." * 40


@pytest.mark.parametrize("content", [b"", b"x", b"x" * 9, b"x" * 10])
def test_what_fits_one_part_is_released_whole(content):
    assert run(PartSizes(10), [content]).whole == content


def test_what_does_not_fit_one_part_is_released_in_parts():
    parts = run(PartSizes(10), [b"x" * 11])
    assert parts.whole is None
    assert [len(parts.parts[number]) for number in (1, 2)] == [10, 1]


def test_borrowed_memory_may_be_used_again_after_each_instruction():
    parts, policy, borrowed = Parts(), PartsPolicy(PartSizes(10)), bytearray(7)
    for number in range(9):
        borrowed[:] = bytes([number]) * 7
        parts(policy.feed(memoryview(borrowed)))
    parts(policy.finish())
    assert parts.content == b"".join(bytes([number]) * 7 for number in range(9))


def test_a_field_that_is_never_filled_is_an_error():
    with pytest.raises(InstructionError, match="never filled"):
        run(PartSizes(10), [Reserve(4)])


def test_a_field_that_is_filled_twice_is_an_error():
    field = Reserve(1)
    with pytest.raises(InstructionError, match="not open"):
        run(PartSizes(10), [field, Fill(field, b"1"), Fill(field, b"1")])


def test_a_field_that_is_yielded_again_is_an_error():
    field = Reserve(1)
    with pytest.raises(InstructionError, match="yielded again"):
        run(PartSizes(10), [field, field])


@pytest.mark.parametrize("thing", [Need(None), Copy(b"", 0, 0), None])
def test_what_the_policy_does_not_take_is_an_error(thing):
    with pytest.raises(InstructionError):
        run(PartSizes(10), [thing])


def test_parts_grow_so_that_their_number_suffices():
    sizes = PartSizes()
    assert [sizes.size(number) // MIB for number in (1, 1000, 1001, 2000, 2001, 9001, 10_000)] == [
        *(8, 8, 16, 16, 32),
        *(4096, 4096),
    ]
    assert sum(sizes.size(number) for number in range(1, 10_001)) > 5 * 1024 * GIB  # 8.58 TB
    assert max(PartSizes(4 * GIB).size(number) for number in range(1, 10_001)) == 5 * GIB


@given(st.integers(5 * MIB, 5 * GIB), st.integers(1, 10_000))
def test_no_part_is_smaller_or_larger_than_a_service_takes(first, number):
    assert 5 * MIB <= PartSizes(first).size(number) <= 5 * GIB


def test_more_parts_than_the_service_takes_are_an_error_that_names_the_remedy():
    with pytest.raises(PartLimitError, match="raise part_size"):
        PartSizes().size(10_001)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 100))
def test_what_is_inserted_makes_a_part_larger(before, behind, size):
    mark, late = Reserve(0), Reserve(3)
    stream: list[Instruction] = [b"a" * before, mark, b"b" * behind, late, b"c" * 5]
    stream += [Insert(mark, [b"x" * size, b"y"], size + 1), Fill(late, b"ddd")]
    assert run(PartSizes(16), stream).content == b"a" * before + b"x" * size + b"y" + b"b" * behind + b"dddccccc"


def test_the_memory_of_a_part_is_used_again_with_nothing_left_of_it():
    buffers, field = PartBuffers(), Reserve(6, bytes(6))
    policy = PartsPolicy(PartSizes(10), buffers)
    [first] = policy.feed(b"0123456789ab")
    buffers.give(first.data)
    parts = [*policy.feed(field), *policy.feed(b"cdefghij"), *policy.feed(Fill(field)), *policy.finish()]
    assert parts[-1].data is first.data
    assert b"".join(part.data for part in sorted(parts, key=lambda part: part.number)) == b"ab" + bytes(6) + b"cdefghij"


def test_memory_of_another_size_is_let_go():
    buffers = PartBuffers()
    buffers.give(bytearray(b"12345"))
    assert buffers.take(4) == bytes(4)
