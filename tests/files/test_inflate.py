"""A deflated dataset, read from any position."""

import io
import os
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamdcm.errors import SourceError
from streamdcm.files.inflate import Inflated
from streamdcm.instructions import Copy
from streamdcm.sources import BufferSource

PLAIN = random.Random(1).randbytes(100_000) + bytes(300_000) + random.Random(2).randbytes(50_001)


def deflate(plain: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compressor.compress(plain) + compressor.flush()


def inflated(deflated: bytes) -> Inflated:
    buffer = io.BytesIO(b"before" + deflated)
    return Inflated(Copy(BufferSource(buffer, "the dataset"), 6, len(deflated)))


DEFLATED = deflate(PLAIN)


@given(st.lists(st.tuples(st.integers(0, len(PLAIN) + 10), st.integers(0, 150_000)), max_size=5))
def test_it_reads_what_a_file_would(steps: list[tuple[int, int]]) -> None:
    ours, theirs = inflated(DEFLATED), io.BytesIO(PLAIN)
    for position, size in steps:
        assert ours.seek(position) == theirs.seek(position)
        assert ours.read(size) == theirs.read(size)
        assert ours.tell() == theirs.tell()


def test_it_seeks_like_a_file() -> None:
    file = inflated(DEFLATED + b"\0")
    assert file.readable()
    assert file.seekable()
    assert file.seek(-10, os.SEEK_END) == len(PLAIN) - 10
    assert file.read() == PLAIN[-10:]
    assert file.seek(-5, os.SEEK_CUR) == len(PLAIN) - 5
    assert file.read(None) == PLAIN[-5:]
    assert file.read(1) == b""
    assert file.seek(0) == 0
    assert file.read() == PLAIN


def test_seeking_inflates_nothing() -> None:
    file = inflated(b"\xff no deflated stream")
    assert file.seek(1000) == 1000
    with pytest.raises(SourceError, match="is broken"):
        file.read(1)


@pytest.mark.parametrize("end", [0, 1, 1000, len(DEFLATED) - 1])
def test_a_stream_that_ends_too_early_is_an_error(end: int) -> None:
    with pytest.raises(SourceError, match="ends too early"):
        inflated(DEFLATED[:end]).read()


def test_a_step_back_within_a_block_does_not_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    file = inflated(DEFLATED)
    file.seek(200_000)
    file.read(12)
    monkeypatch.setattr(file, "_start_again", None)
    file.seek(200_000)
    assert file.read(12) == PLAIN[200_000:200_012]


def test_it_can_be_closed() -> None:
    file = inflated(DEFLATED)
    file.read(1)
    file.close()
    assert file.closed
