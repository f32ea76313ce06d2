"""Where an encoder is in what it encodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from streamdcm.cleanup import afterwards
from streamdcm.instructions import Copy, Encoder, Fill, Insert, Instruction, Need, Reserve

T = TypeVar("T")


@dataclass(slots=True)
class CountedUntil:
    """The number of bytes that were encoded before somebody said that it is over.

    Parameters
    ----------
    count : int
        The number so far.
    is_over : bool, optional
        Whether what comes next does not count; set by the stage that comes next, when it begins.
    """

    count: int
    is_over: bool = False


def counted_until(encoder: Encoder[T], counted: CountedUntil) -> Encoder[T]:
    """Run an encoder and count what it encodes until that is over; from then on it costs nothing."""
    step: Callable[[Any], Instruction] = encoder.send
    argument: Any = None
    with afterwards(encoder.close):
        while not counted.is_over:
            try:
                instruction = step(argument)
            except StopIteration as stop:
                result: T = stop.value
                return result
            step, argument = encoder.send, None
            if not counted.is_over:
                counted.count += content_size(instruction)
            try:
                argument = yield instruction
            except Exception as error:
                step, argument = encoder.throw, error
        return (yield from encoder)


def content_size(instruction: Instruction) -> int:
    """Return how many bytes come of an instruction."""
    if isinstance(instruction, Copy):
        return instruction.length
    if isinstance(instruction, Reserve):
        return instruction.size
    if isinstance(instruction, (Fill, Insert, Need)):
        return 0
    return memoryview(instruction).nbytes
