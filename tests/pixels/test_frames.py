"""Frames in are frames out: native and encapsulated, pulled and pushed, with every offset table."""

import io
import os
import struct

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

import streamdcm
from tests.support.images import UNCOMPRESSED, as_jpeg, compressed, pixels, template
from tests.support.targets import WriteOnly


def write(dataset, **options):
    buffer = io.BytesIO()
    result = streamdcm.dcmwrite(buffer, dataset, **options)
    return buffer.getvalue(), result


def read(data):
    return pydicom.dcmread(io.BytesIO(data))


class TestNative:
    @pytest.mark.parametrize("syntax", UNCOMPRESSED)
    @pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4"])
    @pytest.mark.parametrize("known", [True, False])
    def test_arrays_come_back_as_they_were(self, syntax, dtype, known):
        if syntax == ExplicitVRBigEndian and dtype[1] == "4":
            pytest.skip("pydicom reads 32-bit pixels of a big endian OW in words of 32 bits")
        frames = pixels(3, dtype)
        dataset = template(syntax, bits=8 * int(dtype[1]), signed=dtype[0] == "i")
        data, _ = write(dataset, frames=frames if known else iter(frames))
        again = read(data)
        assert again.NumberOfFrames == 3
        assert (again.pixel_array == np.stack(frames)).all()

    def test_32_bit_pixels_in_big_endian_swap_words_of_16_bits(self):
        data, _ = write(
            template(ExplicitVRBigEndian, bits=32, rows=1, columns=1), frames=[np.array([[0x01020304]], "u4")]
        )
        assert data.endswith(bytes.fromhex("7FE00010") + b"OW\0\0\0\0\0\4" + bytes.fromhex("03040102"))

    @pytest.mark.parametrize("planar", [0, 1])
    def test_colour_is_laid_out_as_the_planar_configuration_says(self, planar):
        shape = (3, 5, 7) if planar else (5, 7, 3)
        frames = pixels(2, "u1", shape)
        dataset = template(ExplicitVRLittleEndian, bits=8, samples=3, PlanarConfiguration=planar)
        again = read(write(dataset, frames=iter(frames))[0])
        expected = np.stack(frames).transpose(0, 2, 3, 1) if planar else np.stack(frames)
        assert (again.pixel_array == expected).all()

    def test_any_memory_layout_and_byte_order_is_written_right(self):
        frame = pixels(1)[0]
        variants = [frame.astype(">u2"), np.asfortranarray(frame), np.repeat(frame, 2, axis=1)[:, ::2]]
        again = read(write(template(ExplicitVRLittleEndian), frames=variants)[0])
        assert (again.pixel_array == np.stack([frame] * 3)).all()

    @given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 6), st.booleans())
    def test_one_bit_pixels_are_packed_across_frames(self, columns, rows, count, as_bytes):
        generator = np.random.default_rng(columns)
        frames = [generator.integers(0, 2, (rows, columns), "u1") for _ in range(count)]
        given_frames = [np.packbits(f, bitorder="little").tobytes() for f in frames] if as_bytes else frames
        dataset = template(ExplicitVRLittleEndian, rows=rows, columns=columns, bits=1)
        data, _ = write(dataset, frames=iter(given_frames))
        packed = np.packbits(np.concatenate([f.reshape(-1) for f in frames]), bitorder="little").tobytes()
        assert read(data).PixelData == packed + b"\0" * (len(packed) % 2)
        assert write(dataset, frames=given_frames)[0][-len(packed) :] == data[-len(packed) :]

    @pytest.mark.parametrize(
        ("keyword", "bits", "dtype"), [("FloatPixelData", 32, "f4"), ("DoubleFloatPixelData", 64, "f8")]
    )
    @pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
    def test_floating_point_frames_go_where_the_template_has_them(self, keyword, bits, dtype, syntax):
        frames = [np.arange(35, dtype=dtype).reshape(5, 7) + i for i in range(2)]
        dataset = template(syntax, bits=bits, **{keyword: b""})
        again = read(write(dataset, frames=frames)[0])
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        assert again[keyword].value == np.stack(frames).astype(order + dtype).tobytes()

    def test_subsampled_frames_have_two_samples_a_pixel(self):
        dataset = template(
            ExplicitVRLittleEndian, rows=2, columns=4, bits=8, samples=3, PhotometricInterpretation="YBR_FULL_422"
        )
        assert len(read(write(dataset, frames=[bytes(16)])[0]).PixelData) == 16
        with pytest.raises(streamdcm.errors.ValueTypeError, match="frame 1: has 24 bytes, not the 16"):
            write(dataset, frames=[bytes(24)])

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            (bytes(69), "frame 2: has 69 bytes, not the 70"),
            (np.zeros((7, 5), "u2"), r"frame 2: has shape \(7, 5\), not \(5, 7\)"),
            (np.zeros((5, 7), "i2"), "frame 2: has dtype int16, not uint16"),
            (np.zeros((5, 7), "f4"), "frame 2: has dtype float32"),
            (None, "frame 2: is of type NoneType"),
            ("text", "frame 2: is of type str"),
        ],
    )
    def test_a_frame_that_is_not_what_the_dataset_says_is_named(self, tmp_path, frame, message):
        with pytest.raises(streamdcm.errors.EncodeError, match=message):
            streamdcm.dcmwrite(tmp_path / "out.dcm", template(ExplicitVRLittleEndian), frames=[bytes(70), frame])
        assert os.listdir(tmp_path) == []

    def test_too_much_for_a_length_field_is_refused_before_the_first_byte_with_the_ways_out(self):
        target = io.BytesIO()
        dataset = template(ExplicitVRLittleEndian, rows=4096, columns=4096)
        with pytest.raises(OverflowError, match=r"1\.2\.840\.10008\.1\.2\.1\.98"):
            streamdcm.dcmwrite(target, dataset, frames=iter(()), number_of_frames=200)
        assert target.getvalue() == b""

    @pytest.mark.parametrize("table", ["basic", "extended"])
    def test_an_offset_table_is_refused(self, table):
        target = io.BytesIO()
        with pytest.raises(ValueError, match="native frames have no offset table"):
            streamdcm.dcmwrite(target, template(ExplicitVRLittleEndian), frames=[bytes(70)], offset_table=table)
        assert target.getvalue() == b""

    def test_a_reused_buffer_is_written_as_it_was_when_it_was_given(self):
        buffer = np.zeros((5, 7), "u2")

        def producer():
            for i in range(5):
                buffer[:] = i
                yield buffer

        again = read(write(template(ExplicitVRLittleEndian), frames=producer())[0])
        assert again.pixel_array[:, 0, 0].tolist() == [0, 1, 2, 3, 4]

    def test_unknown_counts_work_on_a_sink_that_cannot_seek(self):
        frames = pixels(4)
        sink = WriteOnly()
        streamdcm.dcmwrite(sink, template(ExplicitVRLittleEndian), frames=iter(frames), seekable=False)
        assert bytes(sink.data) == write(template(ExplicitVRLittleEndian), frames=iter(frames))[0]


def frames_of(dataset):
    tables = None
    if "ExtendedOffsetTable" in dataset:
        tables = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    return list(
        generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames), extended_offsets=tables)
    )


class TestEncapsulated:
    @given(st.lists(st.integers(0, 300), min_size=1, max_size=12))
    def test_tables_are_those_of_pydicom(self, sizes):
        frames = compressed(sizes)
        basic = read(write(template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table="basic")[0])
        assert basic.PixelData == encapsulate(frames, has_bot=True)
        extended = read(
            write(
                template(JPEGBaseline8Bit, bits=8),
                frames=iter(frames),
                number_of_frames=len(frames),
                offset_table="extended",
            )[0]
        )
        value, offsets, lengths = encapsulate_extended(frames)
        assert (extended.PixelData, extended.ExtendedOffsetTable, extended.ExtendedOffsetTableLengths) == (
            value,
            offsets,
            lengths,
        )

    def test_extended_lengths_are_those_of_the_items(self):
        frames = compressed([3, 4])
        dataset = read(write(template(JPEGBaseline8Bit, bits=8), frames=frames, offset_table="extended")[0])
        assert struct.unpack("<2Q", dataset.ExtendedOffsetTableLengths) == (6, 6)
        assert struct.unpack("<2Q", dataset.ExtendedOffsetTable) == (0, 14)

    @given(
        st.lists(st.integers(0, 200), min_size=1, max_size=8),
        st.sampled_from(["auto", "basic", "extended", "empty"]),
        st.sampled_from(["list", "number_of_frames", "max_frames", "unknown"]),
        st.booleans(),
    )
    def test_frames_in_are_frames_out(self, sizes, table, counted, seekable):
        frames = compressed(sizes)
        options = {"frames": frames if counted == "list" else iter(frames), "offset_table": table}
        if counted == "number_of_frames":
            options["number_of_frames"] = len(frames)
        if counted == "max_frames":
            options["max_frames"] = len(frames) + 3
        dataset = template(JPEGBaseline8Bit, bits=8)
        unknown = counted == "unknown" or (counted == "max_frames" and not seekable)
        if table in ("basic", "extended") and unknown:
            with pytest.raises(ValueError, match="needs the number of frames ahead"):
                write(dataset, seekable=seekable, **options)
            return
        data, result = write(dataset, seekable=seekable, **options)
        assert result.offset_table is not None
        assert result.offset_table_reason == result.reason != ""
        again = read(data)
        assert again.NumberOfFrames == len(frames)
        for frame, original in zip(frames_of(again), frames, strict=True):
            assert frame.rstrip(b"\0") == original.rstrip(b"\0")

    def test_a_reserved_table_leaves_a_private_padding_element_that_pydicom_reads_over(self):
        frames = compressed([10, 11, 12])
        dataset = template(JPEGBaseline8Bit, bits=8)
        dataset.add_new(0x7FDF0010, "LO", "SOMEBODY")
        dataset.add_new(0x7FDF1001, "UT", "else")
        data, result = write(dataset, frames=iter(frames), max_frames=100)
        again = read(data)
        assert (result.offset_table, result.offset_table_reason) == (
            "basic",
            "a table was reserved for 100 frames; it was enough",
        )
        assert again[0x7FDF0011].value == "STREAMDCM PADDING"
        assert set(again[0x7FDF1100].value) == {0}
        assert again[0x7FDF1001].value == "else"
        assert [struct.unpack("<3I", again.PixelData[8:20])] == [(0, 20, 42)]

    def test_an_extended_table_that_was_reserved_because_it_was_asked_for_is_not_said_to_be_one_for_large_offsets(self):
        dataset = template(JPEGBaseline8Bit, bits=8)
        _, result = write(dataset, frames=iter(compressed([10, 11])), max_frames=100, offset_table="extended")
        assert result.offset_table_reason == "a table was reserved for 100 frames; it was enough"

    @pytest.mark.parametrize("options", [{"fragments_per_frame": 3}, {"fragment_size": 7}])
    @pytest.mark.parametrize("known", [True, False])
    def test_frames_are_divided_into_fragments_of_even_length(self, options, known):
        frames = compressed([40, 41])
        counts = {} if known else {"number_of_frames": 2}
        data, _ = write(
            template(JPEGBaseline8Bit, bits=8), frames=frames if known else iter(frames), **options, **counts
        )
        again = read(data)
        assert [frame.rstrip(b"\0") for frame in frames_of(again)] == [frame.rstrip(b"\0") for frame in frames]
        assert again.PixelData.count(b"\xfe\xff\x00\xe0") > 5

    def test_what_excludes_fragments_is_refused(self):
        with pytest.raises(ValueError, match="exactly one fragment"):
            write(template(RLELossless), frames=[b"12"], check_frames=False, fragments_per_frame=2)
        with pytest.raises(ValueError, match="one fragment a frame"):
            write(template(JPEGBaseline8Bit), frames=compressed([2]), fragments_per_frame=2, offset_table="extended")
        with pytest.raises(ValueError, match="no fragments"):
            write(template(ExplicitVRLittleEndian), frames=[bytes(70)], fragments_per_frame=2)

    def test_encapsulated_uncompressed_takes_arrays(self):
        frames = pixels(3)
        again = read(write(template("1.2.840.10008.1.2.1.98"), frames=frames)[0])
        assert frames_of(again) == [frame.tobytes() for frame in frames]

    def test_stale_pixel_data_and_tables_are_dropped(self):
        dataset = template(JPEGBaseline8Bit, bits=8)
        dataset.PixelData = encapsulate([b"stale!"])
        dataset.ExtendedOffsetTable = bytes(8)
        dataset.ExtendedOffsetTableLengths = bytes(8)
        again = read(write(dataset, frames=[as_jpeg(b"now fresh!")])[0])
        assert "ExtendedOffsetTable" not in again
        assert frames_of(again) == [as_jpeg(b"now fresh!")]
        assert dataset.ExtendedOffsetTable == bytes(8)


def test_progress_counts_frames():
    events = []
    write(template(ExplicitVRLittleEndian), frames=pixels(3), progress=events.append)
    assert events[-1].frames == events[-1].frame == 3


class TestSources:
    def test_a_source_that_fails_is_closed_and_its_error_names_the_frame(self, tmp_path):
        closed = []

        def camera():
            try:
                yield bytes(70)
                raise RuntimeError("unplugged")
            finally:
                closed.append(True)

        with pytest.raises(RuntimeError, match="unplugged") as caught:
            streamdcm.dcmwrite(tmp_path / "out.dcm", template(ExplicitVRLittleEndian), frames=camera())
        assert "frame 2" in "".join(caught.value.__notes__)
        assert closed == [True]
        assert os.listdir(tmp_path) == []

    def test_a_sink_that_fails_closes_the_source(self):
        closed = []

        def camera():
            try:
                while True:
                    yield bytes(70)
            finally:
                closed.append(True)

        class Full(WriteOnly):
            def write(self, data):
                raise OSError("full")

        with pytest.raises(OSError, match="full"):
            streamdcm.dcmwrite(
                Full(), template(ExplicitVRLittleEndian), frames=camera(), hold_limit=0, number_of_frames=10**6
            )
        assert closed == [True]

    def test_closing_the_chunks_closes_the_source(self):
        closed = []

        def camera():
            try:
                while True:
                    yield bytes(70)
            finally:
                closed.append(True)

        chunks = streamdcm.iter_chunks(template(ExplicitVRLittleEndian), frames=camera(), number_of_frames=10**6)
        next(chunks)
        next(chunks)
        chunks.close()
        assert closed == [True]


class TestWriter:
    def test_frames_are_pushed_and_late_values_set(self, tmp_path):
        target = tmp_path / "live.dcm"
        dataset = template(ExplicitVRLittleEndian, LossyImageCompression="01")
        frames = pixels(3)
        with streamdcm.open_writer(target, dataset, late=["LossyImageCompressionRatio"]) as writer:
            for frame in frames:
                writer.write_frame(frame)
                assert not target.exists()
            writer.set("LossyImageCompressionRatio", 12.3)
        again = pydicom.dcmread(target)
        assert (again.pixel_array == np.stack(frames)).all()
        assert again.LossyImageCompressionRatio == 12.3
        assert writer.result.bytes_written == target.stat().st_size

    @pytest.mark.parametrize(
        ("syntax", "elements", "expected"),
        [
            (JPEGBaseline8Bit, {}, 7.0),
            (JPEGBaseline8Bit, {"LossyImageCompressionRatio": 9.5}, 9.5),
            ("1.2.840.10008.1.2.4.91", {"LossyImageCompression": "01"}, 7.0),
            ("1.2.840.10008.1.2.4.91", {}, None),
            (RLELossless, {"LossyImageCompression": "01"}, None),
            (ExplicitVRLittleEndian, {}, None),
        ],
    )
    def test_lossy_frames_that_are_pushed_have_a_ratio(self, syntax, elements, expected):
        dataset = template(syntax, bits=8, rows=8, **elements)
        ratios = []
        for given_ratio in (None, 12.3):
            buffer = io.BytesIO()
            with streamdcm.open_writer(buffer, dataset, check_frames=False) as writer:
                for _ in range(2):
                    writer.write_frame(bytes(56) if syntax == ExplicitVRLittleEndian else b"8 bytes.")
                if given_ratio is not None and (expected or elements):
                    writer.set("LossyImageCompressionRatio", given_ratio)
            ratios.append(read(buffer.getvalue()).get("LossyImageCompressionRatio") or None)
        assert ratios == [expected, 12.3 if expected or elements else None]

    def test_leaving_by_an_exception_leaves_the_old_file(self, tmp_path):
        target = tmp_path / "old.dcm"
        target.write_bytes(b"old")
        with (
            pytest.raises(ZeroDivisionError),
            streamdcm.open_writer(target, template(ExplicitVRLittleEndian)) as writer,
        ):
            writer.write_frame(bytes(70))
            raise ZeroDivisionError
        assert target.read_bytes() == b"old"
        assert os.listdir(tmp_path) == ["old.dcm"]

    def test_a_bad_frame_ends_the_write(self, tmp_path):
        writer = streamdcm.open_writer(tmp_path / "out.dcm", template(ExplicitVRLittleEndian))
        with pytest.raises(ValueError, match="not open"), writer:
            with pytest.raises(streamdcm.errors.ValueTypeError, match="frame 1"):
                writer.write_frame(b"short")
            assert os.listdir(tmp_path) == []
            with pytest.raises(ValueError, match="not open"):
                writer.write_frame(bytes(70))
        assert writer.result is None

    def test_a_late_value_that_was_never_set_is_an_error_that_names_it(self, tmp_path):
        writer = streamdcm.open_writer(
            tmp_path / "out.dcm", template(ExplicitVRLittleEndian), late=["StudyDescription"]
        )
        with pytest.raises(streamdcm.errors.EncodeError, match=r"StudyDescription: .* never was"), writer:
            writer.write_frame(bytes(70))
        assert os.listdir(tmp_path) == []

    def test_the_value_in_the_dataset_is_the_default_of_a_late_one(self):
        dataset = template(ExplicitVRLittleEndian, StudyDescription="as planned")
        again = read(write(dataset, frames=[bytes(70)], late=["StudyDescription"])[0])
        assert again.StudyDescription == "as planned"
        assert again["StudyDescription"].value == "as planned"

    @pytest.mark.parametrize(
        ("late", "message"),
        [
            (["NoSuchThing"], "no element of the dictionary"),
            (["ImageComments"], "needs an even number of bytes"),
            ({"ImageComments": 3}, "needs an even number of bytes"),
            (["PatientName"], "needs an even number of bytes"),
            (["EncapsulatedDocument"], "cannot come late"),
            (["ReferencedImageSequence"], "cannot come late"),
        ],
    )
    def test_a_field_that_cannot_be_reserved_is_refused(self, late, message):
        with pytest.raises(ValueError, match=message):
            streamdcm.open_writer(io.BytesIO(), template(ExplicitVRLittleEndian), late=late)

    def test_a_late_value_that_does_not_fit_is_refused_and_a_shorter_one_may_follow(self):
        buffer = io.BytesIO()
        with streamdcm.open_writer(buffer, template(ExplicitVRLittleEndian), late={"ImageComments": 10}) as writer:
            writer.write_frame(bytes(70))
            with pytest.raises(OverflowError, match="ImageComments: 11 bytes do not fit the 10 that were reserved"):
                writer.set("ImageComments", "x" * 11)
            with pytest.raises(ValueError, match="no field was reserved"):
                writer.set("PatientID", "1")
            writer.set("ImageComments", "short")
        assert read(buffer.getvalue()).ImageComments == "short"

    def test_a_writer_that_is_dropped_leaves_nothing_behind(self, tmp_path):
        writer = streamdcm.open_writer(tmp_path / "out.dcm", template(ExplicitVRLittleEndian)).__enter__()
        writer.write_frame(bytes(70))
        with pytest.warns(ResourceWarning, match="dropped while it was open"):
            writer.__del__()
        assert os.listdir(tmp_path) == []


def test_video_is_refused():
    with pytest.raises(ValueError, match="one bit stream, not frames"):
        write(template("1.2.840.10008.1.2.4.102"), frames=[b"12"])
