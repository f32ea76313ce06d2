"""Reading a file but for its bulk values, which stay in it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filereader import read_dataset, read_partial, read_preamble
from pydicom.tag import BaseTag

from streamdcm.encode._pydicom import Element, elements_of
from streamdcm.encode.ambiguous import resolve_vr
from streamdcm.encode.layout import UNDEFINED_LENGTH, Layout
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PIXEL_TAGS
from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.encode.vr import BULK_VRS
from streamdcm.errors import EncapsulationError, PlanError, SourceError, element_name, silenced
from streamdcm.files.deferred import DeferredElement
from streamdcm.files.inflate import Inflated
from streamdcm.instructions import Copy
from streamdcm.plan.syntaxes import encoding_of
from streamdcm.sources import BufferSource, FileSource, restored_position

Source: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes] | BinaryIO

_DEFER_SIZE: Final = 64 * 1024
_HEADER_LENGTH: Final = 12
"""The most bytes before a value that can be its header (PS3.5 §7.1.2)."""

_Range: TypeAlias = Callable[[int, int, str], Copy]
"""From offset, length and label to what describes these bytes of a source."""


class SourceFile(NamedTuple):
    """A file that was read.

    Parameters
    ----------
    dataset : FileDataset
        What is in it, with a `DeferredElement` for each value that stayed in it.
    size : int
        The number of its bytes.
    """

    dataset: FileDataset
    size: int


def read_source(source: Source, *, force: bool) -> SourceFile:
    """Read a file; pixel data, and bytes of more than 64 KiB, become elements whose value stays in it.

    Parameters
    ----------
    source : str, bytes, PathLike or binary file object
        A path; or an object that can be read from its position on and sought in.
    force : bool
        Whether the prefix ``DICM`` may be missing.

    Raises
    ------
    InvalidDicomError
        If the prefix is missing; pydicom's.
    SourceError
        If the file is truncated, or its deflated stream is broken.
    OSError
        If it cannot be read.
    """
    if isinstance(source, (str, bytes, os.PathLike)):
        with io.BufferedReader(io.FileIO(os.path.abspath(os.fsdecode(source)))) as file:
            return _read(file, partial(_range_of_file, file), force)
    if not all(callable(getattr(source, name, None)) for name in ("read", "seek", "tell")):
        raise TypeError(f"the source must be a path or a binary file that can seek, not {type(source).__name__}")
    with restored_position(source):
        return _read(source, partial(_range_of_buffer, source), force)


def _range_of_file(file: Any, offset: int, length: int, label: str) -> Copy:
    status = os.fstat(file.fileno())
    start = max(offset - _HEADER_LENGTH, 0)
    header = os.pread(file.fileno(), offset - start, start)
    return Copy(FileSource(file.name, status.st_mtime, start, header, label), offset, length)


def _range_of_buffer(buffer: Any, offset: int, length: int, label: str) -> Copy:
    return Copy(BufferSource(buffer, label), offset, length)


def _read(file: Any, range_of: _Range, force: bool) -> SourceFile:
    start = file.tell()
    preamble = read_preamble(file, force)
    if preamble is None and start:
        raise PlanError("without the prefix DICM a file is read from its beginning; set its position to 0")
    with silenced():  # it is read again below, unless the dataset is deflated
        meta = read_dataset(file, False, True, stop_when=_is_behind_file_meta)
    if transfer_syntax(meta.get("TransferSyntaxUID", None)).deflated:
        offset = file.tell()
        deflated = range_of(offset, file.seek(0, os.SEEK_END) - offset, "the dataset")
        inflated: Any = Inflated(deflated)
        dataset = read_dataset(inflated, False, True, defer_size=_DEFER_SIZE)
        dataset = FileDataset(io.BytesIO(), dataset, preamble, FileMetaDataset(meta), False, True)
        dataset.set_original_encoding(False, True, dataset.original_character_set)
        _defer(dataset, inflated, partial(_range_of_buffer, inflated))
    else:
        file.seek(start)
        dataset = read_partial(file, defer_size=_DEFER_SIZE, force=force)
        _defer(dataset, file, range_of)
    dataset.buffer = None
    return SourceFile(dataset, file.seek(0, os.SEEK_END) - start)


def _is_behind_file_meta(tag: BaseTag, vr: str | None, length: int) -> bool:
    return tag >> 16 != 0x0002


def _defer(dataset: FileDataset, file: Any, range_of: _Range) -> None:
    """Let bulk values stay in the file, and load other values that pydicom left there."""
    if file.read(1):
        raise SourceError(
            f"the dataset cannot be read beyond byte {file.tell() - 1:,}; the file is damaged or truncated"
        )
    end = file.seek(0, os.SEEK_END)
    implicit_vr, little_endian = dataset.original_encoding
    scope = Scope(dataset, Layout(encoding_of(bool(implicit_vr), bool(little_endian))))
    elements = elements_of(dataset)
    for tag, raw in list(elements.items()):
        if isinstance(raw, RawDataElement) and raw.length and (raw.value is None or tag in PIXEL_TAGS):
            elements[tag] = _deferred(raw, scope, file, end, range_of)


def _deferred(raw: RawDataElement, scope: Scope, file: Any, end: int, range_of: _Range) -> Element:
    undefined = raw.length == UNDEFINED_LENGTH
    length = _length_of_items(raw, scope, file) if undefined else raw.length
    if raw.value_tell + length > end:
        raise SourceError("the file ends before its value does; it is truncated", element_name(raw.tag))
    vr = scope.vr_of(raw) or "UN"
    if vr not in BULK_VRS:
        file.seek(raw.value_tell)
        return raw._replace(value=file.read(length))
    copy = range_of(raw.value_tell, length, element_name(raw.tag))
    element = DeferredElement(raw.tag, vr, copy, undefined)
    return resolve_vr(element, [scope.dataset], raw.is_little_endian) if len(vr) > 2 else element


def _length_of_items(raw: RawDataElement, scope: Scope, file: Any) -> int:
    """Return the length of a value that consists of items, without the delimiter behind it."""
    encoding = scope.layout.encoding
    offset = raw.value_tell
    while True:
        file.seek(offset)
        header = file.read(8)
        if header[:4] != encoding.item:
            break
        offset += 8 + int.from_bytes(header[4:], "little" if encoding.little_endian else "big")
    if header[:4] != encoding.sequence_end[:4]:
        raise EncapsulationError(
            "its length is undefined, and it does not consist of items (PS3.5 §A.4); the file is damaged",
            element_name(raw.tag),
        )
    return offset - raw.value_tell
