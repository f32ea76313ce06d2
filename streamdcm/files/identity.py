"""What a file is, read from its start alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydicom.config import IGNORE
from pydicom.uid import UID

from streamdcm.cleanup import afterwards
from streamdcm.encode.tags import (
    MEDIA_STORAGE_SOP_CLASS_UID,
    MEDIA_STORAGE_SOP_INSTANCE_UID,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
)
from streamdcm.engine.progress import Progress
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import SourceError
from streamdcm.files.access import Access, InflatedAccess, accessed, performed
from streamdcm.files.forward import Incoming
from streamdcm.files.inputs import Input, incoming
from streamdcm.files.remote import opened_input
from streamdcm.files.scan import Scanner
from streamdcm.files.scan_head import Head, encoding_of_dataset, scan_head
from streamdcm.files.scan_words import BLOCK, Ask, Large, Row, Run, Scan, Where
from streamdcm.files.tape import Tape, inflated_pieces, pieces_of
from streamdcm.instructions import Encoder
from streamdcm.write.answers import Sources, answered

_NOTHING: Final[Mapping[str, Any]] = {}
_WANTED: Final = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID})
_META: Final = {MEDIA_STORAGE_SOP_CLASS_UID: SOP_CLASS_UID, MEDIA_STORAGE_SOP_INSTANCE_UID: SOP_INSTANCE_UID}


@dataclass(frozen=True, slots=True)
class Header:
    """What a DICOM file is; a UID that it does not have is `None`.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid : UID or None
        The instance, as the dataset says or, where it does not, the File Meta Information.
    study_instance_uid, series_instance_uid : UID or None
        What it belongs to.
    transfer_syntax_uid : UID or None
        The transfer syntax that the File Meta Information states.
    dataset_offset : int
        Where the dataset begins: behind preamble and File Meta Information (PS3.10 §7).

    Examples
    --------
    >>> streamdcm.read_header("slice.dcm").dataset_offset > 132
    True
    """

    sop_class_uid: UID | None
    sop_instance_uid: UID | None
    study_instance_uid: UID | None
    series_instance_uid: UID | None
    transfer_syntax_uid: UID | None
    dataset_offset: int


def read_header(
    source: Input,
    /,
    *,
    force: bool = False,
    storage_options: Mapping[str, Any] = _NOTHING,
    client: Any = None,
) -> Header:
    """Read what a DICOM file is: from its start, until (0020,000E) has been passed, without bulk values.

    Parameters
    ----------
    source : path, URL, binary file object, socket, HTTP response or iterable of bytes
        The file; see `rewrite`. An object that can seek stays open with its position restored; of one that only goes
        forwards, what was read is gone.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    storage_options : mapping, optional
        For URLs: keyword arguments for the library that talks to the service.
    client : object, optional
        For URLs: a client of that library, in place of `storage_options`; it stays open.

    Returns
    -------
    Header
        Its UIDs, its transfer syntax, and the offset of its dataset.

    Raises
    ------
    NotDicomError
        If the source lacks the prefix ``DICM``.
    SourceError
        If it is damaged, or ends before (0020,000E) could have come.
    OSError
        If it cannot be opened.

    Examples
    --------
    >>> streamdcm.read_header("slice.dcm").transfer_syntax_uid
    '1.2.840.10008.1.2.1'
    """
    with opened_input(source, StorageSettings(storage_options=storage_options, client=client)) as file:
        comes = incoming(file)
        if comes is None:
            with accessed(file) as access:
                return _header_of(access, force)
        if comes.stream.stream.is_async:
            raise TypeError("the source is asynchronous; use read_header_async")
        sources = Sources(BLOCK, Progress(None))
        with afterwards(sources.close):
            return _run(answered(header_forward(comes, force=force), sources))


def _run(encoder: Iterator[Any]) -> Header:
    try:
        while True:
            next(encoder)
    except StopIteration as stop:
        header: Header = stop.value
        return header


def _header_of(access: Access, force: bool) -> Header:
    where = Where(access.name, access.size)
    head = performed(scan_head(where, force=force), access)
    at = head.at
    if head.deflated:
        access, where, at = InflatedAccess(access, head.at), Where(access.name), 0
    return performed(_scan_header(where, head, at), access)


def header_forward(source: Incoming, *, force: bool) -> Encoder[Header]:
    """Read what a file is that only goes forwards; it yields needs alone."""
    where = Where(source.name, source.size)
    tape = Tape(pieces_of(source.stream, source.name), where)
    head = yield from tape.answer(scan_head(where, force=force))
    at = head.at
    if head.deflated:
        yield from tape.drop(head.at)
        tape, where, at = Tape(inflated_pieces(tape, source.name), Where(source.name)), Where(source.name), 0
    return (yield from tape.answer(_scan_header(where, head, at)))


def _scan_header(where: Where, head: Head, at: int) -> Scan[Header]:
    """Scan a dataset until the tags are passed that are wanted."""
    uids = {_META[row[0]]: _uid(head.meta, row) for row in head.meta.rows if row[0] in _META}
    data, base = (head.data, head.base) if _has_dataset(head) else ((yield Ask(at, BLOCK)), at)
    scanner = Scanner(where, encoding_of_dataset(head.syntax, data[at - base : at - base + 8]), at, data, base)
    while (large := (yield from _until_passed(scanner))) is not None:
        scanner.pass_over(large)
    for run in scanner.runs:
        uids.update({row[0]: _uid(run, row) for row in run.rows if row[0] in _WANTED})
    return Header(
        uids.get(SOP_CLASS_UID),
        uids.get(SOP_INSTANCE_UID),
        uids.get(STUDY_INSTANCE_UID),
        uids.get(SERIES_INSTANCE_UID),
        head.syntax,
        head.at,
    )


def _has_dataset(head: Head) -> bool:
    """Tell whether bytes of the dataset are at hand, and not deflated."""
    return not head.deflated and head.base + len(head.data) >= head.at + 8


def _until_passed(scanner: Scanner) -> Scan[Large | None]:
    """Scan to the next large element, but ask for nothing more when what is wanted has been passed."""
    scan = scanner.scan()
    data: bytes | None = None
    try:
        while True:
            ask = scan.send(data)  # type: ignore[arg-type]
            if _is_passed(scanner):
                scan.close()
                return None
            data = yield ask
    except StopIteration as stop:
        large: Large | None = stop.value
        return None if _is_passed(scanner) else large
    except SourceError:
        if _is_passed(scanner):  # what is behind does not matter here
            return None
        raise


def _is_passed(scanner: Scanner) -> bool:
    return any(run.rows and run.rows[-1][0] > SERIES_INSTANCE_UID for run in scanner.runs)


def _uid(run: Run, row: Row) -> UID | None:
    text = run.data[row[3] : row[4]].decode("latin-1").rstrip("\0 ")
    return UID(text, validation_mode=IGNORE) if text else None
