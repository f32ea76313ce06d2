"""From an encoder to operations, a batch at a time, so that going to a thread and back pays."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from streamdcm.driver import DONE, Done, Sources, answered
from streamdcm.instructions import END, Answer, Chunk, Encoder, Need, replace
from streamdcm.options import Options
from streamdcm.readers import read
from streamdcm.release import Operation, Patch, ReleasePolicy, Transfer, Write
from streamdcm.sources import CopySource, is_async
from streamdcm.steps import steps

T = TypeVar("T")

Own: TypeAlias = Callable[[Chunk], Chunk]
"""Makes of a buffer that is borrowed one that may be kept for as long as it takes."""


class Batch(NamedTuple):
    """What is to be written next, and what comes after it.

    Parameters
    ----------
    operations : list of Write or Patch
        The operations, in order.
    frames : int
        How many frames were asked for.
    then : Need, Done, Exception or None
        The need to be answered, the end, or the error to be raised, after all was written; `None` if more is to come.
    """

    operations: list[Write | Patch]
    frames: int
    then: Need | Done | BaseException | None


class Batches(Generic[T]):
    """An encoder on its way to operations that need no reading: the twin of `streamdcm.driver.Writing`.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    policy : ReleasePolicy
        What the target can do.
    options : Options
        `chunk_size` counts.
    own : callable
        Called with each buffer that is to be written.
    outside : callable
        Tells of a source whether its pieces come from outside: its needs end a batch.
    """

    def __init__(
        self,
        encoder: Encoder[T],
        policy: ReleasePolicy,
        options: Options,
        own: Own,
        outside: Callable[[Any], bool] = is_async,
    ) -> None:
        self._chunk_size = options.chunk_size
        self._own = own
        self._frames = 0
        self._sources = Sources(options.chunk_size, self.count_frames)
        flat = replace(steps(encoder, policy), self._flat)  # type: ignore[arg-type]
        self._pieces: Generator[Chunk | Patch | Need, Answer, T] = answered(flat, self._sources, outside)
        self.is_ready = False
        """Whether the next batch is there already, and takes neither encoding nor reading."""
        self.returned: T | None = None
        """What the encoder returned, when it is exhausted."""

    def advance(self, answer: Answer = None) -> Batch:
        """Answer the last need, and return what the encoder yields, up to about a chunk."""
        return self._go_on(self._pieces.send, answer)

    def fail(self, error: Exception) -> Batch:
        """Tell the encoder that there is no answer to the last need, and go on as `advance` does."""
        return self._go_on(self._pieces.throw, error)

    def count_frames(self, count: int) -> None:
        """Count frames that were taken from their source, for the batch that comes next."""
        self._frames += count

    def close(self) -> None:
        """Close the encoder and its sources, whatever has become of them."""
        try:
            self._pieces.close()
        finally:
            self._sources.close()

    def _go_on(self, step: Callable[[Any], Chunk | Patch | Need], argument: Any) -> Batch:
        operations: list[Write | Patch] = []
        buffers: list[Chunk] = []
        size = 0
        then: Need | Done | BaseException | None = None
        while size < self._chunk_size and then is None:
            try:
                piece = step(argument)
            except StopIteration as stop:
                self.returned = stop.value
                then = DONE
            except BaseException as error:
                then = error
            else:
                step, argument = self._pieces.send, None
                if isinstance(piece, Need):
                    then = piece
                elif isinstance(piece, Patch):
                    operations += [*_written(buffers), piece]
                    buffers = []
                else:
                    buffers.append(piece)
                    size += len(piece)
        frames, self._frames = self._frames, 0
        return Batch([*operations, *_written(buffers)], frames, then)

    def _flat(self, operation: Operation) -> Encoder[None]:
        if isinstance(operation, Write):
            for left, buffer in zip(range(len(operation.buffers))[::-1], operation.buffers, strict=True):
                self.is_ready = left > 0
                yield self._own(buffer)
        elif isinstance(operation, Patch):
            yield operation  # type: ignore[misc]
        else:
            yield from self._read(operation)

    def _read(self, transfer: Transfer) -> Encoder[None]:
        if not is_async(transfer.copy.source):
            yield from map(self._own, read(transfer.copy, self._chunk_size))
            return
        need = Need(CopySource(transfer.copy))
        while (piece := (yield need)) is not END and piece is not None:
            yield self._own(piece)


def _written(buffers: list[Chunk]) -> list[Write]:
    return [Write(tuple(buffers))] if buffers else []


def lasting(buffer: Chunk) -> Chunk:
    """Return a buffer, or a copy of it if its content could change."""
    if buffer.__class__ is bytes or (isinstance(buffer, memoryview) and buffer.obj.__class__ is bytes):
        return buffer
    return bytes(buffer)
