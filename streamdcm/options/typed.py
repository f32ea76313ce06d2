"""The options of each function to type checkers: a TypedDict for each, of the groups that it takes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Iterable

from streamdcm.options.groups import (
    ChecksumAlgorithm,
    CodecOptions,
    ConversionOptions,
    EncodingOptions,
    FrameOptions,
    IndexOptions,
    LayoutOptions,
    PlaceOptions,
    PushOptions,
    ReadingOptions,
    SourceOptions,
    SplitOptions,
    StreamOptions,
    SyntaxOptions,
    TableOptions,
)
from streamdcm.sources import ByteStream, Frame, StoredArray


class WriteOptions(PushOptions, total=False):
    """Keyword arguments of functions that are given a dataset.

    See `EncodingOptions`, `FrameOptions`, `CodecOptions` and `StreamOptions`.

    Attributes
    ----------
    frames : iterable of array or bytes-like, optional
        The frames of the pixel data, asked for one by one; what the dataset has of them is left out.

    Examples
    --------
    >>> options: streamdcm.WriteOptions = {"chunk_size": "512 KiB", "sequence_lengths": "defined"}
    >>> chunks = list(streamdcm.iter_chunks(ds, **options))
    """

    frames: Iterable[Frame] | StoredArray | ByteStream | None


class ChunkOptions(WriteOptions, ConversionOptions, total=False):
    """Keyword arguments of `iter_chunks`: see `WriteOptions` and `ConversionOptions`."""


class EncodeOptions(EncodingOptions, FrameOptions, CodecOptions, ReadingOptions, ConversionOptions, total=False):
    """Keyword arguments of `encoder`, `encoded_size`, `encoded_size_async`: those of `ChunkOptions` but `progress`.

    Attributes
    ----------
    frames : iterable or async iterable of array or bytes-like, optional
        The frames of the pixel data; whoever runs the encoder asks for them one by one.
    """

    frames: Iterable[Frame] | AsyncIterable[Frame | Awaitable[Frame]] | StoredArray | ByteStream | None


class TargetOptions(WriteOptions, SyntaxOptions, IndexOptions, PlaceOptions, SplitOptions, total=False):
    """Keyword arguments of functions like `dcmwrite`: see `WriteOptions`, `PlaceOptions` and `SplitOptions`.

    Examples
    --------
    >>> options: streamdcm.TargetOptions = {"overwrite": False, "durable": True}
    >>> result = streamdcm.dcmwrite("new.dcm", ds, **options)
    """


class DropInOptions(TargetOptions, total=False):
    """Keyword arguments of `dcmwrite`: those of `TargetOptions`, and one of pydicom's that is deprecated.

    Attributes
    ----------
    write_like_original : bool
        Deprecated, as in pydicom: the opposite of `enforce_file_format`.
    """

    write_like_original: bool


class DivideOptions(PushOptions, SyntaxOptions, IndexOptions, PlaceOptions, SplitOptions, total=False):
    """Keyword arguments of what gives frames to several instances: those of `TargetOptions` but `frames`."""


class WriterOptions(DivideOptions, total=False):
    """Keyword arguments of `open_writer`: those of `TargetOptions` but `frames`, which it is given one by one.

    Attributes
    ----------
    append : bool
        Whether the frames follow those of the file that is the target, as with `append`.
    """

    append: bool


class CaptureOptions(WriterOptions, total=False):
    """Keyword arguments of `open_writer`: those of `WriterOptions`, and more.

    Attributes
    ----------
    recover : bool
        Whether what was captured can be had after the process or the machine has died; see `recover`.
    sync_every : int or float
        With ``recover=True``: after how many frames (an int) or seconds (a float) all has to reach the disk.
    """

    recover: bool
    sync_every: int | float


class AppendOptions(TableOptions, CodecOptions, StreamOptions, total=False):
    """Keyword arguments of `append` and its ``_async`` counterpart: see `CodecOptions` and `StreamOptions`, and more.

    Attributes
    ----------
    check_frames : bool
        Whether a compressed frame that does not begin as the transfer syntax has it is refused.
    durable : bool
        Whether the file is on the disk, and not only in its cache, when the function returns.
    checksum : {"sha256"}, optional
        The digest of what was written that the result is to have.
    """

    check_frames: bool
    durable: bool
    checksum: ChecksumAlgorithm | None


class RecoverOptions(TableOptions, StreamOptions, PlaceOptions, total=False):
    """Keyword arguments of `recover`: see `StreamOptions` and `PlaceOptions`."""


class EncoderTargetOptions(StreamOptions, PlaceOptions, total=False):
    """Keyword arguments of `write_encoder` and its ``_async`` counterpart: see `StreamOptions` and `PlaceOptions`."""


class RewriteChunksOptions(LayoutOptions, TableOptions, CodecOptions, StreamOptions, SourceOptions, total=False):
    """Keyword arguments of `rewrite_chunks` and its ``_async`` counterpart.

    See `LayoutOptions`, `TableOptions`, `CodecOptions`, `StreamOptions` and `SourceOptions`.

    Examples
    --------
    >>> options: streamdcm.RewriteChunksOptions = {"chunk_size": "64 KiB"}
    >>> with streamdcm.rewrite_chunks("slice.dcm", **options) as chunks:
    ...     size = sum(map(len, chunks))
    """


class RewriteOptions(RewriteChunksOptions, PlaceOptions, total=False):
    """Keyword arguments of `rewrite` and `rewrite_async`: those of `RewriteChunksOptions`, and `PlaceOptions`.

    Examples
    --------
    >>> options: streamdcm.RewriteOptions = {"group_lengths": "omit", "overwrite": False}
    >>> result = streamdcm.rewrite("slice.dcm", "new.dcm", **options)
    """


class AsyncWriteOptions(PushOptions, total=False):
    """Keyword arguments of asynchronous functions that are given a dataset: those of `WriteOptions`, and one more.

    Attributes
    ----------
    frames : iterable or async iterable of array or bytes-like, optional
        The frames of the pixel data, asked for one by one; what the dataset has of them is left out. A synchronous
        iterable is used by one thread from its first frame to its end.
    frames_on_loop : bool
        Whether a synchronous iterable is used by the thread of the event loop instead.

    Examples
    --------
    >>> import asyncio
    >>> options: streamdcm.AsyncWriteOptions = {"chunk_size": "512 KiB"}
    >>> asyncio.run(streamdcm.encoded_size_async(ds, **options)) > 32_000
    True
    """

    frames: Iterable[Frame] | AsyncIterable[Frame | Awaitable[Frame]] | StoredArray | ByteStream | None
    frames_on_loop: bool


class AsyncChunkOptions(AsyncWriteOptions, ConversionOptions, total=False):
    """Keyword arguments of `iter_chunks_async` and `open_chunks_async`: those of `AsyncWriteOptions`, and more."""


class AsyncTargetOptions(AsyncWriteOptions, SyntaxOptions, IndexOptions, PlaceOptions, SplitOptions, total=False):
    """Keyword arguments of `dcmwrite_async`: see `AsyncWriteOptions`, `PlaceOptions` and `SplitOptions`.

    Examples
    --------
    >>> import asyncio
    >>> options: streamdcm.AsyncTargetOptions = {"durable": True}
    >>> asyncio.run(streamdcm.dcmwrite_async("out.dcm", ds, **options)).location
    'out.dcm'
    """
