"""Frames that NumPy takes as arrays: tensors, images, and parts of arrays that are kept elsewhere."""

from __future__ import annotations

import os
import sys
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from streamdcm.errors import ValueTypeError
from streamdcm.options.checks import whole_number

if TYPE_CHECKING:
    import numpy as np

# What of DLPack's kinds of devices a CPU reads: itself, pinned memory of CUDA and of ROCm, memory that CUDA manages
_READ_BY_A_CPU: Final = frozenset({1, 3, 11, 13})


def is_ndarray(frame: Any) -> bool:
    """Whether a frame is an array of NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(frame, numpy.ndarray)


def is_video_frame(frame: Any) -> bool:
    """Whether a frame is one that PyAV decoded, whose pixels have to be converted."""
    return type(frame).__module__.partition(".")[0] == "av" and hasattr(type(frame), "to_ndarray")


def as_array(frame: Any) -> np.ndarray[Any, Any] | None:
    """Return a frame as an array, in the memory that it has where that can be.

    Parameters
    ----------
    frame : object
        An array, or an object with ``__array__``, ``__array_interface__`` or ``__dlpack__``: a tensor on the CPU, an
        image of Pillow, a part of an array of dask, zarr or h5py.

    Returns
    -------
    ndarray or None
        `None` for what is nothing of that.

    Raises
    ------
    ValueTypeError
        If its memory is that of another device, or it cannot be converted.
    """
    if is_ndarray(frame):
        return frame  # type: ignore[no-any-return]
    takes = _conversion(frame)
    if takes is None:
        return None
    _refuse_other_devices(frame)
    try:
        import numpy as np
    except ImportError:
        raise ValueTypeError(f"is of type {type(frame).__name__}, which takes NumPy; install numpy") from None
    try:
        return np.from_dlpack(frame) if takes == "__dlpack__" else np.asarray(frame)
    except Exception as error:
        raise ValueTypeError(
            f"is of type {type(frame).__name__}, and cannot be taken as an array ({type(error).__name__}); convert it "
            "to one on the CPU, for example with numpy.asarray(frame), or frame.detach().cpu().numpy() for a tensor"
        ) from error


def kept_frame(frame: Any) -> Any:
    """Return a frame that stays what it is when its producer uses the memory again."""
    if frame.__class__ is bytes:
        return frame
    try:
        if is_ndarray(frame):
            return frame.copy()
        return memoryview(frame).tobytes()
    except (TypeError, ValueError, BufferError):
        pass  # it has no flat memory of its own
    try:
        array = as_array(frame)
    except ValueTypeError:
        return frame  # which whoever encodes it refuses, by its number
    return frame if array is None else array.copy()


def told_length(frame: Any) -> int | None:
    """Return how many bytes a frame says that it has, where getting at them may mean reading it: ``nbytes`` or ``len``.

    `None` for what is in memory and can be looked at, and for what tells nothing.
    """
    if isinstance(frame, (bytes, bytearray, memoryview, str)) or is_ndarray(frame):
        return None
    told = getattr(frame, "nbytes", None)
    if told is None and hasattr(type(frame), "__len__"):
        told = len(frame)
    return whole_number(told)


def no_frame(frame: Any, wanted: str) -> ValueTypeError:
    """Return the error for what is given as a frame and cannot be one.

    Parameters
    ----------
    frame : object
        What was given.
    wanted : str
        What to give in its place.
    """
    remedy = f"give {wanted}"
    if isinstance(frame, (str, os.PathLike)):
        remedy = f"a frame is not the name of a file but what is in it: {remedy}"
    elif isawaitable(frame):
        remedy = f"await it, or give an asynchronous iterable to a function whose name ends in _async; {remedy}"
    return ValueTypeError(f"is of type {type(frame).__name__}; {remedy}")


def _conversion(frame: Any) -> str | None:
    """Return the name of the protocol to convert a frame by."""
    own = getattr(frame, "__dict__", ())
    for name in ("__array__", "__array_interface__", "__array_struct__", "__dlpack__", "__cuda_array_interface__"):
        if hasattr(type(frame), name) or name in own:  # asking the object itself may copy an image
            return name
    return "__array__" if isinstance(frame, memoryview) else None


def _refuse_other_devices(frame: Any) -> None:
    """Refuse a tensor that the CPU cannot read (DLPack: ``DLDeviceType``)."""
    asked = getattr(frame, "__dlpack_device__", None)
    try:
        is_elsewhere = (
            int(asked()[0]) not in _READ_BY_A_CPU
            if asked is not None
            else getattr(frame, "__cuda_array_interface__", None) is not None
        )
    except Exception:
        return  # the conversion says what is wrong
    if is_elsewhere:
        raise ValueTypeError(
            f"is of type {type(frame).__name__}, in the memory of a GPU or another device; bring it to the CPU first, "
            "for example with frame.cpu() (PyTorch) or frame.get() (CuPy)"
        )
