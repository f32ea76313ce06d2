"""Settling an encoder: the same bytes in order, with nothing left to be filled in or copied."""

from typing import TypeVar

from streamdcm.errors import InstructionError
from streamdcm.instructions import END, Copy, Encoder, Instruction, Need, replace
from streamdcm.release import InOrderPolicy, Operation, Transfer, Write
from streamdcm.sources import CopySource

T = TypeVar("T")

DEFAULT_CHUNK_SIZE = 1024 * 1024
DEFAULT_HOLD_LIMIT = 64 * 1024 * 1024


def settle(
    inner: Encoder[T], *, chunk_size: int = DEFAULT_CHUNK_SIZE, hold_limit: int = DEFAULT_HOLD_LIMIT
) -> Encoder[T]:
    """Run an encoder through the in-order policy, for stages that must see every byte once and in order.

    Parameters
    ----------
    inner : Encoder
        The encoder to settle.
    chunk_size : int
        The most bytes in one chunk.
    hold_limit : int
        The most bytes that may be held back behind a value that is not known yet.

    Returns
    -------
    Encoder
        Yields chunks and needs only, and returns what `inner` returns. Chunks are borrowed.

    Raises
    ------
    HoldLimitError
        If more than `hold_limit` bytes would have to be held back.
    """
    policy = InOrderPolicy(chunk_size, hold_limit)

    def on_instruction(instruction: Instruction) -> Encoder[None]:
        for operation in policy.feed(instruction):
            yield from _settled(operation)

    result = yield from replace(inner, on_instruction)
    for operation in policy.finish():
        yield from _settled(operation)
    return result


def read_copies(inner: Encoder[T]) -> Encoder[T]:
    """Run an encoder and read what it copies, for sinks that take nothing but bytes.

    Parameters
    ----------
    inner : Encoder
        The encoder.

    Returns
    -------
    Encoder
        Yields no `Copy`, and returns what `inner` returns.
    """

    def on_instruction(instruction: Instruction) -> Encoder[None]:
        if isinstance(instruction, Copy):
            yield from _read(instruction)
        else:
            yield instruction

    return (yield from replace(inner, on_instruction))


def _settled(operation: Operation) -> Encoder[None]:
    if isinstance(operation, Write):
        yield from operation.buffers
    elif isinstance(operation, Transfer):
        yield from _read(operation.copy)


def _read(copy: Copy) -> Encoder[None]:
    need = Need(CopySource(copy))
    left = copy.length
    while (piece := (yield need)) is not END and piece is not None:
        left -= len(piece)
        yield piece
    if left:
        raise InstructionError(f"a Copy of {copy.length:,} bytes was answered with {copy.length - left:,}")
