"""The body that DICOMweb has in both directions: instances as parts of one message (PS3.18 §8.6.1.2, RFC 2046 §5.1)."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncGenerator, Iterable, Iterator
from functools import partial
from typing import Any, Final, TypeVar

from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from streamdcm.cleanup import afterwards, afterwards_async
from streamdcm.errors import PlanError
from streamdcm.network.instances import AsyncInstances, Instances, Intake, is_one
from streamdcm.network.items import Item
from streamdcm.network.operations import Job

T = TypeVar("T")

AFTER: Final = b"\r\n"
"""What stands behind an instance."""
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}")  # RFC 2046 §5.1.1, without spaces
_REFUSED: Final = frozenset({ImplicitVRLittleEndian, ExplicitVRBigEndian})


def random_boundary() -> str:
    """Return a boundary that is in no body."""
    return f"streamdcm-{secrets.token_hex(16)}"


def content_type(boundary: str) -> str:
    """Return the media type of a body; servers refuse one whose type is not quoted."""
    return f'multipart/related; type="application/dicom"; boundary={_quoted(boundary)}'


def part_head(boundary: str) -> bytes:
    """Return what stands before an instance: servers have refused more than this."""
    return f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii")


def closing_delimiter(boundary: str) -> bytes:
    """Return what stands at the end; without it nothing is complete."""
    return f"--{boundary}--\r\n".encode("ascii")


def layout(boundary: str, things: Iterable[T]) -> Iterator[bytes | T]:
    """Give what the body consists of: delimiters, and each thing where its bytes belong."""
    after = b""
    for thing in things:
        yield after + part_head(boundary)
        yield thing
        after = AFTER
    yield after + closing_delimiter(boundary)


def length_of(boundary: str, sizes: Iterable[int | None]) -> int | None:
    """Return the number of bytes of a body, if all sizes are known."""
    total = 0
    for piece in layout(boundary, sizes):
        if piece is None:
            return None
        total += len(piece) if isinstance(piece, bytes) else piece
    return total


def web_syntax(item: Item) -> str:
    """Return the transfer syntax that an instance goes in: servers take explicit VR and little endian only."""
    return str(ExplicitVRLittleEndian) if item.transfer_syntax in _REFUSED else item.transfer_syntax


class Multipart:
    """Instances as the body of a response, for servers: it can be iterated over, and asynchronously, once.

    Attributes
    ----------
    content_type : str
        The value of the header Content-Type.
    content_length : int or None
        The number of bytes; `None` where only encoding tells, and for instances that are asked for one at a time.

    Examples
    --------
    >>> from streamdcm import dicomweb
    >>> body = dicomweb.multipart(["slice.dcm"])
    >>> body.content_type
    'multipart/related; type="application/dicom"; boundary=...'
    >>> sum(map(len, body)) == body.content_length
    True
    """

    def __init__(self, instances: Any, boundary: str) -> None:
        self.content_type = content_type(boundary)
        self.content_length: int | None = None
        self._boundary = boundary
        self._intake = Intake(instances)
        self._jobs: list[Job] = []
        if is_one(instances) or isinstance(instances, (list, tuple)):
            self._jobs = list(self._taken())
            self.content_length = length_of(boundary, map(_size, self._jobs))

    def __iter__(self) -> Iterator[bytes]:
        """Give the body."""
        for piece in layout(self._boundary, self._each()):
            if isinstance(piece, bytes):
                yield piece
                continue
            item = _item(piece)
            with afterwards(item.close):
                body = item.open(web_syntax(item), "file")
                with afterwards(body.close):
                    while (chunk := body.next_chunk()) is not None:
                        yield chunk

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Give the body on an event loop."""
        from streamdcm.aio.threads import worker_thread
        from streamdcm.network.on_loop import let_go, opened

        async with worker_thread() as worker:
            jobs = self._each_async(worker.run)
            async with afterwards_async(jobs.aclose):
                async for job in jobs:
                    item = _item(job)
                    yield part_head(self._boundary)
                    async with afterwards_async(partial(let_go, item, worker)):
                        chunks: Any = await opened(item, web_syntax(item), "file", worker)
                        async with afterwards_async(chunks.aclose):
                            async for chunk in chunks:
                                yield chunk
                    yield AFTER
                yield closing_delimiter(self._boundary)

    def _each(self) -> Iterator[Job]:
        yield from self._jobs
        yield from self._taken()

    def _taken(self) -> Iterator[Job]:
        while (job := _readable(self._intake.take())) is not None:
            yield job

    async def _each_async(self, call: Any) -> AsyncGenerator[Job, None]:
        for job in self._jobs:
            yield job
        is_async = self._intake.is_async
        while (
            taken := _readable(await (self._intake.take_async(call) if is_async else call(self._intake.take)))
        ) is not None:
            yield taken


def multipart(instances: Instances | AsyncInstances, *, boundary: str | None = None) -> Multipart:
    """Return instances as one body, as a server answers with (WADO-RS, PS3.18 §10.4).

    Parameters
    ----------
    instances : path, Dataset, (Dataset, frames), Instance, or an iterable of these
        The instances. A list is looked at at once, so that the length can be known; others are asked for one at a
        time.
    boundary : str, optional
        What separates the parts; by default a random text.

    Returns
    -------
    Multipart
        The body, with `content_type` and `content_length`.

    Raises
    ------
    PlanError
        If the boundary is none, or an instance cannot be encoded.

    Examples
    --------
    >>> from streamdcm import dicomweb
    >>> body = dicomweb.multipart(["slice.dcm", "live.dcm"])  # StreamingResponse(body, media_type=body.content_type)
    >>> b"".join(body).count(b"DICM")
    2
    """
    if boundary is None:
        boundary = random_boundary()
    elif not isinstance(boundary, str) or not _BOUNDARY.fullmatch(boundary):
        raise PlanError("a boundary has 1 to 70 characters of RFC 2046 §5.1.1; leave it out for a random one")
    return Multipart(instances, boundary)


def _readable(job: Job | None) -> Job | None:
    if job is not None and job.error is not None:
        raise job.error
    return job


def _item(job: Job) -> Item:
    assert job.item is not None
    return job.item


def _size(job: Job) -> int | None:
    item = _item(job)
    return item.size(web_syntax(item), "file")


def _quoted(boundary: str) -> str:
    return boundary if re.fullmatch(r"[\w.+-]+", boundary) else f'"{boundary}"'
