"""The codec options of each transfer syntax, and what a syntax can hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from pydicom.uid import UID

from streamdcm.errors import PlanError
from streamdcm.pixels.codecs.image import Image
from streamdcm.pixels.codecs.table import (
    DEFLATED_FRAMES,
    HTJ2K,
    HTJ2K_LOSSLESS,
    HTJ2K_RPCL,
    JPEG2000,
    JPEG2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    JPEG_LS_NEAR,
    JPEG_XL,
    JPEG_XL_LOSSLESS,
    RLE,
    UNCOMPRESSED_FRAMES,
)


class _Number(NamedTuple):
    least: float
    most: float
    is_whole: bool


class Target(NamedTuple):
    """What is to be known of a transfer syntax that frames are encoded in.

    Attributes
    ----------
    bits : tuple of int
        The Bits Allocated that it can hold.
    most_stored : int
        The most Bits Stored.
    method : str
        Lossy Image Compression Method (PS3.3 §C.7.6.1.1.5.1); empty where nothing is lost.
    defaults : mapping
        Codec options that are used where none is given.
    options : mapping
        The codec options that there are.
    holds_sign : bool
        Whether samples may be signed.
    """

    bits: tuple[int, ...] = (8, 16)
    most_stored: int = 16
    method: str = ""
    defaults: Mapping[str, Any] = MappingProxyType({})
    options: Mapping[str, _Number] = MappingProxyType({})
    holds_sign: bool = True

    @property
    def is_lossy(self) -> bool:
        """Whether what is decoded is not what was encoded."""
        return bool(self.method)


def _lossy(method: str, defaults: Mapping[str, Any], options: Mapping[str, _Number], **facts: Any) -> Target:
    return Target(method=method, defaults=MappingProxyType(defaults), options=MappingProxyType(options), **facts)


_QUALITY: Final = {"quality": _Number(1, 100, True)}
_DEPTHS: Final = {"psnr": _Number(1, 200, False), "ratio": _Number(1, 10_000, False)}

TARGETS: Final[Mapping[str, Target]] = {
    UNCOMPRESSED_FRAMES: Target(bits=(1, 8, 16, 32, 64), most_stored=64),
    DEFLATED_FRAMES: Target(bits=(1, 8, 16, 32, 64), most_stored=64),
    RLE: Target(bits=(8, 16, 32), most_stored=32),
    JPEG_LS: Target(),
    JPEG_LS_NEAR: _lossy("ISO_14495_1", {"near": 2}, {"near": _Number(1, 255, True)}),
    JPEG2000_LOSSLESS: Target(),
    JPEG2000: _lossy("ISO_15444_1", {"psnr": 50}, _DEPTHS),
    HTJ2K_LOSSLESS: Target(),
    HTJ2K_RPCL: Target(),
    HTJ2K: _lossy("ISO_15444_15", {"quality": 90}, _QUALITY),
    JPEG_BASELINE: _lossy("ISO_10918_1", {"quality": 90}, _QUALITY, bits=(8,), most_stored=8, holds_sign=False),
    JPEG_EXTENDED: _lossy("ISO_10918_1", {"quality": 90}, _QUALITY, most_stored=12, holds_sign=False),
    JPEG_LOSSLESS: Target(),
    JPEG_LOSSLESS_SV1: Target(),
    JPEG_XL_LOSSLESS: Target(),
    JPEG_XL: _lossy("ISO_18181_1", {"distance": 1.0}, {"distance": _Number(0.01, 25, False)}, holds_sign=False),
}


def checked_options(syntax: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the codec options of a transfer syntax, with the defaults of those that are not given.

    Raises
    ------
    PlanError
        For an option that it does not have, or a value out of range.
    """
    target = TARGETS.get(syntax, Target())
    name = UID(syntax).name
    for option, value in given.items():
        number = target.options.get(option)
        if number is None:
            known = ", ".join(target.options) or "none"
            raise PlanError(f"there is no codec option {option!r} of '{name}'; it takes {known}")
        is_number = isinstance(value, int if number.is_whole else (int, float)) and not isinstance(value, bool)
        if not is_number or not number.least <= value <= number.most:
            kind = "a whole number" if number.is_whole else "a number"
            raise PlanError(f"the codec option {option} must be {kind} from {number.least:g} to {number.most:g}")
    if len(given) > 1:
        raise PlanError(f"the codec options {' and '.join(given)} exclude each other; leave one of them out")
    return dict(given) or dict(target.defaults)


def check_image(syntax: str, image: Image) -> None:
    """Refuse frames that a transfer syntax cannot hold.

    Raises
    ------
    PlanError
        If it cannot.
    """
    name = UID(syntax).name
    if syntax not in TARGETS:
        raise PlanError(f"frames cannot be encoded as '{name}'; streamdcm.codecs() names what can be")
    target, form = TARGETS[syntax], image.form
    if form.kind == "f":
        raise PlanError(f"'{name}' holds no floating point samples; use a native transfer syntax")
    if form.subsampled:
        raise PlanError(
            f"native frames of YBR_FULL_422 cannot be encoded as '{name}'; convert them to RGB or YBR_FULL first"
        )
    if form.bits not in target.bits:
        allowed = ", ".join(map(str, target.bits))
        raise PlanError(
            f"BitsAllocated is {form.bits}, and '{name}' can hold {allowed}; choose another transfer syntax"
        )
    if image.stored > target.most_stored:
        raise PlanError(
            f"BitsStored is {image.stored}, and '{name}' can hold {target.most_stored}; choose another transfer syntax"
        )
    if form.samples not in (1, 3) and target.bits != TARGETS[UNCOMPRESSED_FRAMES].bits:
        raise PlanError(f"'{name}' is written of 1 or 3 samples a pixel, and SamplesPerPixel is {form.samples}")
    if image.is_signed and not target.holds_sign:
        raise PlanError(f"'{name}' holds no signed samples; choose another transfer syntax")
    if target.is_lossy and image.photometric == "PALETTE COLOR":
        raise PlanError(
            f"'{name}' is lossy, and the samples of PALETTE COLOR are numbers of colours; choose a lossless one"
        )
