"""What codecs know of a frame, and frames as arrays of whole allocated words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import value_of
from streamdcm.errors import InvalidValueError, PlanError
from streamdcm.options.checks import whole_number
from streamdcm.pixels.frame_format import FrameFormat, frame_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels: TypeAlias = NDArray[Any]

YBR_TRANSFORMED: Final = frozenset({"YBR_RCT", "YBR_ICT"})
"""What JPEG 2000 says of RGB that its codestream has transformed (PS3.3 §C.7.6.3.1.2)."""


@dataclass(frozen=True, slots=True)
class Image:
    """What the frames of a dataset are (PS3.3 §C.7.6.3).

    Parameters
    ----------
    form : FrameFormat
        A frame of native pixels.
    stored : int
        Bits Stored.
    """

    form: FrameFormat
    stored: int

    @property
    def photometric(self) -> str:
        """Photometric Interpretation."""
        return self.form.photometric

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns, and samples if there are several."""
        form = self.form
        return (form.rows, form.columns) if form.samples == 1 else (form.rows, form.columns, form.samples)

    @property
    def dtype(self) -> str:
        """The type of a sample in memory, as NumPy names it: the whole allocated word."""
        return f"<{self.form.kind}{self.form.bits // 8}"

    @property
    def is_signed(self) -> bool:
        """Whether Pixel Representation says that samples are two's complement."""
        return self.form.kind == "i"

    def pixels(self, frame: bytes) -> Pixels:
        """Return a native frame as an array, samples of a pixel together; one bit a pixel stays packed.

        Raises
        ------
        InvalidValueError
            If it has not the number of bytes that it must have.
        """
        import numpy as np

        form = self.form
        if len(frame) != form.length:
            raise InvalidValueError(f"has {len(frame):,} bytes of pixels, not {form.length:,}")
        if form.bits == 1:
            return np.frombuffer(frame, "u1")
        octets = np.frombuffer(frame, "u1")
        if not form.little_endian and form.word > 1:
            octets = octets.view(f"u{form.word}").byteswap().view("u1")
        pixels = octets.view(self.dtype).reshape(form.shape)
        return np.ascontiguousarray(np.moveaxis(pixels, 0, -1)) if form.planar else pixels

    def native(self, pixels: Pixels) -> bytes:
        """Return an array of `pixels` as a native frame."""
        import numpy as np

        if self.form.bits == 1:
            return pixels.tobytes()
        return bytes(self.form.encode(np.moveaxis(pixels, -1, 0) if self.form.planar else pixels))

    def words(self, decoded: Pixels, precision: int) -> Pixels:
        """Return decoded samples as whole allocated words, those of two's complement with their sign.

        Parameters
        ----------
        decoded : ndarray
            Samples of any integer type.
        precision : int
            The number of bits that the codestream says they have.

        Raises
        ------
        InvalidValueError
            If they are not as many as they must be, or larger than their words.
        """
        import numpy as np

        if decoded.shape != self.shape:
            raise InvalidValueError(f"decodes to an image of shape {decoded.shape}, and the header says {self.shape}")
        if precision > self.form.bits:
            raise InvalidValueError(
                f"has samples of {precision} bits, and Bits Allocated is {self.form.bits}; correct it in edit"
            )
        width = self.form.bits // 8
        if decoded.dtype.kind == "u" and self.is_signed and precision < self.form.bits:
            shift = self.form.bits - precision
            shifted = decoded.astype(f"<u{width}") << np.uint8(shift)
            return shifted.view(self.dtype) >> np.uint8(shift)
        return np.ascontiguousarray(decoded.astype(f"<{decoded.dtype.kind}{width}", copy=False)).view(self.dtype)

    def fits(self, pixels: Pixels) -> bool:
        """Whether no sample has a bit beyond Bits Stored: neither overlays, nor a sign that is missing."""
        if self.stored == self.form.bits:
            return True
        if not self.is_signed:
            return not pixels.size or int(pixels.max()) < 1 << self.stored
        limit = 1 << self.stored - 1
        return not pixels.size or (int(pixels.min()) >= -limit and int(pixels.max()) < limit)

    def precision(self, pixels: Pixels) -> int:
        """Return the number of bits to code: Bits Stored, or those of the whole word where a sample has more."""
        return self.stored if self.fits(pixels) else self.form.bits


def image_of(dataset: Dataset, vr: str, *, little_endian: bool) -> Image:
    """Read from the Image Pixel module what frames are.

    Parameters
    ----------
    dataset : Dataset
        A view, in which elements may be parsed.
    vr : {"OB", "OW"}
        The VR of native frames.
    little_endian : bool
        The byte order of native frames.

    Raises
    ------
    PlanError
        If an element is missing or makes no sense.
    """
    form = frame_format(dataset, vr, little_endian)
    stored = whole_number(value_of(dataset, "BitsStored", form.bits))
    if stored is None or not 1 <= stored <= form.bits:
        raise PlanError(f"BitsStored must be from 1 to BitsAllocated, {form.bits}, for frames to be coded; correct it")
    return Image(form, stored)
