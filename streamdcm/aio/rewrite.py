"""Files to files, on an event loop: the twins of `rewrite`, `rewrite_chunks` and `read_header`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, Self, Unpack

from streamdcm.aio.answers import AsyncSources
from streamdcm.aio.delivery import delivered
from streamdcm.aio.driver import chunks, write
from streamdcm.aio.threads import to_the_end, worker_thread
from streamdcm.engine.result import WriteResult
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.files.edits import Edit
from streamdcm.files.identity import Header, header_forward, read_header
from streamdcm.files.inputs import AsyncInput, incoming
from streamdcm.files.plan_rewrite import Request
from streamdcm.files.remote import opened_input, source_storage
from streamdcm.files.rewrite import Prepared, prepare_rewrite, refuse_overwriting
from streamdcm.files.scan_words import BLOCK
from streamdcm.instructions import Encoder, Need
from streamdcm.options import Options, RewriteChunksOptions, RewriteOptions, check_options
from streamdcm.plan.capabilities import Capabilities
from streamdcm.sinks import wants_size
from streamdcm.sources import is_async

_NOTHING: Final[Mapping[str, Any]] = {}


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
    edit : callable or mapping, optional
        See `rewrite`; a function is called on a thread.
    transfer_syntax : str, optional
        The UID or keyword of the transfer syntax to write.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    **kwargs
        See `RewriteOptions`.

    Returns
    -------
    WriteResult
        What was written where.

    Raises
    ------
    NotDicomError, PlanError, LayoutError, EncodeError, OSError
        As `rewrite` does.
    """
    files = ExitStack()

    def prepare(capabilities: Capabilities) -> tuple[Encoder[object], int | None]:
        refuse_overwriting(source, target, options)
        storage = source_storage(source, target, options)
        request = Request(edit, transfer_syntax, force)
        prepared = _prepared(source, storage, request, options, files, capabilities)
        is_wanted = wants_size(target) or options.progress is not None
        return prepared.encoder, prepared.size() if is_wanted else None

    async with delivered(target) as delivery:
        options = check_options(dict(kwargs), "rewrite_async")
        try:
            result, _ = await write(prepare, delivery, options, waits=incoming(source) is not None)
        finally:
            await to_the_end(delivery.worker, files.close)
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
        try:
            return await anext(self._encoded)
        except BaseException:
            self._files.close()
            raise

    async def aclose(self) -> None:
        """Close what is read."""
        try:
            await self._encoded.aclose()
        finally:
            self._files.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.aclose()


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
    edit, transfer_syntax, force
        See `rewrite`.
    **kwargs
        See `RewriteChunksOptions`.

    Returns
    -------
    RewrittenChunksAsync
        An async iterator of chunks of at most `chunk_size` bytes, with their sum as `content_length`.

    Raises
    ------
    NotDicomError, PlanError, LayoutError, EncodeError, OSError
        As `rewrite` does.
    """
    options = check_options(dict(kwargs), "rewrite_chunks_async")
    files = ExitStack()
    request = Request(edit, transfer_syntax, force)

    def prepare() -> tuple[Prepared, int | None]:
        storage = source_storage(source, None, options)
        prepared = _prepared(source, storage, request, options, files, Capabilities(patchable=False))
        return prepared, prepared.size()

    async with worker_thread() as worker:
        try:
            prepared, size = await worker.run(prepare)
        except BaseException:
            await to_the_end(worker, files.close)
            raise
    return RewrittenChunksAsync(chunks(lambda _: (prepared.encoder, size), options), size, files)


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
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    storage_options, client
        See `read_header`.

    Returns
    -------
    Header
        Its UIDs, its transfer syntax, and the offset of its dataset.

    Raises
    ------
    NotDicomError, SourceError, OSError
        As `read_header` does.
    """
    comes = incoming(source)
    if comes is None or not is_async(comes.stream):
        async with worker_thread() as worker:
            return await worker.run(
                partial(read_header, source, force=force, storage_options=storage_options, client=client)
            )
    sources = AsyncSources(BLOCK, lambda count: None)
    encoder = header_forward(comes, force=force)
    try:
        need = next(encoder)
        while True:
            assert isinstance(need, Need)
            need = encoder.send(await sources.next_piece(need.source))
    except StopIteration as stop:
        header: Header = stop.value
        return header
    finally:
        encoder.close()
        await sources.close()


def _prepared(
    source: Any,
    storage: StorageSettings,
    request: Request,
    options: Options,
    files: ExitStack,
    capabilities: Capabilities,
) -> Prepared:
    """Open a source, which stays open as long as `files`, and prepare what is made of it; called on a thread."""
    file = files.enter_context(opened_input(source, storage))
    return prepare_rewrite(file, request, options, capabilities, on_loop=True)
