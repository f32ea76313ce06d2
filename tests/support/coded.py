"""Images of every kind that codecs are tried with."""

from typing import NamedTuple

import numpy as np
from pydicom import Dataset

from streamdcm.pixels.codecs.image import Image, image_of
from tests.support.images import template

ROWS, COLUMNS = 33, 47


class Kind(NamedTuple):
    """What the samples of an image are."""

    name: str
    allocated: int
    stored: int
    signed: bool = False
    samples: int = 1
    planar: int = 0

    @property
    def dtype(self) -> str:
        return f"{'i' if self.signed else 'u'}{self.allocated // 8}"


KINDS = [
    Kind("u8", 8, 8),
    Kind("u12", 16, 12),
    Kind("u16", 16, 16),
    Kind("i12", 16, 12, signed=True),
    Kind("i16", 16, 16, signed=True),
    Kind("rgb", 8, 8, samples=3),
    Kind("rgb planar", 8, 8, samples=3, planar=1),
]


def described(kind: Kind, syntax: str = "1.2.840.10008.1.2.1", **elements: object) -> Dataset:
    """A dataset of a kind, without frames."""
    dataset = template(
        syntax,
        rows=ROWS,
        columns=COLUMNS,
        bits=kind.allocated,
        samples=kind.samples,
        signed=kind.signed,
        BitsStored=kind.stored,
        HighBit=kind.stored - 1,
    )
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if kind.samples > 1:
        dataset.PlanarConfiguration = kind.planar
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def arrays(kind: Kind, count: int) -> list[np.ndarray]:
    """Frames that all differ, half smooth and half noise, with the extremes of Bits Stored in them."""
    generator = np.random.default_rng(count)
    low, high = (-(1 << kind.stored - 1), (1 << kind.stored - 1) - 1) if kind.signed else (0, (1 << kind.stored) - 1)
    shape = (ROWS, COLUMNS) if kind.samples == 1 else (ROWS, COLUMNS, kind.samples)
    frames = []
    for number in range(count):
        frame = generator.integers(low, high, shape, kind.dtype, endpoint=True)
        frame[: ROWS // 2] = low + (np.arange(frame[: ROWS // 2].size).reshape(frame[: ROWS // 2].shape) + number) % 99
        frame.flat[0], frame.flat[1] = low, high
        frames.append(np.moveaxis(frame, -1, 0).copy() if kind.planar else frame)
    return frames


def image(kind: Kind) -> Image:
    """What codecs know of a kind."""
    return image_of(described(kind), "OB" if kind.allocated == 8 else "OW", little_endian=True)
