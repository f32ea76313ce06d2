"""What the header of a codestream says of the image in it, read before a library sees it."""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

from streamdcm.errors import InvalidValueError

# ITU-T T.81 table B.1, T.87 §C.1.1: frame headers; DHT, JPG and DAC are between them
_SOF: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}
_SOC: Final = b"\xff\x4f\xff\x51"
_size_of_image: Final = Struct(">HIIII16xH").unpack_from  # ITU-T T.800 §A.5.1
_frame_header: Final = Struct(">HBHHB").unpack_from  # ITU-T T.81 §B.2.2


class ImageHeader(NamedTuple):
    """An image as the header of its codestream describes it.

    Attributes
    ----------
    rows, columns, samples : int
        Its size.
    precision : int
        The number of bits of a sample.
    is_signed : bool
        Whether samples have a sign (JPEG 2000).
    transform : int
        JPEG 2000: 1 for a colour transform over the first three components. JPEG: the transform that an Adobe marker
        names. -1 where nothing is said.
    is_rgb : bool
        JPEG: whether the names of the components are R, G and B.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    is_signed: bool = False
    transform: int = -1
    is_rgb: bool = False


def jpeg2000_header(data: bytes) -> ImageHeader:
    """Read the SIZ and COD segments of JPEG 2000 and HTJ2K (ITU-T T.800 §A.5, §A.6).

    Raises
    ------
    InvalidValueError
        If there are none.
    """
    start = data.find(_SOC)  # behind the boxes of a JP2 file, if it is one
    if start < 0 or len(data) < start + 43:
        raise InvalidValueError("has no header of a JPEG 2000 codestream")
    _, width, height, left, top, components = _size_of_image(data, start + 6)
    precision = data[start + 42]
    return ImageHeader(
        rows=height - top,
        columns=width - left,
        samples=components,
        precision=(precision & 0x7F) + 1,
        is_signed=precision > 0x7F,
        transform=_component_transform(data, start + 2),
    )


def _component_transform(data: bytes, at: int) -> int:
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0x90:  # ITU-T T.800 §A.4.2: SOT
        if data[at + 1] == 0x52:  # §A.6.1: COD
            return data[at + 8] if at + 8 < len(data) else -1
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1


def jpeg_header(data: bytes) -> ImageHeader:
    """Read the frame header of JPEG and JPEG-LS (ITU-T T.81 §B.2.2, T.87 §C.2.2).

    Raises
    ------
    InvalidValueError
        If there is none.
    """
    at, transform = data.find(b"\xff\xd8") + 2, -1
    if at < 2:
        raise InvalidValueError("has no header of a JPEG codestream")
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker == 0 or 0xD0 <= marker <= 0xD8 or marker == 0x01:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _SOF and at + 10 <= len(data):
            _, precision, rows, columns, samples = _frame_header(data, at + 2)
            names = bytes(data[at + 10 + 3 * index] for index in range(samples) if at + 10 + 3 * index < len(data))
            return ImageHeader(rows, columns, samples, precision, transform=transform, is_rgb=names == b"RGB")
        if marker == 0xEE and data[at + 4 : at + 9] == b"Adobe" and at + 15 < len(data):
            transform = data[at + 15]
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise InvalidValueError("has no header of a JPEG codestream")
