"""What is sent: files and datasets, as what they are and as chunks."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any, Final

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from streamdcm import system
from streamdcm.cleanup import nothing, take_all
from streamdcm.encode.transfer_syntaxes import transfer_syntax as row_of
from streamdcm.errors import PlanError, SourceError
from streamdcm.errors.telling import silenced
from streamdcm.files.access import accessed
from streamdcm.files.identity import read_header
from streamdcm.files.plan_rewrite import Request
from streamdcm.files.rewrite import Prepared, prepare_rewrite
from streamdcm.files.scan_head import encoding_of_dataset
from streamdcm.files.scanned import check_whole
from streamdcm.network.results import Path
from streamdcm.options import Options, check_options
from streamdcm.plan.capabilities import Capabilities, Framing
from streamdcm.plan.syntaxes import syntax_named
from streamdcm.sinks import printable
from streamdcm.write.chunks import Chunks

CHUNK: Final = 1024 * 1024
_LONGEST_UID: Final = 64
_UID: Final = frozenset("0123456789.")


class Body:
    """An instance as chunks, from its beginning.

    Parameters
    ----------
    chunks : iterator of bytes
        Its chunks.
    files : ExitStack, optional
        What was opened for it.
    """

    def __init__(self, chunks: Iterator[bytes], files: ExitStack | None = None) -> None:
        self._chunks = chunks
        self._files = files or ExitStack()

    def next_chunk(self) -> bytes | None:
        """Return the next chunk, or `None` at the end."""
        return next(self._chunks, None)

    def batch(self) -> list[bytes]:
        """Return chunks of about a MiB together; none at the end."""
        chunks: list[bytes] = []
        size = 0
        while size < CHUNK and (chunk := self.next_chunk()) is not None:
            chunks.append(chunk)
            size += len(chunk)
        return chunks

    def close(self) -> None:
        """Close what is read."""
        take_all(getattr(self._chunks, "close", nothing), self._files.close)


class Item(ABC):
    """An instance that can be sent.

    Attributes
    ----------
    sop_class_uid, sop_instance_uid : str
        Which it is, as the dataset says.
    study_instance_uid : str or None
        The study that it belongs to.
    transfer_syntax : str
        The UID of the transfer syntax that it is in.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str | None
    transfer_syntax: str
    can_restart: bool = True
    """Whether it can be sent from its beginning, now."""

    @property
    def is_compressed(self) -> bool:
        """Whether its pixel data are encapsulated, so that it can be sent in its own transfer syntax alone."""
        return row_of(self.transfer_syntax).encapsulated

    @abstractmethod
    def open(self, syntax: str, framing: Framing) -> Body:
        """Begin to encode it in a transfer syntax, as a file or as a dataset alone."""

    @abstractmethod
    def size(self, syntax: str, framing: Framing) -> int | None:
        """Return how many bytes that gives; `None` where only encoding tells."""

    def async_chunks(self, syntax: str, framing: Framing) -> AsyncIterator[bytes] | None:
        """Return the same for an event loop; `None` for what a thread has to encode."""
        return None

    def close(self) -> None:  # noqa: B027
        """Let go of what was given for it."""

    def close_async(self) -> Any:
        """Return what is closed on an event loop, if there is anything."""
        return None


class FileItem(Item):
    """A file, which is opened for each attempt.

    Parameters
    ----------
    path : path
        The file.
    """

    def __init__(self, path: Path) -> None:
        name = printable(os.fsdecode(path))
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise PlanError(f"{name} is no regular file, of which any part can be read again; copy it into one")
        with open(path, "rb", buffering=0) as file:
            header = read_header(file)
            first = system.pread(file.fileno(), 8, header.dataset_offset)
            self._size = os.fstat(file.fileno()).st_size
            with accessed(file) as access:
                check_whole(access)
        self._path = path
        self._offset = header.dataset_offset
        self.sop_class_uid = checked_uid(header.sop_class_uid, f"{name}: the SOP Class UID (0008,0016)")
        self.sop_instance_uid = checked_uid(header.sop_instance_uid, f"{name}: the SOP Instance UID (0008,0018)")
        self.study_instance_uid = header.study_instance_uid
        self.transfer_syntax = checked_uid(header.transfer_syntax_uid, f"{name}: the Transfer Syntax UID (0002,0010)")
        self._is_sound = self._has_stated_encoding(first)

    def open(self, syntax: str, framing: Framing) -> Body:
        """Begin to give its own bytes, or to write it anew."""
        if self._goes_as_it_is(syntax, framing):
            with ExitStack() as files:
                file = files.enter_context(open(self._path, "rb", buffering=0))
                return Body(self._own_bytes(file, self._offset if framing == "dataset" else 0), files.pop_all())
        files, prepared, options = self._rewritten(syntax, framing)
        return Body(Chunks(prepared.encoder, options, None), files)

    def size(self, syntax: str, framing: Framing) -> int | None:
        """Return how many bytes it has, as it is or written anew."""
        if self._goes_as_it_is(syntax, framing):
            return self._size - (self._offset if framing == "dataset" else 0)
        files, prepared, _ = self._rewritten(syntax, framing)
        with files, silenced():
            return prepared.size()

    def _goes_as_it_is(self, syntax: str, framing: Framing) -> bool:
        return self._is_sound and syntax == self.transfer_syntax

    def _has_stated_encoding(self, first: bytes) -> bool:
        """Whether the dataset is laid out as its transfer syntax says, as far as its first element shows."""
        row = row_of(self.transfer_syntax)
        if row.deflated:
            return True
        if (self._size - self._offset) % 2:
            return False
        with silenced():
            found = encoding_of_dataset(syntax_named(self.transfer_syntax), first)
        return not row.uid or (found.implicit_vr, found.little_endian) == (row.implicit_vr, row.little_endian)

    def _own_bytes(self, file: Any, at: int) -> Iterator[bytes]:
        file.seek(at)
        left = self._size - at
        while left:
            chunk = file.read(min(CHUNK, left))
            if not chunk:
                raise SourceError(f"{printable(os.fsdecode(self._path))} is shorter than when it was looked at")
            left -= len(chunk)
            yield chunk

    def _rewritten(self, syntax: str, framing: Framing) -> tuple[ExitStack, Prepared, Options]:
        options = check_options({"enforce_file_format": framing == "file"}, "rewrite_chunks")
        capabilities = Capabilities(patchable=False, framing=framing)
        with ExitStack() as files:
            file = files.enter_context(open(self._path, "rb"))
            prepared = prepare_rewrite(file, Request(transfer_syntax=syntax), options, capabilities)
            return files.pop_all(), prepared, options


def uncompressed_alternatives(item: Item) -> tuple[str, ...]:
    """Return the transfer syntaxes that an instance may be sent in, the best first (PS3.5 §10.1)."""
    if item.is_compressed:
        return (item.transfer_syntax,)
    return tuple(dict.fromkeys((item.transfer_syntax, str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))))


def checked_uid(uid: Any, name: str) -> str:
    """Refuse a text that is not a UID (PS3.5 §9.1), without quoting it."""
    text = "" if uid is None else str(uid)
    if not 0 < len(text) <= _LONGEST_UID or not _UID.issuperset(text):
        raise PlanError(f"{name} is {'not valid' if text else 'missing'}; set it before sending")
    return text
