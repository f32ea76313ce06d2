"""The asynchronous driver, and the functions on it."""

from streamdcm.aio.append import append_async
from streamdcm.aio.capture import open_writer_async, recover_async
from streamdcm.aio.functions import (
    dcmwrite_async,
    encoded_size_async,
    encoder_chunks_async,
    iter_chunks_async,
    open_chunks_async,
    write_encoder_async,
)
from streamdcm.aio.reader import AsyncDicomReader, open_reader_async
from streamdcm.aio.rewrite import read_header_async, rewrite_async, rewrite_chunks_async
from streamdcm.aio.writer import AsyncFrameWriter

__all__ = [
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
]
