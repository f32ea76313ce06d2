"""Contract tests for sinks: inherit them to show that a sink of your own works with streamdcm.

A sink that passes `SinkContract` can be given to every function of streamdcm that writes; it gets the
same bytes as a file does. With pytest, a test class that says how to make a sink and how to read what
arrived is all that it takes::

    from streamdcm.testing import SinkContract

    class TestMySink(SinkContract):
        def make_sink(self):
            return MySink()

        def written(self, sink):
            return sink.content()

Where a sink needs a fixture, an autouse fixture of the class can keep it on ``self``::

        @pytest.fixture(autouse=True)
        def _directory(self, tmp_path):
            self.directory = tmp_path

The tests use the public path and nothing else: `streamdcm.sinks.resolve`, then the release policy that
suits what was found out about the sink. Nothing in here needs pytest; any runner that calls methods whose
names begin with ``test_``, on a fresh instance each, will do.
"""

from collections.abc import Iterable
from typing import Any

from streamdcm.engine.release import InOrderPolicy, Operation, Patch, PatchPolicy, Write
from streamdcm.instructions import Fill, Instruction, Reserve
from streamdcm.sinks import Output, PartsOutput, resolve

_CHUNK_SIZE = 128 * 1024
_HOLD_LIMIT = 64 * 1024 * 1024
_LARGE = bytes(range(256)) * 2048


class SinkContract:
    """What streamdcm relies on in an object with ``write()``, or anything else that `resolve` accepts.

    Attributes
    ----------
    patchable : bool, optional
        Whether streamdcm should find out that earlier bytes of the sink can be overwritten. Set it in
        your class to have that tested, too.
    """

    patchable: bool | None = None

    def make_sink(self) -> Any:
        """Return a new sink, ready to be written to."""
        raise NotImplementedError("say how to make a sink")

    def written(self, sink: Any) -> bytes:
        """Return all bytes that `sink` was given since it was made.

        Called once, at the end of each test; it may close the sink.
        """
        raise NotImplementedError("say how to read what arrived")

    def test_what_the_sink_can_do_is_found_out(self) -> None:
        """`patchable`, where it is set, is what `resolve` finds out."""
        found = resolve(self.make_sink()).can_patch
        assert self.patchable in (None, found), f"patchable={self.patchable}, but streamdcm found {found}"

    def test_bytes_arrive_in_order(self) -> None:
        """Many small pieces among a few large ones arrive as they were sent."""
        pieces = [bytes([index % 251]) * (index % 40) for index in range(3000)]
        pieces[1000] = pieces[2000] = _LARGE
        self._check(pieces, b"".join(pieces))

    def test_a_large_value_arrives_whole(self) -> None:
        """A value of several chunks arrives whole, however many bytes each ``write()`` takes."""
        self._check([_LARGE * 4], _LARGE * 4)

    def test_a_write_of_nothing_is_harmless(self) -> None:
        """Empty buffers change nothing, given to ``write()`` itself neither."""
        sink = self.make_sink()
        _send(sink, [b"", b"one", b"", bytearray(), memoryview(b"")])
        if hasattr(sink, "write"):
            answer = sink.write(b"")
            assert answer in (None, 0), f"write(b'') answered {answer!r}"
        _send(sink, [])
        _send(sink, [b"two"])
        self._compare(sink, b"onetwo")

    def test_borrowed_memory_may_be_used_again(self) -> None:
        """What ``write()`` was given is its own no more when it has returned."""
        sink = self.make_sink()
        output = _opened(sink)
        borrowed = bytearray(_LARGE)
        output.write([memoryview(borrowed)])
        borrowed[:] = bytes(len(borrowed))
        output.write([b"end"])
        output.commit()
        self._compare(sink, _LARGE + b"end")

    def test_the_position_at_entry_is_the_start(self) -> None:
        """What was written before stays, and late values land relative to where the write began."""
        sink = self.make_sink()
        _send(sink, [b"before"])
        field = Reserve(4)
        _send(sink, [b"head", field, _LARGE, Fill(field, b"late")])
        self._compare(sink, b"beforeheadlate" + _LARGE)

    def test_late_values_land_and_the_end_is_kept(self) -> None:
        """After a late value the write goes on at the end, and the position is there at last."""
        sink = self.make_sink()
        first, second = Reserve(4), Reserve(8, bytes(8))
        _send(
            sink,
            [
                first,
                b"a",
                _LARGE,
                second,
                b"b",
                _LARGE,
                Fill(first, b"1111"),
                b"c",
                Fill(second, b"22222222"),
                b"d",
            ],
        )
        _send(sink, [b"after"])
        self._compare(sink, b"1111a" + _LARGE + b"22222222b" + _LARGE + b"cdafter")

    def test_late_values_come_in_any_order(self) -> None:
        """Fields can be filled in another order than they were reserved in."""
        fields = [Reserve(2) for _ in range(5)]
        instructions: list[Instruction] = []
        for field in fields:
            instructions += [field, _LARGE]
        instructions += [Fill(fields[index], b"%02d" % index) for index in (3, 0, 4, 2, 1)]
        self._check(instructions, b"".join(b"%02d" % index + _LARGE for index in range(5)))

    def test_the_sink_stays_open(self) -> None:
        """Neither the end of a write nor its failure closes the caller's object."""
        sink = self.make_sink()
        _send(sink, [b"one"])
        output = _opened(sink)
        output.write([b"two"])
        output.abort()
        output.abort()
        assert getattr(sink, "closed", False) is not True, "the sink was closed"
        _send(sink, [b"three"])
        self._compare(sink, b"onetwothree")

    def _check(self, instructions: Iterable[Instruction], expected: bytes) -> None:
        sink = self.make_sink()
        _send(sink, instructions)
        self._compare(sink, expected)

    def _compare(self, sink: Any, expected: bytes) -> None:
        written = self.written(sink)
        assert written == expected, (
            f"{len(written)} bytes arrived, {len(expected)} were sent, and they differ from byte "
            f"{_first_difference(written, expected)} on"
        )


class TransactionContract:
    """What streamdcm promises of targets that it opens itself: all or nothing.

    Say in a subclass how to make a target and how others see it.
    """

    def make_target(self) -> Any:
        """Return a new target for `resolve`, under whose name there is nothing yet."""
        raise NotImplementedError("say how to make a target")

    def visible(self, target: Any) -> bytes | None:
        """Return what others see under the name of `target`; `None` if there is nothing."""
        raise NotImplementedError("say how to look at a target")

    def leftovers(self, target: Any) -> Iterable[object]:
        """Return what else lies around where `target` is, such as temporary files."""
        return ()

    def test_commit_makes_the_bytes_visible(self) -> None:
        """All bytes, late values included, are there after `commit`."""
        target = self.make_target()
        field = Reserve(4)
        _send(target, [b"head", field, _LARGE, Fill(field, b"late")])
        self._check(target, b"headlate" + _LARGE)

    def test_nothing_is_visible_before_commit(self) -> None:
        """Others see what was there before until everything was written."""
        target = self.make_target()
        _send(target, [b"old"])
        output = _opened(target)
        output.write([_LARGE])
        assert self.visible(target) == b"old", "the target changed before commit()"
        output.commit()
        self._check(target, _LARGE)

    def test_what_is_prepared_is_not_visible(self) -> None:
        """After `prepare`, which may be called again, others see what was there before until `commit`."""
        target = self.make_target()
        _send(target, [b"old"])
        output = _opened(target)
        output.write([_LARGE])
        output.prepare()
        output.prepare()
        assert self.visible(target) == b"old", "the target changed before commit()"
        output.commit()
        self._check(target, _LARGE)

    def test_what_is_prepared_can_be_aborted(self) -> None:
        """What was there before is there after `prepare` and `abort`."""
        target = self.make_target()
        _send(target, [b"old"])
        output = _opened(target)
        output.write([b"new"])
        output.prepare()
        output.abort()
        self._check(target, b"old")

    def test_abort_leaves_nothing(self) -> None:
        """Where nothing was, there is nothing after `abort`, however often it is called."""
        target = self.make_target()
        output = _opened(target)
        output.write([_LARGE])
        output.abort()
        output.abort()
        self._check(target, None)

    def test_abort_leaves_what_was_before(self) -> None:
        """What was there before is there after `abort`."""
        target = self.make_target()
        _send(target, [b"old"])
        output = _opened(target)
        output.write([b"new"])
        output.abort()
        output.abort()
        self._check(target, b"old")

    def test_abort_before_open_is_harmless(self) -> None:
        """A write that failed before it began leaves no trace."""
        target = self.make_target()
        resolve(target).abort()
        self._check(target, None)
        _send(target, [b"new"])
        self._check(target, b"new")

    def test_abort_after_commit_is_harmless(self) -> None:
        """What is complete is not taken back."""
        target = self.make_target()
        output = _opened(target)
        output.write([b"new"])
        output.commit()
        output.abort()
        self._check(target, b"new")

    def test_a_second_commit_is_harmless(self) -> None:
        """`commit` may be called again and does nothing then, even if the target has changed since."""
        target = self.make_target()
        output = _opened(target)
        output.write([b"first"])
        output.commit()
        _send(target, [b"second"])
        output.commit()
        self._check(target, b"second")

    def _check(self, target: Any, expected: bytes | None) -> None:
        assert self.visible(target) == expected, "what is visible is not what was promised"
        leftovers = list(self.leftovers(target))
        assert not leftovers, f"left over: {leftovers}"


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))


def _opened(target: Any) -> Output:
    output = resolve(target)
    assert not isinstance(output, PartsOutput), "this contract is for targets that take bytes in order"
    output.open()
    return output


def _send(target: Any, instructions: Iterable[Instruction]) -> None:
    """Write what `instructions` say, as the drivers do."""
    output = _opened(target)
    policy = PatchPolicy(_CHUNK_SIZE) if output.can_patch else InOrderPolicy(_CHUNK_SIZE, _HOLD_LIMIT)
    try:
        for instruction in instructions:
            _perform(output, policy.feed(instruction))
        _perform(output, policy.finish())
        output.commit()
    except BaseException:
        output.abort()
        raise


def _perform(output: Output, operations: Iterable[Operation]) -> None:
    for operation in operations:
        if isinstance(operation, Write):
            output.write(operation.buffers)
        elif isinstance(operation, Patch):
            output.patch(operation.offset, operation.value)
