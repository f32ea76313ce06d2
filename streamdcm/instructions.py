"""The vocabulary between encoders and release policies.

An *encoder* is a generator of instructions: bytes-like objects, `Reserve`, `Fill`, `Copy` and `Need`.
It knows no offsets, sinks, files or event loops, owns no resources and does not yield while unwinding.
Encoders compose with ``yield from`` and return their bookkeeping.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypeVar

T = TypeVar("T")

Chunk: TypeAlias = bytes | bytearray | memoryview
"""Bytes on their way to a sink. What is not an exact `bytes` object is borrowed: it may be reused by
its owner once the next `Need` has been answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Reserve:
    """A field of `size` bytes for a value that is not known yet.

    Parameters
    ----------
    size : int
        The number of bytes.
    default : bytes, optional
        What is written if the field is filled without a value.
    """

    size: int
    default: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """The value of a `Reserve`, exactly its size; without a value its default is released."""

    reserve: Reserve
    value: bytes | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Copy:
    """Exactly `length` bytes of `source` come next, unread.

    Parameters
    ----------
    source : object
        A description of something that can be read at any offset (see `streamdcm.sources`).
    offset, length : int
        The range of bytes in it.
    """

    source: Any
    offset: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """A request for the next piece of a lazy `source`; the driver answers with bytes or `END`."""

    source: Any


class _End(Enum):
    END = "END"

    def __repr__(self) -> str:
        return "END"


END: Final = _End.END
"""The answer to a `Need` whose source is exhausted."""

Answer: TypeAlias = Chunk | Literal[_End.END] | None
Instruction: TypeAlias = Chunk | Reserve | Fill | Copy | Need
Encoder: TypeAlias = Generator[Instruction, Answer, T]


def through(
    inner: Encoder[T],
    on_chunk: Callable[[Chunk], Iterable[Chunk]],
    finish: Callable[[], Iterable[Chunk]] = tuple,
) -> Encoder[T]:
    """Wrap an encoder: replace its chunks and pass everything else on.

    A plain ``for`` loop around an encoder would swallow what the driver sends; this forwards
    ``send``, ``throw`` and ``close``.

    Parameters
    ----------
    inner : Encoder
        The encoder to wrap.
    on_chunk : callable
        Called with each chunk of `inner`; returns (or generates) the chunks that take its place.
        Where `inner` reserves fields or copies ranges, and the transformation must see those bytes
        too, wrap ``streamdcm.stages.settle(inner)`` instead.
    finish : callable, optional
        Called when `inner` is exhausted; returns the chunks that come last.

    Returns
    -------
    Encoder
        An encoder that returns what `inner` returns.
    """

    def on_instruction(instruction: Instruction) -> Encoder[None]:
        if isinstance(instruction, (Reserve, Fill, Copy)):
            yield instruction
        elif not isinstance(instruction, Need):
            yield from on_chunk(instruction)

    result = yield from replace(inner, on_instruction)
    yield from finish()
    return result


def replace(inner: Encoder[T], on_instruction: Callable[[Instruction], Encoder[None]]) -> Encoder[T]:
    """Wrap an encoder: run an encoder in place of each instruction that is not a `Need`.

    Answers to the needs of `inner`, and exceptions thrown in their place, are passed on to it.
    """
    advance: Callable[[], Instruction] = partial(next, inner)
    try:
        while True:
            try:
                instruction = advance()
            except StopIteration as stop:
                result: T = stop.value
                return result
            advance = partial(next, inner)
            if not isinstance(instruction, Need):
                yield from on_instruction(instruction)
                continue
            try:
                answer = yield instruction
            except Exception as error:
                advance = partial(inner.throw, error)
            else:
                advance = partial(inner.send, answer)
    finally:
        inner.close()
