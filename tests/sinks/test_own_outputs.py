"""Outputs of others: every function writes through them, opens them, and commits them or aborts them."""

import io
from collections.abc import AsyncIterator, Sequence

import anyio
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

import streamdcm
from streamdcm.engine.parts import PartSizes
from streamdcm.engine.result import Checksum
from streamdcm.errors import PlanError, TargetTypeError
from streamdcm.sinks import AsyncOutput, Output, PartsOutput
from streamdcm.testing import TransactionContract

shelf: dict[str, bytes] = {}
PATH = get_testdata_file("CT_small.dcm")
FRAMES = [bytes([number]) * 128 * 128 * 2 for number in range(3)]
calls: list[str] = []


@pytest.fixture(autouse=True)
def _empty():
    shelf.clear()
    calls.clear()


@pytest.fixture
def dataset():
    ds = pydicom.dcmread(PATH)
    del ds.PixelData
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    return ds


class OnShelf(Output):
    """In order, or patched, in memory; visible in the shelf when committed."""

    def __init__(self, name: str, *, can_patch: bool = False) -> None:
        self.location = name
        self.can_patch = can_patch
        self.bytes: bytearray | None = None

    def open(self) -> None:
        calls.append("open")
        self.bytes = bytearray()

    def write(self, buffers: Sequence) -> None:
        for buffer in buffers:
            self.bytes += buffer

    def patch(self, offset: int, value: bytes) -> None:
        assert self.can_patch
        calls.append("patch")
        self.bytes[offset : offset + len(value)] = value

    def prepare(self) -> None:
        calls.append("prepare")

    def commit(self) -> None:
        calls.append("commit")
        if self.bytes is not None:
            shelf[self.location], self.bytes = bytes(self.bytes), None

    def abort(self) -> None:
        calls.append("abort")
        self.bytes = None


class PartsOnShelf(PartsOutput):
    part_sizes = PartSizes(5000, 1000, 10_000_000)

    def __init__(self, name: str) -> None:
        self.location = name
        self.parts: dict[int, bytearray] = {}

    def open(self) -> None:
        calls.append("open")

    def put(self, number: int, data: bytearray) -> None:
        calls.append(f"put {number}")
        self.parts[number] = data

    def put_whole(self, data: bytearray) -> None:
        self.parts[1] = data

    def commit(self) -> None:
        calls.append("commit")
        if self.parts:
            shelf[self.location] = b"".join(self.parts[number] for number in sorted(self.parts))
            self.parts = {}

    def abort(self) -> None:
        calls.append("abort")
        self.parts = {}


class AsyncOnShelf(AsyncOutput):
    def __init__(self, name: str, *, can_patch: bool = False) -> None:
        self._inner = OnShelf(name, can_patch=can_patch)
        self.location, self.can_patch = name, can_patch

    async def open(self) -> None:
        await anyio.lowlevel.checkpoint()
        self._inner.open()

    async def write(self, buffers: Sequence) -> None:
        await anyio.lowlevel.checkpoint()
        self._inner.write(buffers)

    async def patch(self, offset: int, value: bytes) -> None:
        self._inner.patch(offset, value)

    async def commit(self) -> None:
        self._inner.commit()

    async def abort(self) -> None:
        self._inner.abort()


KINDS = {
    "in order": OnShelf,
    "patched": lambda name: OnShelf(name, can_patch=True),
    "parts": PartsOnShelf,
}
ASYNC_KINDS = {
    **KINDS,
    "async, in order": AsyncOnShelf,
    "async, patched": lambda name: AsyncOnShelf(name, can_patch=True),
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def each_async_kind(test):
    """Run a test for each kind, on asyncio by pytest-asyncio and on trio by anyio's plugin."""
    loops = [pytest.param("asyncio", marks=pytest.mark.asyncio), pytest.param("trio", marks=pytest.mark.anyio)]
    test = pytest.mark.parametrize("anyio_backend", loops)(test)
    return pytest.mark.parametrize("kind", ASYNC_KINDS.values(), ids=ASYNC_KINDS)(test)


def expected(dataset, **options) -> bytes:
    buffer = io.BytesIO()
    streamdcm.dcmwrite(buffer, dataset, **options)
    return buffer.getvalue()


def check_calls() -> None:
    assert calls[0] == "open"
    assert calls[-1] == "commit"
    assert "abort" not in calls


@each_kind
def test_dcmwrite_opens_writes_and_commits(kind, dataset):
    result = streamdcm.dcmwrite(kind("one"), dataset, frames=iter(FRAMES), max_frames=9)
    assert shelf == {"one": expected(dataset, frames=iter(FRAMES), max_frames=9)}
    assert result.location == "one"
    assert result.bytes_written == len(shelf["one"])
    check_calls()


@each_kind
def test_a_writer_of_pushed_frames_does_too(kind, dataset):
    with streamdcm.open_writer(kind("one"), dataset, max_frames=9) as writer:
        for frame in FRAMES:
            writer.write_frame(frame)
        assert not shelf
    assert shelf == {"one": expected(dataset, frames=iter(FRAMES), max_frames=9)}
    check_calls()


@each_kind
def test_rewrite_does_too(kind):
    streamdcm.rewrite(PATH, kind("one"), edit={"PatientID": "new"})
    buffer = io.BytesIO()
    streamdcm.rewrite(PATH, buffer, edit={"PatientID": "new"})
    assert shelf == {"one": buffer.getvalue()}
    check_calls()


@each_kind
def test_each_instance_of_a_split_has_one(kind, dataset):
    dataset.SharedFunctionalGroupsSequence = [pydicom.Dataset()]
    streamdcm.dcmwrite(lambda number: kind(str(number)), dataset, frames=FRAMES, split=1)
    assert [pydicom.dcmread(io.BytesIO(shelf[name])).PixelData for name in "123"] == FRAMES


@each_async_kind
async def test_the_asynchronous_functions_do_too(kind, dataset, anyio_backend):
    async def frames() -> AsyncIterator[bytes]:
        for frame in FRAMES:
            yield frame

    await streamdcm.dcmwrite_async(kind("one"), dataset, frames=frames(), max_frames=9)
    async with streamdcm.open_writer_async(kind("two"), dataset, max_frames=9) as writer:
        for frame in FRAMES:
            await writer.write_frame(frame)
    assert shelf["one"] == shelf["two"] == expected(dataset, frames=iter(FRAMES), max_frames=9)
    await streamdcm.rewrite_async(PATH, kind("three"), edit={"PatientID": "new"})
    buffer = io.BytesIO()
    streamdcm.rewrite(PATH, buffer, edit={"PatientID": "new"})
    assert shelf["three"] == buffer.getvalue()
    check_calls()


@each_kind
def test_an_error_aborts(kind, dataset):
    def frames():
        yield FRAMES[0]
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="camera"):
        streamdcm.dcmwrite(kind("one"), dataset, frames=frames(), max_frames=9)
    assert calls[-1] == "abort"
    assert not shelf


@each_async_kind
async def test_an_error_aborts_on_an_event_loop(kind, dataset, anyio_backend):
    async def frames() -> AsyncIterator[bytes]:
        yield FRAMES[0]
        raise RuntimeError("the camera is gone")

    with pytest.raises(RuntimeError, match="camera"):
        await streamdcm.dcmwrite_async(kind("one"), dataset, frames=frames(), max_frames=9)
    assert calls[-1] == "abort"
    assert not shelf


def test_what_can_be_patched_is_written_in_order_if_that_is_wanted(dataset):
    streamdcm.dcmwrite(OnShelf("one", can_patch=True), dataset, frames=iter(FRAMES), max_frames=9, seekable=False)
    assert "patch" not in calls
    assert shelf["one"] == expected(dataset, frames=iter(FRAMES), max_frames=9)
    with pytest.raises(TargetTypeError, match="seekable=True"):
        streamdcm.dcmwrite(OnShelf("one"), dataset, seekable=True)


def test_a_digest_is_computed_for_what_computes_none(dataset):
    result = streamdcm.dcmwrite(OnShelf("one"), dataset, checksum="sha256")
    assert result.checksum is not None
    with pytest.raises(TargetTypeError, match="seekable=False"):
        streamdcm.dcmwrite(OnShelf("one", can_patch=True), dataset, checksum="sha256")
    with pytest.raises(TargetTypeError, match="parts"):
        streamdcm.dcmwrite(PartsOnShelf("one"), dataset, checksum="sha256")

    class Digesting(PartsOnShelf):
        checksum = Checksum("sha256", "its own")

    assert streamdcm.dcmwrite(Digesting("one"), dataset, checksum="sha256").checksum == Digesting.checksum


@each_kind
def test_options_about_storages_are_refused(kind, dataset):
    with pytest.raises(PlanError, match="workers"):
        streamdcm.dcmwrite(kind("one"), dataset, workers=3)
    assert not shelf


def test_what_wants_the_size_is_told_it(dataset):
    told = []

    class Sized(OnShelf):
        def expect(self, size: int) -> None:
            told.append(size)

    streamdcm.dcmwrite(Sized("one"), dataset)
    assert told == [len(shelf["one"])]


def test_ranges_of_files_go_to_a_descriptor_that_is_named(tmp_path):
    class InFile(OnShelf):
        copied = 0

        def open(self) -> None:
            self.file = io.FileIO(self.location, "xb")

        @property
        def descriptor(self) -> int:
            return self.file.fileno()

        def copy_range(self, descriptor: int, offset: int, length: int) -> int:
            taken = super().copy_range(descriptor, offset, length)
            InFile.copied += taken
            return taken

        def write(self, buffers: Sequence) -> None:
            for buffer in buffers:
                assert self.file.write(buffer) == len(buffer)

        def commit(self) -> None:
            self.file.close()

    source = tmp_path / "source.dcm"
    ds = pydicom.dcmread(PATH)
    ds.Rows, ds.PixelData = 128 * 64, ds.PixelData * 64
    streamdcm.dcmwrite(source, ds)
    streamdcm.rewrite(source, InFile(str(tmp_path / "out.dcm")), edit={"PatientID": "new"})
    assert InFile.copied >= len(ds.PixelData)
    again = pydicom.dcmread(tmp_path / "out.dcm")
    assert (again.PatientID, again.PixelData) == ("new", ds.PixelData)


class TestInOrder(TransactionContract):
    kind = staticmethod(OnShelf)

    def make_target(self):
        return f"name {len(shelf)}"

    def make_output(self, target):
        return self.kind(target)

    def visible(self, target):
        return shelf.get(target)


class TestPatched(TestInOrder):
    kind = staticmethod(KINDS["patched"])


class TestParts(TestInOrder):
    kind = staticmethod(PartsOnShelf)


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        ("commit", "test_a_second_commit_is_harmless"),
        ("abort", "test_abort_leaves_nothing"),
        ("patch", "test_commit_makes_the_bytes_visible"),
        ("write", "test_nothing_is_visible_before_commit"),
    ],
)
def test_the_contract_finds_what_is_wrong(wrong, test):
    class Wrong(OnShelf):
        def commit(self):
            shelf[self.location] = bytes(self.bytes or b"")

        def abort(self):
            shelf[self.location] = bytes(self.bytes or b"")

        def patch(self, offset, value):
            self.bytes += value

        def write(self, buffers):
            super().write(buffers)
            shelf[self.location] = bytes(self.bytes)

    for name in {"commit", "abort", "patch", "write"} - {wrong}:
        setattr(Wrong, name, getattr(OnShelf, name))

    class Contract(TestInOrder):
        kind = staticmethod(lambda name: Wrong(name, can_patch=True))

    with pytest.raises(AssertionError):
        getattr(Contract(), test)()
