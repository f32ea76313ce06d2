"""The first error is the one that every function raises, whatever goes wrong when it cleans up; and all is closed."""

import errno
import io

import anyio
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, RLELossless

import streamdcm
from streamdcm.engine.progress import Progress
from streamdcm.sources import FrameSource
from streamdcm.write.answers import Sources
from tests.support.images import template


class SourceError(Exception):
    """What frames raise in the middle."""


class SinkError(Exception):
    """What a sink raises."""


class Frames:
    """An iterator of frames that fails in the middle, and again when it is closed."""

    def __init__(self, good=1):
        self.good = good
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        if not self.good:
            raise SourceError
        self.good -= 1
        return np.zeros((16, 16), "uint16")

    def close(self):
        self.closed += 1
        raise OSError(errno.EIO, "a name")


class AsyncFrames(Frames):
    """The same on an event loop."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        await anyio.lowlevel.checkpoint()
        return next(self)

    async def aclose(self):
        await anyio.lowlevel.checkpoint()
        self.close()


class Pieces(Frames):
    """Pieces of a file, which end with an error."""

    def __init__(self):
        super().__init__(3)
        file = io.BytesIO()
        streamdcm.dcmwrite(file, dataset(), frames=[np.zeros((16, 16), "uint16")])
        self._content = iter((file.getvalue()[:200], file.getvalue()[200:500], file.getvalue()[500:]))

    def __next__(self):
        super().__next__()
        return next(self._content)


class AsyncPieces(Pieces):
    """The same on an event loop."""

    __iter__ = None
    __next__ = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        await anyio.lowlevel.checkpoint()
        return Pieces.__next__(self)

    async def aclose(self):
        self.close()


class Failing:
    """A sink that fails, not before it has taken some bytes."""

    def __init__(self, space=0):
        self.space = space

    def write(self, data):
        if self.space < len(data):
            raise SinkError
        self.space -= len(data)
        return len(data)


def dataset():
    given = template(ExplicitVRLittleEndian, rows=16, columns=16, SharedFunctionalGroupsSequence=[Dataset()])
    given.SOPClassUID = EnhancedCTImageStorage
    return given


def read_to_the_end(chunks):
    for _ in chunks:
        pass


def in_open_chunks(given, **options):
    with streamdcm.open_chunks(given, **options) as chunks:
        read_to_the_end(chunks)


def in_open_reader(given, **options):
    with streamdcm.open_reader(given, **options) as reader:
        reader.read()


def in_encoder_chunks(given, **options):
    read_to_the_end(streamdcm.encoder_chunks(streamdcm.encoder(given, **options)))


WITH_FRAMES = {
    "dcmwrite": lambda given, **options: streamdcm.dcmwrite(io.BytesIO(), given, **options),
    "split": lambda given, **options: streamdcm.dcmwrite(lambda number: io.BytesIO(), given, split=2, **options),
    "iter_chunks": lambda given, **options: read_to_the_end(streamdcm.iter_chunks(given, **options)),
    "open_chunks": in_open_chunks,
    "open_reader": in_open_reader,
    "write_encoder": lambda given, **options: streamdcm.write_encoder(
        streamdcm.encoder(given, **options), io.BytesIO()
    ),
    "encoder_chunks": in_encoder_chunks,
}


def assert_first(caught, frames):
    """The error of the source came first, and that of closing it is a note, which does not quote its text."""
    assert frames.closed
    errors = caught.value, caught.value.__cause__
    notes = "\n".join(note for error in errors for note in getattr(error, "__notes__", ()))
    assert "OSError: Input/output error" in notes
    assert "a name" not in notes


@pytest.mark.parametrize("function", WITH_FRAMES)
def test_frames_that_fail_and_cannot_be_closed(function):
    frames = Frames()
    with pytest.raises(SourceError) as caught:
        WITH_FRAMES[function](dataset(), frames=frames, number_of_frames=3)
    assert_first(caught, frames)


@pytest.mark.parametrize("function", WITH_FRAMES)
def test_a_refusal_when_frames_cannot_be_closed(function):
    frames = Frames()
    with pytest.raises(streamdcm.errors.PlanError) as caught:
        WITH_FRAMES[function](dataset(), frames=frames, number_of_frames=3, offset_table="basic")
    assert_first(caught, frames)


def test_arrays_to_encode_when_frames_cannot_be_closed():
    frames, given = Frames(2), dataset()
    given.file_meta.TransferSyntaxUID = RLELossless
    with pytest.raises(SourceError) as caught:
        streamdcm.dcmwrite(io.BytesIO(), given, frames=frames, number_of_frames=3)
    assert_first(caught, frames)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_sink_that_fails_when_frames_cannot_be_closed(asynchronous):
    frames = Frames(1000)
    with pytest.raises(SinkError) as caught:
        if asynchronous:
            anyio.run(write_async, Failing(600), frames)
        else:
            streamdcm.dcmwrite(Failing(600), dataset(), frames=frames, number_of_frames=1000, chunk_size=100)
    assert_first(caught, frames)


async def write_async(target, frames):
    await streamdcm.dcmwrite_async(target, dataset(), frames=frames, number_of_frames=1000, chunk_size=100)


def test_all_sources_are_closed_where_one_cannot_be():
    each = [Frames(3), Frames(3), Frames(3)]
    sources = Sources(100, Progress(None))
    for frames in each:
        sources.next_piece(FrameSource(frames, "frames"))
    with pytest.raises(OSError, match="a name"):
        sources.close()
    assert [frames.closed for frames in each] == [1, 1, 1]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestOnAnEventLoop:
    """The asynchronous twins."""

    @pytest.mark.parametrize("kind", [Frames, AsyncFrames])
    @pytest.mark.parametrize("function", ["dcmwrite", "iter_chunks", "open_chunks", "open_reader"])
    def test_frames_that_fail_and_cannot_be_closed(self, backend, function, kind):
        frames = kind()
        with pytest.raises(SourceError) as caught:
            anyio.run(self.run, function, dataset(), frames, backend=backend)
        assert_first(caught, frames)

    @pytest.mark.parametrize("function", ["rewrite", "rewrite_chunks", "read_header"])
    def test_a_source_that_fails_and_cannot_be_closed(self, backend, function):
        pieces = AsyncPieces()
        pieces.good = 1
        with pytest.raises(streamdcm.errors.SourceError) as caught:
            anyio.run(self.read, function, pieces, backend=backend)
        assert_first(caught, pieces)

    @staticmethod
    async def run(function, given, frames):
        how = {"frames": frames, "number_of_frames": 3}
        if function == "dcmwrite":
            await streamdcm.dcmwrite_async(io.BytesIO(), given, **how)
        elif function == "iter_chunks":
            async for _ in streamdcm.iter_chunks_async(given, chunk_size=100, **how):
                pass
        elif function == "open_chunks":
            async with streamdcm.open_chunks_async(given, chunk_size=100, **how) as chunks:
                async for _ in chunks:
                    pass
        else:
            async with streamdcm.open_reader_async(given, **how) as reader:
                await reader.read()

    @staticmethod
    async def read(function, pieces):
        if function == "rewrite":
            await streamdcm.rewrite_async(pieces, io.BytesIO())
        elif function == "rewrite_chunks":
            async with await streamdcm.rewrite_chunks_async(pieces) as chunks:
                async for _ in chunks:
                    pass
        else:
            await streamdcm.read_header_async(pieces)


@pytest.mark.parametrize("function", ["rewrite", "rewrite_chunks", "read_header"])
def test_a_source_that_fails_and_cannot_be_closed(function):
    pieces = Pieces()
    pieces.good = 1
    with pytest.raises(streamdcm.errors.SourceError) as caught:
        if function == "rewrite":
            streamdcm.rewrite(pieces, io.BytesIO())
        elif function == "rewrite_chunks":
            with streamdcm.rewrite_chunks(pieces) as chunks:
                read_to_the_end(chunks)
        else:
            streamdcm.read_header(pieces)
    assert_first(caught, pieces)


def test_a_block_that_fails_and_leaves_frames_that_cannot_be_closed():
    for opened in (streamdcm.open_chunks, streamdcm.open_reader):
        frames = Frames(3)
        with pytest.raises(SinkError) as caught, opened(dataset(), frames=frames, chunk_size=100) as chunks:
            next(iter(chunks))
            raise SinkError
        assert_first(caught, frames)


def test_an_error_after_the_commit_says_that_the_file_is_complete(tmp_path):
    class Frames:
        """An iterator that can be closed once."""

        def __init__(self):
            self.left, self.closed = 1, 0

        def __iter__(self):
            return self

        def __next__(self):
            if not self.left:
                raise StopIteration
            self.left -= 1
            return bytes(512)

        def close(self):
            self.closed += 1
            if self.closed > 1:
                raise OSError("its file")

    with pytest.raises(OSError, match="its file") as caught:
        streamdcm.dcmwrite(tmp_path / "out.dcm", dataset(), frames=Frames(), number_of_frames=1)
    assert (tmp_path / "out.dcm").exists()
    assert any("complete; this error came too late" in note for note in caught.value.__notes__)
