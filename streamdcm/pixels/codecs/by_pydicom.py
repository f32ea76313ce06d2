"""The plugins of pydicom, which keep the interpreter's lock for the whole of a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, RLELossless

from streamdcm.encode.transfer_syntaxes import transfer_syntax
from streamdcm.pixels.codecs.by_imagecodecs import is_transformed
from streamdcm.pixels.codecs.codestream_header import jpeg2000_header, jpeg_header
from streamdcm.pixels.codecs.image import Image

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.image import Pixels

_LOSSY_JPEG: Final = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit})
_JPEG_LS: Final = frozenset({"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"})


@dataclass(frozen=True, slots=True)
class PydicomCodec:
    """One plugin of pydicom for one transfer syntax.

    Parameters
    ----------
    syntax : str
        The UID of the transfer syntax.
    plugin : str
        What pydicom calls it.
    """

    syntax: str
    plugin: str

    def decode(self, data: bytes, image: Image) -> Pixels:
        """Decode a frame; only JPEG's YBR_FULL and YBR_FULL_422 become RGB."""
        # bits beyond Bits Stored would be cleared
        described = self._described(image) | {"pixel_keyword": "PixelData", "bits_stored": image.form.bits}
        decoded, _ = get_decoder(self.syntax).as_array(
            encapsulate([data]),
            raw=self.syntax not in _LOSSY_JPEG,
            index=0,
            decoding_plugin=self.plugin,
            **described,
        )
        return image.words(decoded.view(f"<u{decoded.dtype.itemsize}"), self._precision(data, image))

    def encode(self, pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
        """Encode a frame."""
        given: dict[str, Any] = {}
        precision, is_signed = image.precision(pixels), image.is_signed
        if self.syntax in _JPEG_LS:
            given = {"jls_error": options.get("near", 0)}
            # the two's complement of the whole word
            precision, is_signed = (image.form.bits, False) if is_signed else (precision, False)
        elif transfer_syntax(self.syntax).codestream == "JPEG 2000":
            given = {"use_mct": is_transformed(image)}
            given |= {
                name: [options[key]] for key, name in (("psnr", "j2k_psnr"), ("ratio", "j2k_cr")) if key in options
            }
        stored = {"bits_stored": precision, "pixel_representation": int(is_signed)}
        encoder = get_encoder(self.syntax)
        described = self._described(image) | stored | given
        return bytes(encoder.encode(pixels.tobytes(), encoding_plugin=self.plugin, **described))

    def _described(self, image: Image) -> dict[str, Any]:
        """Return what pydicom wants to know of frames."""
        form = image.form
        return {
            "rows": form.rows,
            "columns": form.columns,
            "samples_per_pixel": form.samples,
            "planar_configuration": 0,
            "number_of_frames": 1,
            "bits_allocated": form.bits,
            "bits_stored": image.stored,
            "pixel_representation": int(image.is_signed),
            "photometric_interpretation": image.photometric,
        }

    def _precision(self, data: bytes, image: Image) -> int:
        """Return the number of bits that the codestream says samples have."""
        if self.syntax == RLELossless:
            return image.form.bits
        is_jpeg2000 = transfer_syntax(self.syntax).codestream == "JPEG 2000"
        return (jpeg2000_header if is_jpeg2000 else jpeg_header)(data).precision
