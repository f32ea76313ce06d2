"""The bodies of requests, which start anew each time that they are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from streamdcm.cleanup import afterwards, afterwards_async
from streamdcm.network.items import Item
from streamdcm.network.multipart import layout, web_syntax
from streamdcm.network.operations import Job, SourceFailed
from streamdcm.network.results import Ledger


class NotRepeatableError(Exception):
    """A body was asked for again that can be given once; never seen outside."""


class Body:
    """The body of a request, which starts anew each time that it is asked for.

    Parameters
    ----------
    jobs : sequence of Job
        The instances.
    boundary : str
        What separates them.
    ledger : Ledger
        Counts bytes.
    """

    def __init__(self, jobs: Sequence[Job], boundary: str, ledger: Ledger) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self.boundary = boundary
        self.failure: SourceFailed | None = None
        """What was wrong with an instance; the libraries may hide it."""
        self.sent = 0
        self.whole: set[Job] = set()
        """The instances of which everything was taken."""

    def pieces(self) -> Iterator[bytes | Job]:
        """Give delimiters and instances, from the beginning."""
        self.sent = 0
        self.whole.clear()
        if not all(item_of(job).can_restart for job in self._jobs):  # before a byte: errors of writing are hidden
            raise NotRepeatableError
        yield from layout(self.boundary, self._jobs)

    def fail(self, error: Exception, job: Job) -> SourceFailed:
        """Note what is wrong with an instance."""
        self.failure = SourceFailed(error, job)
        return self.failure

    def count(self, job: Job, chunk: bytes) -> None:
        """Count bytes that went out."""
        job.bytes_sent += len(chunk)
        self.sent += len(chunk)
        self._ledger.count(len(chunk))


class BlockingBody(Body):
    """A body that is iterated over."""

    def __iter__(self) -> Iterator[bytes]:
        for piece in self.pieces():
            if isinstance(piece, bytes):
                yield piece
                continue
            item = item_of(piece)
            try:
                body = item.open(web_syntax(item), "file")
            except Exception as error:
                raise self.fail(error, piece) from error
            with afterwards(body.close):
                while True:
                    try:
                        chunk = body.next_chunk()
                    except Exception as error:
                        raise self.fail(error, piece) from error
                    if chunk is None:
                        break
                    yield chunk
                    self.count(piece, chunk)
            self.whole.add(piece)


class AsyncBody(Body):
    """A body that is iterated over on an event loop."""

    def __init__(self, jobs: Sequence[Job], boundary: str, ledger: Ledger) -> None:
        super().__init__(jobs, boundary, ledger)
        self.worker: Any = None
        self._given: Any = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._given = self._give()
        return self._given  # type: ignore[no-any-return]

    async def aclose(self) -> None:
        """Close what was given; the libraries leave it open when they are cancelled."""
        if self._given is not None:
            await self._given.aclose()

    async def _give(self) -> AsyncIterator[bytes]:
        from streamdcm.network.on_loop import opened

        for piece in self.pieces():
            if isinstance(piece, bytes):
                yield piece
                continue
            item = item_of(piece)
            try:
                chunks: Any = await opened(item, web_syntax(item), "file", self.worker)
            except Exception as error:
                raise self.fail(error, piece) from error
            async with afterwards_async(chunks.aclose):
                while True:
                    try:
                        chunk = await anext(chunks, None)
                    except Exception as error:
                        raise self.fail(error, piece) from error
                    if chunk is None:
                        break
                    yield chunk
                    self.count(piece, chunk)
            self.whole.add(piece)


def item_of(job: Job) -> Item:
    """Return the instance of a job that is not done."""
    assert job.item is not None
    return job.item
