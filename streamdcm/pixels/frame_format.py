"""One frame of native pixels as bytes, checked against what the dataset says of them (PS3.3 §C.7.6.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import value_of
from streamdcm.encode.vr import VRS
from streamdcm.errors import PlanError, ValueTypeError
from streamdcm.instructions import Chunk, as_chunk
from streamdcm.options.checks import whole_number
from streamdcm.pixels.arrays import as_array, is_ndarray, is_video_frame, no_frame

if TYPE_CHECKING:
    import numpy as np

_VIDEO_FORMATS: Final = {
    ("MONOCHROME2", "u", 8): "gray",
    ("MONOCHROME2", "u", 16): "gray16le",
    ("RGB", "u", 8): "rgb24",
    ("RGB", "u", 16): "rgb48le",
}
"""What FFmpeg calls the formats of pixels, by Photometric Interpretation, kind and Bits Allocated."""

_KINDS: Final = {"u": "uint", "i": "int", "f": "float"}


@dataclass(frozen=True, slots=True)
class FrameFormat:
    """What the frames of a dataset look like.

    Parameters
    ----------
    rows, columns, samples : int
        Rows, Columns and Samples per Pixel.
    bits : int
        Bits Allocated: 1, or a multiple of 8.
    kind : {"u", "i", "f"}
        Unsigned, signed or floating point samples.
    planar : bool
        Whether the samples of one colour come together (Planar Configuration 1).
    subsampled : bool
        Whether two pixels share their chrominance (YBR_FULL_422), so that there are two samples a pixel.
    little_endian : bool
        The byte order of the encoding.
    word : int
        The number of bytes that the byte order applies to: 2 for OW, 4 for OF, 8 for OD, 1 for OB.
    photometric : str, optional
        Photometric Interpretation.
    """

    rows: int
    columns: int
    samples: int
    bits: int
    kind: str
    planar: bool
    subsampled: bool
    little_endian: bool
    word: int
    photometric: str = ""
    length: int = field(init=False)
    """The number of bytes that a frame takes by itself."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", (self.length_in_bits + 7) // 8)

    @property
    def length_in_bits(self) -> int:
        """The number of bits of a frame, which are no whole bytes if Bits Allocated is 1."""
        return self.rows * self.columns * (2 if self.subsampled else self.samples) * self.bits

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a frame as an array."""
        if self.samples == 1:
            return self.rows, self.columns
        if self.planar:
            return self.samples, self.rows, self.columns
        return self.rows, self.columns, self.samples

    @property
    def dtype_name(self) -> str:
        """What NumPy calls the type of the samples."""
        return f"{_KINDS[self.kind]}{self.bits}"

    def encode(self, frame: Any) -> Chunk:
        """Return the bytes of a frame, uncopied where they are right as they are.

        Raises
        ------
        ValueTypeError
            If the frame is neither an array nor bytes-like, or not of this format.
        """
        if frame.__class__ is not bytes and is_ndarray(frame):
            return self._encode_array(frame)
        try:
            view = as_chunk(frame)
        except (TypeError, BufferError):
            array = self._video_frame(frame) if is_video_frame(frame) else as_array(frame)
            if array is None:
                raise no_frame(frame, "bytes or an array") from None
            return self._encode_array(array)
        if len(view) != self.length:
            raise ValueTypeError(
                f"has {len(view):,} bytes, not the {self.length:,} that Rows, Columns, SamplesPerPixel and "
                "BitsAllocated make; correct those elements or the frame"
            )
        return view

    def _video_frame(self, frame: Any) -> np.ndarray[Any, Any]:
        """Convert a frame that PyAV decoded to the colours that the dataset describes."""
        name = _VIDEO_FORMATS.get((self.photometric, self.kind, self.bits))
        if name is None:
            raise ValueTypeError(
                "is a video frame, which is converted where PhotometricInterpretation is RGB or MONOCHROME2 and the "
                "samples are unsigned, of 8 or 16 bits; give frame.to_ndarray(format=…)"
            )
        array: np.ndarray[Any, Any] = frame.to_ndarray(format=name)
        return array.transpose(2, 0, 1) if self.planar else array

    def _encode_array(self, frame: Any) -> Chunk:
        import numpy as np

        if self.subsampled:
            raise ValueTypeError("is an array, but YBR_FULL_422 frames must be given as bytes")
        if frame.shape != self.shape:
            raise ValueTypeError(
                f"has shape {frame.shape}, not {self.shape} as Rows, Columns, SamplesPerPixel and "
                "PlanarConfiguration say"
            )
        if self.bits == 1:
            if frame.dtype.kind not in "bu":
                raise ValueTypeError(f"has dtype {frame.dtype}; frames of one bit a pixel must be bool or unsigned")
            return np.packbits(frame.reshape(-1) != 0, bitorder="little").data
        if (frame.dtype.kind, frame.dtype.itemsize * 8) != (self.kind, self.bits):
            who = "FloatPixelData or DoubleFloatPixelData" if self.kind == "f" else "BitsAllocated, PixelRepresentation"
            raise ValueTypeError(
                f"has dtype {frame.dtype}, not {self.dtype_name} as the dataset says ({who}); convert it in a way that "
                "keeps its values, or correct the dataset"
            )
        # PS3.5 §8.2: a big endian OW swaps words of 16 bits, however many bits a sample has
        samples = np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))
        octets = samples.reshape(-1).view("u1")
        if not self.little_endian and self.word > 1:
            octets = octets.view(f"u{self.word}").byteswap().view("u1")
        return octets.data


class BitPacker:
    """Packs frames of one bit a pixel without gaps between them (PS3.5 §8.1.1).

    Parameters
    ----------
    bits : int
        The number of bits of a frame.
    """

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._rest = 0
        self._rest_bits = 0

    def pack(self, frame: Chunk) -> bytes:
        """Return the whole bytes that there are with this frame."""
        if self._bits % 8 == 0:
            return bytes(frame)
        pixels = int.from_bytes(frame, "little") & ((1 << self._bits) - 1)
        packed = self._rest | pixels << self._rest_bits
        size, self._rest_bits = divmod(self._rest_bits + self._bits, 8)
        self._rest = packed >> 8 * size
        return (packed & ((1 << 8 * size) - 1)).to_bytes(size, "little")

    def finish(self) -> bytes:
        """Return the byte that is left, if any."""
        return bytes([self._rest]) if self._rest_bits else b""


def frame_format(dataset: Dataset, vr: str, little_endian: bool) -> FrameFormat:
    """Read the format of frames from the elements of the Image Pixel module.

    Parameters
    ----------
    dataset : Dataset
        A view, in which elements may be parsed.
    vr : {"OB", "OW", "OF", "OD"}
        The VR of the pixel data.
    little_endian : bool
        The byte order of the encoding.

    Raises
    ------
    PlanError
        If an element is missing or makes no sense.
    """
    numbers = {}
    for keyword, default in (("Rows", None), ("Columns", None), ("SamplesPerPixel", 1), ("BitsAllocated", None)):
        value = whole_number(value_of(dataset, keyword, default))
        if value is None or value < 1:
            raise PlanError(f"frames need {keyword} in the dataset, a whole number above 0; set it")
        numbers[keyword] = value
    kind = "f" if vr in ("OF", "OD") else "i" if value_of(dataset, "PixelRepresentation", 0) == 1 else "u"
    bits = 8 * VRS[vr].word if kind == "f" else numbers["BitsAllocated"]
    if bits != 1 and bits % 8:
        raise PlanError(f"BitsAllocated is {bits}; it must be 1 or a multiple of 8 (PS3.5 §8.1.1)")
    photometric = str(value_of(dataset, "PhotometricInterpretation", ""))
    return FrameFormat(
        rows=numbers["Rows"],
        columns=numbers["Columns"],
        samples=numbers["SamplesPerPixel"],
        bits=bits,
        kind=kind,
        planar=numbers["SamplesPerPixel"] > 1 and value_of(dataset, "PlanarConfiguration", 0) == 1,
        subsampled=photometric == "YBR_FULL_422",
        little_endian=little_endian,
        word=VRS[vr].word,
        photometric=photometric,
    )
