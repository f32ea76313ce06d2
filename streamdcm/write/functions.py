"""The synchronous driver, and the public functions on it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Unpack

from pydicom.dataset import Dataset

from streamdcm.cleanup import afterwards, on_error
from streamdcm.encode._pydicom import uses_future_pydicom
from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.instructions import Encoder
from streamdcm.options import (
    ChunkOptions,
    DropInOptions,
    EncodeOptions,
    EncoderTargetOptions,
    Options,
    StreamOptions,
    check_options,
)
from streamdcm.options.checks import flag
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.plan import plan_file
from streamdcm.sinks import Delivery
from streamdcm.write.answers import close_frames
from streamdcm.write.array_frames import refuse_arrays_to_encode, with_coded_frames
from streamdcm.write.chunks import Chunks, measure
from streamdcm.write.coded_frames import encoded
from streamdcm.write.divided import write_divided
from streamdcm.write.driver import write
from streamdcm.write.encoders import chunk_capabilities, encoder_for, framing_of, refuse_async_frames, unknown_size
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Target, Targets, capabilities_of, resolve_target


def dcmwrite(
    filename: Targets,
    dataset: Dataset,
    /,
    __write_like_original: bool | None = None,
    **kwargs: Unpack[DropInOptions],
) -> WriteResult:
    """Write a dataset to a path, a file-like or any object with a ``write()`` method.

    Takes what `pydicom.dcmwrite` takes and writes the same bytes. A path appears under its name only
    when it is complete. An object stays open; where it can seek, lengths that are not known ahead are
    filled in afterwards.

    Parameters
    ----------
    filename : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write. The position of an object at entry is where the file starts. With ``split=`` a
        path gets the number of each instance in front of its suffix; or a function that takes that
        number, from 1, and returns a target.
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        All are in `TargetOptions` (`AsyncTargetOptions` on an event loop), besides pydicom's deprecated
        `write_like_original`. Those that are used most, each with its default:

        - `transfer_syntax` (None): UID or keyword of the one to write (PS3.5 §10); by default that of the dataset.
        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `frames` (None): the pixel data, frame by frame: an iterable of arrays or of compressed frames.
        - `number_of_frames` (None): how many `frames` will be, if that is known (PS3.3 §C.7.6.6).
        - `split` (None): frames for each file, or the bytes of a file, as ``"2 GiB"`` (PS3.3 §C.7.6.16.2.2.4).
        - `overwrite` (True): whether what is there may be replaced.
        - `atomic` (True): for paths: whether the file appears under its name only when it is complete.
        - `durable` (False): for paths: whether to wait until file and name are on the disk.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.

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

    Examples
    --------
    >>> result = streamdcm.dcmwrite("out.dcm", ds)
    >>> result.location, result.bytes_written > 32_000
    ('out.dcm', True)
    >>> streamdcm.dcmwrite("cine.dcm", ds, frames=camera()).bytes_written > 3 * 32_768
    True
    """
    with Delivery(filename) as delivery:
        options = _drop_in_options(__write_like_original, dict(kwargs))
        with afterwards(partial(close_frames, options.frames)):
            if options.frames is not None:
                refuse_async_frames(options)
            if options.split is not None:
                return write_divided(delivery, *with_coded_frames(dataset, options))
            output = resolve_target(delivery, options)
            file, total = encoder_for(filename, dataset, options, capabilities_of(output))
            result, table = write(file, delivery, options, total)
    return result if table is None else with_frames(result, table)


def write_encoder(encoder: Encoder[Any], target: Target, /, **kwargs: Unpack[EncoderTargetOptions]) -> WriteResult:
    """Run an encoder, such as a stage of `streamdcm.stages` or one of your own, into a target.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions.
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write.
    **kwargs
        All are in `EncoderTargetOptions`. Those that are used most, each with its default:

        - `overwrite` (True): whether what is there may be replaced.
        - `atomic` (True): for paths: whether the file appears under its name only when it is complete.
        - `durable` (False): for paths: whether to wait until file and name are on the disk.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.
        - `checksum` (None): ``"sha256"`` gives the digest of what was written, in the result.
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.
        - `storage_options` (nothing): for URLs: arguments for the library that talks to the service, such as boto3.
        - `part_size` (8 MiB): for object storages: the bytes of the first parts; later ones are larger.

    Returns
    -------
    WriteResult
        What was written where.

    Examples
    --------
    >>> streamdcm.write_encoder(streamdcm.encoder(ds), "out.dcm").location
    'out.dcm'
    """
    with Delivery(target) as delivery:
        options = check_options(dict(kwargs), "write_encoder")
        resolve_target(delivery, options)
        result, _ = write(encoder, delivery, options, None)
    return result


def iter_chunks(dataset: Dataset, /, **kwargs: Unpack[ChunkOptions]) -> Iterator[bytes]:
    """Encode a dataset as chunks of bytes, in order, for HTTP bodies and the like.

    Arguments and dataset are checked at once, the bytes are made as they are asked for.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        All are in `ChunkOptions` (`AsyncChunkOptions` on an event loop). Those used most, each with its default:

        - `transfer_syntax` (None): UID or keyword of the one to write (PS3.5 §10); by default that of the dataset.
        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `frames` (None): the pixel data, frame by frame: an iterable of arrays or of compressed frames.
        - `number_of_frames` (None): how many frames there will be, if that is known (PS3.3 §C.7.6.6).
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.

    Returns
    -------
    iterator of bytes
        Chunks of at most `chunk_size` bytes.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree.

    Examples
    --------
    >>> sum(map(len, streamdcm.iter_chunks(ds))) == streamdcm.encoded_size(ds)
    True
    """
    return _chunks(dataset, check_options(dict(kwargs), "iter_chunks"))


@contextmanager
def open_chunks(dataset: Dataset, /, **kwargs: Unpack[ChunkOptions]) -> Iterator[Iterator[bytes]]:
    """Encode a dataset as `iter_chunks` does, and close everything at the end of a block.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        All are in `ChunkOptions` (`AsyncChunkOptions` on an event loop). Those used most, each with its default:

        - `transfer_syntax` (None): UID or keyword of the one to write (PS3.5 §10); by default that of the dataset.
        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `frames` (None): the pixel data, frame by frame: an iterable of arrays or of compressed frames.
        - `number_of_frames` (None): how many frames there will be, if that is known (PS3.3 §C.7.6.6).
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.

    Yields
    ------
    iterator of bytes
        Chunks of at most `chunk_size` bytes. At the end of the block everything is closed.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree; at the beginning of the block.

    Examples
    --------
    >>> with streamdcm.open_chunks(ds, frames=camera()) as chunks:
    ...     size = sum(map(len, chunks))
    """
    chunks = _chunks(dataset, check_options(dict(kwargs), "open_chunks"))
    with afterwards(chunks.close):
        yield chunks


def encoder_chunks(encoder: Encoder[Any], /, **kwargs: Unpack[StreamOptions]) -> Iterator[bytes]:
    """Run an encoder, such as a stage of `streamdcm.stages`, and give what it encodes as chunks of bytes.

    Parameters
    ----------
    encoder : Encoder
        A generator of instructions.
    **kwargs
        Those of `StreamOptions`, each with its default:

        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.

    Returns
    -------
    iterator of bytes
        Chunks of at most `chunk_size` bytes.

    Examples
    --------
    >>> b"".join(streamdcm.encoder_chunks(streamdcm.encoder(ds)))[128:132]
    b'DICM'
    """
    return Chunks(encoder, check_options(dict(kwargs), "encoder_chunks"), None)


def encoder(dataset: Dataset, /, *, patchable: bool = True, **kwargs: Unpack[EncodeOptions]) -> Encoder[Any]:
    """Return the encoder of a whole file, for stages and senders of one's own.

    Arguments and dataset are checked at once. What the encoder yields is made by whoever runs it: `write_encoder`,
    `encoder_chunks`, their ``_async`` counterparts, or a stage that wraps it with `through`.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    patchable : bool, optional
        Whether the target can fill values in later; see `streamdcm.stages.dataset_body`.
    **kwargs
        All are in `EncodeOptions`. Those that are used most, each with its default:

        - `transfer_syntax` (None): UID or keyword of the one to write (PS3.5 §10); by default that of the dataset.
        - `file_meta` (True): whether preamble and File Meta Information are written (PS3.10 §7.1).
        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `frames` (None): the pixel data, frame by frame: an iterable of arrays or of compressed frames.
        - `number_of_frames` (None): how many frames there will be, if that is known (PS3.3 §C.7.6.6).
        - `max_frames` (None): how many there may be at most: an offset table is reserved for so many.
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `codec_workers` (None): how many frames are coded at a time; by default one for each core, at most 8.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.

    Returns
    -------
    Encoder
        A generator of instructions, to be run once.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree.

    Examples
    --------
    >>> whole = streamdcm.encoder(ds, transfer_syntax="ExplicitVRLittleEndian")
    >>> streamdcm.write_encoder(whole, "out.dcm").location
    'out.dcm'
    """
    options = check_options(dict(kwargs), "encoder")
    with on_error(partial(close_frames, options.frames)):
        capabilities = Capabilities(flag("patchable", patchable), framing_of(options))
        return encoded(plan_file(*with_coded_frames(dataset, options), capabilities))


def encoded_size(dataset: Dataset, /, **kwargs: Unpack[EncodeOptions]) -> int:
    """Return the exact number of bytes that the dataset takes when it is written.

    Large values are not read, except for deflated transfer syntaxes, where only compressing tells. Frames are not asked
    for: their number has to be known, and that of their bytes as well, so compressed ones must be in a list of what is
    bytes-like or has an ``nbytes`` or a ``len()``.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    **kwargs
        All are in `EncodeOptions`. Those that are used most, each with its default:

        - `transfer_syntax` (None): UID or keyword of the one to write (PS3.5 §10); by default that of the dataset.
        - `file_meta` (True): whether preamble and File Meta Information are written (PS3.10 §7.1).
        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `frames` (None): the pixel data, frame by frame: an iterable of arrays or of compressed frames.
        - `number_of_frames` (None): how many frames there will be, if that is known (PS3.3 §C.7.6.6).
        - `max_frames` (None): how many there may be at most: an offset table is reserved for so many.
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `codec_workers` (None): how many frames are coded at a time; by default one for each core, at most 8.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.

    Returns
    -------
    int
        The number of bytes, for example for a Content-Length.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree; or if nothing but writing it tells.

    Examples
    --------
    >>> import io
    >>> buffer = io.BytesIO()
    >>> streamdcm.encoded_size(ds) == streamdcm.dcmwrite(buffer, ds).bytes_written
    True
    """
    options = check_options(dict(kwargs), "encoded_size")
    refuse_arrays_to_encode(dataset, options)
    plan = plan_file(dataset, options, chunk_capabilities(options))
    size = measure(plan.encode(), options) if plan.deflated else plan.size()
    if size is None:
        raise PlanError(f"the size is not known before {unknown_size(plan)}")
    return size


def _chunks(dataset: Dataset, options: Options) -> Chunks:
    with on_error(partial(close_frames, options.frames)):
        refuse_async_frames(options)
        file, total = encoder_for(None, dataset, options, chunk_capabilities(options))
    return Chunks(file, options, total, options.frames)


def _drop_in_options(write_like_original: bool | None, given: dict[str, Any]) -> Options:
    """Check the options of `dcmwrite`, the deprecated one of pydicom included."""
    if write_like_original is None and "write_like_original" not in given:
        return check_options(given, "dcmwrite")
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
