"""Frames that are coded in asynchronous writes: the same bytes, and nothing left when they are cancelled."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless

import streamdcm
from streamdcm.errors import CodecError
from tests.support.coded import KINDS, arrays, described
from tests.support.tools import package

package("imagecodecs")


def native(path: Path, count: int) -> Path:
    dataset = described(KINDS[1], ExplicitVRLittleEndian, NumberOfFrames=count)
    streamdcm.dcmwrite(path, dataset, frames=arrays(KINDS[1], count))
    return path


def coders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("streamdcm-codec")]


async def test_the_same_bytes(tmp_path: Path) -> None:
    source = native(tmp_path / "in.dcm", 9)
    streamdcm.rewrite(source, tmp_path / "sync.dcm", transfer_syntax=JPEG2000Lossless)

    await streamdcm.rewrite_async(source, tmp_path / "async.dcm", transfer_syntax=JPEG2000Lossless, codec_workers=2)
    async with await streamdcm.rewrite_chunks_async(
        source, transfer_syntax=JPEG2000Lossless, offset_table="empty"
    ) as given:
        chunks = b"".join([chunk async for chunk in given])
    assert (tmp_path / "async.dcm").read_bytes() == (tmp_path / "sync.dcm").read_bytes()
    streamdcm.rewrite(source, tmp_path / "empty.dcm", transfer_syntax=JPEG2000Lossless, offset_table="empty")
    assert chunks == (tmp_path / "empty.dcm").read_bytes()


async def test_arrays_are_encoded(tmp_path: Path) -> None:
    dataset, frames = described(KINDS[1], JPEG2000Lossless), arrays(KINDS[1], 5)
    streamdcm.dcmwrite(tmp_path / "sync.dcm", dataset, frames=frames)

    await streamdcm.dcmwrite_async(tmp_path / "async.dcm", dataset, frames=frames)
    assert (tmp_path / "async.dcm").read_bytes() == (tmp_path / "sync.dcm").read_bytes()


async def test_a_cancelled_write_leaves_nothing(tmp_path: Path) -> None:
    reached = threading.Event()
    frame = arrays(KINDS[1], 1)[0]

    def endless() -> Iterator[np.ndarray]:
        for number in range(10**9):
            if number == 20:
                reached.set()
            yield frame

    async def write() -> None:
        options: dict[str, Any] = {"frames": endless(), "codec_workers": 2}
        await streamdcm.dcmwrite_async(tmp_path / "out.dcm", described(KINDS[1], JPEG2000Lossless), **options)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        while not reached.is_set():
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    assert list(tmp_path.iterdir()) == []
    assert coders() == []


async def test_a_damaged_frame(tmp_path: Path) -> None:
    source = native(tmp_path / "in.dcm", 5)
    streamdcm.rewrite(source, source, transfer_syntax=JPEG2000Lossless, offset_table="empty")
    data = bytearray(source.read_bytes())
    third = [at for at in range(len(data)) if data[at : at + 4] == b"\xff\x4f\xff\x51"][2]
    data[third + 10] ^= 0xFF
    source.write_bytes(data)

    with pytest.raises(CodecError, match="frame 3"):
        await streamdcm.rewrite_async(source, tmp_path / "out.dcm", transfer_syntax=ExplicitVRLittleEndian)
    assert [path.name for path in tmp_path.iterdir()] == ["in.dcm"]
    assert coders() == []
