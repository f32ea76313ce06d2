"""How a file that was scanned, and edited as a dataset, is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID, MediaStorageDirectoryStorage

from streamdcm.encode._pydicom import elements_of, encoding_as_read, view_of
from streamdcm.encode.discreet import discreet, value_of
from streamdcm.encode.tags import PIXEL_DATA, PIXEL_TAGS
from streamdcm.errors import (
    LayoutError,
    PlanError,
    RecursiveDatasetError,
    SourceError,
    StreamdcmError,
)
from streamdcm.files.dataset import dataset_of
from streamdcm.files.deferred import DeferredElement, copy_deferred
from streamdcm.files.edits import Edit, edited
from streamdcm.files.notices import warn_of_missing_pixels, warn_of_signature
from streamdcm.files.scanned import Scanned
from streamdcm.files.transcode import is_transcoded, transcoded_file
from streamdcm.options import Options, refuse_in_vain
from streamdcm.pixels.codecs.choices import checked_options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.coded_header import NewUid, any_uid
from streamdcm.plan.conversion import own_syntax, refuse_compression
from streamdcm.plan.execution import Plan
from streamdcm.plan.file_meta import FOLLOWING, copy_of_file_meta, rewritten_file_meta, rewritten_preamble
from streamdcm.plan.nested_pixels import refuse_nested_pixels
from streamdcm.plan.plan import plan_file
from streamdcm.plan.syntaxes import syntax_named


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller wants of a file that is written anew; see `rewrite`.

    `new_uid` gives an instance that loses something by its compression the SOP Instance UID of its own.
    """

    edit: Edit | None = None
    transfer_syntax: str | None = None
    force: bool = False
    new_uid: NewUid = any_uid


@dataclass(frozen=True, slots=True)
class Edited:
    """A file that was scanned, and edited as a dataset.

    Parameters
    ----------
    scanned : Scanned
        The file.
    read : FileDataset
        What was read, which the edit may have changed.
    made : Dataset
        What the edit made of it.
    syntax : UID or None
        The transfer syntax that it was read in.
    known : list of str
        What File Meta Information repeats and the dataset had before the edit.
    sop_instance_uid : str or None
        Its SOP Instance UID before the edit.
    is_directory : bool
        Whether it is a DICOMDIR, which is not edited.
    """

    scanned: Scanned
    read: FileDataset
    made: Dataset
    syntax: UID | None
    known: list[str]
    sop_instance_uid: str | None
    is_directory: bool


def planned(scanned: Scanned, request: Request, options: Options, capabilities: Capabilities) -> Plan:
    """Edit a file that was scanned, and decide how it is written, or refuse it.

    Parameters
    ----------
    scanned : Scanned
        The file.
    request : Request
        What the caller wants of it.
    options : Options
        What the caller asked for.
    capabilities : Capabilities
        What the target can do.

    Raises
    ------
    PlanError, EncodeError, SourceError
        See `rewrite`.
    """
    return plan_of(edited_file(scanned, request), request, options, capabilities)


def edited_file(scanned: Scanned, request: Request) -> Edited:
    """Read a file that was scanned as a dataset, and edit it; see `planned`."""
    with _read_by_pydicom(scanned.name):
        read = dataset_of(scanned)
        old_syntax = own_syntax(read, read.file_meta)
        is_directory = _is_directory(read)
    warn_of_missing_pixels(elements_of(read), scanned.name)
    if is_directory and request.edit is not None:
        raise _moves_records()
    known = [keyword for keyword in FOLLOWING.values() if keyword in read]
    with _read_by_pydicom(scanned.name):
        read_uid = read.get("SOPInstanceUID", None)
    return Edited(scanned, read, edited(read, request.edit), old_syntax, known, read_uid, is_directory)


def plan_of(source: Edited, request: Request, options: Options, capabilities: Capabilities) -> Plan:
    """Decide how a file that was edited is written, as often as is wanted; see `planned`."""
    old_syntax, transfer_syntax = source.syntax, request.transfer_syntax
    if source.is_directory:
        if transfer_syntax is not None and syntax_named(transfer_syntax) != old_syntax:
            raise _moves_records()
        with _read_by_pydicom(source.scanned.name):
            uncoded_options = uncoded(options, request, has_frames=False)
            return _plan_directory(source.read, source.scanned.size, uncoded_options, capabilities)
    dataset = view_of(source.made)
    if source.made is not source.read:
        _complete(dataset, source.read)
    with _read_by_pydicom(source.scanned.name):
        syntax = _target_syntax(dataset, old_syntax, transfer_syntax)
        if old_syntax is not None and is_transcoded(dataset, old_syntax, syntax):
            new_uid = request.new_uid if source.sop_instance_uid == value_of(dataset, "SOPInstanceUID") else None
            options = transcoded_file(dataset, old_syntax, syntax, options, new_uid=new_uid)
        else:
            options = uncoded(options, request, has_frames=PIXEL_DATA in elements_of(dataset))
        refuse_compression(_untouched_pixel_data(dataset), old_syntax, syntax, "convert them in edit")
        refuse_nested_pixels(dataset, old_syntax, syntax, edited=True)
        dataset.file_meta = rewritten_file_meta(dataset, syntax, source.known)
        dataset.preamble = rewritten_preamble(dataset)
        plan = _plan(dataset, options, capabilities)
    if syntax != old_syntax or request.edit is not None:
        warn_of_signature(elements_of(dataset))
    return plan


def uncoded(options: Options, request: Request, *, has_frames: bool) -> Options:
    """Return the options for a file of which no frame is coded.

    Where a transfer syntax is asked for, what is said about coding may be for other files: `codec_workers` for those
    that are not in it already, and `codec_options` for those that have frames.

    Raises
    ------
    PlanError
        If something is said about frames that are coded, and it can be for no file.
    """
    if request.transfer_syntax is None or has_frames:
        names = ("codec_options",) if request.transfer_syntax else ("codec_options", "codec_workers")
        refuse_in_vain(options, names, "is about frames that are coded, and none are")
    elif options.codec_options:
        checked_options(syntax_named(request.transfer_syntax), options.codec_options)
    if options.codec_workers is None and not options.codec_options:
        return options
    return replace(options, codec_workers=None, codec_options={})


def refuse_for_passing(options: Options, request: Request, *, has_frames: bool) -> None:
    """Refuse what is said about frames that are coded, of a file that is passed on as it stands.

    Raises
    ------
    PlanError
        See `uncoded`.
    """
    left = uncoded(options, request, has_frames=has_frames)
    refuse_in_vain(left, ("offset_table",), "is about frames that are coded, and none are")


@contextmanager
def _read_by_pydicom(name: str) -> Iterator[None]:
    """Say in our own words what pydicom says of an element that it cannot read: it may quote a value."""
    with discreet(f"an element of {name} that decides how it is written"):
        try:
            yield
        except (StreamdcmError, Warning, MemoryError):
            raise
        except RecursionError:
            raise RecursiveDatasetError(f"{name} has a sequence that is nested too deeply; take it out") from None
        except Exception as error:
            raise SourceError(
                f"an element of {name} that decides how it is written cannot be read ({type(error).__name__}): the "
                "transfer syntax, the SOP class or instance, or the character set; correct it"
            ) from None


def _complete(view: Dataset, read: FileDataset) -> None:
    """Let a dataset that an edit made have what it does not say itself from the one that was read."""
    if getattr(view, "file_meta", None) is None:
        view.file_meta = read.file_meta
    if None in encoding_as_read(view):
        implicit_vr, little_endian = encoding_as_read(read)
        view.set_original_encoding(implicit_vr, little_endian, read.original_character_set)


def _plan(dataset: Dataset, options: Options, capabilities: Capabilities) -> Plan:
    copy_deferred(dataset)
    return plan_file(dataset, options, capabilities, converts_file=True)


def _plan_directory(directory: Dataset, size: int, options: Options, capabilities: Capabilities) -> Plan:
    """Plan a DICOMDIR as it is: with its own File Meta Information, and only if nothing moves."""
    plan = _plan(directory, options, capabilities)
    if plan.size() != size:
        raise _moves_records()
    return plan


def _target_syntax(dataset: Dataset, old: UID | None, asked: str | None) -> UID:
    if asked is not None:
        return syntax_named(asked)
    syntax: UID | None = value_of(copy_of_file_meta(dataset), "TransferSyntaxUID") or old
    if syntax is None:
        raise PlanError("nothing says how the pixel data are compressed; give the transfer_syntax that they are in")
    return syntax


def _untouched_pixel_data(dataset: Dataset) -> list[DeferredElement]:
    elements = map(elements_of(dataset).get, PIXEL_TAGS)
    return [element for element in elements if isinstance(element, DeferredElement) and element.is_deferred]


def _is_directory(dataset: Dataset) -> bool:
    meta = dataset.file_meta
    sop_class = value_of(meta, "MediaStorageSOPClassUID")
    return "DirectoryRecordSequence" in dataset or sop_class == MediaStorageDirectoryStorage


def _moves_records() -> LayoutError:
    return LayoutError(
        "a DICOMDIR's offsets count bytes from the start of the file, and this would move what they point at; copy the "
        "file as it is, or build a new one with pydicom.fileset"
    )
