"""The synchronous driver, and the public functions on it."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any, BinaryIO, Final, Literal, TypeAlias, Unpack

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO, WriteableBuffer

from streamdcm._pydicom import deferred_file, elements_of, stored_value, uses_future_pydicom
from streamdcm.errors import InstructionError, PlanError, ReentryError, silenced
from streamdcm.instructions import END, Answer, Copy, Encoder, Fill, Instruction, Need, Reserve
from streamdcm.options import Options, TargetOptions, WriteOptions, check_options
from streamdcm.plan import Plan, encode_file, plan_file
from streamdcm.progress import Progress
from streamdcm.readers import read
from streamdcm.release import InOrderPolicy, Operation, Patch, PatchPolicy, Write
from streamdcm.result import WriteResult
from streamdcm.sinks import Output, Sink, resolve
from streamdcm.sources import CopySource, FrameSource
from streamdcm.stages import settle

Target: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | BinaryIO | WriteableBuffer | DicomIO | Sink


def dcmwrite(
    filename: Target,
    dataset: Dataset,
    /,
    __write_like_original: bool | None = None,
    **kwargs: Unpack[TargetOptions],
) -> WriteResult:
    """Write a dataset to a path, a file-like or any object with a ``write()`` method.

    Takes what `pydicom.dcmwrite` takes and writes the same bytes. A path appears under its name only
    when it is complete. An object stays open; where it can seek, lengths that are not known ahead are
    filled in afterwards.

    Parameters
    ----------
    filename : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write. The position of an object at entry is where the file starts.
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        See `TargetOptions`.

    Returns
    -------
    WriteResult
        What was written where.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree; nothing was written.
    EncodeError
        If an element cannot be encoded; a path is as it was before.
    TargetTypeError
        If `filename` is nothing that can be written to.
    FileExistsError
        If the path exists and `overwrite` is false.
    OSError
        If writing fails; a path is as it was before.
    """
    options = _drop_in_options(__write_like_original, dict(kwargs))
    output = resolve_target(filename, options)
    plan = plan_file(dataset, options, patchable=output.can_patch)
    if not options.atomic:
        _refuse_own_source(filename, dataset)
    encoder = encode_file(plan, options, patchable=output.can_patch)
    return with_table(_write(encoder, output, options, _total(plan, options)), plan)


def write_encoder(encoder: Encoder[Any], target: Target, /, **kwargs: Unpack[TargetOptions]) -> WriteResult:
    """Run an encoder, such as a stage of `streamdcm.stages` or one of your own, into a target.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions.
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write.
    **kwargs
        See `TargetOptions`; those about the encoding of datasets have no effect.

    Returns
    -------
    WriteResult
        What was written where.
    """
    options = check_options(dict(kwargs), "write_encoder")
    return _write(encoder, resolve_target(target, options), options, None)


def iter_chunks(dataset: Dataset, /, **kwargs: Unpack[WriteOptions]) -> Iterator[bytes]:
    """Encode a dataset as chunks of bytes, in order, for HTTP bodies and the like.

    Arguments and dataset are checked at once, the bytes are made as they are asked for.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        See `WriteOptions`.

    Returns
    -------
    iterator of bytes
        Chunks of at most `chunk_size` bytes.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree.
    """
    options = check_options(dict(kwargs), "iter_chunks")
    plan = plan_file(dataset, options, patchable=False)
    return _chunks(encode_file(plan, options, patchable=False), options, _total(plan, options))


def encoder_chunks(encoder: Encoder[Any], /, **kwargs: Unpack[WriteOptions]) -> Iterator[bytes]:
    """Run an encoder, such as a stage of `streamdcm.stages`, and give what it encodes as chunks of bytes.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions.
    **kwargs
        See `WriteOptions`; those about the encoding of datasets have no effect.

    Returns
    -------
    iterator of bytes
        Chunks of at most `chunk_size` bytes.
    """
    return _chunks(encoder, check_options(dict(kwargs), "encoder_chunks"), None)


def encoded_size(dataset: Dataset, /, **kwargs: Unpack[WriteOptions]) -> int:
    """Return the exact number of bytes that the dataset takes when it is written.

    Large values are not read, except for deflated transfer syntaxes, where only compressing tells.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        See `WriteOptions`.

    Returns
    -------
    int
        The number of bytes, for example for a Content-Length.
    """
    options = check_options(dict(kwargs), "encoded_size")
    if options.frames is not None:
        raise PlanError("the size of frames is not known before they are encoded; leave frames out")
    return _measure(encode_file(plan_file(dataset, options, patchable=True), options, patchable=True), options)


class _Done(Enum):
    DONE = "DONE"


_DONE: Final = _Done.DONE


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
        self._policy = (
            PatchPolicy(options.chunk_size)
            if output.can_patch
            else InOrderPolicy(options.chunk_size, options.hold_limit)
        )
        self._running = False
        self.patches = 0

    def advance(self, answer: Answer = None) -> Need | Literal[_Done.DONE]:
        """Answer the last need and write what the encoder yields, up to its next need or its end."""
        return self._run(partial(self._encoder.send, answer))

    def fail(self, error: Exception) -> Need | Literal[_Done.DONE]:
        """Tell the encoder that its last need cannot be answered, and go on as `advance` does."""
        return self._run(partial(self._encoder.throw, error))

    def _run(self, step: Callable[[], Instruction]) -> Need | Literal[_Done.DONE]:
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
                    return _DONE
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


class _Sources:
    """Answers needs: keeps, for each source, how far it has been read."""

    def __init__(self, chunk_size: int) -> None:
        self._chunk_size = chunk_size
        self._open: dict[Any, Iterator[Answer]] = {}

    def next_piece(self, need: Need) -> Answer:
        """Return the next piece of a source, or `END`."""
        source = need.source
        if source not in self._open:
            self._open[source] = self._pieces(source)
        piece = next(self._open[source], END)
        if piece is END:
            del self._open[source]
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


def _drop_in_options(write_like_original: bool | None, given: dict[str, Any]) -> Options:
    """Check the options of `dcmwrite`, the deprecated one of pydicom included."""
    keyword = given.pop("write_like_original", None)
    if keyword is not None and write_like_original is not None:
        raise TypeError("'write_like_original' was given twice, by position and by keyword")
    like_original = write_like_original if keyword is None else keyword
    if like_original is not None:
        if uses_future_pydicom():
            raise TypeError("'write_like_original' is no longer accepted; use 'enforce_file_format'")
        warnings.warn(
            "'write_like_original' is deprecated; use 'enforce_file_format'", DeprecationWarning, stacklevel=3
        )
        given["enforce_file_format"] = not like_original
    return check_options(given, "dcmwrite")


def _refuse_own_source(target: Target, dataset: Dataset) -> None:
    """Refuse to truncate the file that values of the dataset are still to be read from."""
    if not isinstance(target, (str, bytes, os.PathLike)) or not os.path.exists(target):
        return
    elements = elements_of(dataset).values()
    values = (stored_value(element) for element in elements if isinstance(element, DataElement))
    buffered = (getattr(value, "name", None) for value in values if isinstance(value, io.BufferedReader))
    for source in (deferred_file(dataset), *buffered):
        if isinstance(source, (str, bytes)) and os.path.exists(source) and os.path.samefile(source, target):
            raise PlanError(
                "values of the dataset are still to be read from the very file that atomic=False would overwrite; "
                "leave atomic=False out, or write to another file"
            )


def resolve_target(target: Target, options: Options) -> Output:
    """Find out how to write to a target, as the options say."""
    return resolve(
        target,
        overwrite=options.overwrite,
        atomic=options.atomic,
        durable=options.durable,
        seekable=options.seekable,
    )


def _write(encoder: Encoder[Any], output: Output, options: Options, total: int | None) -> WriteResult:
    progress = Progress(options.progress, total)
    writing = Writing(encoder, output, options, progress)
    sources = _Sources(options.chunk_size)
    try:
        output.open()
        need = writing.advance()
        while need is not _DONE:
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


def _chunks(encoder: Encoder[Any], options: Options, total: int | None) -> Iterator[bytes]:
    progress = Progress(options.progress, total)
    sources = _Sources(options.chunk_size)
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


def _answered(encoder: Encoder[Any], sources: _Sources) -> Iterator[Instruction]:
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


def _measure(encoder: Encoder[Any], options: Options) -> int:
    return sum(map(_size, _answered(encoder, _Sources(options.chunk_size))))


def _size(instruction: Instruction) -> int:
    if isinstance(instruction, Copy):
        return instruction.length
    if isinstance(instruction, Reserve):
        return instruction.size
    return 0 if isinstance(instruction, Fill) else memoryview(instruction).nbytes  # type: ignore[arg-type]


def with_table(result: WriteResult, plan: Plan) -> WriteResult:
    """Add to a result which offset table was chosen, and why."""
    if plan.pixels is None or plan.pixels.table is None:
        return result
    return replace(result, offset_table=plan.pixels.table, reason=plan.pixels.reason)


def _total(plan: Plan, options: Options) -> int | None:
    """Return the size of a file for progress events, where finding it out does not cost a compression."""
    if options.progress is None or plan.deflated or plan.pixels is not None:
        return None
    with silenced():
        return _measure(encode_file(plan, options, patchable=True), options)
