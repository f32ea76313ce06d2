"""Files to files: a new header or another transfer syntax, and pixel data that are copied unread."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple, Unpack

from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.files.access import accessed
from streamdcm.files.edits import Edit
from streamdcm.files.forward import rewritten_forward
from streamdcm.files.inputs import Input, incoming
from streamdcm.files.plan_rewrite import Request, planned, refuse_for_passing
from streamdcm.files.remote import opened_input, source_storage
from streamdcm.files.scanned import scan_file
from streamdcm.files.splice import spliced
from streamdcm.instructions import Encoder
from streamdcm.options import Options, RewriteOptions, check_options
from streamdcm.options.checks import flag
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.syntaxes import syntax_named
from streamdcm.sinks import Delivery, wants_size
from streamdcm.write.coded_frames import encoded
from streamdcm.write.driver import write
from streamdcm.write.instance import with_frames
from streamdcm.write.targets import Target, is_path, resolve_target
from streamdcm.write.trace import is_one_file


def rewrite(
    source: Input,
    target: Target,
    /,
    *,
    edit: Edit | None = None,
    transfer_syntax: str | None = None,
    force: bool = False,
    **kwargs: Unpack[RewriteOptions],
) -> WriteResult:
    """Write a DICOM file anew, edited, or in another transfer syntax.

    Everything is parsed but the values of pixel data, and of elements of over 64 KiB that are bytes:
    these are copied from file to file, so that memory stays flat. What stands behind the pixel data is
    parsed as well. File Meta Information follows; the Implementation Class UID is streamdcm's.

    Parameters
    ----------
    source : str, bytes, PathLike or binary file object
        The file to read; a URL is read through fsspec. An object is read from its position on, has to seek, and
        stays open with its position restored.
    target : str, bytes, PathLike, file-like, socket or writeable buffer
        Where to write; may be the path of the source.
    edit : callable or mapping, optional
        A function that is given the dataset and changes it, or returns another; or keywords or tags with
        their new values, where `None` deletes the element if it is there. Bytes that it sets as the value
        of pixel data and the like are in the byte order of the source, as in pydicom. Pixel data are read
        if it asks for their value, and copied unless it sets or deletes them.
    transfer_syntax : str, optional
        The UID or keyword of the transfer syntax to write; that of the source if not given. Frames are decoded and
        encoded as it takes, one by one, of a source that can seek.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    **kwargs
        All are in `RewriteOptions`. Those that are used most, each with its default:

        - `overwrite` (True): whether what is there may be replaced.
        - `atomic` (True): for paths: whether the file appears under its name only when it is complete.
        - `durable` (False): for paths: whether to wait until file and name are on the disk.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.
        - `checksum` (None): ``"sha256"`` gives the digest of what was written, in the result.
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `codec_workers` (None): how many frames are coded at a time; by default one for each core, at most 8.
        - `codec_options` (nothing): what is said to the codec, such as ``{"near": 3}``; see `codecs`.
        - `source_options` (nothing): for a source that is a URL: arguments for the library that reads it.
        - `storage_options` (nothing): for URLs: arguments for the library that talks to the service, such as boto3.

    Returns
    -------
    WriteResult
        What was written where.

    Raises
    ------
    InvalidDicomError
        If the source lacks the prefix ``DICM``; pydicom's.
    PlanError
        If arguments, transfer syntax and pixel data do not agree; nothing was written.
    LayoutError
        If what the offsets of a DICOMDIR point at would move (PS3.3 §F.3).
    MissingExtraError
        If a library is missing that decodes or encodes frames.
    EncodeError
        If an element cannot be encoded; `CodecError` if a frame cannot be decoded or encoded; `SourceError` if the
        source is damaged, or changes meanwhile. A
        path is as it was before.
    OSError
        If reading or writing fails; a path is as it was before.

    Warns
    -----
    UserWarning
        If a digital signature is in the dataset that what is written may no longer match (PS3.15 §C).

    Examples
    --------
    >>> result = streamdcm.rewrite("slice.dcm", "out.dcm", edit={"PatientName": "Doe^Jane", "PatientBirthDate": None})
    >>> result.location
    'out.dcm'
    """
    with Delivery(target) as delivery:
        options = check_options(dict(kwargs), "rewrite")
        return _delivered(delivery, source, target, Request(edit, transfer_syntax, force), options)


def rewrite_as(source: Input, target: Target, request: Request, options: Options) -> WriteResult:
    """Write a DICOM file anew, as `rewrite` does, with options that were checked."""
    with Delivery(target) as delivery:
        return _delivered(delivery, source, target, request, options)


def _delivered(delivery: Delivery, source: Input, target: Target, request: Request, options: Options) -> WriteResult:
    output = resolve_target(delivery, options)
    with ExitStack() as files:
        capabilities = Capabilities(output.can_patch)
        encoder, total = opened_rewrite(source, target, request, options, files, capabilities)
        result, written = write(encoder, delivery, options, total)
    return with_frames(result, written if isinstance(written, PixelsWritten) else None)


class Prepared(NamedTuple):
    """A file that was read, or begins to be, and how it is written.

    Attributes
    ----------
    encoder : Encoder
        Its bytes.
    size : callable
        Returns their number; `None` where only writing tells.
    """

    encoder: Encoder[object]
    size: Callable[[], int | None]


def opened_rewrite(
    source: Any,
    target: Any,
    request: Request,
    options: Options,
    files: ExitStack,
    capabilities: Capabilities,
    *,
    on_loop: bool = False,
) -> tuple[Encoder[object], int | None]:
    """Open a source, which stays open as long as `files`, and prepare how it is written to a target; see `rewrite`.

    Returns
    -------
    Encoder
        What is to be written.
    int or None
        How many bytes that is, if it is known and somebody wants to know.
    """
    refuse_overwriting(source, target, options)
    file = files.enter_context(opened_input(source, source_storage(source, target, options)))
    prepared = prepare_rewrite(file, request, options, capabilities, on_loop=on_loop)
    is_wanted = wants_size(target) or options.progress is not None
    return prepared.encoder, prepared.size() if is_wanted else None


def prepare_rewrite(
    source: Input, request: Request, options: Options, capabilities: Capabilities, *, on_loop: bool = False
) -> Prepared:
    """Scan and edit a file, and decide how it is written, or refuse it.

    All that `rewrite` does before the first byte; its parameters and exceptions are described there.

    Parameters
    ----------
    capabilities : Capabilities
        What the target can do.
    on_loop : bool, optional
        Whether needs are answered on an event loop, so that the source may be asynchronous.
    """
    flag("force", request.force)
    comes = incoming(source)
    if comes is not None:
        if comes.stream.stream.is_async and not on_loop:
            raise TypeError("the source is asynchronous; use the function of the same name that ends in _async")
        return Prepared(rewritten_forward(comes, request, options, capabilities), _unknown)
    with accessed(source) as access:
        scanned = scan_file(access, force=request.force, hold_limit=options.hold_limit)
        asked = None if request.transfer_syntax is None else syntax_named(request.transfer_syntax)
        passed_on = spliced(scanned, options, request.edit, asked) if capabilities.framing == "file" else None
        if passed_on is not None:
            refuse_for_passing(options, request, has_frames=scanned.has_frames)
            return Prepared(passed_on.encoder, lambda: passed_on.size)
        plan = planned(scanned, request, options, capabilities)
    return Prepared(encoded(plan), plan.size)


def _unknown() -> None:
    return None


def refuse_overwriting(source: Any, target: Any, options: Options) -> None:
    """Refuse to write into the very file that is read meanwhile, unless it is replaced when that is over.

    Raises
    ------
    PlanError
        If it is.
    """
    trace: Any = options.trace
    if is_path(trace) and is_path(source) and is_one_file(os.fsdecode(trace), os.fsdecode(source)):
        raise PlanError(f"trace= and the source are one file, {os.fsdecode(trace)}; name another for the trace")
    if (options.atomic and is_path(target)) or (not is_path(source) and incoming(source) is not None):
        return
    read, written = _status(source), _status(target)
    if source is target or (read is not None and written is not None and os.path.samestat(read, written)):
        raise PlanError(
            "source and target are one file, which would be overwritten while it is read; give its path as the target, "
            "without atomic=False, or write to another file"
        )


def _status(file: Any) -> os.stat_result | None:
    """Return the status of a path or of an open file; `None` if there is no file."""
    try:
        return os.stat(file) if is_path(file) else os.fstat(file.fileno())
    except (OSError, AttributeError):
        return None
