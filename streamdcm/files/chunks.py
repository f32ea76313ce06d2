"""A file written anew as chunks of bytes, for the bodies of HTTP requests and responses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self, Unpack

from streamdcm.cleanup import CLOSING, afterwards, noted, on_error
from streamdcm.files.edits import Edit
from streamdcm.files.inputs import Input
from streamdcm.files.plan_rewrite import Request
from streamdcm.files.remote import opened_input, source_storage
from streamdcm.files.rewrite import prepare_rewrite
from streamdcm.instructions import Encoder
from streamdcm.options import Options, RewriteChunksOptions, check_options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.write.chunks import Chunks


class RewrittenChunks(Iterator[bytes]):
    """The chunks of a file that is written anew.

    Leaving it before its end, close it: that closes what was opened to read the file.

    Attributes
    ----------
    content_length : int or None
        The number of bytes of all chunks, for a Content-Length; `None` where only the end tells: for a source that only
        goes forwards, and a deflated transfer syntax.
    """

    def __init__(self, encoded: Iterator[bytes], content_length: int | None, files: ExitStack) -> None:
        self.content_length = content_length
        self._encoded = encoded
        self._files = files

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        with on_error(self.close):
            return next(self._encoded)

    def close(self) -> None:
        """Close what is read."""
        with afterwards(self._files.close):
            self._encoded.close()  # type: ignore[attr-defined]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with noted(error, CLOSING):
            self.close()


def rewrite_chunks(
    source: Input,
    /,
    *,
    edit: Edit | None = None,
    transfer_syntax: str | None = None,
    force: bool = False,
    **kwargs: Unpack[RewriteChunksOptions],
) -> RewrittenChunks:
    """Write a DICOM file anew, as `rewrite` does, and give it as chunks of bytes.

    A source that can seek is read, edited and checked at once; one that only goes forwards, as chunks are asked for.

    Parameters
    ----------
    source : path, URL, binary file object, socket, HTTP response or iterable of bytes
        The file to read; see `rewrite`.
    edit, transfer_syntax, force
        See `rewrite`.
    **kwargs
        All are in `RewriteChunksOptions`. Those that are used most, each with its default:

        - `enforce_file_format` (False): complete the preamble and the File Meta Information (PS3.10 §7.1), or fail.
        - `sequence_lengths` ("preserve"): ``"defined"`` or ``"undefined"`` for all sequences and items (PS3.5 §7.5).
        - `offset_table` ("auto"): ``"basic"``, ``"extended"`` or ``"empty"``, for compressed frames (PS3.5 §A.4).
        - `codec_workers` (None): how many frames are coded at a time; by default one for each core, at most 8.
        - `codec_options` (nothing): what is said to the codec, such as ``{"near": 3}``; see `codecs`.
        - `chunk_size` (1 MiB): the most bytes that are read or written at a time.
        - `hold_limit` (64 MiB): bytes kept in memory behind a value that is known late, where the target cannot seek.
        - `spool` ("auto"): what becomes of more: a temporary file, perhaps in this directory; ``"never"``: an error.
        - `progress` (None): called with a `ProgressEvent` after about every chunk.
        - `source_options` (nothing): for a source that is a URL: arguments for the library that reads it.

    Returns
    -------
    RewrittenChunks
        An iterator of chunks of at most `chunk_size` bytes, whose `content_length` is their sum where it is known.

    Raises
    ------
    NotDicomError, PlanError, LayoutError, EncodeError, OSError
        As `rewrite` does.

    Examples
    --------
    >>> with streamdcm.rewrite_chunks("slice.dcm", edit={"PatientName": "Doe^Jane"}) as chunks:
    ...     size = sum(map(len, chunks))
    >>> size == chunks.content_length
    True
    """
    return rewrite_chunks_as(source, Request(edit, transfer_syntax, force), kwargs)


def rewrite_chunks_as(source: Input, request: Request, given: Mapping[str, Any]) -> RewrittenChunks:
    """Give a DICOM file written anew as chunks, as `rewrite_chunks` does with options that were given."""
    options = check_options(dict(given), "rewrite_chunks")
    with ExitStack() as files:
        encoder, size = opened_chunks(source, request, options, files)
        return RewrittenChunks(Chunks(encoder, options, size), size, files.pop_all())


def opened_chunks(
    source: Any, request: Request, options: Options, files: ExitStack, *, on_loop: bool = False
) -> tuple[Encoder[object], int | None]:
    """Open a source, which stays open as long as `files`, and prepare its chunks; see `rewrite_chunks`.

    Returns
    -------
    Encoder
        What is to be written.
    int or None
        How many bytes that is, if it is known.
    """
    file = files.enter_context(opened_input(source, source_storage(source, None, options)))
    prepared = prepare_rewrite(file, request, options, Capabilities(patchable=False), on_loop=on_loop)
    return prepared.encoder, prepared.size()
