"""The synchronous driver, and the public functions on it."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import AsyncIterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO, TypeAlias, Unpack

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomIO, WriteableBuffer

from streamdcm._pydicom import deferred_file, elements_of, stored_value, uses_future_pydicom
from streamdcm.driver import chunks, close_frames, measure, write
from streamdcm.errors import PlanError, silenced
from streamdcm.instructions import Encoder
from streamdcm.options import Options, TargetOptions, WriteOptions, check_options
from streamdcm.plan import Plan, encode_file, plan_file
from streamdcm.result import WriteResult
from streamdcm.sinks import Output, Sink, resolve
from streamdcm.tables import TableChoice

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
    try:
        refuse_async_frames(options)
        output = resolve_target(filename, options)
        encoder, total = encoder_for(filename, dataset, options, patchable=output.can_patch)
        result, table = write(encoder, output, options, total)
    finally:
        close_frames(options.frames)
    return with_table(result, table)


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
    result, _ = write(encoder, resolve_target(target, options), options, None)
    return result


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
    try:
        refuse_async_frames(options)
        encoder, total = encoder_for(None, dataset, options, patchable=False)
    except BaseException:
        close_frames(options.frames)
        raise
    return chunks(encoder, options, total)


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
    return chunks(encoder, check_options(dict(kwargs), "encoder_chunks"), None)


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
    size = measure(encode_file(plan_file(dataset, options, patchable=True), options, patchable=True), options)
    if size is None:
        raise PlanError("the size is not known before a ByteStream was read to its end; give the ByteStream its length")
    return size


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


def _refuse_own_source(target: Any, dataset: Dataset) -> None:
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


def encoder_for(
    target: Any, dataset: Dataset, options: Options, *, patchable: bool
) -> tuple[Encoder[TableChoice | None], int | None]:
    """Plan how a dataset is written to a target, and return its encoder and, for progress, its size if it is known."""
    plan = plan_file(dataset, options, patchable=patchable)
    if not options.atomic:
        _refuse_own_source(target, dataset)
    return encode_file(plan, options, patchable=patchable), _total(plan, options)


def refuse_async_frames(options: Options) -> None:
    """Refuse what only an event loop can answer, before anything is written."""
    if isinstance(options.frames, AsyncIterable):
        raise PlanError("frames is an asynchronous iterable; use the function of the same name that ends in _async")


def resolve_target(target: Target, options: Options) -> Output:
    """Find out how to write to a target, as the options say."""
    return resolve(
        target,
        overwrite=options.overwrite,
        atomic=options.atomic,
        durable=options.durable,
        seekable=options.seekable,
    )


def with_table(result: WriteResult, table: TableChoice | None) -> WriteResult:
    """Add to a result which offset table was chosen, and why."""
    return result if table is None else replace(result, offset_table=table.kind, reason=table.reason)


def _total(plan: Plan, options: Options) -> int | None:
    """Return the size of a file for progress events, where finding it out does not cost a compression."""
    if options.progress is None or plan.deflated or plan.pixels is not None:
        return None
    with silenced():
        return measure(encode_file(plan, options, patchable=True), options)
