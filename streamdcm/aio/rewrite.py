"""Files to files, on an event loop: the twins of `rewrite`, `rewrite_chunks` and `read_header`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, Unpack

from streamdcm.aio.answers import AsyncSources
from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import chunks, write
from streamdcm.aio.threads import to_the_end, worker_thread
from streamdcm.cleanup import CLOSING, afterwards, afterwards_async, noted, on_error, on_error_async
from streamdcm.engine.result import WriteResult
from streamdcm.files.chunks import opened_chunks, rewrite_chunks
from streamdcm.files.edits import Edit
from streamdcm.files.identity import Header, header_forward, read_header
from streamdcm.files.inputs import AsyncInput, incoming
from streamdcm.files.plan_rewrite import Request
from streamdcm.files.rewrite import opened_rewrite, rewrite
from streamdcm.files.scan_words import BLOCK
from streamdcm.instructions import Need
from streamdcm.options import RewriteChunksOptions, RewriteOptions, check_options
from streamdcm.options.twins import twin_of
from streamdcm.sources import is_async

_NOTHING: Final[Mapping[str, Any]] = {}


@twin_of(rewrite)
async def rewrite_async(
    source: AsyncInput,
    target: Any,
    /,
    *,
    edit: Edit | None = None,
    transfer_syntax: str | None = None,
    force: bool = False,
    **kwargs: Unpack[RewriteOptions],
) -> WriteResult:
    """Write a DICOM file anew, edited, or in another uncompressed transfer syntax, as `rewrite` does.

    The source is read, and the edit made, on a thread; an asynchronous source is read on the loop, no further than the
    target takes.

    Parameters
    ----------
    source : path, URL, binary file object, socket, HTTP response, iterable or async iterable of bytes
        The file to read: whatever `rewrite` takes; an async iterable of bytes, such as Starlette's
        ``request.stream()``; a response of httpx or aiohttp; an anyio ``ByteReceiveStream``; or an object whose
        ``read()`` is awaited.
    target : path, stream, file-like or object with write()
        Where to write; see `dcmwrite_async`. It may be the path of the source.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(streamdcm.rewrite_async("slice.dcm", "out.dcm", edit={"PatientName": "Doe^Jane"})).location
    'out.dcm'
    """
    files = ExitStack()
    request = Request(edit, transfer_syntax, force)
    async with delivered(target) as delivery:
        options = check_options(dict(kwargs), "rewrite_async")
        prepare = partial(opened_rewrite, source, target, request, options, files, on_loop=True)
        async with afterwards_async(partial(to_the_end, delivery.worker, files.close)):
            result, _ = await write(prepare, delivery, options, waits=incoming(source) is not None)
    return result


class RewrittenChunksAsync(AsyncIterator[bytes]):
    """The chunks of a file that is written anew, as `rewrite_chunks_async` gives them.

    Leaving it before its end, close it: that closes what was opened to read the file.

    Attributes
    ----------
    content_length : int or None
        The number of bytes of all chunks; `None` where only the end tells (see `RewrittenChunks`).
    """

    def __init__(self, encoded: AsyncGenerator[bytes, None], content_length: int | None, files: ExitStack) -> None:
        self.content_length = content_length
        self._encoded = encoded
        self._files = files

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        with on_error(self._files.close):
            return await anext(self._encoded)

    async def aclose(self) -> None:
        """Close what is read."""
        with afterwards(self._files.close):
            await self._encoded.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with noted(error, CLOSING):
            await self.aclose()


@twin_of(rewrite_chunks)
async def rewrite_chunks_async(
    source: AsyncInput,
    /,
    *,
    edit: Edit | None = None,
    transfer_syntax: str | None = None,
    force: bool = False,
    **kwargs: Unpack[RewriteChunksOptions],
) -> RewrittenChunksAsync:
    """Write a DICOM file anew, as `rewrite_async` does, and give it as chunks of bytes.

    Parameters
    ----------
    source : path, URL, binary file object, socket, HTTP response, iterable or async iterable of bytes
        The file to read; see `rewrite_async`.

    Returns
    -------
    RewrittenChunksAsync
        An async iterator of chunks of at most `chunk_size` bytes, with their sum as `content_length`.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with await streamdcm.rewrite_chunks_async("slice.dcm", edit={"PatientName": "Doe^Jane"}) as chunks:
    ...         return sum([len(chunk) async for chunk in chunks])
    >>> asyncio.run(main()) > 32_768
    True
    """
    options = check_options(dict(kwargs), "rewrite_chunks_async")
    files = ExitStack()
    request = Request(edit, transfer_syntax, force)
    async with worker_thread() as worker, on_error_async(partial(to_the_end, worker, files.close)):
        encoder, size = await worker.run(partial(opened_chunks, source, request, options, files, on_loop=True))
    return RewrittenChunksAsync(chunks(lambda _: (encoder, size), options), size, files)


@twin_of(read_header)
async def read_header_async(
    source: AsyncInput,
    /,
    *,
    force: bool = False,
    storage_options: Mapping[str, Any] = _NOTHING,
    client: Any = None,
) -> Header:
    """Read what a DICOM file is, as `read_header` does, without holding up the loop.

    Parameters
    ----------
    source : path, URL, binary file object, socket, HTTP response, iterable or async iterable of bytes
        The file; see `rewrite_async`.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(streamdcm.read_header_async("slice.dcm")).transfer_syntax_uid
    '1.2.840.10008.1.2.1'
    """
    comes = incoming(source)
    if comes is None or not is_async(comes.stream):
        async with worker_thread() as worker:
            return await worker.run(
                partial(read_header, source, force=force, storage_options=storage_options, client=client)
            )
    sources = AsyncSources(BLOCK, lambda count: None)
    encoder = header_forward(comes, force=force)
    async with afterwards_async(sources.close):
        with afterwards(encoder.close):
            try:
                need = next(encoder)
                while True:
                    assert isinstance(need, Need)
                    try:
                        piece = await sources.next_piece(need.source)
                    except Exception as error:
                        need = encoder.throw(error)
                    else:
                        need = encoder.send(piece)
            except StopIteration as stop:
                header: Header = stop.value
                return header
