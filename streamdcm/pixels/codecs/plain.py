"""Frames that are native pixels, deflated each for itself or as they are (PS3.5 §8.2.16, §A.4.11)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from streamdcm.errors import InvalidValueError
from streamdcm.pixels.codecs.image import Image

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.image import Pixels


def decode_deflated(data: bytes, image: Image) -> Pixels:
    """Inflate a frame; no more than its pixels, and a byte to see that there are no more."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    frame = inflater.decompress(data, image.form.length + 1)
    if not inflater.eof and len(frame) <= image.form.length:
        raise InvalidValueError("ends before its deflated stream does")
    return image.pixels(frame[: image.form.length + 1])


def encode_deflated(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Deflate a frame (RFC 1951)."""
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(image.native(pixels)) + deflater.flush()


def decode_uncompressed(data: bytes, image: Image) -> Pixels:
    """Return a frame without its padding."""
    return image.pixels(data[: image.form.length] if len(data) == image.form.length + 1 else data)


def encode_uncompressed(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Return a frame as it is."""
    return image.native(pixels)
