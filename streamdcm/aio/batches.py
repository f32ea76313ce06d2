"""From an encoder to operations, a batch at a time, so that going to a thread and back pays."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from streamdcm.aio.answers import Outside
from streamdcm.engine.release import Operation, Patch, ReleasePolicy, Transfer, Write
from streamdcm.engine.result import Checksum
from streamdcm.engine.steps import Steps, steps
from streamdcm.instructions import END, Answer, Chunk, Encoder, Need, substitute
from streamdcm.options import Options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sources import CopySource, is_async
from streamdcm.write.driver import DONE, Done, Sources, answered
from streamdcm.write.reading import read

T = TypeVar("T")

Prepare: TypeAlias = Callable[[Capabilities], tuple[Encoder[T], int | None]]
"""Makes the encoder for a target by what it can do, and tells the number of bytes if that is known."""


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
    """An encoder on its way to operations that need no reading: the twin of `streamdcm.write.driver.Writing`.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    policy : ReleasePolicy
        What the target can do.
    options : Options
        `chunk_size` counts.
    takes_views : bool
        Whether the target takes memoryviews of `bytes`; all else that is not `bytes` is copied.
    outside : callable
        Tells of a source whether its pieces come from outside: its needs end a batch.
    """

    def __init__(
        self,
        encoder: Encoder[T],
        policy: ReleasePolicy,
        options: Options,
        takes_views: bool,
        outside: Outside = is_async,
    ) -> None:
        self._hashed = hashlib.new(options.checksum) if options.checksum else None
        self._chunk_size = options.chunk_size
        self._takes_views = takes_views
        self._frames = 0
        self._sources = Sources(options.chunk_size, self.count_frames)
        in_memory = substitute(steps_on_loop(encoder, policy), self._read)
        self._steps: Generator[Write | Patch | Need, Answer, T] = answered(in_memory, self._sources, outside)
        self._ready: deque[Chunk] = deque()
        self.returned: T | None = None
        """What the encoder returned, when it is exhausted."""

    @property
    def is_ready(self) -> bool:
        """Whether the next batch is there already, and takes neither encoding nor reading nor hashing."""
        return bool(self._ready) and self._hashed is None

    @property
    def checksum(self) -> Checksum | None:
        """The digest of all batches, if it was asked for; right only where nothing is patched."""
        return None if self._hashed is None else Checksum("sha256", self._hashed.hexdigest())

    def ready(self) -> Batch:
        """Return the batch that is there already."""
        return self._batch(_written(self._take_ready(self._chunk_size)), None)

    def advance(self, answer: Answer = None) -> Batch:
        """Answer the last need, and return what the encoder yields, up to a chunk."""
        return self._go_on(self._steps.send, answer)

    def fail(self, error: Exception) -> Batch:
        """Tell the encoder that there is no answer to the last need, and go on as `advance` does."""
        return self._go_on(self._steps.throw, error)

    def count_frames(self, count: int) -> None:
        """Count frames that were taken from their source, for the batch that comes next."""
        self._frames += count

    def close(self) -> None:
        """Close the encoder and its sources, whatever has become of them."""
        try:
            self._steps.close()
        finally:
            self._sources.close()

    def _go_on(self, step: Callable[[Any], Write | Patch | Need], argument: Any) -> Batch:
        operations: list[Write | Patch] = []
        buffers = self._take_ready(self._chunk_size)
        left = self._chunk_size - sum(map(len, buffers))
        then: Need | Done | BaseException | None = None
        while left > 0 and not self._ready and then is None:
            try:
                operation = step(argument)
            except StopIteration as stop:
                self.returned = stop.value
                then = DONE
            except BaseException as error:
                then = error
            else:
                step, argument = self._steps.send, None
                if isinstance(operation, Need):
                    then = operation
                elif isinstance(operation, Patch):
                    operations += [*_written(buffers), operation]
                    buffers = []
                else:
                    self._ready.extend(operation.buffers)
                    taken = self._take_ready(left)
                    left -= sum(map(len, taken))
                    buffers += taken
        return self._batch([*operations, *_written(buffers)], then)

    def _take_ready(self, left: int) -> list[Chunk]:
        """Take what was released and not taken, up to `left` bytes, or more of what need not be copied.

        The encoder waits until all is taken, so that this is no more than one of its values.
        """
        taken: list[Chunk] = []
        while self._ready:
            buffer = self._ready[0]
            if not self._lasts(buffer) and left < min(len(buffer), self._chunk_size):
                break
            self._ready.popleft()
            taken.append(buffer if self._lasts(buffer) else bytes(buffer))
            left -= len(buffer)
        return taken

    def _lasts(self, buffer: Chunk) -> bool:
        """Whether a buffer may be kept as it is."""
        return buffer.__class__ is bytes or (
            self._takes_views and isinstance(buffer, memoryview) and buffer.obj.__class__ is bytes
        )

    def _batch(self, operations: list[Write | Patch], then: Need | Done | BaseException | None) -> Batch:
        if self._hashed is not None:
            for operation in operations:
                for buffer in operation.buffers if isinstance(operation, Write) else ():
                    self._hashed.update(buffer)
        batch = Batch(operations, self._frames if operations else 0, then)
        self._frames -= batch.frames
        return batch

    def _read(self, operation: Operation) -> Steps[None]:
        """Yield an operation, or writes of what there is to be read in its place."""
        if isinstance(operation, Transfer):
            for chunk in read(operation.copy, self._chunk_size):
                yield Write((chunk,))
        else:
            yield operation


def steps_on_loop(encoder: Encoder[T], policy: ReleasePolicy) -> Steps[T]:
    """Run an encoder through a release policy; what can only be read on the loop is asked for, not transferred."""
    return substitute(steps(encoder, policy), _asked_for)


def _asked_for(operation: Operation) -> Steps[None]:
    if isinstance(operation, Transfer) and is_async(operation.copy.source):
        need = Need(CopySource(operation.copy))
        while (piece := (yield need)) is not END and piece is not None:
            yield Write((piece,))
    else:
        yield operation


def _written(buffers: list[Chunk]) -> list[Write | Patch]:
    return [Write(tuple(buffers))] if buffers else []
