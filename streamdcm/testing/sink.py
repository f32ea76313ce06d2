"""The contract of objects that bytes are written to."""

from collections.abc import Iterable
from typing import Any

from streamdcm.instructions import Fill, Instruction, Reserve
from streamdcm.sinks import resolve
from streamdcm.testing.sending import LARGE, opened_in_order, send


class SinkContract:
    """What streamdcm relies on in an object with ``write()``, or anything else that `resolve` accepts.

    Attributes
    ----------
    patchable : bool, optional
        Whether streamdcm should find out that earlier bytes of the sink can be overwritten. Set it in
        your class to have that tested, too.

    Examples
    --------
    >>> import io
    >>> from streamdcm.testing import SinkContract
    >>> class TestBuffer(SinkContract):
    ...     patchable = True
    ...     def make_sink(self):
    ...         return io.BytesIO()
    ...     def written(self, sink):
    ...         return sink.getvalue()
    >>> TestBuffer().test_bytes_arrive_in_order()  # pytest finds and runs all of them
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
        pieces[1000] = pieces[2000] = LARGE
        self._check(pieces, b"".join(pieces))

    def test_a_large_value_arrives_whole(self) -> None:
        """A value of several chunks arrives whole, however many bytes each ``write()`` takes."""
        self._check([LARGE * 4], LARGE * 4)

    def test_a_write_of_nothing_is_harmless(self) -> None:
        """Empty buffers change nothing, given to ``write()`` itself neither."""
        sink = self.make_sink()
        send(sink, [b"", b"one", b"", bytearray(), memoryview(b"")])
        if hasattr(sink, "write"):
            answer = sink.write(b"")
            assert answer in (None, 0), f"write(b'') answered {answer!r}"
        send(sink, [])
        send(sink, [b"two"])
        self._compare(sink, b"onetwo")

    def test_borrowed_memory_may_be_used_again(self) -> None:
        """What ``write()`` was given is its own no more when it has returned."""
        sink = self.make_sink()
        output = opened_in_order(sink)
        borrowed = bytearray(LARGE)
        output.write([memoryview(borrowed)])
        borrowed[:] = bytes(len(borrowed))
        output.write([b"end"])
        output.commit()
        self._compare(sink, LARGE + b"end")

    def test_the_position_at_entry_is_the_start(self) -> None:
        """What was written before stays, and late values land relative to where the write began."""
        sink = self.make_sink()
        send(sink, [b"before"])
        field = Reserve(4)
        send(sink, [b"head", field, LARGE, Fill(field, b"late")])
        self._compare(sink, b"beforeheadlate" + LARGE)

    def test_late_values_land_and_the_end_is_kept(self) -> None:
        """After a late value the write goes on at the end, and the position is there at last."""
        sink = self.make_sink()
        first, second = Reserve(4), Reserve(8, bytes(8))
        send(
            sink,
            [
                first,
                b"a",
                LARGE,
                second,
                b"b",
                LARGE,
                Fill(first, b"1111"),
                b"c",
                Fill(second, b"22222222"),
                b"d",
            ],
        )
        send(sink, [b"after"])
        self._compare(sink, b"1111a" + LARGE + b"22222222b" + LARGE + b"cdafter")

    def test_late_values_come_in_any_order(self) -> None:
        """Fields can be filled in another order than they were reserved in."""
        fields = [Reserve(2) for _ in range(5)]
        instructions: list[Instruction] = []
        for field in fields:
            instructions += [field, LARGE]
        instructions += [Fill(fields[index], b"%02d" % index) for index in (3, 0, 4, 2, 1)]
        self._check(instructions, b"".join(b"%02d" % index + LARGE for index in range(5)))

    def test_the_sink_stays_open(self) -> None:
        """Neither the end of a write nor its failure closes the caller's object."""
        sink = self.make_sink()
        send(sink, [b"one"])
        output = opened_in_order(sink)
        output.write([b"two"])
        output.abort()
        output.abort()
        assert getattr(sink, "closed", False) is not True, "the sink was closed"
        send(sink, [b"three"])
        self._compare(sink, b"onetwothree")

    def _check(self, instructions: Iterable[Instruction], expected: bytes) -> None:
        sink = self.make_sink()
        send(sink, instructions)
        self._compare(sink, expected)

    def _compare(self, sink: Any, expected: bytes) -> None:
        written = self.written(sink)
        assert written == expected, (
            f"{len(written)} bytes arrived, {len(expected)} were sent, and they differ from byte "
            f"{_first_difference(written, expected)} on"
        )


def _first_difference(one: bytes, other: bytes) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(one), len(other)))
