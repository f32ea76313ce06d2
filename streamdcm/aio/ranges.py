"""Ranges of files on their way from the file to a target on the event loop, unread where it takes them so."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from streamdcm.aio.threads import Worker, to_the_end, worker_thread
from streamdcm.cleanup import afterwards_async
from streamdcm.engine.progress import Progress
from streamdcm.instructions import Copy
from streamdcm.sinks import AsyncOutput
from streamdcm.write.answers import close_pieces
from streamdcm.write.driver import MOST_AT_ONCE
from streamdcm.write.reading import descriptor_of, read


async def transfer(copy: Copy, output: AsyncOutput, progress: Progress, chunk_size: int) -> None:
    """Write a range of a plain file; what the output does not take unread is read, on a thread.

    The thread is not the one that makes the next batch meanwhile, and may wait for a source.

    Raises
    ------
    SourceError
        If the file is not the one that was read, or has become shorter.
    """
    async with worker_thread() as thread:
        moved = 0
        async with _opened(copy, thread) as descriptor:
            while descriptor is not None and moved < copy.length:
                most = min(copy.length - moved, MOST_AT_ONCE)
                taken = await output.copy_range(descriptor, copy.offset + moved, most, thread.run)
                if not taken:
                    break
                moved += taken
                progress.add(taken)
        if moved < copy.length:
            rest = replace(copy, offset=copy.offset + moved, length=copy.length - moved)
            pieces = read(rest, chunk_size)
            async with afterwards_async(partial(to_the_end, thread, partial(close_pieces, pieces))):
                while (piece := await thread.run(next, pieces, None)) is not None:
                    await output.write((bytes(piece),))
                    progress.add(len(piece))


@asynccontextmanager
async def _opened(copy: Copy, thread: Worker) -> AsyncIterator[int | None]:
    """Give the descriptor of the file for the block."""
    opening = descriptor_of(copy)
    descriptor = await thread.run(opening.__enter__)
    async with afterwards_async(lambda: to_the_end(thread, partial(opening.__exit__, *sys.exc_info()))):
        yield descriptor
