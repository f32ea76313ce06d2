"""The streaming DICOM writer for Python."""

from streamdcm import errors, instructions, stages
from streamdcm.errors import StreamdcmError
from streamdcm.instructions import END, Copy, Encoder, Fill, Need, Reserve, through
from streamdcm.options import RewriteOptions, TargetOptions, WriteOptions
from streamdcm.progress import ProgressEvent
from streamdcm.result import Checksum, WriteResult
from streamdcm.rewrite import rewrite
from streamdcm.sinks import spooled
from streamdcm.sources import ByteStream
from streamdcm.sync import dcmwrite, encoded_size, encoder_chunks, iter_chunks, write_encoder
from streamdcm.writer import FrameWriter, open_writer

__all__ = [
    "END",
    "ByteStream",
    "Checksum",
    "Copy",
    "Encoder",
    "Fill",
    "FrameWriter",
    "Need",
    "ProgressEvent",
    "Reserve",
    "RewriteOptions",
    "StreamdcmError",
    "TargetOptions",
    "WriteOptions",
    "WriteResult",
    "dcmwrite",
    "encoded_size",
    "encoder_chunks",
    "errors",
    "instructions",
    "iter_chunks",
    "open_writer",
    "rewrite",
    "spooled",
    "stages",
    "through",
    "write_encoder",
]
