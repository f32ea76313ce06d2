"""How many frames there are: who says so, what follows from it, and what is said where it is wrong."""

import io
import os
import warnings
from typing import Any

import pydicom
import pytest
from pydicom import Dataset, Sequence
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import EncodeError, PlanError
from tests.support.images import CT_IMAGE, compressed, pixels, template
from tests.support.targets import WriteOnly

STALE = "NumberOfFrames in the dataset says 3, and 2 is written"


def write(dataset: Dataset, **options: Any) -> tuple[Dataset, streamdcm.WriteResult]:
    target = io.BytesIO()
    result = streamdcm.dcmwrite(target, dataset, **options)
    return pydicom.dcmread(io.BytesIO(target.getvalue())), result


def grey(**elements: Any) -> Dataset:
    return template(ExplicitVRLittleEndian, **elements)


def groups(count: int) -> Sequence:
    return Sequence([Dataset() for _ in range(count)])


ANNOUNCED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "argument": ({}, {"number_of_frames": 3}, r"number_of_frames= says 3$"),
    "dataset": ({"NumberOfFrames": 3}, {}, r"\(0028,0008\) NumberOfFrames in the dataset says 3 .*'count' counts"),
    "groups": ({"PerFrameFunctionalGroupsSequence": groups(3)}, {}, r"GroupsSequence has 3 item\(s\)$"),
    "vector": ({"SliceLocationVector": [1, 2, 3]}, {}, r"SliceLocationVector has 3 value\(s\)$"),
}


@pytest.mark.parametrize(("elements", "options", "who"), ANNOUNCED.values(), ids=ANNOUNCED)
class TestAnnounced:
    def test_nothing_has_to_be_filled_in(self, elements, options, who):
        again, result = write(grey(**elements), frames=iter(pixels(3)), **options)
        assert again.NumberOfFrames == 3
        assert result.patches == 0
        sink = WriteOnly()
        streamdcm.dcmwrite(sink, grey(**elements), frames=iter(pixels(3)), hold_limit=0, **options)
        assert pydicom.dcmread(io.BytesIO(sink.data)).NumberOfFrames == 3

    def test_fewer_or_more_are_an_error_that_says_who_announced_the_number(self, tmp_path, elements, options, who):
        path = tmp_path / "out.dcm"
        with pytest.raises(EncodeError, match=f"PixelData: the frames ended after 2: .*{who}"):
            streamdcm.dcmwrite(path, grey(**elements), frames=iter(pixels(2)), **options)
        with pytest.raises(EncodeError, match=f"PixelData, frame 4: is one too many: .*{who}"):
            streamdcm.dcmwrite(path, grey(**elements), frames=iter(pixels(4)), **options)
        assert os.listdir(tmp_path) == []

    def test_too_much_is_refused_before_the_first_byte(self, elements, options, who):
        sink = WriteOnly()
        dataset = grey(rows=30_000, columns=30_000, **elements)
        with pytest.raises(OverflowError, match="do not fit a 32-bit length field"):
            streamdcm.dcmwrite(sink, dataset, frames=iter(()), **options)
        assert sink.data == b""

    def test_a_table_is_chosen(self, elements, options, who):
        dataset = template(JPEGBaseline8Bit, bits=8, **elements)
        _, result = write(dataset, frames=iter(compressed([10, 20, 30])), **options)
        assert result.offset_table == "basic"

    def test_chunks_are_held_to_it_too(self, elements, options, who):
        with pytest.raises(EncodeError, match=who):
            list(streamdcm.iter_chunks(grey(**elements), frames=iter(pixels(2)), **options))


class TestMost:
    def test_max_frames_is_named(self):
        with pytest.raises(EncodeError, match=r"frame 3: is one too many: max_frames= allows 2$"):
            write(grey(), frames=iter(pixels(3)), max_frames=2)

    def test_frames_are_counted_where_only_a_most_is_given(self):
        again, _ = write(grey(NumberOfFrames=3), frames=iter(pixels(2)), max_frames=10)
        assert again.NumberOfFrames == 2

    def test_the_sop_class_is_named(self):
        with pytest.raises(EncodeError, match=r"frame 2: is one too many: the SOP Class is one of single-frame"):
            write(grey(SOPClassUID=CT_IMAGE), frames=iter(pixels(2)))
        with pytest.raises(PlanError, match=r"frames= gives 2, and the SOP Class is one of single-frame instances"):
            write(grey(SOPClassUID=CT_IMAGE), frames=pixels(2))

    def test_the_frame_of_a_single_frame_class_needs_no_holding(self):
        sink = WriteOnly()
        streamdcm.dcmwrite(sink, grey(SOPClassUID=CT_IMAGE), frames=iter(pixels(1)), hold_limit=0)
        assert (pydicom.dcmread(io.BytesIO(sink.data)).pixel_array == pixels(1)[0]).all()


class TestCounted:
    def test_count_counts_whatever_the_dataset_says(self):
        again, _ = write(grey(NumberOfFrames=3), frames=iter(pixels(2)), number_of_frames="count")
        assert again.NumberOfFrames == 2

    def test_what_has_an_item_for_each_frame_is_still_compared(self):
        dataset = grey(PerFrameFunctionalGroupsSequence=groups(3))
        with pytest.raises(EncodeError, match="ended after 2: PerFrame"):
            write(dataset, frames=iter(pixels(2)), number_of_frames="count")

    @pytest.mark.parametrize("number", ["", "  ", "0"])
    def test_a_number_that_makes_no_sense_does_not_count(self, number):
        dataset = grey()
        dataset.add(
            pydicom.dataelem.RawDataElement(
                pydicom.tag.Tag("NumberOfFrames"), "IS", len(number), number.encode(), 0, False, True
            )
        )
        again, _ = write(dataset, frames=iter(pixels(2)))
        assert again.NumberOfFrames == 2

    @pytest.mark.parametrize("number", ["many", 0, -1, True, 1.5])
    def test_what_is_no_number_is_refused(self, number):
        with pytest.raises(PlanError, match="number_of_frames must be a whole number above 0"):
            write(grey(), frames=iter(pixels(2)), number_of_frames=number)

    def test_the_frames_of_a_video_are_not_counted(self):
        dataset = template("1.2.840.10008.1.2.4.102", bits=8)
        with pytest.raises(PlanError, match="not counted; give number_of_frames as a number"):
            write(dataset, frames=streamdcm.ByteStream([b"12"]), number_of_frames="count")


class TestStale:
    @pytest.mark.parametrize("options", [{"frames": pixels(2)}, {"frames": iter(pixels(2)), "number_of_frames": 2}])
    def test_what_counts_is_written_with_a_warning(self, options):
        with pytest.warns(UserWarning, match=STALE):
            again, _ = write(grey(NumberOfFrames=3), **options)
        assert again.NumberOfFrames == 2

    def test_it_is_warned_of_once_for_a_concatenation(self, tmp_path):
        dataset = grey(NumberOfFrames=3, SharedFunctionalGroupsSequence=groups(1))
        for split in (1, 2):
            with pytest.warns(UserWarning, match=STALE) as warned:
                result = streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=pixels(2), split=split)
            assert len(warned) == 1
            numbers = [pydicom.dcmread(str(part.location)).NumberOfFrames for part in result.instances]
            assert numbers == [1] * 2 if split == 1 else [2]

    @pytest.mark.parametrize("split", [{}, {"split": 1}, {"split": 5}])
    def test_a_recording_is_not_lost_for_it(self, tmp_path, split):
        dataset = grey(NumberOfFrames=3, SharedFunctionalGroupsSequence=groups(1))
        path = tmp_path / "out.dcm"
        writer = streamdcm.open_writer(path, dataset, **split).__enter__()
        for frame in pixels(2):
            writer.write_frame(frame)
        with pytest.warns(UserWarning, match=STALE) as warned:
            writer.close()
        assert len(warned) == 1
        assert writer.result is not None
        assert writer.close() is writer.result
        if not split:
            assert pydicom.dcmread(path).NumberOfFrames == 2

    @pytest.mark.parametrize("number", [2, "count"])
    def test_nobody_is_warned_where_all_is_well(self, tmp_path, number):
        for said in (2, None) if number == 2 else (2, 3):
            dataset = grey(NumberOfFrames=said) if said else grey()
            with (
                warnings.catch_warnings(),
                streamdcm.open_writer(tmp_path / "out.dcm", dataset, number_of_frames=number) as writer,
            ):
                warnings.simplefilter("error")
                for frame in pixels(2):
                    writer.write_frame(frame)

    def test_a_warning_that_is_an_error_leaves_the_file(self, tmp_path):
        writer = streamdcm.open_writer(tmp_path / "out.dcm", grey(NumberOfFrames=3))
        with pytest.raises(UserWarning, match=STALE), writer:
            for frame in pixels(2):
                writer.write_frame(frame)
        assert writer.result is not None
        assert pydicom.dcmread(tmp_path / "out.dcm").NumberOfFrames == 2


class TestRatio:
    """Lossy Image Compression Ratio of frames whose number is known (PS3.3 C.7.6.1.1.5)."""

    FRAMES = compressed([32, 32])

    def written(self, **options: Any) -> Dataset:
        return write(template(JPEGBaseline8Bit, bits=8, **options.pop("elements", {})), **options)[0]

    @pytest.mark.parametrize("target", [io.BytesIO, WriteOnly])
    def test_of_frames_that_are_there_it_is_computed_ahead(self, target):
        sink = target()
        streamdcm.dcmwrite(sink, template(JPEGBaseline8Bit, bits=8), frames=self.FRAMES, hold_limit=0)
        content = sink.getvalue() if isinstance(sink, io.BytesIO) else sink.data
        assert pydicom.dcmread(io.BytesIO(content)).LossyImageCompressionRatio == 1.02941

    def test_of_others_it_is_filled_in_with_their_offset_table(self):
        again = self.written(frames=iter(self.FRAMES), number_of_frames=2)
        assert again.LossyImageCompressionRatio == 1.02941
        again = self.written(frames=iter(self.FRAMES), number_of_frames=2, offset_table="empty")
        assert "LossyImageCompressionRatio" not in again

    def test_nothing_is_held_back_for_it(self):
        sink = WriteOnly()
        streamdcm.dcmwrite(
            sink, template(JPEGBaseline8Bit, bits=8), frames=iter(self.FRAMES), number_of_frames=2, hold_limit=0
        )
        assert "LossyImageCompressionRatio" not in pydicom.dcmread(io.BytesIO(sink.data))

    @pytest.mark.parametrize("frames", [FRAMES, iter(FRAMES)])
    def test_what_the_dataset_says_stays(self, frames):
        elements = {"LossyImageCompressionRatio": [12, 7], "NumberOfFrames": 2}
        assert self.written(frames=frames, elements=elements).LossyImageCompressionRatio == [12, 7]

    def test_lossless_frames_have_none(self):
        dataset = template("1.2.840.10008.1.2.4.90", bits=8)
        frames = [b"\xff\x4f\xff\x51" + bytes(20)]
        assert "LossyImageCompressionRatio" not in write(dataset, frames=frames)[0]


class TestCounts:
    def test_the_dataset_may_fix_the_number(self):
        dataset = grey()
        dataset.PerFrameFunctionalGroupsSequence = Sequence([Dataset(), Dataset()])
        with pytest.raises(ValueError, match=r"frames= gives 3, PerFrameFunctionalGroupsSequence has 2 item"):
            write(dataset, frames=pixels(3))
        _, result = write(dataset, frames=iter(pixels(2)))
        assert result.patches == 0

    @pytest.mark.parametrize("count", [None, 2])
    def test_functional_groups_without_an_item_are_refused(self, tmp_path, count):
        """A generator cannot fill them: they are written before the first frame."""
        dataset = grey()
        dataset.PerFrameFunctionalGroupsSequence = Sequence([])
        match = r"\(5200,9230\) PerFrameFunctionalGroupsSequence has no items"
        path = tmp_path / "out.dcm"
        with pytest.raises(PlanError, match=match):
            streamdcm.dcmwrite(path, dataset, frames=iter(pixels(2)), number_of_frames=count)
        with pytest.raises(PlanError, match=match):
            streamdcm.dcmwrite(path, dataset, frames=pixels(2))
        with pytest.raises(PlanError, match=match):
            streamdcm.open_writer(path, dataset).__enter__()
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize(
        ("keyword", "values"),
        [
            ("FrameLabelVector", ["a", "b", "c"]),
            ("SliceLocationVector", [1, 2, 3]),
            ("DetectorVector", [1, 2, 1]),
            ("PhaseVector", [1, 1, 1]),
        ],
    )
    def test_a_vector_with_a_value_for_each_frame_says_how_many_there_are(self, keyword, values):
        dataset = grey(**{keyword: values})
        with pytest.raises(ValueError, match=f"{keyword} has 3 value"):
            write(dataset, frames=pixels(2))
        assert write(dataset, frames=iter(pixels(3)))[0].NumberOfFrames == 3

    def test_a_single_frame_class_gets_no_number_of_frames_and_no_second_frame(self):
        dataset = grey(SOPClassUID=CT_IMAGE)
        assert "NumberOfFrames" not in write(dataset, frames=pixels(1))[0]
        assert "NumberOfFrames" not in write(dataset, frames=iter(pixels(1)))[0]
        with pytest.raises(ValueError, match="single-frame"):
            write(dataset, frames=pixels(2))
        with pytest.raises(ValueError, match="frame 2: is one too many"):
            write(dataset, frames=iter(pixels(2)))

    def test_no_frames_are_an_error(self):
        for frames in ([], iter(())):
            with pytest.raises(streamdcm.StreamdcmError, match="at least one"):
                write(grey(), frames=frames)
