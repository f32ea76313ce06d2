"""The streaming DICOM writer for Python."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamdcm import errors, instructions, stages
    from streamdcm.aio import (
        AsyncDicomReader,
        AsyncFrameWriter,
        append_async,
        dcmwrite_async,
        encoded_size_async,
        encoder_chunks_async,
        iter_chunks_async,
        open_chunks_async,
        open_reader_async,
        open_writer_async,
        read_header_async,
        recover_async,
        rewrite_async,
        rewrite_chunks_async,
        write_encoder_async,
    )
    from streamdcm.engine.progress import ProgressEvent
    from streamdcm.engine.result import Checksum, WriteResult
    from streamdcm.errors import StreamdcmError
    from streamdcm.files.append import append
    from streamdcm.files.chunks import rewrite_chunks
    from streamdcm.files.identity import Header, read_header
    from streamdcm.files.inputs import spooled_source
    from streamdcm.files.recover import recover
    from streamdcm.files.rewrite import rewrite
    from streamdcm.files.writer import open_writer
    from streamdcm.instructions import END, Copy, Encoder, Fill, Need, Reserve, through
    from streamdcm.options import (
        AsyncTargetOptions,
        AsyncWriteOptions,
        RewriteChunksOptions,
        RewriteOptions,
        TargetOptions,
        WriteOptions,
    )
    from streamdcm.pixels.codecs.table import codecs
    from streamdcm.sinks import spooled
    from streamdcm.sources import ByteStream
    from streamdcm.write.functions import (
        dcmwrite,
        encoded_size,
        encoder,
        encoder_chunks,
        iter_chunks,
        open_chunks,
        write_encoder,
    )
    from streamdcm.write.reader import DicomReader, open_reader
    from streamdcm.write.writer import FrameWriter

__version__ = "0.1.0"

__all__ = [
    "END",
    "AsyncDicomReader",
    "AsyncFrameWriter",
    "AsyncTargetOptions",
    "AsyncWriteOptions",
    "ByteStream",
    "Checksum",
    "Copy",
    "DicomReader",
    "Encoder",
    "Fill",
    "FrameWriter",
    "Header",
    "Need",
    "ProgressEvent",
    "Reserve",
    "RewriteChunksOptions",
    "RewriteOptions",
    "StreamdcmError",
    "TargetOptions",
    "WriteOptions",
    "WriteResult",
    "append",
    "append_async",
    "codecs",
    "dcmwrite",
    "dcmwrite_async",
    "encoded_size",
    "encoded_size_async",
    "encoder",
    "encoder_chunks",
    "encoder_chunks_async",
    "errors",
    "instructions",
    "iter_chunks",
    "iter_chunks_async",
    "open_chunks",
    "open_chunks_async",
    "open_reader",
    "open_reader_async",
    "open_writer",
    "open_writer_async",
    "read_header",
    "read_header_async",
    "recover",
    "recover_async",
    "rewrite",
    "rewrite_async",
    "rewrite_chunks",
    "rewrite_chunks_async",
    "spooled",
    "spooled_source",
    "stages",
    "through",
    "write_encoder",
    "write_encoder_async",
]

# Nothing is imported before it is used: pydicom alone takes longer than many a program that only may write a file.
_MODULES = {
    "streamdcm.aio": (
        "AsyncDicomReader",
        "AsyncFrameWriter",
        "append_async",
        "dcmwrite_async",
        "encoded_size_async",
        "encoder_chunks_async",
        "iter_chunks_async",
        "open_chunks_async",
        "open_reader_async",
        "open_writer_async",
        "read_header_async",
        "recover_async",
        "rewrite_async",
        "rewrite_chunks_async",
        "write_encoder_async",
    ),
    "streamdcm.engine.progress": ("ProgressEvent",),
    "streamdcm.engine.result": (
        "Checksum",
        "WriteResult",
    ),
    "streamdcm.errors": ("StreamdcmError",),
    "streamdcm.files.append": ("append",),
    "streamdcm.files.chunks": ("rewrite_chunks",),
    "streamdcm.files.identity": (
        "Header",
        "read_header",
    ),
    "streamdcm.files.inputs": ("spooled_source",),
    "streamdcm.files.recover": ("recover",),
    "streamdcm.files.rewrite": ("rewrite",),
    "streamdcm.files.writer": ("open_writer",),
    "streamdcm.instructions": (
        "END",
        "Copy",
        "Encoder",
        "Fill",
        "Need",
        "Reserve",
        "through",
    ),
    "streamdcm.options": (
        "AsyncTargetOptions",
        "AsyncWriteOptions",
        "RewriteChunksOptions",
        "RewriteOptions",
        "TargetOptions",
        "WriteOptions",
    ),
    "streamdcm.pixels.codecs.table": ("codecs",),
    "streamdcm.sinks": ("spooled",),
    "streamdcm.sources": ("ByteStream",),
    "streamdcm.write.functions": (
        "dcmwrite",
        "encoded_size",
        "encoder",
        "encoder_chunks",
        "iter_chunks",
        "open_chunks",
        "write_encoder",
    ),
    "streamdcm.write.reader": (
        "DicomReader",
        "open_reader",
    ),
    "streamdcm.write.writer": ("FrameWriter",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
_SUBMODULES = frozenset(
    {"aio", "dicomweb", "dimse", "errors", "instructions", "network", "options", "sinks", "sources", "stages"}
)


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        value = getattr(import_module(_PLACES[name]), name)
    elif name in _SUBMODULES:
        value = import_module(f"streamdcm.{name}")
    else:
        raise AttributeError(f"module 'streamdcm' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
