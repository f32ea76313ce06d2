"""What an encoder encodes, as chunks of bytes, or only counted."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

from streamdcm.cleanup import afterwards, take_all
from streamdcm.engine.counted import content_size
from streamdcm.engine.in_order import in_order
from streamdcm.engine.progress import Progress
from streamdcm.errors.translation import refuse_running_generator
from streamdcm.instructions import Answer, Encoder
from streamdcm.options import StreamSettings
from streamdcm.sources import FrameSource, StreamSource, underlying
from streamdcm.write.answers import Sources, answered, close_frames, close_pieces


class Chunks(Iterator[bytes]):
    """What an encoder encodes, in order, for one thread at a time.

    Parameters
    ----------
    encoder : Encoder
        The encoder.
    options : StreamSettings
        `chunk_size`, `hold_limit`, `spool` and `progress` count.
    total : int or None
        The number of bytes that there will be, for progress, if that is known.
    frames : object, optional
        What the caller gave as frames; closed in the end, whether or not a frame was asked for.
    """

    def __init__(self, encoder: Encoder[Any], options: StreamSettings, total: int | None, frames: Any = None) -> None:
        self._close_frames = partial(close_frames, frames)
        self._chunks = _chunks(encoder, options, total, self._close_frames)

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except ValueError as error:
            refuse_running_generator(error)
            raise

    def close(self) -> None:
        """Close the encoder and its sources."""
        take_all(partial(close_pieces, self._chunks), self._close_frames)


def _chunks(
    encoder: Encoder[Any], options: StreamSettings, total: int | None, close: Callable[[], object]
) -> Generator[bytes, None, None]:
    progress = Progress(options.progress, total)
    sources = Sources(options.chunk_size, progress)
    ordered = in_order(encoder, chunk_size=options.chunk_size, hold_limit=options.hold_limit, spool=options.spool)
    encoded = answered(ordered, sources)
    with afterwards(encoded.close, sources.close, close):
        for chunk in encoded:
            yield bytes(chunk)
            progress.add(len(chunk))
        progress.tell()


def measure(encoder: Encoder[Any], options: StreamSettings) -> int | None:
    """Return the number of bytes that an encoder encodes; what it would copy is not read.

    `None` if that would use up a source that gives its bytes only once.
    """
    sources = _Reusable(options.chunk_size, Progress(None))
    with afterwards(sources.close):
        try:
            return sum(map(content_size, answered(encoder, sources)))
        except _UsedUpError:
            return None


class _UsedUpError(Exception):
    """A source would have been used up only to count its bytes."""


class _Reusable(Sources):
    """Reads only what can be read again."""

    def next_piece(self, source: Any) -> Answer:
        if isinstance(underlying(source), (StreamSource, FrameSource)):
            raise _UsedUpError
        return super().next_piece(source)
