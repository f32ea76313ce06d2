"""The streaming DICOM writer for Python."""

from streamdcm import errors, instructions, stages
from streamdcm.aio import (
    AsyncFrameWriter,
    dcmwrite_async,
    encoded_size_async,
    encoder_chunks_async,
    iter_chunks_async,
    open_chunks_async,
    open_writer_async,
    read_header_async,
    rewrite_async,
    rewrite_chunks_async,
    write_encoder_async,
)
from streamdcm.engine.progress import ProgressEvent
from streamdcm.engine.result import Checksum, WriteResult
from streamdcm.errors import StreamdcmError
from streamdcm.files.chunks import rewrite_chunks
from streamdcm.files.identity import Header, read_header
from streamdcm.files.inputs import spooled_source
from streamdcm.files.rewrite import rewrite
from streamdcm.instructions import END, Copy, Encoder, Fill, Need, Reserve, through
from streamdcm.options import (
    AsyncTargetOptions,
    AsyncWriteOptions,
    RewriteChunksOptions,
    RewriteOptions,
    TargetOptions,
    WriteOptions,
)
from streamdcm.sinks import spooled
from streamdcm.sources import ByteStream
from streamdcm.write.functions import dcmwrite, encoded_size, encoder_chunks, iter_chunks, write_encoder
from streamdcm.write.writer import FrameWriter, open_writer

__all__ = [
    "END",
    "AsyncFrameWriter",
    "AsyncTargetOptions",
    "AsyncWriteOptions",
    "ByteStream",
    "Checksum",
    "Copy",
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
    "dcmwrite",
    "dcmwrite_async",
    "encoded_size",
    "encoded_size_async",
    "encoder_chunks",
    "encoder_chunks_async",
    "errors",
    "instructions",
    "iter_chunks",
    "iter_chunks_async",
    "open_chunks_async",
    "open_writer",
    "open_writer_async",
    "read_header",
    "read_header_async",
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
