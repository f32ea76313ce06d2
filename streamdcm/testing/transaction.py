"""The contract of targets that are opened, and committed or aborted."""

import tempfile
from collections.abc import Iterable
from typing import Any

from streamdcm.instructions import Fill, Instruction, Reserve
from streamdcm.sinks import Output, PartsOutput, resolve
from streamdcm.testing.sending import LARGE, opened, send


class TransactionContract:
    """What streamdcm promises of targets that it opens itself, and asks of an `Output` of yours: all or nothing.

    Say in a subclass how to make a target and how others see it, and, for a class that derives from
    `streamdcm.sinks.Output` or `PartsOutput`, how to make one for a target.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from streamdcm.testing import TransactionContract
    >>> class TestPaths(TransactionContract):
    ...     def make_target(self):
    ...         return Path(tempfile.mkdtemp(dir="."), "out.dcm")
    ...     def visible(self, target):
    ...         return target.read_bytes() if target.exists() else None
    >>> TestPaths().test_commit_makes_the_bytes_visible()  # pytest finds and runs all of them
    """

    def make_target(self) -> Any:
        """Return a new name or place, under which there is nothing yet."""
        raise NotImplementedError("say how to make a target")

    def visible(self, target: Any) -> bytes | None:
        """Return what others see under the name of `target`; `None` if there is nothing."""
        raise NotImplementedError("say how to look at a target")

    def leftovers(self, target: Any) -> Iterable[object]:
        """Return what else lies around where `target` is, such as temporary files."""
        return ()

    def make_output(self, target: Any) -> Any:
        """Return what is given to streamdcm to write to `target`, for one write: the target itself, or an output."""
        return target

    def test_commit_makes_the_bytes_visible(self) -> None:
        """All bytes, late values included, are there after `commit`."""
        target = self.make_target()
        first, second = Reserve(4), Reserve(2)
        self._send(target, [b"head", first, LARGE, second, LARGE, Fill(second, b"ne"), Fill(first, b"late")])
        self._check(target, b"headlate" + LARGE + b"ne" + LARGE)

    def test_what_is_empty_can_be_written(self) -> None:
        """Where no byte was written, something of no length is there after `commit`."""
        target = self.make_target()
        self._send(target, [])
        self._check(target, b"")

    def test_many_pieces_arrive_in_order(self) -> None:
        """Small and large pieces arrive as they were sent, borrowed memory among them."""
        target = self.make_target()
        pieces = [bytes([index % 251]) * (index % 40) for index in range(3000)]
        pieces[1000] = pieces[2000] = LARGE
        self._send(target, map(bytearray, pieces))
        self._check(target, b"".join(pieces))

    def test_a_range_of_a_file_arrives(self) -> None:
        """What `copy_range` says that it took is there, and what it did not take can be written."""
        target = self.make_target()
        output = self._opened(target)
        if not isinstance(output, Output):
            output.abort()
            return
        with tempfile.TemporaryFile() as source:
            source.write(LARGE)
            source.flush()
            output.write([b"before"])
            taken = output.copy_range(source.fileno(), 100, 1000)
        assert 0 <= taken <= 1000, f"copy_range() took {taken} bytes of 1000"
        output.write([LARGE[100 + taken : 1100], b"after"])
        output.commit()
        self._check(target, b"before" + LARGE[100:1100] + b"after")

    def test_parts_come_in_any_order(self) -> None:
        """The parts are put together by their numbers, not in the order in which they came."""
        target = self.make_target()
        output = self._opened(target)
        if not isinstance(output, PartsOutput):
            output.abort()
            return
        pieces = [bytes([64 + number]) * output.part_sizes.size(number) for number in (1, 2, 3)]
        for number in (2, 3, 1):
            output.put(number, bytearray(pieces[number - 1]))
        output.commit()
        self._check(target, b"".join(pieces))

    def test_nothing_is_visible_before_commit(self) -> None:
        """Others see what was there before until everything was written and prepared, which may happen twice."""
        target = self.make_target()
        self._send(target, [b"old"])
        output = self._written(target, LARGE)
        assert self.visible(target) == b"old", "the target changed before prepare()"
        output.prepare()
        output.prepare()
        assert self.visible(target) == b"old", "the target changed before commit()"
        output.commit()
        self._check(target, LARGE)

    def test_what_is_prepared_can_be_aborted(self) -> None:
        """What was there before is there after `prepare` and `abort`."""
        target = self.make_target()
        self._send(target, [b"old"])
        output = self._written(target, b"new")
        output.prepare()
        output.abort()
        self._check(target, b"old")

    def test_abort_leaves_nothing(self) -> None:
        """Where nothing was, there is nothing after `abort`, however often it is called."""
        target = self.make_target()
        output = self._written(target, LARGE)
        output.abort()
        output.abort()
        self._check(target, None)

    def test_abort_leaves_what_was_before(self) -> None:
        """What was there before is there after `abort`."""
        target = self.make_target()
        self._send(target, [b"old"])
        output = self._written(target, b"new")
        output.abort()
        output.abort()
        self._check(target, b"old")

    def test_abort_before_open_is_harmless(self) -> None:
        """A write that failed before it began leaves no trace."""
        target = self.make_target()
        resolve(self.make_output(target)).abort()
        self._check(target, None)
        self._send(target, [b"new"])
        self._check(target, b"new")

    def test_abort_after_open_is_harmless(self) -> None:
        """A write that failed before its first byte leaves no trace."""
        target = self.make_target()
        self._opened(target).abort()
        self._check(target, None)

    def test_abort_after_commit_is_harmless(self) -> None:
        """What is complete is not taken back."""
        target = self.make_target()
        output = self._written(target, b"new")
        output.commit()
        output.abort()
        self._check(target, b"new")

    def test_a_second_commit_is_harmless(self) -> None:
        """`commit` may be called again and does nothing then, even if the target has changed since."""
        target = self.make_target()
        output = self._written(target, b"first")
        output.commit()
        self._send(target, [b"second"])
        output.commit()
        self._check(target, b"second")

    def _opened(self, target: Any) -> Output | PartsOutput:
        return opened(self.make_output(target))

    def _written(self, target: Any, data: bytes) -> Output | PartsOutput:
        """Return an output that has taken `data`, and waits for its end."""
        output = self._opened(target)
        if isinstance(output, PartsOutput):
            output.put(1, bytearray(data))
        else:
            output.write([data])
        return output

    def _send(self, target: Any, instructions: Iterable[Instruction]) -> None:
        send(self.make_output(target), instructions)

    def _check(self, target: Any, expected: bytes | None) -> None:
        found = self.visible(target)
        assert found == expected, f"visible is {_described(found)}, not {_described(expected)} as promised"
        leftovers = list(self.leftovers(target))
        assert not leftovers, f"left over: {leftovers}"


def _described(data: bytes | None) -> str:
    return "nothing" if data is None else f"{len(data):,} bytes that begin with {data[:16]!r}"
