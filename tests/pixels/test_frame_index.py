"""Where each frame is: what the result says is what is there, for every target, layout and way to write."""

import io
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm.errors import PlanError
from tests.support.images import as_jpeg, compressed, pixels, template
from tests.support.targets import WriteOnly

Way = Callable[..., tuple[bytes, streamdcm.WriteResult]]


def to_memory(dataset: Dataset, frames: Iterable[Any], **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    target = io.BytesIO(b"before")
    target.seek(6)
    result = streamdcm.dcmwrite(target, dataset, frames=frames, frame_index=True, **options)
    return target.getvalue()[6:], result


def one_way(dataset: Dataset, frames: Iterable[Any], **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    target = WriteOnly()
    result = streamdcm.dcmwrite(target, dataset, frames=frames, frame_index=True, **options)
    return bytes(target.data), result


def pushed(dataset: Dataset, frames: Iterable[Any], **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    target = io.BytesIO()
    with streamdcm.open_writer(target, dataset, frame_index=True, **options) as writer:
        for frame in frames:
            writer.write_frame(frame)
    return target.getvalue(), writer.close()


def awaited(dataset: Dataset, frames: Iterable[Any], **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    async def write() -> tuple[bytes, streamdcm.WriteResult]:
        target = io.BytesIO()
        result = await streamdcm.dcmwrite_async(target, dataset, frames=iter(frames), frame_index=True, **options)
        return target.getvalue(), result

    return anyio.run(write)


def pushed_on_the_loop(dataset: Dataset, frames: Iterable[Any], **options: Any) -> tuple[bytes, streamdcm.WriteResult]:
    async def write() -> tuple[bytes, streamdcm.WriteResult]:
        target = io.BytesIO()
        async with streamdcm.open_writer_async(target, dataset, frame_index=True, **options) as writer:
            for frame in frames:
                await writer.write_frame(frame)
        return target.getvalue(), await writer.close()

    return anyio.run(write)


each_way = pytest.mark.parametrize("way", [to_memory, one_way, pushed, awaited, pushed_on_the_loop])


def found(content: bytes, result: streamdcm.WriteResult) -> list[bytes]:
    assert result.frames is not None
    return [content[offset : offset + length] for offset, length in result.frames]


@each_way
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("options", [{}, {"number_of_frames": 3}], ids=str)
def test_native_frames(way: Way, syntax: str, options: dict[str, Any]) -> None:
    frames = [bytes([number]) * 35 for number in range(3)]
    dataset = template(syntax, bits=8)
    dataset.add_new(0xFFFCFFFC, "OB", bytes(10))
    assert found(*way(dataset, frames, **options)) == frames


@each_way
@pytest.mark.parametrize("table", ["basic", "extended", "empty"])
@pytest.mark.parametrize("total", [True, False])
def test_compressed_frames(way: Way, table: str, total: bool) -> None:
    frames = compressed([10, 33, 5001, 70_001, 4])
    dataset = template(JPEGBaseline8Bit, bits=8)
    if total:
        dataset.EncapsulatedPixelDataValueTotalLength = 5
    written = way(dataset, frames, offset_table=table, number_of_frames=5)
    assert found(*written) == frames
    assert written[1].offset_table == table


@each_way
def test_a_table_that_is_decided_at_the_end(way: Way) -> None:
    frames = compressed([10, 33, 4])
    written = way(template(JPEGBaseline8Bit, bits=8), iter(frames), max_frames=90)
    assert found(*written) == frames


@each_way
def test_frames_of_several_fragments_reach_from_the_first_byte_to_the_last(way: Way) -> None:
    frames = [as_jpeg(bytes(range(40))), as_jpeg(bytes(range(41)))]
    content, result = way(template(JPEGBaseline8Bit, bits=8), frames, fragment_size=16)
    item = b"\xfe\xff\x00\xe0"
    first, second = found(content, result)
    headers = item + bytes([16, 0, 0, 0]), item + bytes([8, 0, 0, 0])
    assert first == frames[0][:16] + headers[0] + frames[0][16:32] + headers[1] + frames[0][32:]
    assert (len(second), second[-9:]) == (41 + 2 * 8, frames[1][32:])


def test_what_stands_before_the_pixels_may_come_late_or_be_large() -> None:
    frames = compressed([10, 33])
    dataset = template(JPEGBaseline8Bit, bits=8)
    dataset.add_new(0x00091000, "OB", None)
    dataset.add_new(0x00090010, "LO", "ONE")
    dataset[0x00091000].value = streamdcm.ByteStream([b"odd", bytes(100_000)])
    dataset.PerFrameFunctionalGroupsSequence = Sequence([Dataset() for _ in range(2)])
    for target in (io.BytesIO(), WriteOnly()):
        dataset[0x00091000].value = streamdcm.ByteStream([b"odd", bytes(100_000)])
        result = streamdcm.dcmwrite(target, dataset, frames=iter(frames), frame_index=True, max_frames=4)
        content = target.getvalue() if isinstance(target, io.BytesIO) else bytes(target.data)
        assert found(content, result) == frames


def test_a_source_before_the_pixels_that_fails_is_told_as_ever(tmp_path: Path) -> None:
    def source() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("lost")

    dataset = template(JPEGBaseline8Bit, bits=8)
    dataset.add_new(0x00090010, "LO", "ONE")
    dataset.add_new(0x00091000, "OB", None)
    dataset[0x00091000].value = streamdcm.ByteStream(source())
    with pytest.raises(RuntimeError, match="lost"):
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=compressed([10]), frame_index=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("split", [2, 9, "1500"])
def test_each_instance_of_a_concatenation_has_its_own(tmp_path: Path, split: Any) -> None:
    dataset = template(ExplicitVRLittleEndian)
    dataset.SharedFunctionalGroupsSequence = Sequence([Dataset()])
    frames = [frame.tobytes() for frame in pixels(5)]
    result = streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=frames, split=split, frame_index=True)
    together = [
        frame for instance in result.instances for frame in found(Path(str(instance.location)).read_bytes(), instance)
    ]
    assert together == frames


def test_it_is_read_only_and_takes_at_most_sixteen_bytes_a_frame() -> None:
    count = 200_000
    frame = as_jpeg(bytes(10))
    tracemalloc.start()
    try:
        result = streamdcm.dcmwrite(
            _Nowhere(),
            template(JPEGBaseline8Bit, bits=8),
            frames=(frame for _ in range(count)),
            number_of_frames=count,
            offset_table="empty",
            frame_index=True,
        )
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.frames is not None
    assert len(result.frames) == count
    assert held < 10 * count + 100_000
    assert result.frames[1][0] - result.frames[0][0] == 8 + len(frame)
    with pytest.raises(TypeError):
        result.frames[0] = (1, 2)  # type: ignore[index]


class _Nowhere:
    def write(self, data: bytes) -> int:
        return len(data)


def test_it_is_a_sequence() -> None:
    content, result = to_memory(template(ExplicitVRLittleEndian), pixels(4))
    index = result.frames
    assert index is not None
    assert list(index[1:3]) == [index[1], index[2]]
    assert index[-1] == list(index)[-1] == (len(content) - 70, 70)
    assert index == tuple(index)
    assert index != tuple(index)[1:]
    with pytest.raises(IndexError):
        index[4]


def test_without_numpy() -> None:
    program = (
        "import sys, io; sys.modules['numpy'] = None\n"
        "import streamdcm; from pydicom import Dataset\n"
        "from pydicom.dataset import FileMetaDataset\n"
        "ds = Dataset(); ds.file_meta = FileMetaDataset(); ds.file_meta.TransferSyntaxUID = '1.2.840.10008.1.2.4.50'\n"
        "ds.SOPClassUID = '1.2.3'\n"
        "result = streamdcm.dcmwrite(io.BytesIO(), ds, frames=[b'\\xff\\xd8\\xff'], frame_index=True)\n"
        "assert [length for _, length in result.frames] == [3]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (template(DeflatedExplicitVRLittleEndian), {"frames": pixels(2)}, "a deflated dataset"),
        (template(ExplicitVRLittleEndian, bits=1), {"frames": [np.zeros((5, 7), "u1")]}, "do not begin at a byte"),
        (template(ExplicitVRLittleEndian), {}, "none are given"),
        (
            template("1.2.840.10008.1.2.4.102", bits=8),
            {"frames": streamdcm.ByteStream([b"1"]), "number_of_frames": 1},
            "the bit stream of a video",
        ),
    ],
)
def test_where_it_cannot_be_told_it_is_refused(dataset: Dataset, options: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        streamdcm.dcmwrite(io.BytesIO(), dataset, frame_index=True, **options)


def test_nobody_who_did_not_ask_gets_one() -> None:
    assert streamdcm.dcmwrite(io.BytesIO(), template(ExplicitVRLittleEndian), frames=pixels(2)).frames is None
