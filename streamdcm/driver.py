"""The synchronous driver: performs the operations of a policy and answers the needs of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import Any, Final, Literal

from streamdcm.errors import InstructionError, ReentryError
from streamdcm.instructions import END, Answer, Copy, Encoder, Fill, Instruction, Need, Reserve
from streamdcm.options import Options
from streamdcm.progress import Progress
from streamdcm.readers import read
from streamdcm.release import InOrderPolicy, Operation, Patch, PatchPolicy, ReleasePolicy, Write
from streamdcm.result import WriteResult
from streamdcm.sinks import Output
from streamdcm.sources import CopySource, FrameSource
from streamdcm.stages import settle


class Done(Enum):
    """The type of `DONE`."""

    DONE = "DONE"


DONE: Final = Done.DONE
"""What comes in place of the next need when an encoder is exhausted and all is written."""


class Writing:
    """An encoder on its way into an output, advanced from one need to the next.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    output : Output
        Where to write; opened by the caller, and committed or aborted by it.
    options : Options
        `chunk_size` and `hold_limit` count.
    progress : Progress
        Counts the bytes that the output takes.
    """

    def __init__(self, encoder: Encoder[Any], output: Output, options: Options, progress: Progress) -> None:
        self._encoder = encoder
        self._output = output
        self._progress = progress
        self._chunk_size = options.chunk_size
        self._policy: ReleasePolicy = (
            PatchPolicy(options.chunk_size)
            if output.can_patch
            else InOrderPolicy(options.chunk_size, options.hold_limit)
        )
        self._running = False
        self.patches = 0

    def advance(self, answer: Answer = None) -> Need | Literal[Done.DONE]:
        """Answer the last need and write what the encoder yields, up to its next need or its end."""
        return self._run(partial(self._encoder.send, answer))

    def fail(self, error: Exception) -> Need | Literal[Done.DONE]:
        """Tell the encoder that its last need cannot be answered, and go on as `advance` does."""
        return self._run(partial(self._encoder.throw, error))

    def _run(self, step: Callable[[], Instruction]) -> Need | Literal[Done.DONE]:
        if self._running:
            raise ReentryError("this write is running already; a sink or a source must not write to it")
        self._running = True
        try:
            while True:
                try:
                    instruction = step()
                except StopIteration:
                    for operation in self._policy.finish():
                        self._perform(operation)
                    return DONE
                if isinstance(instruction, Need):
                    return instruction
                for operation in self._policy.feed(instruction):
                    self._perform(operation)
                step = self._encoder.__next__
        finally:
            self._running = False

    def _perform(self, operation: Operation) -> None:
        if isinstance(operation, Write):
            self._output.write(operation.buffers)
            self._progress.add(sum(map(len, operation.buffers)))
        elif isinstance(operation, Patch):
            self._output.patch(operation.offset, operation.value)
            self.patches += 1
        else:
            for chunk in read(operation.copy, self._chunk_size):
                self._output.write((chunk,))
                self._progress.add(len(chunk))


class Sources:
    """Answers needs: keeps, for each source, how far it has been read."""

    def __init__(self, chunk_size: int, progress: Progress) -> None:
        self._chunk_size = chunk_size
        self._progress = progress
        self._open: dict[Any, Iterator[Answer]] = {}

    def next_piece(self, need: Need) -> Answer:
        """Return the next piece of a source, or `END`."""
        source = need.source
        if source not in self._open:
            self._open[source] = self._pieces(source)
        piece = next(self._open[source], END)
        if piece is END:
            del self._open[source]
        elif source.__class__ is FrameSource:
            self._progress.count_frame()
        return piece

    def close(self) -> None:
        """Close what was opened and is not exhausted, frames included."""
        while self._open:
            _, pieces = self._open.popitem()
            close = getattr(pieces, "close", None)
            if close is not None:
                close()

    def _pieces(self, source: Any) -> Iterator[Answer]:
        if isinstance(source, CopySource):
            return read(source.copy, self._chunk_size)
        if isinstance(source, FrameSource):
            return iter(source.frames)
        raise InstructionError(f"a Need for {type(source).__name__}, which is nothing that can be read")


def write(encoder: Encoder[Any], output: Output, options: Options, total: int | None) -> WriteResult:
    """Run an encoder into an output, and commit it or leave everything as it was."""
    progress = Progress(options.progress, total)
    writing = Writing(encoder, output, options, progress)
    sources = Sources(options.chunk_size, progress)
    try:
        output.open()
        need = writing.advance()
        while need is not DONE:
            try:
                answer = sources.next_piece(need)
            except Exception as error:
                need = writing.fail(error)
            else:
                need = writing.advance(answer)
        progress.tell()
        output.commit()
    except BaseException:
        try:
            encoder.close()
        finally:
            output.abort()
        raise
    finally:
        sources.close()
    return WriteResult(progress.bytes_written, writing.patches, output.location)


def chunks(encoder: Encoder[Any], options: Options, total: int | None) -> Iterator[bytes]:
    """Run an encoder and give what it encodes, in order."""
    progress = Progress(options.progress, total)
    sources = Sources(options.chunk_size, progress)
    settled = settle(encoder, chunk_size=options.chunk_size, hold_limit=options.hold_limit)
    try:
        for chunk in _answered(settled, sources):
            yield bytes(chunk)  # type: ignore[arg-type]
            progress.add(len(chunk))  # type: ignore[arg-type]
        progress.tell()
    finally:
        try:
            settled.close()
        finally:
            sources.close()


def _answered(encoder: Encoder[Any], sources: Sources) -> Iterator[Instruction]:
    """Give what an encoder yields, its needs answered."""
    step: Callable[[], Instruction] = encoder.__next__
    while True:
        try:
            instruction = step()
        except StopIteration:
            return
        step = encoder.__next__
        if not isinstance(instruction, Need):
            yield instruction
            continue
        try:
            answer = sources.next_piece(instruction)
        except Exception as error:
            step = partial(encoder.throw, error)
        else:
            step = partial(encoder.send, answer)


def measure(encoder: Encoder[Any], options: Options) -> int:
    """Return the number of bytes that an encoder encodes; what it would copy is not read."""
    return sum(map(_size, _answered(encoder, Sources(options.chunk_size, Progress(None)))))


def _size(instruction: Instruction) -> int:
    if isinstance(instruction, Copy):
        return instruction.length
    if isinstance(instruction, Reserve):
        return instruction.size
    return 0 if isinstance(instruction, Fill) else memoryview(instruction).nbytes  # type: ignore[arg-type]
