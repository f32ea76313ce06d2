"""An encoder in order: the same bytes as chunks, with nothing left to be filled in or copied."""

from typing import TypeVar

from streamdcm.engine.read_copies import read_copy
from streamdcm.engine.release import InOrderPolicy, Operation, Transfer, Write
from streamdcm.instructions import Content, Encoder, substitute

T = TypeVar("T")

DEFAULT_CHUNK_SIZE = 1024 * 1024
DEFAULT_HOLD_LIMIT = 64 * 1024 * 1024


def in_order(
    inner: Encoder[T], *, chunk_size: int = DEFAULT_CHUNK_SIZE, hold_limit: int = DEFAULT_HOLD_LIMIT
) -> Encoder[T]:
    """Run an encoder through the in-order policy, for stages that must see every byte once and in order.

    Parameters
    ----------
    inner : Encoder
        The encoder.
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

    def on_content(content: Content) -> Encoder[None]:
        for operation in policy.feed(content):
            yield from _released(operation)

    result = yield from substitute(inner, on_content)
    for operation in policy.finish():
        yield from _released(operation)
    return result


def _released(operation: Operation) -> Encoder[None]:
    if isinstance(operation, Write):
        yield from operation.buffers
    elif isinstance(operation, Transfer):
        yield from read_copy(operation.copy)
