"""The codecs of imagecodecs, which let other threads run meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from streamdcm.errors import EncodeError, InvalidValueError
from streamdcm.pixels.codecs.codestream_header import ImageHeader, jpeg2000_header, jpeg_header
from streamdcm.pixels.codecs.image import Image

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.image import Pixels

_MCT_COMPONENTS: Final = 3
_BYTE: Final = 8
_SOS, _SOT, _END = b"\xff\xda", b"\xff\x90", b"\xff\xd9"  # ITU-T T.81 table B.1, T.800 table A.2


def decode_jpeg_ls(data: bytes, image: Image) -> Pixels:
    """Decode JPEG-LS (ITU-T T.87)."""
    import imagecodecs

    header = _checked(jpeg_header(data), image)
    _check_end(data, _SOS)
    return image.words(imagecodecs.jpegls_decode(data), header.precision)


def encode_jpeg_ls(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode JPEG-LS, always the whole allocated word: there is no argument for the precision."""
    import imagecodecs

    words, near = _unsigned(pixels), options.get("near", 0)
    try:
        return _bytes(imagecodecs.jpegls_encode(words, level=near))
    except imagecodecs.JpeglsError:  # the memory that it takes by itself does not hold noise
        return _bytes(imagecodecs.jpegls_encode(words, level=near, out=4 * words.nbytes + 1024))


def decode_jpeg2000(data: bytes, image: Image) -> Pixels:
    """Decode JPEG 2000 (ITU-T T.800)."""
    import imagecodecs

    header = _checked(jpeg2000_header(data), image)
    decoded = imagecodecs.jpeg2k_decode(data, planar=False, numthreads=1)
    return image.words(
        decoded.reshape(image.shape) if decoded.size == math.prod(image.shape) else decoded, header.precision
    )


def encode_jpeg2000(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode JPEG 2000 reversibly, or to a ratio of peak signal to noise in dB."""
    import imagecodecs

    psnr = options.get("psnr")
    return _bytes(
        imagecodecs.jpeg2k_encode(
            pixels,
            level=0 if psnr is None else psnr,
            codecformat="J2K",
            bitspersample=image.precision(pixels),
            reversible=psnr is None,
            mct=is_transformed(image),
            numthreads=1,
        )
    )


def decode_htj2k(data: bytes, image: Image) -> Pixels:
    """Decode High-Throughput JPEG 2000 (ITU-T T.814); a codestream without its end would give another image."""
    import imagecodecs

    header = _checked(jpeg2000_header(data), image)
    _check_end(data, _SOT)
    return image.words(imagecodecs.htj2k_decode(data, planar=False), header.precision)


def encode_htj2k(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode High-Throughput JPEG 2000, in order of resolutions, each with its length (PS3.5 §8.2.17)."""
    import imagecodecs

    levels = max(
        min(image.form.rows, image.form.columns).bit_length() - 6, 0
    )  # PS3.5 §8.2.17: the lowest is 64 or less
    given: dict[str, Any] = {"reversible": True}
    if "quality" in options:
        # the noise of a step is step / sqrt(12) of the full range, which is that of the whole word
        step = math.sqrt(12) * 10 ** -((20 + options["quality"] / 3) / 20)
        given = {"reversible": False, "level": step * 2.0 ** (image.precision(pixels) - image.form.bits)}
    return _bytes(
        imagecodecs.htj2k_encode(
            pixels,
            rgb=is_transformed(image),
            planar=False if image.form.samples > 1 else None,
            resolutions=max(levels, 1),
            tlm=True,
            **given,
        )
    )


def decode_jpeg(data: bytes, image: Image) -> Pixels:
    """Decode JPEG (ITU-T T.81); YBR_FULL and YBR_FULL_422 become RGB, unless the codestream says that it is RGB."""
    return _decode_jpeg(data, image, "YCBCR")


def decode_lossless_jpeg(data: bytes, image: Image) -> Pixels:
    """Decode the lossless processes of JPEG, whose components stay what they are."""
    return _decode_jpeg(data, image, "RGB")


def _decode_jpeg(data: bytes, image: Image, space: str) -> Pixels:
    import imagecodecs

    header = _checked(jpeg_header(data), image)
    _check_end(data, _SOS)
    given: dict[str, Any] = {}
    if image.form.samples == _MCT_COMPONENTS:
        is_rgb = header.transform == 0 or header.is_rgb or image.photometric == "RGB"
        given = {"colorspace": "RGB" if is_rgb else space, "outcolorspace": "RGB"}
    return image.words(imagecodecs.jpeg8_decode(data, **given), header.precision)


def encode_jpeg(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode JPEG Baseline, or Extended with 12 bits; colours as YBR_FULL_422 (PS3.5 §8.2.1).

    Raises
    ------
    EncodeError
        If a sample has more bits than the syntax can hold.
    """
    import imagecodecs

    given: dict[str, Any] = {}
    if image.form.bits > 8:
        if not image.fits(pixels):
            raise EncodeError("has bits beyond Bits Stored, which the 12 bits of JPEG Extended cannot hold")
        given["bitspersample"] = 12
    if image.form.samples == _MCT_COMPONENTS:
        given |= {"subsampling": "422", "outcolorspace": "YCBCR"}
        given["colorspace"] = "RGB" if image.photometric == "RGB" else "YCBCR"
    return _bytes(imagecodecs.jpeg8_encode(pixels, level=options["quality"], **given))


def encode_lossless_jpeg(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode JPEG Lossless with first-order prediction."""
    import imagecodecs

    colors: dict[str, Any] = (
        {"colorspace": "RGB", "outcolorspace": "RGB"} if image.form.samples == _MCT_COMPONENTS else {}
    )
    precision = max(image.form.bits if image.is_signed else image.precision(pixels), 2)
    words = _narrow(_unsigned(pixels), precision)
    return _bytes(imagecodecs.jpeg8_encode(words, lossless=True, predictor=1, bitspersample=precision, **colors))


def decode_jpeg_xl(data: bytes, image: Image) -> Pixels:
    """Decode JPEG XL (ISO/IEC 18181)."""
    import imagecodecs

    return image.words(imagecodecs.jpegxl_decode(data, numthreads=1), image.form.bits)


def encode_jpeg_xl(pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
    """Encode JPEG XL, losslessly or to a distance that one can just see."""
    import imagecodecs

    lossy: Mapping[str, Any] = {"distance": options["distance"]} if "distance" in options else {"lossless": True}
    precision = image.form.bits if image.is_signed else image.precision(pixels)
    words = _narrow(_unsigned(pixels), precision)
    return _bytes(imagecodecs.jpegxl_encode(words, bitspersample=precision, usecontainer=False, numthreads=1, **lossy))


def is_transformed(image: Image) -> bool:
    """Whether JPEG 2000 is to transform the colours of an image: RGB, and nothing else."""
    return image.photometric == "RGB" and image.form.samples == _MCT_COMPONENTS


def _checked(header: ImageHeader, image: Image) -> ImageHeader:
    """Refuse, before it is decoded, an image of another size than the header of the dataset says."""
    size = (header.rows, header.columns, header.samples)
    form = image.form
    if size != (form.rows, form.columns, form.samples):
        raise InvalidValueError(
            f"is an image of {size[0]:,} rows, {size[1]:,} columns and {size[2]} samples, and the header of the "
            f"dataset says {form.rows:,}, {form.columns:,} and {form.samples}"
        )
    return header


def _check_end(data: bytes, last: bytes) -> None:
    """Refuse a codestream that was cut: a library makes an image of it all the same, or takes seconds to refuse it."""
    if data.find(_END, data.rfind(last)) < 0:
        raise InvalidValueError("ends before the end marker of its codestream")


def _unsigned(pixels: Pixels) -> Pixels:
    """Return samples as the bits of their words: two's complement, where they have a sign."""
    return pixels.view(f"<u{pixels.dtype.itemsize}")


def _narrow(words: Pixels, precision: int) -> Pixels:
    """Return words of 8 bits where these are enough: libraries refuse wider ones for such a precision."""
    return words.astype("u1", copy=False) if precision <= _BYTE else words


def _bytes(encoded: Any) -> bytes:
    return encoded if encoded.__class__ is bytes else bytes(encoded)
