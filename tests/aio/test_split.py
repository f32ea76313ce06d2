"""``split=`` on an event loop: the same instances, targets of any kind, and nothing after a failure."""

import io
import os
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio import create_memory_object_stream
from pydicom import Dataset, Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import InvalidValueError, TargetTypeError
from tests.aio.test_write import as_async
from tests.support.images import as_jpeg, template

FRAMES = 7


def enhanced(syntax=ExplicitVRLittleEndian) -> Dataset:
    return template(syntax, rows=64, columns=64, SharedFunctionalGroupsSequence=Sequence([Dataset()]))


@pytest.fixture
def frames():
    ds = enhanced()
    size = ds.Rows * ds.Columns * ds.BitsAllocated // 8
    return [bytes([number]) * size for number in range(FRAMES)]


class Folder:
    """What is in a folder, and the results without their places."""

    def __init__(self, path: Path, result: streamdcm.WriteResult) -> None:
        self.files = {name: (path / name).read_bytes() for name in sorted(os.listdir(path))}
        instances = tuple(replace(each, location=None) for each in result.instances)
        self.result = replace(result, location=None, instances=instances)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folder) and (self.files, self.result) == (other.files, other.result)


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "sync").mkdir()
    (tmp_path / "async").mkdir()
    return tmp_path / "sync", tmp_path / "async"


@pytest.mark.parametrize("kind", ["list", "generator", "async", "on_loop"])
@pytest.mark.parametrize("split", [3, 100, "20 KB"])
async def test_paths_get_the_same_instances(kind, split, frames, folders):
    given = {"list": list, "generator": iter, "async": as_async, "on_loop": iter}[kind](frames)
    more = {"frames_on_loop": True} if kind == "on_loop" else {}
    expected = streamdcm.dcmwrite(
        folders[0] / "out.dcm", enhanced(), frames=frames if kind == "list" else iter(frames), split=split
    )
    result = await streamdcm.dcmwrite_async(folders[1] / "out.dcm", enhanced(), frames=given, split=split, **more)
    assert Folder(folders[1], result) == Folder(folders[0], expected)
    assert len(result.instances) > 1 or split == 100


async def test_pushed_frames_and_late_values_get_the_same_instances(frames, folders):
    with streamdcm.open_writer(folders[0] / "out.dcm", enhanced(), split=3, late={"ImageComments": 10}) as writer:
        for frame in frames:
            writer.write_frame(frame)
        writer.set("ImageComments", "good")
    async with streamdcm.open_writer_async(
        folders[1] / "out.dcm", enhanced(), split=3, late={"ImageComments": 10}
    ) as pushed:
        for frame in frames:
            await pushed.write_frame(frame)
        pushed.set("ImageComments", "good")
    assert Folder(folders[1], pushed.result) == Folder(folders[0], writer.result)


@pytest.mark.parametrize("can_seek", [True, False])
async def test_a_function_may_give_targets_on_the_loop(can_seek, frames):
    files, expected = [], []

    def target(number: int):
        expected.append(io.BytesIO())
        return expected[-1]

    def async_target(number: int):
        files.append(io.BytesIO())
        return Seeks(files[-1]) if can_seek else OnlyWrites(files[-1])

    dataset = enhanced(JPEGBaseline8Bit)
    tiles = [as_jpeg(frame[:100]) for frame in frames]
    options = {"split": 2, "seekable": None if can_seek else False}
    streamdcm.dcmwrite(target, dataset, frames=iter(tiles), **options)
    result = await streamdcm.dcmwrite_async(async_target, dataset, frames=as_async(tiles), **options)
    assert [file.getvalue() for file in files] == [file.getvalue() for file in expected]
    assert len(result.instances) == len(files) == 4


class OnlyWrites:
    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    async def write(self, data: bytes) -> int:
        return self._file.write(data)


class Seeks(OnlyWrites):
    async def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    async def tell(self) -> int:
        return self._file.tell()


async def test_a_single_object_is_refused(frames):
    with pytest.raises(TargetTypeError, match="split= writes several instances"):
        await streamdcm.dcmwrite_async(io.BytesIO(), enhanced(), frames=frames, split=2)


async def test_frames_that_fail_leave_nothing(frames, folders):
    async def failing():
        yield frames[0]
        yield frames[1]
        yield frames[2]
        raise LookupError("the camera is gone")

    with pytest.raises(LookupError) as caught:
        await streamdcm.dcmwrite_async(folders[1] / "out.dcm", enhanced(), frames=failing(), split=2)
    assert any("frame 4 was asked for" in note for note in caught.value.__notes__)
    with pytest.raises(LookupError) as expected:
        streamdcm.dcmwrite(folders[0] / "out.dcm", enhanced(), frames=failing_sync(frames), split=2)
    assert caught.value.__notes__ == expected.value.__notes__
    assert os.listdir(folders[0]) == os.listdir(folders[1]) == []


def failing_sync(frames):
    yield from frames[:3]
    raise LookupError("the camera is gone")


async def test_one_frame_too_many_leaves_nothing(frames, folders):
    with pytest.raises(InvalidValueError, match="one too many"):
        await streamdcm.dcmwrite_async(
            folders[1] / "out.dcm", enhanced(), frames=as_async(frames), split=2, number_of_frames=5
        )
    assert os.listdir(folders[1]) == []


async def test_a_cancellation_while_frames_are_awaited_leaves_nothing(frames, folders):
    async def slow():
        for frame in frames[:5]:
            yield frame
        await anyio.sleep_forever()

    with anyio.move_on_after(0.2) as scope:
        await streamdcm.dcmwrite_async(folders[1] / "out.dcm", enhanced(), frames=slow(), split=2)
    assert scope.cancelled_caught
    assert os.listdir(folders[1]) == []


async def test_a_cancellation_while_a_target_takes_nothing_is_passed_on(frames):
    send, receive = create_memory_object_stream[bytes](0)
    async with receive, send:
        with anyio.move_on_after(0.2) as scope:
            await streamdcm.dcmwrite_async(lambda number: send, enhanced(), frames=iter(frames), split=2)
    assert scope.cancelled_caught


async def test_progress_counts_all_instances(frames, folders):
    events = []
    result = await streamdcm.dcmwrite_async(
        folders[1] / "out.dcm", enhanced(), frames=as_async(frames), split=2, progress=events.append
    )
    assert events[-1].bytes_written == result.bytes_written
    assert events[-1].frames == FRAMES
