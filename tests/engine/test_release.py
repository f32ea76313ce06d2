import io
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdcm.engine.in_order import InOrderPolicy
from streamdcm.engine.release import COALESCE, Operation, Patch, PatchPolicy, Transfer, Write
from streamdcm.engine.spool import Keep, Spool
from streamdcm.errors import HoldLimitError, InstructionError
from streamdcm.instructions import Copy, Fill, Instruction, Need, Reserve

MIB = 1024 * 1024
POLICIES = [
    pytest.param(lambda: PatchPolicy(MIB), id="patch"),
    pytest.param(lambda: InOrderPolicy(MIB, 64 * MIB), id="in order"),
]
both_policies = pytest.mark.parametrize("make_policy", POLICIES)


class Perform:
    """Performs operations on a `BytesIO` and remembers what it was asked."""

    def __init__(self) -> None:
        self.file = io.BytesIO()
        self.operations: list[Operation] = []
        self.spool = io.BytesIO()

    def __call__(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            self.operations.append(operation)
            if isinstance(operation, Write):
                assert operation.buffers
                for buffer in operation.buffers:
                    self.file.write(buffer)
            elif isinstance(operation, Transfer):
                copy = operation.copy
                source = self.spool.getbuffer() if isinstance(copy.source, Spool) else copy.source
                self.file.write(source[copy.offset : copy.offset + copy.length])
            elif isinstance(operation, Keep):
                self.spool.seek(operation.offset)
                self.spool.writelines(operation.buffers)
            else:
                assert operation.offset + len(operation.value) <= self.file.tell()
                end = self.file.tell()
                self.file.seek(operation.offset)
                self.file.write(operation.value)
                self.file.seek(end)

    def count(self, kind: type) -> int:
        return sum(isinstance(operation, kind) for operation in self.operations)


def run(policy, instructions: Iterable[Instruction], after_each: Callable[[], None] = lambda: None) -> Perform:
    perform = Perform()
    for instruction in instructions:
        perform(policy.feed(instruction))
        after_each()
    perform(policy.finish())
    return perform


def expected(instructions: Iterable[Instruction]) -> bytes:
    """What a stream says, said in the simplest way."""
    instructions = list(instructions)
    values = {i.reserve: i.reserve.default if i.value is None else i.value for i in instructions if isinstance(i, Fill)}
    out = []
    for i in instructions:
        if isinstance(i, Reserve):
            out.append(values[i])
        elif isinstance(i, Copy):
            out.append(i.source[i.offset : i.offset + i.length])
        elif not isinstance(i, Fill):
            out.append(bytes(i))
    return b"".join(out)


SOURCE = bytes(range(256)) * 1024
sizes = st.one_of(st.integers(0, 20), st.sampled_from([COALESCE - 1, COALESCE, COALESCE + 1, 3 * COALESCE + 5]))


@st.composite
def streams(draw: st.DrawFn) -> list[Instruction]:
    """Pieces, copies and fields; each field is filled at some point after it."""
    stream: list[Instruction] = []
    unfilled: list[Reserve] = []
    for step in draw(st.lists(st.sampled_from(["bytes", "bytearray", "view", "copy", "field", "fill"]), max_size=25)):
        size = draw(sizes)
        content = SOURCE[:size] if size > 20 else draw(st.binary(min_size=size, max_size=size))
        if step == "copy":
            stream.append(Copy(SOURCE, draw(st.integers(0, 100)), size))
        elif step == "field":
            default = draw(st.sampled_from([None, b"\xff" * size]))
            unfilled.append(Reserve(size, default))
            stream.append(unfilled[-1])
        elif step == "fill":
            if unfilled:
                stream.append(filled(draw, unfilled.pop(draw(st.integers(0, len(unfilled) - 1)))))
        else:
            stream.append({"bytes": bytes, "bytearray": bytearray, "view": memoryview}[step](content))
    for field in draw(st.permutations(unfilled)):
        stream.append(filled(draw, field))
    return stream


def filled(draw: st.DrawFn, field: Reserve) -> Fill:
    without_value = field.default is not None and draw(st.booleans())
    return Fill(field, None if without_value else bytes(draw(st.sampled_from([b"\x00", b"\xab"]))) * field.size)


@given(streams(), st.sampled_from([1, 7, 1000, COALESCE, 100_000, MIB]))
def test_both_policies_give_the_same_bytes_for_every_chunk_size(stream, chunk_size):
    stream = [Fill(i.reserve, i.value) if isinstance(i, Fill) else i for i in stream]
    if chunk_size < 1000:  # slices of a byte take their time
        stream = [bytes(i)[:500] if isinstance(i, (bytes, bytearray, memoryview)) else i for i in stream]
        stream = shrunk_fields(stream)
    wanted = expected(stream)
    assert run(PatchPolicy(chunk_size), stream).file.getvalue() == wanted
    in_order = run(InOrderPolicy(chunk_size, 1024 * MIB), stream)
    assert in_order.file.getvalue() == wanted
    assert not in_order.count(Patch)


def shrunk_fields(stream):
    fields = {
        i: Reserve(min(i.size, 500), None if i.default is None else i.default[:500])
        for i in stream
        if isinstance(i, Reserve)
    }
    return [
        fields[i]
        if isinstance(i, Reserve)
        else Fill(fields[i.reserve], None if i.value is None else i.value[:500])
        if isinstance(i, Fill)
        else i
        for i in stream
    ]


@given(st.permutations(range(6)), st.sampled_from([3, 100, COALESCE]))
def test_fills_come_in_any_order(order, gap):
    fields = [Reserve(2) for _ in order]
    stream: list[Instruction] = [thing for field in fields for thing in (field, b"." * gap)]
    stream += [Fill(fields[index], b"%02d" % index) for index in order]
    wanted = b"".join(b"%02d" % index + b"." * gap for index in range(6))
    for make_policy in (lambda: PatchPolicy(MIB), lambda: InOrderPolicy(MIB, MIB)):
        assert run(make_policy(), stream).file.getvalue() == wanted


@both_policies
@given(st.lists(sizes, max_size=12), st.sampled_from([COALESCE, 100_000]))
def test_borrowed_memory_may_be_used_again_after_each_instruction(make_policy, lengths, gap):
    borrowed = bytearray(4 * COALESCE)
    field = Reserve(2)

    def stream():
        yield b"head"
        for index, length in enumerate(lengths):
            if index == len(lengths) // 2:
                yield field
            borrowed[:length] = bytes([index]) * length
            yield memoryview(borrowed)[:length]
        if not lengths:
            yield field
        yield b"." * gap
        yield Fill(field, b"!!")

    def reuse():
        borrowed[:] = b"\xee" * len(borrowed)

    middle = len(lengths) // 2
    pieces = [bytes([index]) * length for index, length in enumerate(lengths)]
    wanted = b"head" + b"".join(pieces[:middle]) + b"!!" + b"".join(pieces[middle:]) + b"." * gap
    assert run(make_policy(), stream(), after_each=reuse).file.getvalue() == wanted


@both_policies
def test_small_pieces_are_joined_and_large_values_are_not_copied(make_policy):
    large = bytes(18 * MIB)
    performed = run(make_policy(), [b"a", b"b", large, b"c", b"d"])
    first, second, last = [write.buffers for write in performed.operations]
    assert first[0] == b"ab"
    assert [len(buffer) for buffer in (*first[1:], *second)] == 18 * [MIB]
    assert all(buffer.obj is large for buffer in (*first[1:], *second))
    assert last == (b"cd",)


def test_nothing_is_held_back_on_a_sink_that_can_patch():
    perform, policy, field = Perform(), PatchPolicy(MIB), Reserve(4)
    for instruction in [field, bytes(MIB), bytes(MIB)]:
        perform(policy.feed(instruction))
    assert perform.file.tell() == 2 * MIB + 4
    perform(policy.feed(Fill(field, b"late")))
    assert perform.operations[-1] == Patch(0, b"late")


def test_a_value_that_is_known_while_its_field_is_still_coalescing_costs_no_patch():
    field = Reserve(4)
    performed = run(PatchPolicy(MIB), [b"head", field, b"." * 1000, Fill(field, b"soon"), bytes(MIB)])
    assert performed.count(Patch) == 0
    assert performed.file.getvalue().startswith(b"headsoon.")


def test_a_late_value_that_is_the_default_costs_no_patch():
    field = Reserve(4, b"\xff" * 4)
    performed = run(PatchPolicy(MIB), [field, bytes(MIB), Fill(field)])
    assert performed.count(Patch) == 0
    assert performed.file.getvalue() == b"\xff" * 4 + bytes(MIB)


def test_patches_behind_copies_land():
    field = Reserve(4)
    performed = run(PatchPolicy(MIB), [b"x", Copy(SOURCE, 5, 1000), field, bytes(MIB), Fill(field, b"late")])
    assert performed.operations[-1] == Patch(1001, b"late")


def test_in_order_releases_everything_before_the_first_open_field():
    perform, policy, first, second = Perform(), InOrderPolicy(MIB, 64 * MIB), Reserve(1), Reserve(1)
    for instruction in [bytes(MIB), first, bytes(MIB), second, bytes(MIB)]:
        perform(policy.feed(instruction))
    assert perform.file.tell() == MIB
    perform(policy.feed(Fill(second, b"2")))
    assert perform.file.tell() == MIB
    perform(policy.feed(Fill(first, b"1")))
    assert perform.file.tell() == 3 * MIB + 2


@given(streams(), st.sampled_from([0, 1, 1000, COALESCE, 3 * COALESCE, MIB]))
def test_a_temporary_file_changes_no_byte(stream, hold_limit):
    stream = [Fill(i.reserve, i.value) if isinstance(i, Fill) else i for i in stream]
    performed = run(InOrderPolicy(MIB, hold_limit, spool=Spool()), stream)
    assert performed.file.getvalue() == expected(stream)


def test_what_exceeds_the_limit_goes_to_a_temporary_file_uncopied_and_comes_back_in_order():
    perform, policy, field = Perform(), InOrderPolicy(MIB, 2 * COALESCE, spool=Spool()), Reserve(4)
    large = bytearray(COALESCE)
    perform(policy.feed(field))
    for _ in range(5):
        perform(policy.feed(large))
    kept = [operation for operation in perform.operations if isinstance(operation, Keep)]
    assert [keep.offset for keep in kept] == [0, COALESCE, 2 * COALESCE, 3 * COALESCE]
    assert all(buffer.obj is large for keep in kept for buffer in keep.buffers)
    perform.operations.clear()
    perform(policy.feed(Fill(field, b"late")))
    copies = [operation.copy for operation in perform.operations if isinstance(operation, Transfer)]
    assert [(copy.offset, copy.length) for copy in copies] == [(0, 4 * COALESCE)]
    perform(policy.finish())
    assert perform.file.getvalue() == b"late" + bytes(5 * COALESCE)


def test_small_pieces_are_joined_before_they_go_to_a_temporary_file():
    perform, policy, field = Perform(), InOrderPolicy(MIB, 0, spool=Spool()), Reserve(4)
    perform(policy.feed(field))
    for number in range(COALESCE):
        perform(policy.feed(number.to_bytes(4, "little")))
    assert perform.count(Keep) == 4
    perform(policy.feed(Fill(field, b"late")))
    perform(policy.finish())
    assert perform.file.getvalue() == b"late" + b"".join(n.to_bytes(4, "little") for n in range(COALESCE))


def test_a_temporary_file_is_used_anew_when_nothing_is_held_back():
    perform, policy = Perform(), InOrderPolicy(MIB, 0, spool=Spool())
    for _ in range(3):
        field = Reserve(4)
        for instruction in [field, bytes(MIB), Fill(field, b"late")]:
            perform(policy.feed(instruction))
    assert len(perform.spool.getvalue()) == MIB


def test_holding_back_ends_at_the_limit_with_the_remedies():
    policy = InOrderPolicy(MIB, 1000)
    list(policy.feed(bytes(5000)))
    list(policy.feed(Reserve(4, label="the number; number= tells it")))
    list(policy.feed(bytes(996)))
    with pytest.raises(HoldLimitError, match=r"1,000 bytes.*for the number; number= tells it.*hold_limit"):
        policy.feed(b"x")


def test_what_exceeds_the_limit_is_not_copied_first():
    class Huge(bytearray):
        def __bytes__(self):
            raise AssertionError("copied")

    policy = InOrderPolicy(MIB, 1000)
    list(policy.feed(Reserve(4)))
    with pytest.raises(HoldLimitError):
        policy.feed(Huge(2000))


def test_what_was_released_does_not_count_towards_the_limit():
    policy, perform = InOrderPolicy(MIB, 1000), Perform()
    for _ in range(5):
        field = Reserve(4)
        for instruction in [field, bytes(900), Fill(field, b"done")]:
            perform(policy.feed(instruction))
    perform(policy.finish())
    assert perform.file.tell() == 5 * 904


def test_copies_that_are_held_back_cost_nothing():
    policy = InOrderPolicy(MIB, 1000)
    list(policy.feed(Reserve(4)))
    list(policy.feed(Copy(SOURCE, 0, 10**12)))


@both_policies
def test_a_field_that_was_never_filled_is_an_error(make_policy):
    with pytest.raises(InstructionError, match="never filled"):
        run(make_policy(), [Reserve(4), b"x"])


@both_policies
def test_a_fill_without_its_field_is_an_error(make_policy):
    with pytest.raises(InstructionError, match="not open"):
        run(make_policy(), [Fill(Reserve(4), b"four")])


@both_policies
def test_a_field_that_is_filled_twice_is_an_error(make_policy):
    field = Reserve(4)
    with pytest.raises(InstructionError, match="filled twice"):
        run(make_policy(), [field, Fill(field, b"four"), Fill(field, b"four")])


@both_policies
def test_a_field_that_is_yielded_twice_is_an_error(make_policy):
    field = Reserve(4)
    with pytest.raises(InstructionError, match="yielded again"):
        run(make_policy(), [field, field, Fill(field, b"four")])


@both_policies
@pytest.mark.parametrize("value", [b"", b"abc", b"abcde"])
def test_a_value_of_another_size_is_an_error(make_policy, value):
    field = Reserve(4)
    with pytest.raises(InstructionError, match="Reserve of 4 bytes exactly"):
        run(make_policy(), [field, Fill(field, value)])


@both_policies
def test_a_fill_without_a_value_needs_a_default(make_policy):
    field = Reserve(4)
    with pytest.raises(InstructionError, match="without a default"):
        run(make_policy(), [field, Fill(field)])


@both_policies
def test_a_default_of_another_size_is_an_error(make_policy):
    field = Reserve(4, b"abc")
    with pytest.raises(InstructionError, match="Reserve of 4 bytes exactly"):
        run(make_policy(), [field, Fill(field)])


@both_policies
def test_a_need_is_not_for_policies(make_policy):
    with pytest.raises(InstructionError, match="driver"):
        run(make_policy(), [Need(iter(()))])


@both_policies
@pytest.mark.parametrize("thing", [None, 5, "text", [b"bytes"]])
def test_what_is_no_instruction_is_an_error_that_names_its_type(make_policy, thing):
    with pytest.raises(InstructionError, match=type(thing).__name__):
        run(make_policy(), [thing])
