"""The steppable core under the drivers: what is to be done next, without doing it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

from streamdcm.cleanup import afterwards
from streamdcm.engine.release import Operation, ReleasePolicy
from streamdcm.instructions import Answer, Encoder, Instruction, Need

T = TypeVar("T")

Steps: TypeAlias = Generator[Operation | Need, Answer, T]
"""Operations to perform, in order, and needs, each of which is answered with ``send`` or ``throw``."""


def steps(encoder: Encoder[T], policy: ReleasePolicy) -> Steps[T]:
    """Run an encoder through a release policy.

    An exception of a source is thrown in, in place of the answer to its `Need`, and reaches the encoder. Every
    other one is the driver's; it closes the steps, and that closes the encoder.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    policy : ReleasePolicy
        What the sink can do.

    Returns
    -------
    Steps
        Returns what `encoder` returns.
    """
    step: Callable[[Any], Instruction] = encoder.send
    argument: Any = None
    feed = policy.feed
    with afterwards(encoder.close):
        while True:
            try:
                instruction = step(argument)
            except StopIteration as stop:
                yield from policy.finish()
                result: T = stop.value
                return result
            step, argument = encoder.send, None
            if instruction.__class__ is not Need:
                operations = feed(instruction)
                if operations:  # most often there is nothing to do yet
                    yield from operations
                continue
            try:
                argument = yield instruction
            except Exception as error:
                step, argument = encoder.throw, error
