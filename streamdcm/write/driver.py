"""The synchronous driver: performs the operations of a policy and answers the needs of an encoder."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

from streamdcm.engine.in_order import in_order
from streamdcm.engine.progress import Progress
from streamdcm.engine.read_copies import read_copies
from streamdcm.engine.release import (
    Operation,
    Part,
    Patch,
    ReleasePolicy,
    Transfer,
    Whole,
    Write,
)
from streamdcm.engine.result import WriteResult
from streamdcm.engine.steps import Steps, steps
from streamdcm.errors import ReentryError, refuse_running_generator
from streamdcm.instructions import END, Answer, Copy, Encoder, Fill, Instruction, Need, Reserve
from streamdcm.options import StreamSettings
from streamdcm.sinks import Checksummed, Delivery, Output, TakesSize, noted, policy_of
from streamdcm.sources import FrameSource, StreamSource, is_pushed, underlying
from streamdcm.write.reading import descriptor_of, pieces_of, read

T = TypeVar("T")

_RANGE: Final = 16 * 1024 * 1024
"""The most bytes that a file hands to another in one system call: progress is told in between."""


class Done(Enum):
    """The type of `DONE`."""

    DONE = "DONE"


DONE: Final = Done.DONE
"""What comes in place of the next need when an encoder is exhausted and all is written."""

Next: TypeAlias = Need | Literal[Done.DONE]
"""What a write waits for: the answer to a need, or nothing more."""


class Writing(Generic[T]):
    """An encoder on its way into an output.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    delivery : Delivery
        Where to write: a target that is resolved, and not open yet.
    options : StreamSettings
        `chunk_size` and `hold_limit` count.
    progress : Progress
        Counts the bytes that the output takes.
    outside : callable, optional
        Tells of a source whether its pieces come from outside: its needs are not answered but returned.
    steps_of : callable, optional
        Runs an encoder through a policy.
    """

    def __init__(
        self,
        encoder: Encoder[T],
        delivery: Delivery,
        options: StreamSettings,
        progress: Progress,
        outside: Callable[[Any], bool] = is_pushed,
        steps_of: Callable[[Encoder[T], ReleasePolicy], Steps[T]] = steps,
    ) -> None:
        output = delivery.output
        self._delivery = delivery
        self._output: Any = output  # the policy was chosen for it: it can do what the operations ask for
        self._progress = progress
        self._chunk_size = options.chunk_size
        self._sources = Sources(options.chunk_size, progress.count_frames)
        encoder = encoder if isinstance(output, Output) else read_copies(encoder)
        run = steps_of(encoder, policy_of(output, chunk_size=options.chunk_size, hold_limit=options.hold_limit))
        self._steps: Steps[T] = answered(run, self._sources, outside)
        self._running = False
        self.patches = 0
        self.returned: T | None = None
        """What the encoder returned, when it is exhausted."""

    def begin(self) -> Next:
        """Open the output and write what the encoder yields, up to the first need for what is outside."""
        self._delivery.open()
        return self.advance()

    def advance(self, answer: Answer = None) -> Next:
        """Answer the last need and write what the encoder yields, up to the next need for what is outside."""
        return self._go_on(self._steps.send, answer)

    def fail(self, error: Exception) -> Next:
        """Tell the encoder that there is no answer to the last need, and go on as `advance` does."""
        return self._go_on(self._steps.throw, error)

    def finish(self) -> WriteResult:
        """Commit what is written, when all is, unless the progress callback objects."""
        self._delivery.prepare()
        self._progress.tell()
        self._delivery.commit()
        return self.result()

    def result(self) -> WriteResult:
        """Return what was written, when all is."""
        checksum = self._output.checksum if isinstance(self._output, Checksummed) else None
        return WriteResult(self._progress.bytes_written, self.patches, self._output.location, checksum=checksum)

    def close(self) -> None:
        """Close the encoder and its sources, whatever has become of them."""
        self._refuse_while_running()
        try:
            self._steps.close()
        finally:
            self._sources.close()

    def abandon(self, error: BaseException | None) -> None:
        """Close the encoder and its sources, and leave everything as it was before.

        Parameters
        ----------
        error : BaseException or None
            The reason, which gets notes of what goes wrong here; without one that is raised.
        """
        self._refuse_while_running()
        try:
            with noted(error, "the sources could not be closed"):
                self.close()
        finally:
            self._delivery.give_up(error)

    def _go_on(self, step: Callable[[Any], Operation | Need], argument: Any) -> Next:
        self._refuse_while_running()
        self._running = True
        send, perform = self._steps.send, self._perform
        try:
            while True:
                try:
                    operation = step(argument)
                except StopIteration as stop:
                    self.returned = stop.value
                    return DONE
                except ValueError as error:
                    refuse_running_generator(error)
                    raise
                if isinstance(operation, Need):
                    return operation
                step, argument = send, None
                perform(operation)
        finally:
            self._running = False

    def _refuse_while_running(self) -> None:
        if self._running:
            raise ReentryError("this write is running already; a sink or a source must not write to it")

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
                taken = self._output.copy_range(descriptor, copy.offset + moved, min(copy.length - moved, _RANGE))
                if not taken:
                    break
                moved += taken
                self._progress.add(taken)
        if moved < copy.length:
            for chunk in read(replace(copy, offset=copy.offset + moved, length=copy.length - moved), self._chunk_size):
                self._output.write((chunk,))
                self._progress.add(len(chunk))


class Sources:
    """Answers needs: keeps, for each source, how far it has been read.

    Parameters
    ----------
    chunk_size : int
        The most bytes to read at a time.
    count_frames : callable
        Called with the number of frames that were taken.
    """

    def __init__(self, chunk_size: int, count_frames: Callable[[int], object]) -> None:
        self._chunk_size = chunk_size
        self._count_frames = count_frames
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
            self._count_frames(1)
        return piece

    def close(self) -> None:
        """Close what was opened and is not exhausted, frames included."""
        while self._open:
            _, pieces = self._open.popitem()
            _close(pieces)


def write(
    encoder: Encoder[T], delivery: Delivery, options: StreamSettings, total: int | None
) -> tuple[WriteResult, T | None]:
    """Run an encoder into a target, and commit it or leave everything as it was.

    Returns
    -------
    WriteResult
        What was written.
    object
        What the encoder returned.
    """
    if total is not None and isinstance(delivery.output, TakesSize):
        delivery.output.expect(total)
    writing = Writing(encoder, delivery, options, Progress(options.progress, total))
    try:
        writing.begin()
        return writing.finish(), writing.returned
    except BaseException as error:
        writing.abandon(error)
        raise


def answered(
    run: Generator[Any, Answer, T], sources: Sources, outside: Callable[[Any], bool] = is_pushed
) -> Generator[Any, Answer, T]:
    """Give what an encoder or its steps yield, needs answered but for those of sources `outside`."""
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
            if thing.__class__ is not Need:
                argument = yield thing
                continue
            try:
                argument = (yield thing) if outside(thing.source) else take(thing.source)
            except Exception as error:
                step, argument = run.throw, error
    finally:
        run.close()


class Chunks(Iterator[bytes]):
    """What an encoder encodes, in order, for one thread at a time.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    options : StreamSettings
        `chunk_size`, `hold_limit` and `progress` count.
    total : int or None
        The number of bytes that there will be, for progress, if that is known.
    """

    def __init__(self, encoder: Encoder[Any], options: StreamSettings, total: int | None) -> None:
        self._chunks = _chunks(encoder, options, total)

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except ValueError as error:
            refuse_running_generator(error)
            raise

    def close(self) -> None:
        """Close the encoder and its sources."""
        _close(self._chunks)


def _chunks(encoder: Encoder[Any], options: StreamSettings, total: int | None) -> Generator[bytes, None, None]:
    progress = Progress(options.progress, total)
    sources = Sources(options.chunk_size, progress.count_frames)
    encoded = answered(in_order(encoder, chunk_size=options.chunk_size, hold_limit=options.hold_limit), sources)
    try:
        for chunk in encoded:
            yield bytes(chunk)
            progress.add(len(chunk))
        progress.tell()
    finally:
        try:
            encoded.close()
        finally:
            sources.close()


def measure(encoder: Encoder[Any], options: StreamSettings) -> int | None:
    """Return the number of bytes that an encoder encodes; what it would copy is not read.

    `None` if that would use up a source that gives its bytes only once.
    """
    sources = _Reusable(options.chunk_size, Progress(None).count_frames)
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
        if isinstance(underlying(source), (StreamSource, FrameSource)):
            raise _UsedUpError
        return super().next_piece(source)


def close_frames(frames: Any) -> None:
    """Close an iterator of frames, whether or not a frame was asked for."""
    if isinstance(frames, Iterator):
        _close(frames)


def _close(pieces: Any) -> None:
    close = getattr(pieces, "close", None)
    if close is None:
        return
    try:
        close()
    except ValueError as error:
        refuse_running_generator(error)
        raise


def _size(instruction: Instruction) -> int:
    if isinstance(instruction, Copy):
        return instruction.length
    if isinstance(instruction, Reserve):
        return instruction.size
    return 0 if isinstance(instruction, Fill) else memoryview(instruction).nbytes  # type: ignore[arg-type]
