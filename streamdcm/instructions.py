"""The vocabulary between encoders and release policies.

An *encoder* is a generator of instructions: bytes-like objects, `Reserve`, `Fill`, `Copy` and `Need`.
It knows no offsets, sinks, files or event loops, owns no resources and does not yield while unwinding.
Encoders compose with ``yield from`` and return their bookkeeping.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final, Literal, TypeAlias, TypeVar

from streamdcm.cleanup import afterwards

__all__ = [
    "END",
    "Chunk",
    "Content",
    "Copy",
    "Encoder",
    "Fill",
    "Insert",
    "Instruction",
    "Need",
    "Reserve",
    "through",
]

T = TypeVar("T")
Yield = TypeVar("Yield")

Chunk: TypeAlias = bytes | bytearray | memoryview
"""Bytes on their way to a sink. What is not an exact `bytes` object is borrowed: it may be reused by
its owner once the next `Need` has been answered."""


@dataclass(frozen=True, slots=True, eq=False)
class Reserve:
    r"""A field of `size` bytes for a value that is not known yet.

    Parameters
    ----------
    size : int
        The number of bytes.
    default : bytes, optional
        What is written if the field is filled without a value.
    label : str, optional
        What the value is, and how it could be known before, for errors: ``"the number of frames (number_of_frames=)"``.

    Examples
    --------
    >>> length = streamdcm.Reserve(4)
    >>> def item():
    ...     yield length
    ...     yield b"content"
    ...     yield streamdcm.Fill(length, (7).to_bytes(4, "little"))
    >>> b"".join(streamdcm.encoder_chunks(item()))
    b'\x07\x00\x00\x00content'
    """

    size: int
    default: bytes | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """The value of a `Reserve`, exactly its size; without a value its default is released.

    Examples
    --------
    >>> length = streamdcm.Reserve(2, default=b"??")
    >>> def known_late():
    ...     yield length
    ...     yield streamdcm.Fill(length, b"42")
    >>> b"".join(streamdcm.encoder_chunks(known_late()))
    b'42'
    """

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

    Examples
    --------
    >>> from streamdcm.sources import BufferSource
    >>> import io
    >>> copy = streamdcm.Copy(BufferSource(io.BytesIO(b"0123456789"), "digits"), 2, 3)
    >>> copy.length
    3
    """

    source: Any
    offset: int
    length: int


@dataclass(frozen=True, slots=True, eq=False)
class Insert:
    """Bytes that come where `mark` was yielded, before all that was yielded since.

    Only for a target that says that it `can_grow`: it moves what was written behind them.

    Parameters
    ----------
    mark : Reserve
        An open field of no bytes, which this fills.
    pieces : sequence of bytes or Copy
        The bytes.
    size : int
        Their number.

    Examples
    --------
    >>> mark = streamdcm.Reserve(0)
    >>> streamdcm.instructions.Insert(mark, [b"header"], 6).size
    6
    """

    mark: Reserve
    pieces: Sequence[bytes | Copy]
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """A request for the next piece of a lazy `source`; the driver answers with bytes or `END`.

    Examples
    --------
    >>> need = streamdcm.Need(camera())
    >>> def first_frame():
    ...     frame = yield need
    """

    source: Any


class _End(Enum):
    END = "END"

    def __repr__(self) -> str:
        return "END"


END: Final = _End.END
"""The answer to a `Need` whose source is exhausted."""

Answer: TypeAlias = Chunk | Literal[_End.END] | None
Content: TypeAlias = Chunk | Reserve | Fill | Copy | Insert
"""What becomes of an encoder's output: every instruction but a `Need`."""

Instruction: TypeAlias = Content | Need
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
        too, wrap ``streamdcm.stages.in_order(inner)`` instead.
    finish : callable, optional
        Called when `inner` is exhausted; returns the chunks that come last.

    Returns
    -------
    Encoder
        An encoder that returns what `inner` returns.

    Examples
    --------
    >>> def shouting(inner):
    ...     return (yield from streamdcm.through(inner, lambda chunk: [bytes(chunk).upper()]))
    >>> def quiet():
    ...     yield b"abc"
    >>> b"".join(streamdcm.encoder_chunks(shouting(quiet())))
    b'ABC'
    """

    def on_content(content: Content) -> Encoder[None]:
        if isinstance(content, (Reserve, Fill, Copy, Insert)):
            yield content
        else:
            yield from on_chunk(content)

    result = yield from substitute(inner, on_content)
    yield from finish()
    return result


def substitute(
    inner: Generator[Any, Answer, T], on_each: Callable[[Any], Generator[Yield, Answer, None]]
) -> Generator[Yield | Need, Answer, T]:
    """Run a generator in the place of each thing that another yields, but for its needs.

    Answers to the needs of `inner`, and exceptions thrown in their place, are passed on to it.

    Parameters
    ----------
    inner : generator
        Yields instructions or operations, and needs.
    on_each : callable
        Takes what `inner` yields, but for needs; returns what is run in its place.

    Returns
    -------
    generator
        Returns what `inner` returns.
    """
    advance: Callable[[], Any] = partial(next, inner)
    with afterwards(inner.close):
        while True:
            try:
                thing = advance()
            except StopIteration as stop:
                result: T = stop.value
                return result
            advance = partial(next, inner)
            if not isinstance(thing, Need):
                yield from on_each(thing)
                continue
            try:
                answer = yield thing
            except Exception as error:
                advance = partial(inner.throw, error)
            else:
                advance = partial(inner.send, answer)


def as_chunk(data: Any) -> Chunk:
    """Return what is bytes-like as flat bytes, uncopied.

    Raises
    ------
    TypeError
        If it is not bytes-like, or not contiguous in memory (C order).
    """
    if data.__class__ is bytes:
        return data
    view = memoryview(data)
    return view.cast("B") if view.nbytes else b""
