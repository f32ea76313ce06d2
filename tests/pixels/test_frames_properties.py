"""Random frames: what goes in comes out, whatever the table, the fragments, the sink and the sizes."""

import io
import itertools
import struct

import numpy as np
import pydicom
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm.errors import HoldLimitError
from tests.support.frames import COUNTED, EXPECTED, TABLES, frames_in, padded, table_in
from tests.support.images import as_jpeg, template
from tests.support.targets import KINDS
from tests.support.writing import read_back

CHUNK_SIZES = st.sampled_from((61, 1000, 64 * 1024, 1 << 20))
HOLD_LIMITS = st.sampled_from((0, 100, 10_000, 64 << 20))
SEEKABLE = ("path", "memory", "memory_further_on")

LENGTHS = st.one_of(st.integers(5, 300), st.integers(4090, 4100), st.integers(65_500, 65_600))
DIVIDED = st.one_of(
    st.just({}),
    st.builds(lambda count: {"fragments_per_frame": count}, st.integers(2, 9)),
    st.builds(lambda size: {"fragment_size": size}, st.integers(1, 5000)),
)


@st.composite
def compressed_frames(draw: st.DrawFn) -> list[bytes]:
    """Frames whose last byte is not taken for padding, all different."""
    lengths = draw(st.lists(LENGTHS, min_size=1, max_size=8))
    return [as_jpeg(bytes([number + 1]) * (length - 1) + b"\xd9") for number, length in enumerate(lengths)]


@given(
    compressed_frames(),
    st.sampled_from(list(COUNTED)),
    st.sampled_from(TABLES),
    DIVIDED,
    st.sampled_from(list(KINDS)),
    CHUNK_SIZES,
    HOLD_LIMITS,
)
def test_compressed_frames_in_are_frames_out(
    frames: list[bytes],
    counted: str,
    table: str,
    divided: dict[str, int],
    kind: str,
    chunk_size: int,
    hold_limit: int,
) -> None:
    sizes = {"chunk_size": chunk_size, "hold_limit": hold_limit}
    options = {**COUNTED[counted](frames), "offset_table": table, **divided, **sizes}
    expected = EXPECTED[counted, "seekable" if kind in SEEKABLE else "write-only"][table]
    if table == "extended" and divided:
        expected = "refused"
    with KINDS[kind]() as (target, arrived):
        try:
            streamdcm.dcmwrite(target, template(JPEGBaseline8Bit, bits=8), **options)
        except HoldLimitError:
            assert kind not in SEEKABLE
            assert hold_limit < 64 << 20
            return
        except streamdcm.errors.PlanError:
            assert expected == "refused"
            return
        data = arrived()
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert table_in(dataset) == expected
    assert dataset.NumberOfFrames == len(frames)
    if not divided or expected == "basic" or len(frames) == 1:  # else nobody can tell which fragments are a frame
        assert [padded(frame) for frame in frames_in(dataset)] == [padded(frame) for frame in frames]


@given(compressed_frames())
def test_tables_are_those_of_pydicom(frames: list[bytes]) -> None:
    basic = read_back(template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table="basic")
    assert basic.PixelData == encapsulate(frames)
    empty = read_back(template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table="empty")
    assert empty.PixelData == encapsulate(frames, has_bot=False)
    extended = read_back(template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table="extended")
    tables = extended.PixelData, extended.ExtendedOffsetTable, extended.ExtendedOffsetTableLengths
    assert tables == encapsulate_extended(frames)


@given(compressed_frames(), st.sampled_from(["list", "announced", "bounded"]))
def test_tables_are_those_of_the_standard(frames: list[bytes], counted: str) -> None:
    offsets = [0, *itertools.accumulate(8 + len(padded(frame)) for frame in frames[:-1])]
    count = len(frames)
    basic = read_back(template(JPEGBaseline8Bit, bits=8), **COUNTED[counted](frames), offset_table="basic")
    # PS3.5 §A.4: from the first byte of the item that follows the table
    assert basic.PixelData[4 : 8 + 4 * count] == struct.pack(f"<{count + 1}L", 4 * count, *offsets)
    extended = read_back(template(JPEGBaseline8Bit, bits=8), **COUNTED[counted](frames), offset_table="extended")
    assert extended.ExtendedOffsetTable == struct.pack(f"<{count}Q", *offsets)
    # PS3.3 §C.7.6.3.1.8: without the header of the item
    assert extended.ExtendedOffsetTableLengths == struct.pack(f"<{count}Q", *(len(padded(frame)) for frame in frames))


@given(compressed_frames(), st.integers(1, 5), st.sampled_from(["list", "announced", "bounded"]))
def test_a_basic_table_points_at_the_first_fragment_of_each_frame(
    frames: list[bytes], fragments: int, counted: str
) -> None:
    options = {**COUNTED[counted](frames), "fragments_per_frame": fragments, "offset_table": "basic"}
    value = read_back(template(JPEGBaseline8Bit, bits=8), **options).PixelData
    offsets = struct.unpack_from(f"<{len(frames)}L", value, 8)
    start = 8 + 4 * len(frames)
    for frame, offset in zip(frames, offsets, strict=True):
        tag, length = struct.unpack_from("<4sL", value, start + offset)
        assert tag == b"\xfe\xff\x00\xe0"
        content = value[start + offset + 8 : start + offset + 8 + length]
        assert padded(frame).startswith(content)


@given(
    compressed_frames(),
    st.sampled_from(["announced", "bounded", "unknown"]),
    st.sampled_from(TABLES),
    DIVIDED,
    CHUNK_SIZES,
)
def test_frames_that_are_pushed_give_the_bytes_of_those_that_are_pulled(
    frames: list[bytes], counted: str, table: str, divided: dict[str, int], chunk_size: int
) -> None:
    options = {**COUNTED[counted](frames), "offset_table": table, **divided, "chunk_size": chunk_size}
    pulled, pushed = io.BytesIO(), io.BytesIO()
    try:
        result = streamdcm.dcmwrite(pulled, template(JPEGBaseline8Bit, bits=8), **options)
    except streamdcm.errors.PlanError:
        result = None
    del options["frames"]
    try:
        with streamdcm.open_writer(pushed, template(JPEGBaseline8Bit, bits=8), **options) as writer:
            for frame in map(bytearray, frames):
                writer.write_frame(frame)
                frame[:] = bytes(len(frame))
    except streamdcm.errors.PlanError:
        assert result is None
    assert pushed.getvalue() == pulled.getvalue()
    assert writer.result == result if result is not None else not pushed.getvalue()


@given(compressed_frames(), st.sampled_from(list(COUNTED)), DIVIDED, CHUNK_SIZES)
def test_chunks_are_what_a_sink_gets_that_only_writes(
    frames: list[bytes], counted: str, divided: dict[str, int], chunk_size: int
) -> None:
    options = {**divided, "chunk_size": chunk_size}
    chunks = streamdcm.iter_chunks(template(JPEGBaseline8Bit, bits=8), **COUNTED[counted](frames), **options)
    with KINDS["write_only"]() as (target, arrived):
        streamdcm.dcmwrite(target, template(JPEGBaseline8Bit, bits=8), **COUNTED[counted](frames), **options)
        assert b"".join(chunks) == arrived()


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from(["u1", "u2", "u4"]),
    st.integers(1, 6),
    st.sampled_from([ExplicitVRLittleEndian, ImplicitVRLittleEndian]),
    st.sampled_from(["list", "announced", "unknown"]),
    st.booleans(),
    st.sampled_from(list(KINDS)),
    CHUNK_SIZES,
    HOLD_LIMITS,
)
def test_native_frames_in_are_frames_out(
    rows: int,
    columns: int,
    dtype: str,
    count: int,
    syntax: str,
    counted: str,
    as_arrays: bool,
    kind: str,
    chunk_size: int,
    hold_limit: int,
) -> None:
    arrays = np.random.default_rng(count).integers(0, 256, (count, rows, columns), dtype)
    frames = list(arrays) if as_arrays else [array.astype(f"<{dtype}").tobytes() for array in arrays]
    dataset = template(syntax, rows=rows, columns=columns, bits=8 * int(dtype[1]))
    options = {**COUNTED[counted](frames), "chunk_size": chunk_size, "hold_limit": hold_limit}
    with KINDS[kind]() as (target, arrived):
        try:
            streamdcm.dcmwrite(target, dataset, **options)
        except HoldLimitError:
            assert kind not in SEEKABLE
            assert counted == "unknown" or hold_limit < 12
            return
        data = arrived()
    again = pydicom.dcmread(io.BytesIO(data))
    assert again.NumberOfFrames == count
    assert again.PixelData == padded(arrays.astype(f"<{dtype}").tobytes())
