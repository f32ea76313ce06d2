"""The synchronous driver: performs the operations of a policy and answers the needs of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeVar

from streamdcm.errors import ReentryError
from streamdcm.instructions import END, Answer, Copy, Encoder, Fill, Instruction, Need, Reserve
from streamdcm.options import Options
from streamdcm.parts import PartsPolicy
from streamdcm.progress import Progress
from streamdcm.readers import descriptor_of, pieces_of, read
from streamdcm.release import InOrderPolicy, Operation, Part, Patch, PatchPolicy, ReleasePolicy, Transfer, Whole, Write
from streamdcm.result import WriteResult
from streamdcm.sinks import Checksummed, Output, PartsOutput
from streamdcm.sources import CopySource, FrameSource, StreamSource
from streamdcm.stages import read_copies, settle
from streamdcm.steps import Steps, steps

T = TypeVar("T")

_RANGE: Final = 16 * 1024 * 1024
"""The most bytes that a file hands to another in one system call: progress is told in between."""


class Done(Enum):
    """The type of `DONE`."""

    DONE = "DONE"


DONE: Final = Done.DONE
"""What comes in place of the next need when an encoder is exhausted and all is written."""


class Writing(Generic[T]):
    """An encoder on its way into an output.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    output : Output or PartsOutput
        Where to write; opened by the caller, and committed or aborted by it.
    options : Options
        `chunk_size` and `hold_limit` count.
    progress : Progress
        Counts the bytes that the output takes.
    pushed : object, optional
        The source whose pieces the caller brings: its needs are not answered but returned.
    """

    def __init__(
        self,
        encoder: Encoder[T],
        output: Output | PartsOutput,
        options: Options,
        progress: Progress,
        pushed: object = None,
    ) -> None:
        self._output: Any = output  # the policy was chosen for it: it can do what the operations ask for
        self._progress = progress
        self._chunk_size = options.chunk_size
        self._sources = Sources(options.chunk_size, progress)
        if isinstance(output, PartsOutput):
            encoder = read_copies(encoder)
        self._steps: Steps[T] = answered(steps(encoder, policy_for(output, options)), self._sources, pushed)
        self._running = False
        self.patches = 0
        self.returned: T | None = None
        """What the encoder returned, when it is exhausted."""

    def advance(self, answer: Answer = None) -> Need | Literal[Done.DONE]:
        """Answer the last need and write what the encoder yields, up to a need for what is pushed or to the end."""
        if self._running:
            raise ReentryError("this write is running already; a sink or a source must not write to it")
        self._running = True
        send, perform = self._steps.send, self._perform
        try:
            while True:
                try:
                    step = send(answer)
                except StopIteration as stop:
                    self.returned = stop.value
                    return DONE
                if isinstance(step, Need):
                    return step
                answer = None
                perform(step)
        finally:
            self._running = False

    def close(self) -> None:
        """Close the encoder and its sources, whatever has become of them."""
        try:
            self._steps.close()
        finally:
            self._sources.close()

    def _perform(self, operation: Operation) -> None:
        if isinstance(operation, Write):
            self._output.write(operation.buffers)
            self._progress.add(sum(map(len, operation.buffers)))
        elif isinstance(operation, Patch):
            self._output.patch(operation.offset, operation.value)
            self.patches += 1
        elif isinstance(operation, Transfer):
            self._transfer(operation.copy)
        else:
            self._put(operation)

    def _put(self, operation: Part | Whole) -> None:
        size = len(operation.data)
        if isinstance(operation, Part):
            self._output.put(operation.number, operation.data)
        else:
            self._output.put_whole(operation.data)
        self._progress.add(size)

    def _transfer(self, copy: Copy) -> None:
        """Write a range of a source, from file to file where both are plain ones, else by reading it."""
        moved = 0
        with descriptor_of(copy) as descriptor:
            while descriptor is not None and moved < copy.length:
                taken = self._output.take(descriptor, copy.offset + moved, min(copy.length - moved, _RANGE))
                if not taken:
                    break
                moved += taken
                self._progress.add(taken)
        if moved < copy.length:
            for chunk in read(replace(copy, offset=copy.offset + moved, length=copy.length - moved), self._chunk_size):
                self._output.write((chunk,))
                self._progress.add(len(chunk))


class Sources:
    """Answers needs: keeps, for each source, how far it has been read."""

    def __init__(self, chunk_size: int, progress: Progress) -> None:
        self._chunk_size = chunk_size
        self._progress = progress
        self._open: dict[Any, Iterator[Answer]] = {}

    def next_piece(self, source: Any) -> Answer:
        """Return the next piece of a source, or `END`."""
        pieces = self._open.get(source)
        if pieces is None:
            pieces = self._open[source] = pieces_of(source, self._chunk_size)
        piece = next(pieces, END)
        if piece is END:
            _close(self._open.pop(source))
        elif source.__class__ is FrameSource:
            self._progress.count_frame()
        return piece

    def close(self) -> None:
        """Close what was opened and is not exhausted, frames included."""
        while self._open:
            _, pieces = self._open.popitem()
            _close(pieces)


def policy_for(output: Output | PartsOutput, options: Options) -> ReleasePolicy:
    """Return the policy for what an output can do."""
    if isinstance(output, PartsOutput):
        return PartsPolicy(output.part_sizes)
    if output.can_patch:
        return PatchPolicy(options.chunk_size)
    return InOrderPolicy(options.chunk_size, options.hold_limit)


def write(
    encoder: Encoder[T], output: Output | PartsOutput, options: Options, total: int | None
) -> tuple[WriteResult, T | None]:
    """Run an encoder into an output, and commit it or leave everything as it was.

    Returns
    -------
    WriteResult
        What was written.
    object
        What the encoder returned.
    """
    progress = Progress(options.progress, total)
    writing = Writing(encoder, output, options, progress)
    try:
        output.open()
        writing.advance()
        progress.tell()
        output.commit()
    except BaseException:
        try:
            writing.close()
        finally:
            output.abort()
        raise
    return result_of(progress, writing, output), writing.returned


@contextmanager
def aborted_on_error(output: Output | PartsOutput) -> Iterator[None]:
    """Abort an output if the block raises, even before it was opened: a caller's handle may have to be discarded."""
    try:
        yield
    except BaseException:
        output.abort()
        raise


def result_of(progress: Progress, writing: Writing[Any], output: Output | PartsOutput) -> WriteResult:
    """Return what a write has done that is complete."""
    checksum = output.checksum if isinstance(output, Checksummed) else None
    return WriteResult(progress.bytes_written, writing.patches, output.location, checksum=checksum)


def answered(run: Generator[Any, Answer, T], sources: Sources, pushed: object = None) -> Generator[Any, Answer, T]:
    """Give what an encoder or its steps yield, needs answered but for those of `pushed`."""
    step: Callable[[Any], Any] = run.send
    argument: Any = None
    take = sources.next_piece
    try:
        while True:
            try:
                thing = step(argument)
            except StopIteration as stop:
                result: T = stop.value
                return result
            step = run.send
            if thing.__class__ is not Need or thing.source is pushed:
                argument = yield thing
                continue
            try:
                argument = take(thing.source)
            except Exception as error:
                step, argument = run.throw, error
    finally:
        run.close()


def chunks(encoder: Encoder[Any], options: Options, total: int | None) -> Iterator[bytes]:
    """Run an encoder and give what it encodes, in order."""
    progress = Progress(options.progress, total)
    sources = Sources(options.chunk_size, progress)
    settled = answered(settle(encoder, chunk_size=options.chunk_size, hold_limit=options.hold_limit), sources)
    try:
        for chunk in settled:
            yield bytes(chunk)
            progress.add(len(chunk))
        progress.tell()
    finally:
        try:
            settled.close()
        finally:
            sources.close()


def measure(encoder: Encoder[Any], options: Options) -> int | None:
    """Return the number of bytes that an encoder encodes; what it would copy is not read.

    `None` if that would use up a source that gives its bytes only once.
    """
    sources = _Reusable(options.chunk_size, Progress(None))
    try:
        return sum(map(_size, answered(encoder, sources)))
    except _UsedUpError:
        return None
    finally:
        sources.close()


class _UsedUpError(Exception):
    """A source would have been used up only to count its bytes."""


class _Reusable(Sources):
    """Reads only what can be read again."""

    def next_piece(self, source: Any) -> Answer:
        copied = source.copy.source if isinstance(source, CopySource) else source
        if isinstance(copied, (StreamSource, FrameSource)):
            raise _UsedUpError
        return super().next_piece(source)


def close_frames(frames: Any) -> None:
    """Close an iterator of frames, whether or not a frame was asked for."""
    if isinstance(frames, Iterator):
        _close(frames)


def _close(pieces: Any) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()


def _size(instruction: Instruction) -> int:
    if isinstance(instruction, Copy):
        return instruction.length
    if isinstance(instruction, Reserve):
        return instruction.size
    return 0 if isinstance(instruction, Fill) else memoryview(instruction).nbytes  # type: ignore[arg-type]
