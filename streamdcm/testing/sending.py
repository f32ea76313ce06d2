"""Instructions on their way to a target, as the drivers send them."""

from collections.abc import Iterable
from typing import Any

from streamdcm.cleanup import on_error
from streamdcm.engine.release import Operation, Part, Patch, Whole, Write
from streamdcm.instructions import Instruction
from streamdcm.sinks import Output, PartsOutput, policy_of, resolve

_CHUNK_SIZE = 128 * 1024
_HOLD_LIMIT = 64 * 1024 * 1024

LARGE = bytes(range(256)) * 2048
"""A value of several chunks."""


def opened(target: Any) -> Output | PartsOutput:
    """Return what writes to `target`, open."""
    output = resolve(target)
    output.open()
    return output


def opened_in_order(target: Any) -> Output:
    """Return what writes to a sink, open."""
    output = opened(target)
    assert isinstance(output, Output), "a sink takes bytes in order"
    return output


def send(target: Any, instructions: Iterable[Instruction]) -> None:
    """Write what `instructions` say, as the drivers do."""
    output = opened(target)
    policy = policy_of(output, chunk_size=_CHUNK_SIZE, hold_limit=_HOLD_LIMIT)
    with on_error(output.abort):
        for instruction in instructions:
            _perform(output, policy.feed(instruction))
        _perform(output, policy.finish())
        output.commit()


def _perform(output: Any, operations: Iterable[Operation]) -> None:
    for operation in operations:
        if isinstance(operation, Write):
            output.write(operation.buffers)
        elif isinstance(operation, Patch):
            output.patch(operation.offset, operation.value)
        elif isinstance(operation, Part):
            output.put(operation.number, operation.data)
        elif isinstance(operation, Whole):
            output.put_whole(operation.data)
