"""What is given as frames: what gives some one by one, and how many of them there are."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Generator, Iterable, Iterator, Mapping
from io import IOBase
from itertools import pairwise
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Final

from pydicom.dataset import Dataset

from streamdcm.errors import PlanError
from streamdcm.pixels.arrays import is_video_frame
from streamdcm.pixels.frame_format import FrameFormat
from streamdcm.sources import ByteStream, PushedSource

_MOST_AT_ONCE: Final = 64 * 1024 * 1024
"""The most bytes to read at a time of an array that is kept in blocks, unless one frame has more."""

_MARKS_OF_AN_ARRAY: Final = ("__array__", "__array_interface__", "__dlpack__")


def check_frames(frames: Any) -> None:
    """Refuse what gives no frames.

    Raises
    ------
    PlanError
        If it is no iterable, a single frame, the bit stream of a video, or an iterator that is exhausted.
    """
    if isinstance(frames, PushedSource):
        return
    if isinstance(frames, ByteStream):
        raise PlanError("a ByteStream is the bit stream of a video, and this is no video transfer syntax; give frames")
    remedy = _remedy(frames)
    if remedy:
        raise PlanError(
            f"frames must be an iterable of arrays or bytes-like objects, not {type(frames).__name__}: {remedy}"
        )
    if _has_ended(frames):
        raise PlanError("the generator that frames= was given has ended: it was used before; make a new one")


def gives_frames(frames: Any) -> bool:
    """Whether frames can be asked for one by one."""
    return not _remedy(frames)


def check_series(frames: Any, form: FrameFormat | None) -> None:
    """Refuse an array that is one frame, or has another number of axes than a series of frames has.

    Parameters
    ----------
    frames : object
        What was given.
    form : FrameFormat or None
        What a native frame looks like; `None` for compressed ones.

    Raises
    ------
    PlanError
        Says what to give.
    """
    shape = _shape(frames)
    if shape is None or getattr(frames.dtype, "kind", "O") == "O":
        return
    if form is None:
        if len(shape) == 1:
            raise PlanError("frames is a single array of bytes, one compressed frame; give it as frames=[frame]")
    elif shape == form.shape:
        raise PlanError(f"frames is a single array of shape {shape}, which is one frame; give it as frames=[frame]")
    elif len(shape) != len(form.shape) + 1:
        raise PlanError(
            f"frames is an array of shape {shape}; a series of frames has shape (number of frames, "
            f"{str(form.shape)[1:-1]}), as Rows, Columns, SamplesPerPixel and PlanarConfiguration say"
        )


def comes_with_groups(given: Any) -> bool:
    """Whether a frame comes with the item of the functional groups that is its own: a tuple, the second a dataset."""
    return given.__class__ is tuple and len(given) == 2 and isinstance(given[1], Dataset)


def apart(given: Any) -> tuple[Any, Dataset | None]:
    """Return a frame, and the item of the functional groups that it came with, if it came with one."""
    return given if comes_with_groups(given) else (given, None)


def may_come_with_groups(frames: Any) -> bool:
    """Whether frames may come with functional groups, as far as that can be seen without asking for one."""
    if isinstance(frames, (list, tuple)):
        return bool(frames) and comes_with_groups(frames[0])
    return _shape(frames) is None


def number_given(frames: Any) -> int | None:
    """Return how many frames there are, where what gives them tells it."""
    if hasattr(type(frames), "__len__"):
        return len(frames)
    shape = _shape(frames)
    return shape[0] if shape else None


def each_frame(frames: Any) -> Iterator[Any]:
    """Give frames one by one; those of an array that is kept in blocks (dask, zarr, h5py) block by block.

    A row of blocks is read at once, or as much of it as is reasonable, and never the whole array.
    """
    ends = _block_ends(frames)
    return iter(frames) if ends is None else _by_blocks(frames, ends)


def _by_blocks(array: Any, ends: list[int]) -> Generator[Any, None, None]:
    import numpy as np

    size = max(1, array.dtype.itemsize)
    for length in array.shape[1:]:
        size *= length
    most = max(1, _MOST_AT_ONCE // max(size, 1))
    for start, end in pairwise([0, *ends]):
        for first in range(start, end, most):
            yield from np.asarray(array[first : min(first + most, end)])


def _block_ends(frames: Any) -> list[int] | None:
    """Return where blocks end along the first axis of an array that is kept in blocks; `None` for what is none."""
    shape, blocks = _shape(frames), getattr(frames, "shards", None) or getattr(frames, "chunks", None)
    if not shape or not isinstance(blocks, tuple) or len(blocks) != len(shape):
        return None
    count, first = shape[0], blocks[0]
    lengths = list(first) if isinstance(first, tuple) else [first] * -(-count // max(first, 1))
    if not all(isinstance(length, int) for length in lengths):
        return None  # dask does not know them
    ends, end = [], 0
    for length in lengths:
        end += length
        ends.append(min(end, count))
    return ends


def _shape(frames: Any) -> tuple[int, ...] | None:
    """Return the shape of an array of any library; `None` for anything else."""
    shape = getattr(frames, "shape", None)
    if not hasattr(frames, "dtype") or not isinstance(shape, tuple):
        return None
    return tuple(map(int, shape)) if all(isinstance(length, int) for length in shape) else None


def _remedy(frames: Any) -> str:
    """Say what to give in place of what gives no frames; nothing where it does."""
    if isinstance(frames, (str, os.PathLike)):
        return "it is no name of a file; give what is in it"
    if isinstance(frames, (bytes, bytearray, memoryview)):
        return "a single frame is given as frames=[frame]"
    if isinstance(frames, IOBase):
        return "a file gives lines; read one frame at a time, for example iter(lambda: file.read(frame_size), b'')"
    if isinstance(frames, Dataset):
        return "for the frames of a dataset, give pydicom.pixels.iter_pixels(dataset, raw=True)"
    if isinstance(frames, Mapping):
        return "a mapping gives its keys; give its values()"
    if is_video_frame(frames):
        return "a single frame is given as frames=[frame]"
    if isinstance(frames, (Iterable, AsyncIterable)) or hasattr(type(frames), "__getitem__"):
        return ""
    if callable(frames):
        return "call it, if what it returns gives the frames"
    if any(hasattr(frames, name) for name in _MARKS_OF_AN_ARRAY):
        return "a single frame is given as frames=[frame]"
    return "give a list or a generator of them"


def _has_ended(frames: Any) -> bool:
    # only Python's own generators tell: those of Cython have no frame from the start
    if isinstance(frames, GeneratorType):
        return frames.gi_frame is None
    return isinstance(frames, AsyncGeneratorType) and frames.ag_frame is None
