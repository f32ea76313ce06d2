"""RLE Lossless: a segment for each byte of a sample, most significant first, each row coded by itself (PS3.5 §G)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from streamdcm.errors import InvalidValueError
from streamdcm.pixels.codecs.image import Image

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.image import Pixels

_header: Final = Struct("<16L")


def decode_run_length(data: bytes, image: Image) -> Pixels:
    """Decode a frame with the PackBits of imagecodecs."""
    import numpy as np

    form = image.form
    width = form.bits // 8
    planes = np.empty((form.samples, width, form.rows * form.columns), "u1")
    segments = _segments(data, form.samples * width)
    for number, segment in enumerate(segments):
        sample, octet = divmod(number, width)
        decoded = _unpacked(segment)
        if len(decoded) < form.rows * form.columns:
            raise InvalidValueError(f"has a segment of {len(decoded):,} bytes, not {form.rows * form.columns:,}")
        planes[sample, width - 1 - octet] = np.frombuffer(decoded, "u1", form.rows * form.columns)
    words = np.ascontiguousarray(np.moveaxis(planes, 1, 2)).view(image.dtype).reshape(form.samples, -1)
    return np.ascontiguousarray(words.T).reshape(image.shape)


def encode_run_length(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode a frame with the PackBits of imagecodecs."""
    import imagecodecs

    form = image.form
    width = form.bits // 8
    octets = pixels.reshape(-1).view("u1").reshape(form.rows, form.columns, form.samples, width)
    segments = []
    for sample in range(form.samples):
        for octet in reversed(range(width)):
            segment = imagecodecs.packbits_encode(octets[:, :, sample, octet].copy(), axis=-1)
            segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = [_header.size]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    return b"".join((_header.pack(len(segments), *offsets, *[0] * (15 - len(offsets))), *segments))


def _unpacked(segment: bytes) -> bytes:
    """Decode a segment; some writers pad it with what begins no run, and the last octet of an image may be the same."""
    from imagecodecs import packbits_decode

    try:
        return bytes(packbits_decode(segment))
    except RuntimeError:  # that of imagecodecs is one
        if segment[-1:] != b"\x80":
            raise
        return bytes(packbits_decode(segment[:-1]))


def _segments(data: bytes, expected: int) -> list[bytes]:
    if len(data) < _header.size:
        raise InvalidValueError("is shorter than the header of RLE")
    count, *offsets = _header.unpack_from(data)
    if count != expected:
        raise InvalidValueError(f"has {count} segments of RLE, and the header of the dataset makes {expected}")
    ends = [*offsets[1:count], len(data)]
    if any(not _header.size <= start < end <= len(data) for start, end in zip(offsets, ends, strict=False)):
        raise InvalidValueError("has segments of RLE that lie outside of it")
    return [data[start:end] for start, end in zip(offsets, ends, strict=False)]
