"""The published contracts, on every kind of sink that streamdcm knows and on some that it does not."""

# ruff: noqa: SIM115 (what is opened here is closed by fixtures)

import bz2
import gzip
import io
import lzma
import os
import socket
import tempfile
import threading
import zipfile

import pytest
from pydicom.filebase import DicomBytesIO, DicomFileLike, DicomIO

from streamdcm.testing import SinkContract, TransactionContract


class InDirectory:
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.path = tmp_path / "file"
        self.opened = []
        yield
        for thing in self.opened:
            thing.close()

    def open(self, *args, **kwargs):
        self.opened.append(open(self.path, *args, **kwargs))
        return self.opened[-1]


class TestBytesIO(SinkContract):
    patchable = True

    def make_sink(self):
        return io.BytesIO()

    def written(self, sink):
        return sink.getvalue()


class TestNamedBytesIO(TestBytesIO):
    def make_sink(self):
        sink = io.BytesIO()
        sink.name = "slice.dcm"
        return sink


class TestDicomBytesIO(TestBytesIO):
    def make_sink(self):
        return DicomBytesIO()


class TestDicomIOOverBytesIO(SinkContract):
    patchable = True

    def make_sink(self):
        return DicomIO(io.BytesIO())

    def written(self, sink):
        return sink.parent.getvalue()


class TestBufferedFile(InDirectory, SinkContract):
    patchable = True
    mode, buffering = "wb", -1

    def make_sink(self):
        return self.open(self.mode, buffering=self.buffering)

    def written(self, sink):
        sink.close()
        return self.path.read_bytes()


class TestBufferedFileForUpdate(TestBufferedFile):
    mode = "w+b"


class TestUnbufferedFile(TestBufferedFile):
    buffering = 0


class TestAppendingFile(TestBufferedFile):
    patchable = False
    mode = "ab"


class TestUnbufferedAppendingFile(TestBufferedFile):
    patchable = False
    mode, buffering = "ab", 0


class TestDicomFileLike(TestBufferedFile):
    def make_sink(self):
        return DicomFileLike(super().make_sink())


class TestDicomFileLikeInAppendMode(TestDicomFileLike):
    patchable = False
    mode = "ab"


class TestNamedTemporaryFile(SinkContract):
    patchable = True
    options: dict = {}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.directory = tmp_path
        self.opened = []
        yield
        for file in self.opened:
            file.close()

    def make_sink(self):
        self.opened.append(tempfile.NamedTemporaryFile(dir=self.directory, **self.options))
        return self.opened[-1]

    def written(self, sink):
        sink.seek(0)
        return sink.read()


class TestUnbufferedNamedTemporaryFile(TestNamedTemporaryFile):
    options = {"buffering": 0}  # noqa: RUF012


class TestTemporaryFile(TestNamedTemporaryFile):
    def make_sink(self):
        self.opened.append(tempfile.TemporaryFile(dir=self.directory))
        return self.opened[-1]


class TestSpooledTemporaryFile(TestNamedTemporaryFile):
    def make_sink(self):
        self.opened.append(tempfile.SpooledTemporaryFile(max_size=100_000, dir=self.directory))
        return self.opened[-1]


class TestGzip(InDirectory, SinkContract):
    patchable = False

    def make_sink(self):
        self.opened.append(gzip.open(self.path, "wb", compresslevel=1))
        return self.opened[-1]

    def written(self, sink):
        sink.close()
        return gzip.decompress(self.path.read_bytes())


class TestBufferedGzip(InDirectory, SinkContract):
    patchable = False

    def make_sink(self):
        self.opened.append(io.BufferedWriter(gzip.open(self.path, "wb", compresslevel=1)))
        return self.opened[-1]

    def written(self, sink):
        sink.close()
        return gzip.decompress(self.path.read_bytes())


class TestBz2(InDirectory, SinkContract):
    patchable = False

    def make_sink(self):
        self.opened.append(bz2.open(self.path, "wb", compresslevel=1))
        return self.opened[-1]

    def written(self, sink):
        sink.close()
        return bz2.decompress(self.path.read_bytes())


class TestLzma(InDirectory, SinkContract):
    patchable = False

    def make_sink(self):
        self.opened.append(lzma.open(self.path, "wb", preset=0))
        return self.opened[-1]

    def written(self, sink):
        sink.close()
        return lzma.decompress(self.path.read_bytes())


class TestZipMember(InDirectory, SinkContract):
    patchable = False
    compression = zipfile.ZIP_DEFLATED

    def make_sink(self):
        archive = zipfile.ZipFile(self.path, "w", self.compression)
        member = archive.open("member.dcm", "w")
        self.archive = archive
        self.opened += [member, archive]
        return member

    def written(self, sink):
        sink.close()
        self.archive.close()
        with zipfile.ZipFile(self.path) as archive:
            assert archive.testzip() is None
            return archive.read("member.dcm")


class TestStoredZipMember(TestZipMember):
    compression = zipfile.ZIP_STORED


class WithReader:
    """A reader in a thread; subclasses give it something to read from."""

    @pytest.fixture(autouse=True)
    def _reader(self):
        self.received = []
        self.to_close = []
        self.thread = None
        yield
        for thing in self.to_close:
            thing.close()
        if self.thread is not None:
            self.thread.join(10)

    def start(self, reader):
        def collect():
            with reader:
                while piece := reader.read1(50_000):
                    self.received.append(piece)

        self.thread = threading.Thread(target=collect)
        self.thread.start()

    def written(self, sink):
        for thing in self.to_close:
            thing.close()
        self.thread.join(10)
        return b"".join(self.received)


class TestPipe(WithReader, SinkContract):
    patchable = False
    buffering = -1

    def make_sink(self):
        reading, writing = os.pipe()
        self.start(os.fdopen(reading, "rb"))
        sink = os.fdopen(writing, "wb", buffering=self.buffering)
        self.to_close.append(sink)
        return sink


class TestUnbufferedPipe(TestPipe):
    buffering = 0


class TestSocket(WithReader, SinkContract):
    patchable = False

    def make_sink(self):
        sink, reader = socket.socketpair()
        self.to_close.append(sink)
        with reader:
            self.start(reader.makefile("rb"))
        return sink


class TestSocketWithTimeout(TestSocket):
    def make_sink(self):
        sink = super().make_sink()
        sink.settimeout(10)
        return sink


class TestSocketMakefile(TestSocket):
    buffering = None

    def make_sink(self):
        sink = super().make_sink().makefile("wb", buffering=self.buffering)
        self.to_close.insert(0, sink)
        return sink


class TestUnbufferedSocketMakefile(TestSocketMakefile):
    buffering = 0


class OnlyWrite:
    """Says nothing about how much it took, and insists on bytes."""

    def __init__(self):
        self.pieces = []

    def write(self, data):
        assert type(data) is bytes
        self.pieces.append(data)


class TestObjectWithNothingButWrite(SinkContract):
    patchable = False

    def make_sink(self):
        return OnlyWrite()

    def written(self, sink):
        return b"".join(sink.pieces)


class TestObjectThatTakesAFewBytesAtATime(TestObjectWithNothingButWrite):
    def make_sink(self):
        class ShortWrites(OnlyWrite):
            def write(self, data):
                super().write(data[:70_001])
                return len(data[:70_001])

        return ShortWrites()


class TestObjectWithSeekAndTell(SinkContract):
    """Like those of h5py, mmap or fsspec: no class of the standard library behind it."""

    patchable = True

    def make_sink(self):
        class Seekable(OnlyWrite):
            def __init__(self):
                self.content, self.position = bytearray(), 0

            def write(self, data):
                assert type(data) is bytes
                data = data[:70_001]
                self.content[self.position : self.position + len(data)] = data
                self.position += len(data)
                return len(data)

            def seek(self, offset, whence=0):
                assert whence == 0
                self.position = offset

            def tell(self):
                return self.position

        return Seekable()

    def written(self, sink):
        return bytes(sink.content)


class TestAtomicPath(InDirectory, TransactionContract):
    def make_target(self):
        return self.path

    def visible(self, target):
        return target.read_bytes() if target.exists() else None

    def leftovers(self, target):
        return [path for path in target.parent.iterdir() if path != target]


class TestAtomicPathThroughALink(TestAtomicPath):
    def make_target(self):
        (self.path.parent / "elsewhere").mkdir()
        self.path.symlink_to("elsewhere/target")
        return self.path

    def leftovers(self, target):
        assert target.is_symlink()
        return [path for path in (target.parent / "elsewhere").iterdir() if path.name != "target"]
