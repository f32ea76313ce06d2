"""Frames of every kind that NumPy takes: what is written, and what is said where one cannot be."""

import io
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

import streamdcm
from streamdcm.errors import EncodeError, PlanError, ValueTypeError
from tests.support.images import WithDlpack, as_jpeg, pixels, template
from tests.support.tools import package


def write(dataset: pydicom.Dataset, **options: Any) -> pydicom.Dataset:
    target = io.BytesIO()
    streamdcm.dcmwrite(target, dataset, **options)
    return pydicom.dcmread(io.BytesIO(target.getvalue()))


def grey(bits: int = 16, **elements: Any) -> pydicom.Dataset:
    return template(ExplicitVRLittleEndian, bits=bits, **elements)


class WithArray:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.array


class WithInterface:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.__array_interface__ = array.__array_interface__


KINDS = {
    "array": lambda array: array,
    "strided": lambda array: np.repeat(array, 2, axis=1)[:, ::2],
    "memoryview": memoryview,
    "strided memoryview": lambda array: memoryview(np.asfortranarray(array)),
    "__dlpack__": WithDlpack,
    "__array__": WithArray,
    "__array_interface__": WithInterface,
}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4"])
def test_whatever_numpy_takes_is_a_frame(kind, dtype):
    frames = pixels(3, dtype)
    dataset = grey(8 * int(dtype[1]), signed=dtype[0] == "i")
    assert (write(dataset, frames=map(kind, frames)).pixel_array == np.stack(frames)).all()


@each_kind
def test_a_compressed_frame_is_any_row_of_bytes(kind):
    if kind is KINDS["strided"] or kind is KINDS["strided memoryview"]:
        pytest.skip("a row has one axis")
    frame = as_jpeg(bytes(98))
    again = write(template(JPEGBaseline8Bit, bits=8), frames=[kind(np.frombuffer(frame, "u1").copy())])
    assert frame in again.PixelData


@pytest.mark.parametrize("kind", [WithArray, WithInterface, WithDlpack])
def test_one_that_is_converted_must_be_as_the_dataset_says(kind):
    with pytest.raises(ValueTypeError, match=r"frame 1: has shape \(7, 5\), not \(5, 7\)"):
        write(grey(), frames=[kind(np.zeros((7, 5), "u2"))])
    with pytest.raises(ValueTypeError, match=r"dtype int16, not uint16 as the dataset says"):
        write(grey(), frames=[kind(np.zeros((5, 7), "i2"))])
    package("imagecodecs")
    with pytest.raises(ValueTypeError, match=r"frame 1: has shape \(7, 5\), not \(5, 7\)"):
        write(template(JPEGBaseline8Bit, bits=8), frames=[kind(np.zeros((7, 5), "u1"))])


@pytest.mark.parametrize("device", [2, 4, 8, 10, 14])
def test_a_tensor_of_a_gpu_is_refused_with_the_remedy(device):
    frame = WithDlpack(pixels(1)[0], (device, 0))
    with pytest.raises(ValueTypeError, match=r"frame 1: is of type WithDlpack, in the memory of a GPU.*frame\.cpu\(\)"):
        write(grey(), frames=[frame])


def test_an_array_of_cuda_without_dlpack_is_refused_too():
    frame = WithArray(pixels(1)[0])
    frame.__cuda_array_interface__ = {"shape": (5, 7)}
    with pytest.raises(ValueTypeError, match="in the memory of a GPU"):
        write(grey(), frames=[frame])


def test_a_tensor_that_cannot_be_taken_is_refused_with_the_way_to_convert_it():
    with pytest.raises(ValueTypeError, match=r"cannot be taken as an array \(BufferError\); convert it") as caught:
        write(grey(), frames=[WithDlpack(np.zeros((5, 7), "f4"))])
    assert "secret" not in str(caught.value)


def test_tensors_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is large, and no extra brings it")
    frames = [torch.arange(35, dtype=torch.int16).reshape(5, 7) + number for number in range(3)]
    expected = np.stack([frame.numpy() for frame in frames])
    assert (write(grey(signed=True), frames=frames).pixel_array == expected).all()
    assert (write(grey(signed=True), frames=torch.stack(frames)).pixel_array == expected).all()
    with pytest.raises(ValueTypeError, match="detach"):
        write(grey(), frames=[torch.zeros((5, 7), requires_grad=True)])


class TestPillow:
    image = staticmethod(lambda array, mode=None: package("PIL.Image").fromarray(array))

    @pytest.mark.parametrize(
        ("dtype", "shape", "samples"), [("u1", (5, 7), 1), ("u2", (5, 7), 1), ("u1", (5, 7, 3), 3)]
    )
    def test_images_are_frames(self, dtype, shape, samples):
        frames = pixels(3, dtype, shape)
        again = write(grey(8 * int(dtype[1]), samples=samples), frames=map(self.image, frames))
        assert (again.pixel_array == np.stack(frames)).all()

    def test_images_of_one_bit(self):
        frames = [array > 30000 for array in pixels(2)]
        again = write(grey(1), frames=map(self.image, frames))
        assert (again.pixel_array == np.stack(frames)).all()

    def test_the_frames_of_one_image_that_moves_on(self):
        sequence = package("PIL.ImageSequence")
        frames = pixels(3, "u1")
        file = io.BytesIO()
        first, *others = map(self.image, frames)
        first.save(file, "TIFF", save_all=True, append_images=others)
        moving = sequence.Iterator(package("PIL.Image").open(file))
        assert (write(grey(8), frames=moving).pixel_array == np.stack(frames)).all()

    def test_what_is_said_of_those_that_are_none(self):
        image = self.image(pixels(1, "u1")[0])
        with pytest.raises(PlanError, match=r"not Image: a single frame is given as frames=\[frame\]"):
            write(grey(8), frames=image)
        with pytest.raises(ValueTypeError, match=r"has shape \(5, 7, 4\), not \(5, 7\)"):
            write(grey(8), frames=[image.convert("RGBA")])
        package("imagecodecs")
        with pytest.raises(ValueTypeError, match=r"has shape \(5, 7, 4\), not \(5, 7\)"):
            write(template(JPEGBaseline8Bit, bits=8), frames=[image.convert("RGBA")])


class TestPyav:
    frame = staticmethod(lambda array, name: package("av").VideoFrame.from_ndarray(array, format=name))

    @pytest.mark.parametrize(
        ("dtype", "shape", "name", "planar"),
        [
            ("u1", (6, 8), "gray", 0),
            ("u2", (6, 8), "gray16le", 0),
            ("u1", (6, 8, 3), "rgb24", 0),
            ("u1", (6, 8, 3), "rgb24", 1),
        ],
    )
    def test_video_frames_are_frames(self, dtype, shape, name, planar):
        frames = pixels(3, dtype, shape)
        elements = {"PlanarConfiguration": planar} if len(shape) == 3 else {}
        dataset = grey(8 * int(dtype[1]), rows=6, columns=8, samples=3 if elements else 1, **elements)
        again = write(dataset, frames=[self.frame(array, name) for array in frames])
        assert (again.pixel_array == np.stack(frames)).all()

    def test_the_colours_of_a_video_become_those_of_the_dataset(self):
        grey_frame = np.full((6, 8), 100, "u1")
        frame = self.frame(np.stack([grey_frame] * 3, axis=2), "rgb24").reformat(format="yuv420p")
        again = write(grey(8, rows=6, columns=8, samples=3), frames=[frame])
        assert np.abs(again.pixel_array.astype(int) - 100).max() < 3

    def test_what_a_container_decodes_is_taken_as_it_comes(self, tmp_path):
        av = package("av")
        with av.open(tmp_path / "film.mp4", "w") as film:
            stream = film.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for level in range(0, 250, 50):
                film.mux(stream.encode(self.frame(np.full((48, 64, 3), level, "u1"), "rgb24")))
            film.mux(stream.encode())
        with av.open(tmp_path / "film.mp4") as film:
            again = write(grey(8, rows=48, columns=64, samples=3), frames=film.decode(video=0))
        assert np.abs(again.pixel_array[:, 20, 30, 1].astype(int) - range(0, 250, 50)).max() < 6

    def test_others_are_refused_with_the_way_to_convert_them(self):
        frame = self.frame(np.zeros((6, 8, 3), "u1"), "rgb24")
        dataset = grey(8, rows=6, columns=8, samples=3, PhotometricInterpretation="YBR_FULL")
        with pytest.raises(ValueTypeError, match=r"frame 1: is a video frame.*to_ndarray"):
            write(dataset, frames=[frame])
        with pytest.raises(ValueTypeError, match=r"VideoFrame; give bytes: .* compress pixels first"):
            write(template(JPEGBaseline8Bit, bits=8), frames=[frame])
        with pytest.raises(PlanError, match=r"frames=\[frame\]"):
            write(dataset, frames=frame)


class Watched:
    """An array that notes what is asked of it, kept in blocks as dask, zarr and h5py do."""

    def __init__(self, array: np.ndarray, chunks: Any) -> None:
        self.array, self.chunks = array, chunks
        self.shape, self.dtype = array.shape, array.dtype
        self.asked: list[tuple[int, int]] = []

    def __getitem__(self, index: slice) -> np.ndarray:
        self.asked.append((index.start, index.stop))
        return self.array[index]


class TestArraysInBlocks:
    @pytest.mark.parametrize(("chunks", "ends"), [((3, 5, 2), [3, 6, 8]), (((2, 5, 1), (5,), (7,)), [2, 7, 8])])
    def test_they_are_read_block_by_block(self, chunks, ends):
        frames = np.stack(pixels(8))
        array = Watched(frames, chunks)
        assert (write(grey(), frames=array).pixel_array == frames).all()
        assert array.asked == list(zip([0, *ends[:-1]], ends, strict=True))

    def test_a_block_of_many_frames_is_read_in_parts(self, monkeypatch):
        monkeypatch.setattr("streamdcm.pixels.given_frames._MOST_AT_ONCE", 3 * 70 + 1)
        frames = np.stack(pixels(8))
        array = Watched(frames, (8, 1, 1))
        assert (write(grey(), frames=array).pixel_array == frames).all()
        assert array.asked == [(0, 3), (3, 6), (6, 8)]

    def test_of_dask(self):
        dask = package("dask.array")
        frames = np.stack(pixels(8))
        computed: list[Any] = []

        def block(block: np.ndarray) -> np.ndarray:
            computed.append(block.shape)
            return block

        array = dask.from_array(frames, chunks=(3, 5, 7)).map_blocks(block, meta=np.zeros((0, 0, 0), "u2"))
        assert (write(grey(), frames=array).pixel_array == frames).all()
        assert computed == [(3, 5, 7), (3, 5, 7), (2, 5, 7)], "each block is computed once"
        assert (write(grey(), frames=[array[0], array[1]]).pixel_array == frames[:2]).all()

    @pytest.mark.parametrize("options", [{"chunks": (3, 5, 7)}, {"chunks": (1, 5, 7), "shards": (4, 5, 7)}], ids=str)
    def test_of_zarr(self, options):
        zarr = package("zarr")
        frames = np.stack(pixels(8))
        array = zarr.create_array(store=zarr.storage.MemoryStore(), shape=frames.shape, dtype="u2", **options)
        array[:] = frames
        assert (write(grey(), frames=array).pixel_array == frames).all()

    @pytest.mark.parametrize("options", [{}, {"chunks": (3, 5, 7)}], ids=str)
    def test_of_h5py(self, tmp_path, options):
        h5py = package("h5py")
        frames = np.stack(pixels(8))
        with h5py.File(tmp_path / "frames.h5", "w") as file:
            array = file.create_dataset("frames", data=frames, **options)
            assert (write(grey(), frames=array).pixel_array == frames).all()
            parts = [file.create_dataset(f"frame {number}", data=frame) for number, frame in enumerate(frames)]
            assert (write(grey(), frames=parts).pixel_array == frames).all()

    def test_their_number_is_known_ahead(self):
        array = Watched(np.zeros((200, 4096, 4096), "u2")[:0].reshape(0, 4096, 4096), None)
        array.shape = (200, 4096, 4096)
        with pytest.raises(OverflowError, match="do not fit a 32-bit length field"):
            write(grey(rows=4096, columns=4096), frames=array)

    def test_they_can_be_divided(self, tmp_path):
        dataset = grey()
        dataset.SharedFunctionalGroupsSequence = pydicom.Sequence([pydicom.Dataset()])
        frames = np.stack(pixels(8))
        array = Watched(frames, (3, 5, 7))
        result = streamdcm.dcmwrite(tmp_path / "out.dcm", dataset, frames=array, split=4)
        parts = [pydicom.dcmread(str(instance.location)).pixel_array for instance in result.instances]
        assert (np.concatenate(parts) == frames).all()


class TestWhatGivesFrames:
    def test_an_index_is_enough(self):
        class ByIndex:
            def __getitem__(self, index: int) -> bytes:
                return [b"1" * 70, b"2" * 70][index]

        assert write(grey(), frames=ByIndex()).PixelData == b"1" * 70 + b"2" * 70

    @pytest.mark.parametrize(
        ("frames", "message"),
        [
            ("frames.raw", "not str: it is no name of a file; give what is in it"),
            (io.BytesIO(bytes(140)), "not BytesIO: a file gives lines; read one frame at a time"),
            (grey(), "not Dataset: for the frames of a dataset, give pydicom.pixels.iter_pixels"),
            ({1: bytes(70)}, r"not dict: a mapping gives its keys; give its values\(\)"),
            (bytes(70), r"not bytes: a single frame is given as frames=\[frame\]"),
            (7, "frames must be an iterable of arrays or bytes-like objects, not int"),
            (
                np.zeros((5, 7), "u2"),
                r"a single array of shape \(5, 7\), which is one frame; give it as frames=\[frame\]",
            ),
            (
                np.zeros((70,), "u2"),
                r"an array of shape \(70,\); a series of frames has shape \(number of frames, 5, 7\)",
            ),
            (np.zeros((2, 5, 7, 3), "u2"), "a series of frames has shape"),
        ],
    )
    def test_what_gives_none_is_refused_with_what_to_give(self, tmp_path, frames, message):
        with pytest.raises(PlanError, match=message):
            streamdcm.dcmwrite(tmp_path / "out.dcm", grey(), frames=frames)

    def test_a_single_compressed_frame_in_an_array(self):
        with pytest.raises(PlanError, match=r"one compressed frame; give it as frames=\[frame\]"):
            write(template(JPEGBaseline8Bit, bits=8), frames=np.frombuffer(as_jpeg(bytes(60)), "u1"))

    def test_a_generator_that_was_used_before_is_refused_before_the_first_byte(self, tmp_path):
        frames = (bytes(70) for _ in range(2))
        write(grey(), frames=frames)
        with pytest.raises(PlanError, match=r"generator .* was used before; make a new one"):
            streamdcm.dcmwrite(tmp_path / "out.dcm", grey(), frames=frames)

    def test_an_iterator_that_gives_nothing_may_have_been_used_before(self):
        frames = iter([bytes(70)])
        write(grey(), frames=frames)
        with pytest.raises(EncodeError, match=r"the frames ended after 0: .* may have been used before"):
            write(grey(), frames=frames)

    @pytest.mark.parametrize("frame", ["frame.png", Path("frame.png")])
    def test_names_of_files_are_no_frames(self, frame):
        with pytest.raises(ValueTypeError, match=r"frame 1: is of type .*; a frame is not the name of a file but"):
            write(grey(), frames=[frame])

    def test_swapped_arguments_are_told(self):
        for function in (streamdcm.dcmwrite, streamdcm.open_writer):
            with pytest.raises(TypeError, match="the target comes first, and then the dataset"):
                function(grey(), "out.dcm")


class Tensor(WithDlpack):
    """A tensor that can be referred to weakly."""


def test_memory_may_be_used_again_and_frames_are_not_kept():
    memory = np.zeros((5, 7), "u2")
    seen: list[weakref.ref[Any]] = []

    def frames() -> Iterator[Tensor]:
        for number in range(5):
            memory[:] = number
            tensor = Tensor(memory)
            seen.append(weakref.ref(tensor))
            yield tensor

    again = write(grey(), frames=frames())
    assert again.pixel_array[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert not any(reference() for reference in seen)
