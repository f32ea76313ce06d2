"""The synchronous driver: performs the operations of a policy and answers the needs of an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

from streamdcm.cleanup import afterwards, noted
from streamdcm.engine.parts import PartsPolicy
from streamdcm.engine.progress import Progress
from streamdcm.engine.read_copies import read_copies
from streamdcm.engine.release import SLICES, Insertion, Operation, Part, Patch, PatchPolicy, Transfer, Whole, Write
from streamdcm.engine.result import WriteResult
from streamdcm.engine.spool import Keep
from streamdcm.engine.steps import Steps, steps
from streamdcm.errors import ReentryError
from streamdcm.errors.translation import refuse_running_generator
from streamdcm.instructions import END, Answer, Copy, Encoder, Need, substitute
from streamdcm.options import StreamSettings
from streamdcm.sinks import Delivery, policy_of, takes_size
from streamdcm.sources import CopySource, is_pushed
from streamdcm.write.answers import Sources
from streamdcm.write.reading import descriptor_of, read
from streamdcm.write.trace import trace_of

T = TypeVar("T")

MOST_AT_ONCE: Final = 16 * 1024 * 1024
"""The most bytes that a file hands to another in one system call: progress is told in between."""


class Done(Enum):
    """The type of `DONE`."""

    DONE = "DONE"


class Full(Enum):
    """The type of `FULL`."""

    FULL = "FULL"


DONE: Final = Done.DONE
"""What comes in place of the next need when an encoder is exhausted and all is written."""

FULL: Final = Full.FULL
"""What comes in place of the next need when an output that collects wants to be emptied first."""

Next: TypeAlias = Need | Literal[Done.DONE]
"""What a write waits for: the answer to a need, or nothing more."""

Step: TypeAlias = Next | Literal[Full.FULL]
"""The same of a write into an output that collects."""


class Collecting(Protocol):
    """An output that keeps what it is given, for somebody who takes it from there."""

    @property
    def is_full(self) -> bool:
        """Whether it has to be emptied before anything else is written."""

    def transfer(self, copy: Copy) -> None:
        """Keep a range that is not asked for, unread."""


class Writing(Generic[T]):
    """An encoder on its way into an output.

    Parameters
    ----------
    encoder : Encoder
        What to write.
    delivery : Delivery
        Where to write: a target that is resolved, and not open yet.
    options : StreamSettings
        `chunk_size`, `hold_limit`, `spool` and `trace` count.
    progress : Progress
        Counts the bytes that the output takes.
    outside : callable, optional
        Tells of a source whether its pieces come from outside: its needs are not answered but returned.
    asked_for : callable, optional
        Tells of a range whether it is asked for, piece by piece, not transferred.
    collecting : Collecting, optional
        What takes the bytes in the end, if it collects them; then no write is larger than a chunk.
    """

    def __init__(
        self,
        encoder: Encoder[T],
        delivery: Delivery,
        options: StreamSettings,
        progress: Progress,
        outside: Callable[[Any], bool] = is_pushed,
        asked_for: Callable[[Copy], bool] | None = None,
        collecting: Collecting | None = None,
    ) -> None:
        output = delivery.output
        self._delivery = delivery
        self._output: Any = output  # the policy was chosen for it: it can do what the operations ask for
        self._progress = progress
        self._chunk_size = options.chunk_size
        self._sources = Sources(options.chunk_size, progress)
        self._outside = outside
        self._collecting = collecting
        slices = SLICES if collecting is None else 1
        policy = policy_of(
            output,
            chunk_size=options.chunk_size,
            hold_limit=options.hold_limit,
            slices=slices,
            spool=options.spool,
        )
        self._policy = policy
        self._trace = trace = trace_of(options.trace)
        if trace is not None:
            trace.begin(output.location, output.release)
            encoder = trace.encoding(encoder)
        run = steps(read_copies(encoder) if isinstance(policy, PartsPolicy) else encoder, policy)
        self._steps: Steps[T] = run if asked_for is None else asking_for_copies(run, asked_for)
        self._running = False
        self._unseen = 0  # bytes that were held back in a file since an output that collects was full
        self.patches = 0
        self.returned: T | None = None
        """What the encoder returned, when it is exhausted."""

    def begin(self) -> Step:
        """Open the output and write what the encoder yields, up to the first need for what is outside."""
        self._delivery.open()
        return self._go_on(self._steps.send, None)

    def advance(self, answer: Answer = None) -> Step:
        """Answer the last need and write what the encoder yields, up to the next need for what is outside.

        After `FULL` there is nothing to be answered.
        """
        return self._go_on(self._steps.send, answer)

    def fail(self, error: Exception) -> Step:
        """Tell the encoder that there is no answer to the last need, and go on as `advance` does."""
        return self._go_on(self._steps.throw, error)

    def flush(self) -> None:
        """Write what was only joined so far, where earlier bytes can be overwritten."""
        assert isinstance(self._policy, PatchPolicy)
        for operation in self._policy.flush():
            self._perform(operation)

    def finish(self) -> WriteResult:
        """Commit what is written, when all is, unless the progress callback objects."""
        self._delivery.prepare()
        self._progress.tell()
        self.commit()
        return self.result()

    def commit(self) -> None:
        """Give what is written its name, after `Delivery.prepare`."""
        self._delivery.commit()
        if self._collecting is None:
            self.end_trace("committed")

    def result(self) -> WriteResult:
        """Return what was written, when all is."""
        output = self._output
        checksum = getattr(output, "checksum", None)
        return WriteResult(self._progress.bytes_written, self.patches, output.location, checksum=checksum)

    def close(self) -> None:
        """Close the encoder and its sources, whatever has become of them."""
        self._refuse_while_running()
        with afterwards(self._sources.close):
            self._steps.close()

    def interrupt(self, error: BaseException) -> None:
        """Have a write raise an error that waits on another thread for parts to be sent."""
        self._delivery.interrupt(error)

    @property
    def deliveries(self) -> list[Delivery]:
        """The target."""
        return [self._delivery]

    def abandon(self, error: BaseException | None) -> None:
        """Close the encoder and its sources, and leave everything as it was before.

        Parameters
        ----------
        error : BaseException or None
            The reason, which gets notes of what goes wrong here; without one that is raised.
        """
        self._refuse_while_running()
        outcome = "given up" if error is None else type(error).__name__
        with (
            afterwards(partial(self._delivery.give_up, error), partial(self.end_trace, outcome)),
            noted(error, "the sources could not be closed"),
        ):
            self.close()

    def end_trace(self, outcome: str) -> None:
        """Tell the trace, if there is one, what became of the write."""
        if self._trace is not None:
            self._trace.end(outcome)

    def _go_on(self, step: Callable[[Any], Operation | Need], argument: Any) -> Step:
        if self._running:
            self._refuse_while_running()
        self._running = True
        run, outside, collecting = self._steps, self._outside, self._collecting
        # an output that collects has performed nothing yet
        perform = self._perform if self._trace is None or collecting is not None else self._perform_traced
        try:
            while True:
                try:
                    thing = step(argument)
                except StopIteration as stop:
                    self._sources.forget_spools()
                    self.returned = stop.value
                    return DONE
                except ValueError as error:
                    refuse_running_generator(error)
                    raise
                step, argument = run.send, None
                if not isinstance(thing, Need):
                    perform(thing)
                    if collecting is not None and (collecting.is_full or self._unseen >= self._chunk_size):
                        self._unseen = 0
                        return FULL
                elif outside(thing.source):
                    return thing
                else:
                    try:
                        argument = self._sources.next_piece(thing.source)
                    except Exception as error:
                        step, argument = run.throw, error
        finally:
            self._running = False

    def _refuse_while_running(self) -> None:
        if self._running:
            raise ReentryError("this write is running already; a sink or a source must not write to it")

    def _perform_traced(self, operation: Operation) -> None:
        assert self._trace is not None
        self._perform(operation)
        self._trace.performed(operation)

    def _perform(self, operation: Operation) -> None:
        if isinstance(operation, Write):
            self._output.write(operation.buffers)
            self._progress.add(sum(map(len, operation.buffers)))
        elif isinstance(operation, Patch):
            self._output.patch(operation.offset, operation.value)
            self.patches += 1
        elif isinstance(operation, Transfer):
            if self._collecting is None:
                self._transfer(self._sources.located(operation.copy))
            else:
                self._collecting.transfer(operation.copy)
                self._progress.add(operation.copy.length)
        elif isinstance(operation, Insertion):
            self._insert(operation)
        elif isinstance(operation, Keep):
            self._sources.keep(operation)
            self._unseen += sum(map(len, operation.buffers))
        else:
            self._put(operation)

    def _put(self, operation: Part | Whole) -> None:
        size = len(operation.data)
        if isinstance(operation, Part):
            self._output.put(operation.number, operation.data)
        else:
            self._output.put_whole(operation.data)
        self._progress.add(size)

    def _insert(self, insertion: Insertion) -> None:
        """Move what was written, and put bytes where it was."""
        self._output.make_space(insertion.offset, insertion.size)
        offset = insertion.offset
        for piece in insertion.pieces:
            for chunk in (piece,) if isinstance(piece, bytes) else read(self._sources.located(piece), self._chunk_size):
                self._output.patch(offset, bytes(chunk))
                offset += len(chunk)
        self.patches += 1
        self._progress.add(insertion.size)

    def _transfer(self, copy: Copy) -> None:
        """Write a range of a source, from file to file where both are plain ones, else by reading it."""
        moved = 0
        with descriptor_of(copy) as descriptor:
            while descriptor is not None and moved < copy.length:
                taken = self._output.copy_range(descriptor, copy.offset + moved, min(copy.length - moved, MOST_AT_ONCE))
                if not taken:
                    break
                moved += taken
                self._progress.add(taken)
        if moved < copy.length:
            for chunk in read(replace(copy, offset=copy.offset + moved, length=copy.length - moved), self._chunk_size):
                self._output.write((chunk,))
                self._progress.add(len(chunk))


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
    if total is not None and takes_size(delivery.output):
        delivery.output.expect(total)
    writing = Writing(encoder, delivery, options, Progress(options.progress, total))
    try:
        writing.begin()
        return writing.finish(), writing.returned
    except BaseException as error:
        writing.abandon(error)
        raise


def asking_for_copies(run: Steps[T], asked_for: Callable[[Copy], bool]) -> Steps[T]:
    """Ask for the ranges that are `asked_for`, and write what comes, in place of transfers."""

    def on_operation(operation: Operation) -> Steps[None]:
        if isinstance(operation, Transfer) and asked_for(operation.copy):
            need = Need(CopySource(operation.copy))
            while (piece := (yield need)) is not END and piece is not None:
                yield Write((piece,))
        else:
            yield operation

    return substitute(run, on_operation)
