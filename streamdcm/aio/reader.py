"""An encoded dataset as an object that is read on an event loop."""

from __future__ import annotations

from types import TracebackType
from typing import Self, Unpack

from anyio import ClosedResourceError, EndOfStream
from pydicom.dataset import Dataset

from streamdcm.aio.functions import iter_chunks_async
from streamdcm.aio.prefetch import close_async
from streamdcm.cleanup import CLOSING, noted
from streamdcm.options import AsyncChunkOptions
from streamdcm.options.twins import twin_of
from streamdcm.write.reader import open_reader


class AsyncDicomReader:
    """Encodes a dataset as it is read on an event loop; made by `open_reader_async`, for an ``async with`` block.

    It is an anyio ``ByteReceiveStream`` by its methods, an asynchronous iterable of chunks, and has a ``read`` that is
    awaited. It goes only forwards.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with streamdcm.open_reader_async(ds) as reader:
    ...         return await reader.read(132)
    >>> asyncio.run(main())[-4:]
    b'DICM'
    """

    def __init__(self, dataset: Dataset, options: AsyncChunkOptions) -> None:
        self._chunks = iter_chunks_async(dataset, **options)
        self._rest = memoryview(b"")
        self._is_closed = False

    async def read(self, size: int = -1) -> bytes:
        """Return the next `size` bytes, or all that are left; fewer only at the end."""
        parts = []
        while size and (part := await self._next_part(None if size < 0 else size)):
            parts.append(part)
            size -= len(part) if size > 0 else 0
        return b"".join(parts)

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return what comes next, at most so many bytes.

        Raises
        ------
        anyio.EndOfStream
            If there is nothing more.
        """
        part = bytes(await self._next_part(max_bytes))
        if not part:
            raise EndOfStream
        return part

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        part = await self._next_part(None)
        if not part:
            raise StopAsyncIteration
        return bytes(part)

    async def aclose(self) -> None:
        """Close what is read, asynchronous frames included."""
        self._is_closed = True
        await close_async(self._chunks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with noted(error, CLOSING):
            await self.aclose()

    async def _next_part(self, most: int | None) -> memoryview:
        if self._is_closed:
            raise ClosedResourceError
        if not self._rest:
            self._rest = memoryview(await anext(self._chunks, b""))
        part, self._rest = self._rest[:most], self._rest[len(self._rest) if most is None else most :]
        return part


@twin_of(open_reader)
def open_reader_async(dataset: Dataset, /, **kwargs: Unpack[AsyncChunkOptions]) -> AsyncDicomReader:
    """Open an encoded dataset as an object that is read on asyncio or trio, for libraries that read what they send.

    Returns
    -------
    AsyncDicomReader
        For use in an ``async with`` block.

    Examples
    --------
    >>> import asyncio
    >>> async def main():
    ...     async with streamdcm.open_reader_async(ds, frames=camera()) as reader:
    ...         return await reader.read(4)
    >>> len(asyncio.run(main()))
    4
    """
    return AsyncDicomReader(dataset, kwargs)
