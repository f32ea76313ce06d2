"""CharLS, the library behind imagecodecs' JPEG-LS, by its C interface: that takes the precision, imagecodecs does not.

A call lets other threads run. Where the module of imagecodecs does not hand out the functions of the library, as it may
with one that was linked otherwise, there is no such codec.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from streamdcm.errors import InvalidValueError
from streamdcm.pixels.codecs.image import Image

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.image import Pixels

_size, _handle, _int = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int32
_SAMPLES_TOGETHER: Final = 2  # ITU-T T.87 §C.2.3, table C.2: ILV
_MAJOR: Final = 2  # the version whose functions these are
_TOO_SMALL: Final = 3  # charls_jpegls_errc: destination_buffer_too_small


class _FrameInfo(ctypes.Structure):
    _fields_ = [("width", ctypes.c_uint32), ("height", ctypes.c_uint32), ("bits", _int), ("components", _int)]


_FUNCTIONS: Final[Mapping[str, tuple[Any, ...]]] = {
    "create": (_handle,),
    "destroy": (None, _handle),
    "set_frame_info": (_int, _handle, ctypes.POINTER(_FrameInfo)),
    "set_near_lossless": (_int, _handle, _int),
    "set_interleave_mode": (_int, _handle, _int),
    "set_destination_buffer": (_int, _handle, ctypes.c_void_p, _size),
    "encode_from_buffer": (_int, _handle, ctypes.c_void_p, _size, ctypes.c_uint32),
    "get_bytes_written": (_int, _handle, ctypes.POINTER(_size)),
}
"""What each function returns, and takes (charls_jpegls_encoder.h, the same in all of CharLS 2)."""


def is_here() -> bool:
    """Whether the functions can be called."""
    return _functions() is not None


def encode_jpeg_ls(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode JPEG-LS (ITU-T T.87) with a precision of Bits Stored, or of the whole word where a sample has more."""
    import numpy as np

    form = image.form
    precision = form.bits if image.is_signed else max(image.precision(pixels), 2)
    words = np.ascontiguousarray(pixels, "u1" if precision <= 8 else "<u2")
    info = _FrameInfo(form.columns, form.rows, precision, form.samples)
    for room in (words.nbytes + words.nbytes // 4 + 1024, 4 * words.nbytes + 1024):
        encoded = _encoded(words, info, options.get("near", 0), room)
        if encoded is not None:
            return encoded
    raise InvalidValueError("takes more than four times the bytes of its pixels; use another transfer syntax")


def _encoded(words: Pixels, info: _FrameInfo, near: int, room: int) -> bytes | None:
    """Return the codestream of a frame; `None` if it takes more bytes than there is room for."""
    target, written = bytearray(room), _size()
    with _encoder() as (charls, encoder):
        _check(charls["set_frame_info"](encoder, info))
        _check(charls["set_near_lossless"](encoder, near))
        if info.components > 1:
            _check(charls["set_interleave_mode"](encoder, _SAMPLES_TOGETHER))
        place = (ctypes.c_char * room).from_buffer(target)
        _check(charls["set_destination_buffer"](encoder, ctypes.addressof(place), room))
        problem = charls["encode_from_buffer"](encoder, words.ctypes.data, words.nbytes, 0)
        if problem == _TOO_SMALL:
            return None
        _check(problem)
        _check(charls["get_bytes_written"](encoder, written))
    return bytes(memoryview(target)[: written.value])


@contextmanager
def _encoder() -> Iterator[tuple[Mapping[str, Any], Any]]:
    charls = _functions()
    assert charls is not None
    encoder = charls["create"]()
    if not encoder:
        raise MemoryError
    try:
        yield charls, encoder
    finally:
        charls["destroy"](encoder)


def _check(problem: int) -> None:
    if problem:
        raise InvalidValueError(f"cannot be encoded by CharLS, which gives error {problem}")


@cache
def _functions() -> Mapping[str, Any] | None:
    """Return the functions by name, found through the module that is linked to the library; `None` without them."""
    package = find_spec("imagecodecs")
    module = None if package is None else PathFinder.find_spec("_jpegls", package.submodule_search_locations)
    if module is None or module.origin is None:
        return None
    try:
        library = ctypes.CDLL(module.origin)
        major = ctypes.c_int32()
        library.charls_get_version_number(ctypes.byref(major), None, None)
        if major.value != _MAJOR:
            return None
        return {name: _function(library, name, *types) for name, types in _FUNCTIONS.items()}
    except (OSError, AttributeError):
        return None


def _function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> Any:
    function = getattr(library, f"charls_jpegls_encoder_{name}")
    function.restype, function.argtypes = result, arguments
    return function
