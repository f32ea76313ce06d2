"""Files to files: a new header or another transfer syntax, and pixel data that are copied unread."""

from __future__ import annotations

import os
from typing import Any, Unpack

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from streamdcm.encode._pydicom import elements_of, encoding_as_read, view_of
from streamdcm.engine.result import WriteResult
from streamdcm.errors import LayoutError, PlanError, element_name
from streamdcm.files.access import Source, accessed
from streamdcm.files.dataset import PIXEL_TAGS, dataset_of
from streamdcm.files.deferred import DeferredElement, copy_deferred
from streamdcm.files.edits import Edit, edited
from streamdcm.files.notices import warn_of_missing_pixels, warn_of_signature
from streamdcm.files.remote import opened
from streamdcm.files.scanned import Scanned, scan_file
from streamdcm.files.splice import spliced
from streamdcm.instructions import Encoder
from streamdcm.options import Options, RewriteOptions, check_options
from streamdcm.plan.file_meta import FOLLOWING, copy_of_file_meta, rewritten_file_meta, rewritten_preamble
from streamdcm.plan.plan import Plan, encode_file, plan_file
from streamdcm.plan.syntaxes import is_compressed, syntax_named
from streamdcm.write.driver import aborted_on_error, measure, write
from streamdcm.write.functions import expected_size
from streamdcm.write.targets import Target, is_path, resolve_target


def rewrite(
    source: Source,
    target: Target,
    /,
    *,
    edit: Edit | None = None,
    transfer_syntax: str | None = None,
    force: bool = False,
    **kwargs: Unpack[RewriteOptions],
) -> WriteResult:
    """Write a DICOM file anew, edited, or in another uncompressed transfer syntax.

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
        The UID or keyword of the transfer syntax to write; that of the source if not given. Pixel data
        are neither compressed nor decompressed.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    **kwargs
        See `RewriteOptions`.

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
    EncodeError
        If an element cannot be encoded; `SourceError` if the source is damaged, or changes meanwhile. A
        path is as it was before.
    OSError
        If reading or writing fails; a path is as it was before.

    Warns
    -----
    UserWarning
        If a digital signature is in the dataset that what is written may no longer match (PS3.15 §C).
    """
    options = check_rewrite_options(dict(kwargs), "rewrite")
    output = resolve_target(target, options)
    refuse_overwriting(source, target, options)
    with opened(source) as file, aborted_on_error(output):
        encoder, total = prepare_rewrite(
            file, options, edit=edit, transfer_syntax=transfer_syntax, force=force, patchable=output.can_patch
        )
        result, _ = write(encoder, output, options, total)
    return result


def check_rewrite_options(given: dict[str, Any], function: str) -> Options:
    """Return the options of a function that rewrites, checked.

    Raises
    ------
    TypeError
        For an argument that it does not have.
    PlanError
        For a value that an option cannot have.
    """
    unknown = sorted(given.keys() - RewriteOptions.__annotations__.keys())
    if unknown:
        raise TypeError(f"{function}() got unexpected keyword argument(s): {', '.join(unknown)}")
    return check_options(given, function)


def prepare_rewrite(
    source: Source, options: Options, *, edit: Edit | None, transfer_syntax: str | None, force: bool, patchable: bool
) -> tuple[Encoder[object], int | None]:
    """Scan and edit a file, decide how it is written, or refuse it, and return its encoder and, for progress, its size.

    All that `rewrite` does before the first byte; its parameters and exceptions are described there.

    Parameters
    ----------
    patchable : bool
        Whether the target can fill a length in later.
    """
    with accessed(source) as access:
        scanned = scan_file(access, force=force, hold_limit=options.hold_limit)
        asked = None if transfer_syntax is None else syntax_named(transfer_syntax)
        passed_on = spliced(scanned, options, edit, asked)
        if passed_on is not None:
            return passed_on
        plan = _planned(scanned, options, edit=edit, transfer_syntax=transfer_syntax, patchable=patchable)
    return encode_file(plan, options, patchable=patchable), expected_size(plan, options)


def _planned(
    scanned: Scanned, options: Options, *, edit: Edit | None, transfer_syntax: str | None, patchable: bool
) -> Plan:
    read, size = dataset_of(scanned), scanned.size
    warn_of_missing_pixels(elements_of(read), scanned.name)
    old_syntax = _syntax_of(read)
    if _is_directory(read):
        if edit is not None or (transfer_syntax is not None and syntax_named(transfer_syntax) != old_syntax):
            raise _moves_records()
        return _plan_directory(read, size, options, patchable)
    known = [keyword for keyword in FOLLOWING.values() if keyword in read]
    made = edited(read, edit)
    dataset = view_of(made)
    if made is not read:
        _complete(dataset, read)
    syntax = _target_syntax(dataset, old_syntax, transfer_syntax)
    _check_compression(dataset, old_syntax, syntax)
    if syntax != old_syntax or edit is not None:
        warn_of_signature(elements_of(dataset))
    dataset.file_meta = rewritten_file_meta(dataset, syntax, known)
    dataset.preamble = rewritten_preamble(dataset)
    return _plan(dataset, options, patchable)


def _complete(view: Dataset, read: FileDataset) -> None:
    """Let a dataset that an edit made have what it does not say itself from the one that was read."""
    if getattr(view, "file_meta", None) is None:
        view.file_meta = read.file_meta
    if None in encoding_as_read(view):
        implicit_vr, little_endian = encoding_as_read(read)
        view.set_original_encoding(implicit_vr, little_endian, read.original_character_set)


def _plan(dataset: Dataset, options: Options, patchable: bool) -> Plan:
    copy_deferred(dataset)
    return plan_file(dataset, options, patchable=patchable, convert_bulk=True)


def _plan_directory(directory: Dataset, size: int, options: Options, patchable: bool) -> Plan:
    """Plan a DICOMDIR as it is: with its own File Meta Information, and only if nothing moves."""
    plan = _plan(directory, options, patchable)
    if measure(encode_file(plan, options, patchable=True), options) != size:
        raise _moves_records()
    return plan


def _syntax_of(dataset: Dataset) -> UID | None:
    """Return the transfer syntax that a file says, or that it was found to have; `None` if nothing tells."""
    stated: UID | None = dataset.file_meta.get("TransferSyntaxUID", None)
    if stated:
        return stated
    if any(element.is_undefined_length for element in _untouched_pixel_data(dataset)):
        return None
    implicit_vr, little_endian = encoding_as_read(dataset)
    if implicit_vr:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian


def _target_syntax(dataset: Dataset, old: UID | None, asked: str | None) -> UID:
    if asked is not None:
        return syntax_named(asked)
    syntax: UID | None = copy_of_file_meta(dataset).get("TransferSyntaxUID", None) or old
    if syntax is None:
        raise PlanError("nothing says how the pixel data are compressed; give the transfer_syntax that they are in")
    return syntax


def _check_compression(dataset: Dataset, old: UID | None, new: UID) -> None:
    """Refuse a transfer syntax that would need pixel data to be compressed or decompressed."""
    for element in _untouched_pixel_data(dataset):
        name = element_name(element.tag)
        if element.is_undefined_length and not is_compressed(new):
            raise PlanError(
                f"{name} cannot be copied to '{new.name}', in which pixel data are not encapsulated (PS3.5 §A.4); name "
                "the transfer syntax that they are in, or convert them in edit, for example by Dataset.decompress()"
            )
        if old is not None and old != new and (is_compressed(old) or is_compressed(new)):
            raise PlanError(
                f"{name} cannot be copied from '{old.name}' to '{new.name}': pixel data are neither compressed nor "
                "decompressed; leave transfer_syntax out, or convert them in edit, for example by Dataset.compress()"
            )


def _untouched_pixel_data(dataset: Dataset) -> list[DeferredElement]:
    elements = map(elements_of(dataset).get, PIXEL_TAGS)
    return [element for element in elements if isinstance(element, DeferredElement) and element.is_deferred]


def _is_directory(dataset: Dataset) -> bool:
    meta = dataset.file_meta
    return "DirectoryRecordSequence" in dataset or meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage


def _moves_records() -> LayoutError:
    return LayoutError(
        "a DICOMDIR's offsets count bytes from the start of the file, and this would move what they point at; copy the "
        "file as it is, or build a new one with pydicom.fileset"
    )


def refuse_overwriting(source: Source, target: Any, options: Options) -> None:
    """Refuse to write into the very file that is read meanwhile, unless it is replaced when that is over.

    Raises
    ------
    PlanError
        If it is.
    """
    if options.atomic and is_path(target):
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
