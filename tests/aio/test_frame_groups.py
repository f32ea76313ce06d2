"""Functional groups that come with their frames, on an event loop: the same bytes."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import streamdcm
from streamdcm.errors import InvalidValueError
from tests.support.functional_groups import check, enhanced, frames, groups_of

pytestmark = pytest.mark.anyio
COUNT = 30


def expected() -> bytes:
    streamdcm.dcmwrite(file := io.BytesIO(), enhanced(), frames=frames(COUNT), max_frames=40)
    return file.getvalue()


class AsyncFile:
    """A file that can seek, on the loop."""

    def __init__(self) -> None:
        self.file = io.BytesIO()

    async def write(self, data: bytes) -> int:
        return self.file.write(data)

    async def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    async def tell(self) -> int:
        return self.file.tell()


async def reused() -> AsyncIterator[Any]:
    """Frames and items whose memory is used again for the next ones."""
    item = groups_of(0)
    memory = bytearray(next(frames(1))[0].nbytes)
    for pixels, groups in frames(COUNT):
        memory[:] = pixels.tobytes()
        item.FrameContentSequence = groups.FrameContentSequence
        item.PlanePositionSequence = groups.PlanePositionSequence
        yield memory, item


async def test_pushed_to_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    async with streamdcm.open_writer_async(path, enhanced(), max_frames=40) as writer:
        for pixels, item in frames(COUNT):
            await writer.write_frame(pixels, groups=item)
    assert path.read_bytes() == expected()


@pytest.mark.parametrize("target", [AsyncFile, io.BytesIO])
async def test_asked_for_one_by_one(target: Any) -> None:
    file = target()
    await streamdcm.dcmwrite_async(file, enhanced(), frames=reused(), max_frames=40)
    assert getattr(file, "file", file).getvalue() == expected()


class Stream:
    """Takes bytes on the loop, and cannot seek."""

    def __init__(self) -> None:
        self.data = bytearray()

    async def write(self, data: bytes) -> int:
        self.data += data
        return len(data)


@pytest.mark.parametrize("hold_limit", ["64 MiB", 100])
async def test_put_aside_for_a_stream(hold_limit: Any) -> None:
    pulled, pushed = Stream(), Stream()
    await streamdcm.dcmwrite_async(pulled, enhanced(), frames=reused(), hold_limit=hold_limit)
    async with streamdcm.open_writer_async(pushed, enhanced(), hold_limit=hold_limit) as writer:
        for pixels, item in frames(COUNT):
            await writer.write_frame(pixels, groups=item)
    check(io.BytesIO(pulled.data), COUNT)
    assert pulled.data == pushed.data
    chunks = streamdcm.iter_chunks_async(enhanced(), frames=reused(), hold_limit=hold_limit)
    assert b"".join([chunk async for chunk in chunks]) == pulled.data


async def test_divided(tmp_path: Path) -> None:
    result = await streamdcm.dcmwrite_async(tmp_path / "a.dcm", enhanced(), frames=reused(), max_frames=40, split=12)
    for start, instance in zip((0, 12, 24), result.instances, strict=True):
        check(instance.location, min(12, COUNT - start), start)


async def test_one_without_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="frame 2: comes without"):
        async with streamdcm.open_writer_async(tmp_path / "a.dcm", enhanced(), max_frames=4) as writer:
            for number, (pixels, item) in enumerate(frames(2)):
                await writer.write_frame(pixels, groups=None if number else item)
    assert not list(tmp_path.iterdir())
