"""One instance divided over several by split=: a concatenation (PS3.3 §C.7.6.16.2.2.4)."""

import copy
import errno
import io
import itertools
import os
import re
import resource
import stat
import tracemalloc
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import DataElement, Dataset, Sequence
from pydicom.data import get_testdata_file
from pydicom.dataelem import RawDataElement
from pydicom.encaps import generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

import streamdcm
from streamdcm.errors import EncodeError, LengthOverflowError, NotDurableError, PlanError, TargetTypeError
from streamdcm.plan.concatenation import Division
from tests.support.images import CT_IMAGE, as_jpeg, compressed, pixels, slide, template
from tests.support.tools import package, run

SEGMENTATION = get_testdata_file("liver_1frame.dcm")
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
OWN = {
    "SOPInstanceUID",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PixelData",
    "ConcatenationUID",
    "SOPInstanceUIDOfConcatenationSource",
    "InConcatenationNumber",
    "InConcatenationTotalNumber",
    "ConcatenationFrameOffsetNumber",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "DataSetTrailingPadding",
}


def enhanced(syntax=ExplicitVRLittleEndian, *, groups=0, **elements):
    dataset = template(syntax, InstanceNumber=7, SharedFunctionalGroupsSequence=Sequence([Dataset()]), **elements)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if groups:
        dataset.PerFrameFunctionalGroupsSequence = Sequence([frame_group(number) for number in range(groups)])
    return dataset


def frame_group(number):
    content = Dataset()
    content.FrameAcquisitionNumber = number
    content.FrameComments = "x" * (number % 5)
    item = Dataset()
    item.FrameContentSequence = Sequence([content])
    return item


class Memory:
    """Gives a buffer for each instance, and reads them."""

    def __init__(self):
        self.buffers = []

    def __call__(self, number):
        assert number == len(self.buffers) + 1
        self.buffers.append(io.BytesIO())
        return self.buffers[-1]

    def read(self):
        return [pydicom.dcmread(io.BytesIO(buffer.getvalue())) for buffer in self.buffers]

    @property
    def sizes(self):
        return [len(buffer.getvalue()) for buffer in self.buffers]


def split(dataset, frames, **options):
    target = Memory()
    result = streamdcm.dcmwrite(target, dataset, frames=frames, **options)
    assert [instance.bytes_written for instance in result.instances] == target.sizes
    assert result.bytes_written == sum(target.sizes)
    return target.read(), result, target


def counts(instances):
    return [int(instance.NumberOfFrames) for instance in instances]


def encapsulated_frames(instance):
    tables = None
    if "ExtendedOffsetTable" in instance:
        tables = (instance.ExtendedOffsetTable, instance.ExtendedOffsetTableLengths)
    return list(
        generate_frames(instance.PixelData, number_of_frames=int(instance.NumberOfFrames), extended_offsets=tables)
    )


def check_elements(instances, source, *, total_is_known):
    """Check what must be in the instances of a concatenation, and that they have all else of the source."""
    uids = {instance.SOPInstanceUID for instance in instances}
    assert len(uids | {source.SOPInstanceUID}) == len(instances) + 1
    assert len({instance.ConcatenationUID for instance in instances} - uids - {source.SOPInstanceUID}) == 1
    offset = 0
    for number, instance in enumerate(instances, start=1):
        assert instance.file_meta.MediaStorageSOPInstanceUID == instance.SOPInstanceUID
        assert instance.SOPInstanceUIDOfConcatenationSource == source.SOPInstanceUID
        assert instance.InConcatenationNumber == number
        assert instance.ConcatenationFrameOffsetNumber == offset
        assert instance.get("InConcatenationTotalNumber") == (len(instances) if total_is_known else None)
        assert instance.NumberOfFrames > 0
        for element in source:
            assert element.keyword in OWN or instance[element.tag] == element
        added = {element.keyword for element in instance if element.tag.group != 0x7FDF} - OWN
        assert added <= {element.keyword for element in source}
        offset += instance.NumberOfFrames
    if "PerFrameFunctionalGroupsSequence" in source:
        divided = [list(instance.PerFrameFunctionalGroupsSequence) for instance in instances]
        assert list(map(len, divided)) == counts(instances)
        assert list(itertools.chain(*divided)) == list(source.PerFrameFunctionalGroupsSequence)


@pytest.fixture
def segmentation(tmp_path):
    """The path of a segmentation with five frames of one bit a pixel, and the frames."""
    dataset = pydicom.dcmread(SEGMENTATION)
    item = dataset.PerFrameFunctionalGroupsSequence[0]
    dataset.PerFrameFunctionalGroupsSequence = Sequence([copy.deepcopy(item) for _ in range(5)])
    for number, item in enumerate(dataset.PerFrameFunctionalGroupsSequence, start=1):
        item.PlanePositionSequence[0].ImagePositionPatient[2] = number
    frames = [np.roll(dataset.pixel_array, number) for number in range(5)]
    path = tmp_path / "source.dcm"
    streamdcm.dcmwrite(path, dataset, frames=frames, sequence_lengths="defined")
    return path, frames


class TestFrames:
    @given(
        st.integers(1, 25),
        st.integers(1, 10),
        st.sampled_from([1, 8, 16]),
        st.sampled_from([ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]),
        st.sampled_from(["list", "number_of_frames", "unknown", "groups"]),
        st.booleans(),
    )
    def test_native_frames_in_are_frames_out(self, count, each, bits, syntax, counted, seekable):
        dtype = "u2" if bits == 16 else "u1"
        frames = pixels(count, dtype) if bits > 1 else [frame & 1 for frame in pixels(count, dtype)]
        dataset = enhanced(syntax, bits=bits, groups=count if counted == "groups" else 0)
        before = copy.deepcopy(dataset)
        options = {"number_of_frames": count} if counted == "number_of_frames" else {}
        instances, result, _ = split(
            dataset, frames if counted == "list" else iter(frames), split=each, seekable=seekable, **options
        )
        assert dataset == before
        assert dataset.file_meta == before.file_meta
        if count <= each and counted != "unknown":
            assert instances[0].SOPInstanceUID == dataset.SOPInstanceUID
        else:
            check_elements(instances, dataset, total_is_known=counted != "unknown")
        assert counts(instances) == [each] * (count // each) + [count % each] * (count % each > 0)
        arrays = [instance.pixel_array.reshape(-1, 5, 7) for instance in instances]
        assert (np.concatenate(arrays) == np.stack(frames)).all()
        if counted != "unknown":
            assert result.patches == 0

    @given(
        st.lists(st.integers(0, 200), min_size=1, max_size=15),
        st.integers(1, 6),
        st.sampled_from(["auto", "basic", "extended", "empty"]),
        st.sampled_from(["list", "number_of_frames", "max_frames", "unknown"]),
    )
    def test_encapsulated_frames_in_are_frames_out_and_tables_index_their_own_instance(
        self, sizes, each, table, counted
    ):
        frames = compressed(sizes)
        options = {"offset_table": table, "split": each}
        if counted in ("number_of_frames", "max_frames"):
            options[counted] = len(frames)
        dataset = enhanced(JPEGBaseline8Bit, bits=8)
        instances, result, _ = split(dataset, frames if counted == "list" else iter(frames), **options)
        known = counted in ("list", "number_of_frames")
        if not known or len(frames) > each:
            check_elements(instances, dataset, total_is_known=known)
        found = list(itertools.chain(*map(encapsulated_frames, instances)))
        assert [frame.rstrip(b"\0") for frame in found] == [frame.rstrip(b"\0") for frame in frames]
        assert {instance.offset_table for instance in result.instances} == {"basic" if table == "auto" else table}
        assert (
            known
            or table == "empty"
            or {part.offset_table_reason[:21] for part in result.instances} == {"a table was reserved "}
        )

    @pytest.mark.parametrize("given_as", [list, iter])
    def test_a_reused_buffer_is_written_as_it_was_when_it_was_given(self, given_as):
        buffer = np.zeros((5, 7), "u2")

        def producer():
            for number in range(5):
                buffer[:] = number
                yield buffer

        instances, _, _ = split(enhanced(), producer(), split=2)
        assert [pixel for instance in instances for pixel in instance.pixel_array.reshape(-1, 35)[:, 0]] == [*range(5)]

    def test_deflated_instances_can_be_read(self):
        frames = pixels(5)
        instances, _, _ = split(enhanced(DeflatedExplicitVRLittleEndian), iter(frames), split=2)
        assert (np.concatenate([i.pixel_array.reshape(-1, 5, 7) for i in instances]) == np.stack(frames)).all()

    def test_the_same_input_gives_the_same_bytes(self, tmp_path):
        frames = pixels(5)
        _, _, pulled = split(enhanced(groups=5), frames, split=2)
        again = Memory()
        with streamdcm.open_writer(again, enhanced(groups=5), split=2) as writer:
            for frame in frames:
                writer.write_frame(frame)
        assert [b.getvalue() for b in again.buffers] == [b.getvalue() for b in pulled.buffers]
        assert [i.bytes_written for i in writer.result.instances] == pulled.sizes

    def test_functional_groups_without_an_item_are_refused(self):
        dataset = enhanced()
        dataset.PerFrameFunctionalGroupsSequence = Sequence([])
        with pytest.raises(PlanError, match="PerFrameFunctionalGroupsSequence has no items"):
            split(dataset, pixels(3), split=2)

    def test_a_file_meta_without_uids_gets_none(self):
        dataset = enhanced()
        del dataset.file_meta.MediaStorageSOPInstanceUID
        instances, _, _ = split(dataset, pixels(3), split=2)
        assert all("MediaStorageSOPInstanceUID" not in instance.file_meta for instance in instances)
        instances, _, _ = split(dataset, pixels(3), split=2, enforce_file_format=True)
        check_elements(instances, dataset, total_is_known=True)

    def test_uids_of_sources_that_differ_in_a_last_digit_do_not_meet(self):
        found = []
        for uid in ("1.2.3", "1.2.31"):
            instances, _, _ = split(enhanced(SOPInstanceUID=uid, rows=1, columns=1), [bytes(2)] * 12, split=1)
            found += [instance.SOPInstanceUID for instance in instances]
        assert len(set(found)) == 24

    def test_a_dataset_that_was_read_is_divided_and_not_changed(self, segmentation):
        path, frames = segmentation
        source = pydicom.dcmread(path)
        instances, _, _ = split(source, frames, split=2)
        assert isinstance(source.get_item("PerFrameFunctionalGroupsSequence"), RawDataElement)
        check_elements(instances, pydicom.dcmread(path), total_is_known=True)
        arrays = [instance.pixel_array.reshape(-1, *frames[0].shape) for instance in instances]
        assert (np.concatenate(arrays) == np.stack(frames)).all()


class TestBytes:
    @given(
        st.integers(2, 25),
        st.integers(0, 1500),
        st.sampled_from([(1, ExplicitVRLittleEndian), (8, ImplicitVRLittleEndian), (16, ExplicitVRLittleEndian)]),
        st.sampled_from(["list", "unknown", "groups"]),
        st.sampled_from([{}, {"late": ["LossyImageCompressionRatio"]}, {"sequence_lengths": "undefined"}]),
    )
    def test_no_file_of_native_frames_is_larger_and_none_could_take_another_frame(
        self, count, room, kind, counted, options
    ):
        bits, syntax = kind
        dtype = "u2" if bits == 16 else "u1"
        frames = pixels(count, dtype) if bits > 1 else [frame & 1 for frame in pixels(count, dtype)]
        dataset = enhanced(
            syntax, bits=bits, groups=count if counted == "groups" else 0, LossyImageCompressionRatio="1.5"
        )
        limit = 1200 + room
        given_frames = frames if counted == "list" else iter(frames)
        instances, _, target = split(dataset, given_frames, split=f"{limit}", **options)
        assert max(target.sizes) <= limit
        largest_frame = 70 + 8 * 6 + 40
        assert all(size > limit - 64 - largest_frame for size in target.sizes[:-1])
        arrays = [instance.pixel_array.reshape(-1, 5, 7) for instance in instances]
        assert (np.concatenate(arrays) == np.stack(frames)).all()
        if len(instances) > 1:
            check_elements(instances, dataset, total_is_known=counted != "unknown")

    @given(
        st.lists(st.integers(0, 300), min_size=1, max_size=20),
        st.integers(0, 2000),
        st.sampled_from(["auto", "basic", "extended", "empty"]),
        st.sampled_from(["list", "groups", "number_of_frames", "max_frames", "unknown"]),
        st.sampled_from([{}, {"fragments_per_frame": 3}, {"fragment_size": 64}]),
    )
    def test_no_file_of_encapsulated_frames_is_larger(self, sizes, room, table, counted, fragments):
        frames = compressed(sizes)
        is_list = counted in ("list", "groups")
        options = {"offset_table": table, **fragments, "split": f"{2200 + room}"}
        if counted in ("number_of_frames", "max_frames"):
            options[counted] = len(frames)
        dataset = enhanced(JPEGBaseline8Bit, bits=8, groups=len(frames) if counted == "groups" else 0)
        needs_count = counted == "unknown" and table in ("basic", "extended")
        if needs_count or (table == "extended" and fragments):
            with pytest.raises(PlanError, match=r"needs the number of frames ahead|needs one fragment a frame"):
                split(dataset, frames if is_list else iter(frames), **options)
            return
        instances, result, target = split(dataset, frames if is_list else iter(frames), **options)
        assert max(target.sizes) <= 2200 + room
        if not fragments or result.instances[0].offset_table != "empty":
            found = list(itertools.chain(*map(encapsulated_frames, instances)))
            assert [frame.rstrip(b"\0") for frame in found] == [frame.rstrip(b"\0") for frame in frames]
        if len(instances) > 1:
            check_elements(instances, dataset, total_is_known=is_list)

    @pytest.mark.parametrize("known", [True, False])
    def test_encapsulated_uncompressed_frames_are_all_of_one_size(self, known):
        frames = pixels(9)
        instances, _, target = split(
            enhanced(ENCAPSULATED_UNCOMPRESSED),
            iter(frames),
            split="1400",
            **({"number_of_frames": 9} if known else {}),
        )
        assert max(target.sizes) <= 1400
        assert len(instances) > 1
        assert list(itertools.chain(*map(encapsulated_frames, instances))) == [frame.tobytes() for frame in frames]

    @pytest.mark.parametrize("frames", [compressed([98, 7998]), iter(compressed([98, 7998]))])
    def test_a_frame_that_fits_no_instance_is_named(self, tmp_path, frames):
        with pytest.raises(LengthOverflowError, match="PixelData, frame 2: a file with this frame alone"):
            streamdcm.dcmwrite(tmp_path / "o.dcm", enhanced(JPEGBaseline8Bit, bits=8), frames=frames, split="4 KiB")
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("frames", [pixels(2), iter(pixels(2))])
    def test_a_limit_below_the_header_is_an_error(self, frames):
        with pytest.raises(LengthOverflowError, match="frame 1: a file with this frame alone"):
            split(enhanced(), frames, split="100")

    def test_functional_groups_need_the_lengths_of_compressed_frames_ahead(self):
        dataset = enhanced(JPEGBaseline8Bit, bits=8, groups=3)
        with pytest.raises(PlanError, match=r"PerFrameFunctionalGroupsSequence stands before .* as a list"):
            split(dataset, iter(compressed([1, 2, 3])), split="4 KiB")
        instances, _, _ = split(dataset, iter(compressed([1, 2, 3])), split=2)
        check_elements(instances, dataset, total_is_known=True)

    def test_deflated_sizes_are_not_known(self):
        with pytest.raises(PlanError, match="known only when it is compressed"):
            split(enhanced(DeflatedExplicitVRLittleEndian), pixels(2), split="4 KiB")

    def test_native_instances_stay_below_4_gib_whatever_was_asked(self):
        dataset = enhanced(rows=32768, columns=32768, bits=8)
        with (
            pytest.raises(ZeroDivisionError),
            streamdcm.open_writer(Memory(), dataset, split="100 GiB", number_of_frames=10) as writer,
        ):
            assert writer._instances._division.counts == (3, 3, 3, 1)
            raise ZeroDivisionError


class TestOneInstanceIsEnough:
    @pytest.mark.parametrize("asked", [5, 6, "1 MiB"])
    def test_it_is_the_ordinary_one_under_the_given_name(self, tmp_path, asked):
        frames = pixels(5)
        result = streamdcm.dcmwrite(tmp_path / "one.dcm", enhanced(groups=5), frames=frames, split=asked)
        streamdcm.dcmwrite(tmp_path / "ordinary.dcm", enhanced(groups=5), frames=frames)
        assert (tmp_path / "one.dcm").read_bytes() == (tmp_path / "ordinary.dcm").read_bytes()
        assert [instance.location for instance in result.instances] == [str(tmp_path / "one.dcm")]
        assert result.location == str(tmp_path / "one.dcm")
        assert sorted(os.listdir(tmp_path)) == ["one.dcm", "ordinary.dcm"]

    def test_it_goes_to_the_first_target_of_a_function(self):
        instances, _, _ = split(enhanced(), pixels(2), split=2)
        assert instances[0].SOPInstanceUID == "1.2.3"

    def test_without_knowing_ahead_it_is_a_concatenation_of_one(self, tmp_path):
        streamdcm.dcmwrite(tmp_path / "one.dcm", enhanced(), frames=iter(pixels(2)), split=2)
        assert os.listdir(tmp_path) == ["one-0001.dcm"]
        check_elements([pydicom.dcmread(tmp_path / "one-0001.dcm")], enhanced(), total_is_known=False)

    def test_an_ordinary_write_has_no_instances(self):
        assert streamdcm.dcmwrite(io.BytesIO(), enhanced(), frames=pixels(2)).instances == ()


class TestTargets:
    @pytest.mark.parametrize("kind", [str, os.fsencode, Path])
    def test_a_path_gets_the_number_in_front_of_its_suffix(self, tmp_path, kind):
        result = streamdcm.dcmwrite(kind(tmp_path / "a.b.dcm"), enhanced(), frames=pixels(3), split=1)
        names = [f"a.b-000{number}.dcm" for number in (1, 2, 3)]
        assert sorted(os.listdir(tmp_path)) == names
        assert [instance.location for instance in result.instances] == [str(tmp_path / name) for name in names]
        assert result.location is None

    def test_a_function_gives_any_kind_of_target(self, tmp_path):
        buffer = io.BytesIO()
        targets = {1: tmp_path / "first", 2: buffer, 3: str(tmp_path / "third")}
        streamdcm.dcmwrite(targets.__getitem__, enhanced(), frames=pixels(3), split=1)
        assert [pydicom.dcmread(targets[number]).InConcatenationNumber for number in (1, 3)] == [1, 3]
        assert pydicom.dcmread(io.BytesIO(buffer.getvalue())).InConcatenationNumber == 2

    def test_a_path_that_comes_twice_is_refused_and_leaves_nothing(self, tmp_path):
        with pytest.raises(OSError, match="instance 2 has the path of an earlier one"):
            streamdcm.dcmwrite(lambda number: tmp_path / "same.dcm", enhanced(), frames=pixels(3), split=1)
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("function", [streamdcm.dcmwrite, streamdcm.open_writer])
    def test_a_single_object_is_refused(self, function):
        target = io.BytesIO()
        options = {"frames": pixels(3)} if function is streamdcm.dcmwrite else {}
        with pytest.raises(TargetTypeError, match="an object of type BytesIO takes one; give a path, or a function"):
            function(target, enhanced(), split=1, **options)
        assert target.getvalue() == b""

    def test_a_function_without_split_is_refused(self):
        with pytest.raises(TargetTypeError, match="cannot write to an object of type function"):
            streamdcm.dcmwrite(lambda number: io.BytesIO(), enhanced(), frames=pixels(3))

    def test_the_file_that_values_are_still_in_is_not_truncated(self, segmentation, tmp_path):
        source, frames = segmentation
        path = source.rename(tmp_path / "in-0002.dcm")
        before = path.read_bytes()
        dataset = pydicom.dcmread(path, defer_size=8)
        with pytest.raises(PlanError, match="atomic=False would overwrite"):
            streamdcm.dcmwrite(tmp_path / "in.dcm", dataset, frames=frames, split=2, atomic=False)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["in-0002.dcm"]
        streamdcm.dcmwrite(tmp_path / "in.dcm", dataset, frames=frames, split=2)
        assert pydicom.dcmread(path).InConcatenationNumber == 2


class TestFailures:
    @pytest.mark.parametrize("atomic", [True, False])
    @pytest.mark.parametrize("bad", range(1, 8))
    def test_a_bad_frame_is_numbered_among_all_and_leaves_nothing(self, tmp_path, bad, atomic):
        frames = [bytes(70)] * (bad - 1) + [b"short"]
        with pytest.raises(EncodeError, match=f"frame {bad}: has 5 bytes") as caught:
            streamdcm.dcmwrite(tmp_path / "out.dcm", enhanced(), frames=iter(frames), split=2, atomic=atomic)
        assert caught.value.__notes__ == [f"in instance {(bad + 1) // 2} of the concatenation"]
        assert os.listdir(tmp_path) == []

    def test_a_source_that_fails_is_closed_and_its_error_names_the_frame(self, tmp_path):
        closed = []

        def camera():
            try:
                yield from [bytes(70)] * 5
                raise RuntimeError("unplugged")
            finally:
                closed.append(True)

        (tmp_path / "out-0002.dcm").write_bytes(b"old")
        with pytest.raises(RuntimeError, match="unplugged") as caught:
            streamdcm.dcmwrite(tmp_path / "out.dcm", enhanced(), frames=camera(), split=2)
        assert "when frame 6 was asked for" in caught.value.__notes__
        assert closed == [True]
        assert os.listdir(tmp_path) == ["out-0002.dcm"]
        assert (tmp_path / "out-0002.dcm").read_bytes() == b"old"

    def test_a_target_that_cannot_be_opened_leaves_nothing_and_closes_the_source(self, tmp_path):
        closed = []

        def camera():
            try:
                yield from [bytes(70)] * 50
            finally:
                closed.append(True)

        (tmp_path / "out-0003.dcm").write_bytes(b"old")
        with pytest.raises(FileExistsError) as caught:
            streamdcm.dcmwrite(tmp_path / "out.dcm", enhanced(), frames=camera(), split=2, overwrite=False)
        assert caught.value.__notes__ == ["in instance 3 of the concatenation"]
        assert os.listdir(tmp_path) == ["out-0003.dcm"]
        assert closed == [True]

    def test_nothing_is_visible_before_the_last_instance_is_complete(self, tmp_path):
        with streamdcm.open_writer(tmp_path / "out.dcm", enhanced(), split=1) as writer:
            for _ in range(3):
                writer.write_frame(bytes(70))
                assert list(tmp_path.glob("*.dcm")) == []
        assert len(list(tmp_path.glob("*.dcm"))) == 3

    @pytest.mark.parametrize("durable", [False, True])
    def test_complete_instances_keep_no_more_files_open_than_half_of_what_a_process_may(self, tmp_path, durable):
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)  # the system gives the lowest number that is free
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (2 * (lowest + 100), before[1]))
        try:
            with streamdcm.open_writer(tmp_path / "out.dcm", enhanced(), split=1, durable=durable) as writer:
                for _ in range(300):
                    writer.write_frame(bytes(70))
                assert len(os.listdir("/proc/self/fd")) < lowest + 120
            assert len(list(tmp_path.iterdir())) == 300
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def test_cancelling_by_progress_leaves_nothing(self, tmp_path):
        events = []

        def cancel(event):
            events.append(event)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            streamdcm.dcmwrite(tmp_path / "out.dcm", enhanced(), frames=pixels(5), split=2, progress=cancel)
        assert events[-1].frames == 5
        assert os.listdir(tmp_path) == []

    def test_what_the_disk_does_not_confirm_counts_as_done(self, tmp_path, monkeypatch):
        real = os.fsync

        def fsync(descriptor):
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        with pytest.raises(NotDurableError, match="in place and complete") as caught:
            streamdcm.dcmwrite(tmp_path / "out.dcm", enhanced(), frames=pixels(3), split=1, durable=True)
        assert caught.value.__notes__ == ["1 of 3 instances have their names already"]
        assert os.listdir(tmp_path) == ["out-0001.dcm"]

    def test_a_name_that_is_taken_at_the_end_is_told_with_what_has_been_done(self, tmp_path):
        writer = streamdcm.open_writer(tmp_path / "out.dcm", enhanced(), split=1, overwrite=False)
        with pytest.raises(FileExistsError) as caught, writer:
            for _ in range(3):
                writer.write_frame(bytes(70))
            (tmp_path / "out-0002.dcm").write_bytes(b"another's")
        assert caught.value.__notes__ == ["1 of 3 instances have their names already"]
        assert sorted(os.listdir(tmp_path)) == ["out-0001.dcm", "out-0002.dcm"]

    @pytest.mark.parametrize(
        ("announced", "message"),
        [(6, "ended after 5: number_of_frames= says 6"), (4, "frame 5: is one too many: number_of_frames= says 4")],
    )
    @pytest.mark.parametrize("asked", [2, "1500"])
    def test_fewer_or_more_frames_than_announced_are_an_error(self, tmp_path, announced, message, asked):
        for syntax in (ExplicitVRLittleEndian, JPEGBaseline8Bit):
            with pytest.raises(EncodeError, match=message):
                streamdcm.dcmwrite(
                    tmp_path / "out.dcm",
                    enhanced(syntax),
                    frames=iter([as_jpeg(bytes(70)) if syntax.is_compressed else bytes(70)] * 5),
                    number_of_frames=announced,
                    split=asked,
                )
            assert os.listdir(tmp_path) == []

    def test_no_frames_are_an_error(self, tmp_path):
        with pytest.raises(EncodeError, match="ended after 0: there must be at least one"):
            streamdcm.dcmwrite(tmp_path / "out.dcm", enhanced(), frames=iter(()), split=2)
        assert os.listdir(tmp_path) == []

    def test_an_item_that_cannot_be_encoded_leaves_nothing(self, tmp_path):
        dataset = enhanced(groups=5)
        dataset.PerFrameFunctionalGroupsSequence[4].FrameContentSequence[0].add(
            DataElement(0x00189074, "DT", object(), already_converted=True)
        )
        with pytest.raises(EncodeError, match="FrameAcquisitionDateTime") as caught:
            streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=pixels(5), split=2)
        assert caught.value.__notes__ == ["in instance 3 of the concatenation"]
        assert os.listdir(tmp_path) == []


class TestRefused:
    def refused(self, dataset, message, **options):
        target = Memory()
        with pytest.raises(PlanError, match=message):
            streamdcm.dcmwrite(target, dataset, **{"frames": pixels(3), "split": 1, **options})
        assert target.buffers == []

    @pytest.mark.parametrize(
        "keyword",
        ["ConcatenationUID", "SOPInstanceUIDOfConcatenationSource", "InConcatenationNumber"],
    )
    def test_a_dataset_that_is_part_of_a_concatenation(self, keyword):
        self.refused(enhanced(**{keyword: "1" if "UID" in keyword else 1}), "part of a concatenation already")

    def test_a_dataset_without_functional_groups(self):
        self.refused(template(ExplicitVRLittleEndian), "Multi-frame Functional Groups")
        self.refused(enhanced(SOPClassUID=CT_IMAGE), "Multi-frame Functional Groups")

    def test_a_dataset_without_a_uid(self):
        dataset = enhanced()
        dataset.SOPInstanceUID = ""
        self.refused(dataset, r"lacks \(0008,0018\) SOPInstanceUID")

    def test_a_vector_of_frames(self):
        self.refused(enhanced(FrameTimeVector=["1", "2", "3"]), "FrameTimeVector has a value for each frame")

    @pytest.mark.parametrize("late", [["SOPInstanceUID"], ["InConcatenationTotalNumber"], {"ConcatenationUID": 64}])
    def test_late_values_of_what_split_sets(self, late):
        self.refused(enhanced(), r"\(00.* is set by split= and cannot come late", late=late)

    @pytest.mark.parametrize("asked", [0, -1, True, 1.5, "", "many", b"2"])
    def test_what_is_neither_a_number_nor_a_size(self, asked):
        self.refused(enhanced(), "split must be", split=asked)

    def test_no_frames_to_divide(self):
        self.refused(enhanced(), "divides the frames that frames= gives", frames=None)
        self.refused(enhanced(), "frames must be an iterable", frames=b"one")

    def test_what_is_no_dataset(self):
        with pytest.raises(TypeError, match="must be a pydicom Dataset"):
            streamdcm.dcmwrite(Memory(), {}, frames=pixels(3), split=1)

    def test_numbers_of_frames_that_differ(self):
        self.refused(enhanced(groups=4), "the numbers of frames differ")

    def test_functions_that_make_one_stream(self):
        for function in (streamdcm.iter_chunks, streamdcm.encoded_size):
            with pytest.raises(TypeError, match=rf"{function.__name__}\(\) does not take split="):
                function(enhanced(), split=1)
        with pytest.raises(TypeError, match="write_encoder"):
            streamdcm.write_encoder(iter(()), io.BytesIO(), split=1)

    def test_more_instances_than_can_be_numbered(self):
        for division, number in ((Division(70_000, 70_000, counts=(1,) * 70_000), 1), (Division(None, None), 65_536)):
            with pytest.raises(ValueError, match=r"InConcatenationNumber: .* more than 65,535 instances"):
                division.part(number, 0)

    def test_too_much_for_one_instance_names_split_as_a_way_out(self):
        with pytest.raises(LengthOverflowError, match="split="):
            streamdcm.dcmwrite(io.BytesIO(), enhanced(rows=4096, columns=4096), frames=iter(()), number_of_frames=200)


class TestLateValues:
    @pytest.mark.parametrize("late", [["LossyImageCompressionRatio"], iter(["LossyImageCompressionRatio"])])
    def test_they_are_the_same_in_all_instances_whenever_they_are_set(self, tmp_path, late):
        with streamdcm.open_writer(tmp_path / "out.dcm", enhanced(), split=1, late=late) as writer:
            writer.write_frame(bytes(70))
            writer.set("LossyImageCompressionRatio", 3)
            writer.write_frame(bytes(70))
            writer.write_frame(bytes(70))
            writer.set("LossyImageCompressionRatio", 12.3)
        found = [pydicom.dcmread(path) for path in sorted(tmp_path.glob("*.dcm"))]
        assert [instance.LossyImageCompressionRatio for instance in found] == [12.3] * 3
        assert [instance.NumberOfFrames for instance in found] == [1] * 3

    def test_one_that_was_set_early_is_in_later_instances(self):
        target = Memory()
        with streamdcm.open_writer(target, enhanced(), split=1, late=["StudyDescription"]) as writer:
            writer.set("StudyDescription", "early")
            for _ in range(3):
                writer.write_frame(bytes(70))
        assert [instance.StudyDescription for instance in target.read()] == ["early"] * 3

    def test_one_that_was_never_set_is_an_error_that_leaves_nothing(self, tmp_path):
        writer = streamdcm.open_writer(tmp_path / "out.dcm", enhanced(), split=1, late=["StudyDescription"])
        with pytest.raises(EncodeError, match=r"StudyDescription: .* never was"), writer:
            writer.write_frame(bytes(70))
            writer.write_frame(bytes(70))
        assert os.listdir(tmp_path) == []


def dciodvfy_errors(path):
    return set(re.findall(r"^Error.*", run("dciodvfy", path).stdout, re.MULTILINE))


def test_dciodvfy_finds_no_error_that_the_source_has_not(segmentation, tmp_path):
    path, frames = segmentation
    result = streamdcm.dcmwrite(tmp_path / "part.dcm", pydicom.dcmread(path), frames=frames, split=2)
    assert len(result.instances) == 3
    known = dciodvfy_errors(path)
    for instance in result.instances:
        assert dciodvfy_errors(instance.location) - known == set()
        assert run("dcmdump", instance.location).returncode == 0
        assert run("gdcminfo", instance.location).returncode == 0


class LazyGroups(Sequence):
    """Functional groups that are made when they are asked for."""

    is_undefined_length = False

    def __init__(self, count):
        super().__init__()
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return frame_group(index)

    def __iter__(self):
        return map(frame_group, range(self.count))


class Nothing:
    """Keeps nothing of what it is given."""

    def write(self, data):
        return len(data)


@pytest.mark.parametrize("asked", [64, "64 MiB"])
def test_memory_is_flat(asked):
    count, frame = 512, bytes(1 << 20)
    dataset = enhanced(rows=1024, columns=1024, bits=8)
    dataset.add(DataElement(0x52009230, "SQ", LazyGroups(count), already_converted=True))
    tracemalloc.start()
    try:
        result = streamdcm.dcmwrite(
            lambda number: Nothing(),
            dataset,
            frames=itertools.repeat(frame, count),
            number_of_frames=count,
            split=asked,
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(result.instances) in (8, 9)
    assert result.bytes_written > 512 << 20
    assert peak < 4 << 20


def test_wsidicom_reads_the_tiles_of_a_slide_out_of_its_instances(tmp_path):
    wsidicom = package("wsidicom")
    tiles = compressed([2 * number for number in range(1, 13)])
    result = streamdcm.dcmwrite(tmp_path / "slide.dcm", slide(), frames=tiles, split=5)
    assert len(result.instances) == 3
    with wsidicom.WsiDicom.open(tmp_path) as read:
        found = [read.read_encoded_tile(0, (x, y)) for y in range(3) for x in range(4)]
    assert found == tiles
