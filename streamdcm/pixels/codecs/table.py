"""The table of codecs: one row for a transfer syntax and a library, the better ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from pydicom.uid import UID

from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES
from streamdcm.errors import MissingExtraError, PlanError
from streamdcm.pixels.codecs.image import Image

if TYPE_CHECKING:
    from streamdcm.pixels.codecs.image import Pixels

RunsIn: TypeAlias = Literal["threads", "processes"]
Decode: TypeAlias = Callable[[bytes, Image], "Pixels"]
Encode: TypeAlias = Callable[["Pixels", Image, Mapping[str, Any]], bytes]

_BASE: Final = "1.2.840.10008.1.2"
RLE, DEFLATED_FRAMES, UNCOMPRESSED_FRAMES = f"{_BASE}.5", f"{_BASE}.8.1", f"{_BASE}.1.98"
JPEG_BASELINE, JPEG_EXTENDED, JPEG_LOSSLESS, JPEG_LOSSLESS_SV1 = (f"{_BASE}.4.{number}" for number in (50, 51, 57, 70))
JPEG_LS, JPEG_LS_NEAR, JPEG2000_LOSSLESS, JPEG2000 = (f"{_BASE}.4.{number}" for number in (80, 81, 90, 91))
JPEG_XL_LOSSLESS, JPEG_XL_JPEG, JPEG_XL = (f"{_BASE}.4.{number}" for number in (110, 111, 112))
HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K = (f"{_BASE}.4.{number}" for number in (201, 202, 203))


class Codec(NamedTuple):
    """What one library does for one transfer syntax.

    Attributes
    ----------
    syntax : str
        The UID of the transfer syntax.
    library : str
        How users know it.
    packages : tuple of str
        What must be there to import; nothing is imported to see that.
    runs_in : {"threads", "processes"}
        Whether a call lets other threads run, or keeps the interpreter's lock.
    decoder, encoder : str
        The names of what decodes and encodes in a module of this package; empty for what it cannot do.
    options : tuple of str
        The `codec_options` that only this library takes.
    condition : str
        The name of what tells whether the packages have what is needed; empty where they surely do.
    """

    syntax: str
    library: str
    packages: tuple[str, ...]
    runs_in: RunsIn
    decoder: str = ""
    encoder: str = ""
    options: tuple[str, ...] = ()
    condition: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the library is installed."""
        is_installed = all(map(_is_installed, self.packages))
        return bool(is_installed and (not self.condition or self._function(self.condition)()))

    def decode(self, data: bytes, image: Image) -> Pixels:
        """Decode a frame."""
        pixels: Pixels = self._function(self.decoder)(data, image)
        return pixels

    def encode(self, pixels: Pixels, image: Image, options: Mapping[str, Any]) -> bytes:
        """Encode a frame."""
        data: bytes = self._function(self.encoder)(pixels, image, options)
        return data

    def _function(self, name: str) -> Callable[..., Any]:
        module, _, function = name.partition(":")
        loaded = import_module(f"streamdcm.pixels.codecs.{module}")
        plugin = self.library.removeprefix("pydicom: ")
        holder = loaded.PydicomCodec(self.syntax, plugin) if module == "by_pydicom" else loaded
        found: Callable[..., Any] = getattr(holder, function)
        return found


@cache
def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _ours(syntax: str, module: str, name: str) -> Codec:
    return Codec(syntax, "streamdcm", ("numpy",), "threads", f"{module}:decode_{name}", f"{module}:encode_{name}")


def _imagecodecs(syntax: str, decoder: str, encoder: str | None = None) -> Codec:
    encoder = decoder if encoder is None else encoder
    return Codec(
        syntax,
        "imagecodecs",
        ("imagecodecs",),
        "threads",
        f"by_imagecodecs:decode_{decoder}",
        f"by_imagecodecs:encode_{encoder}" if encoder else "",
    )


def _charls(syntax: str) -> Codec:
    packages, encoder = ("numpy", "imagecodecs"), "by_charls:encode_jpeg_ls"
    return Codec(syntax, "CharLS", packages, "threads", encoder=encoder, condition="by_charls:is_here")


def _pydicom(syntax: str, plugin: str, *packages: str, encodes: bool = False, options: tuple[str, ...] = ()) -> Codec:
    encoder = "by_pydicom:encode" if encodes else ""
    needed = ("numpy", *packages)
    return Codec(syntax, f"pydicom: {plugin}", needed, "processes", "by_pydicom:decode", encoder, options)


def _openjpeg(syntax: str, *, encodes: bool = False, options: tuple[str, ...] = ()) -> Codec:
    return _pydicom(syntax, "pylibjpeg", "pylibjpeg", "openjpeg", encodes=encodes, options=options)


_JPEG_DECODERS: Final = (("pylibjpeg", ("pylibjpeg", "libjpeg")), ("gdcm", ("gdcm",)))

CODECS: Final[tuple[Codec, ...]] = (
    _ours(UNCOMPRESSED_FRAMES, "plain", "uncompressed"),
    _ours(DEFLATED_FRAMES, "plain", "deflated"),
    Codec(
        RLE,
        "imagecodecs",
        ("imagecodecs",),
        "threads",
        "run_length:decode_run_length",
        "run_length:encode_run_length",
    ),
    _pydicom(RLE, "pylibjpeg", "pylibjpeg", "rle", encodes=True),
    _pydicom(RLE, "pydicom", encodes=True),
    *(
        codec
        for syntax in (JPEG_LS, JPEG_LS_NEAR)
        for codec in (
            _imagecodecs(syntax, "jpeg_ls"),
            _charls(syntax),
            _pydicom(syntax, "pyjpegls", "jpeg_ls", encodes=True),
        )
    ),
    _imagecodecs(JPEG2000_LOSSLESS, "jpeg2000"),
    _openjpeg(JPEG2000_LOSSLESS, encodes=True),
    _imagecodecs(JPEG2000, "jpeg2000"),
    _openjpeg(JPEG2000, encodes=True, options=("ratio",)),
    *(
        codec
        for syntax in (HTJ2K_LOSSLESS, HTJ2K_RPCL, HTJ2K)
        for codec in (_imagecodecs(syntax, "htj2k"), _openjpeg(syntax))
    ),
    *(
        codec
        for syntax, decoder in (
            (JPEG_BASELINE, "jpeg"),
            (JPEG_EXTENDED, "jpeg"),
            (JPEG_LOSSLESS, "lossless_jpeg"),
            (JPEG_LOSSLESS_SV1, "lossless_jpeg"),
        )
        for codec in (
            _imagecodecs(syntax, decoder),
            *(_pydicom(syntax, plugin, *packages) for plugin, packages in _JPEG_DECODERS),
        )
    ),
    _imagecodecs(JPEG_XL_LOSSLESS, "jpeg_xl"),
    _imagecodecs(JPEG_XL_JPEG, "jpeg_xl", ""),
    _imagecodecs(JPEG_XL, "jpeg_xl"),
)


class SyntaxCodecs(NamedTuple):
    """What can decode and encode a transfer syntax in this environment.

    Attributes
    ----------
    uid : str
        The transfer syntax.
    keyword : str
        Its keyword, as `transfer_syntax` options take it.
    decode, encode : tuple of (str, str)
        The libraries, the one that is used first, and whether it runs in ``"threads"`` or ``"processes"``.
    """

    uid: str
    keyword: str
    decode: tuple[tuple[str, RunsIn], ...]
    encode: tuple[tuple[str, RunsIn], ...]


def codecs() -> list[SyntaxCodecs]:
    """Return, for each transfer syntax that can be coded, what does it here.

    Nothing is imported to find that out.

    Returns
    -------
    list of SyntaxCodecs
        Also the syntaxes for which a library is missing, with nothing in `decode` and `encode`.

    Examples
    --------
    >>> syntax = streamdcm.codecs()[0]
    >>> syntax.uid.startswith("1.2.840.10008.1.2")
    True
    """
    found = []
    for syntax in dict.fromkeys(codec.syntax for codec in CODECS):
        here = [codec for codec in CODECS if codec.syntax == syntax and codec.is_here]
        decode = tuple((codec.library, codec.runs_in) for codec in here if codec.decoder)
        encode = tuple((codec.library, codec.runs_in) for codec in here if codec.encoder)
        found.append(SyntaxCodecs(syntax, TRANSFER_SYNTAXES[syntax].keyword or UID(syntax).keyword, decode, encode))
    return found


def has_codec(syntax: str) -> bool:
    """Whether there is a library, installed or not, for a transfer syntax."""
    return any(codec.syntax == syntax for codec in CODECS)


def decoder_of(syntax: str) -> Codec:
    """Return what decodes a transfer syntax.

    Raises
    ------
    PlanError
        If nothing does.
    MissingExtraError
        If what does is not installed.
    """
    candidates = (codec for codec in CODECS if codec.syntax == syntax and codec.decoder)
    return _first(candidates, f"decode '{UID(syntax).name}'")


def encoder_of(syntax: str, image: Image, options: Mapping[str, Any]) -> Codec:
    """Return what encodes a transfer syntax best.

    Parameters
    ----------
    syntax : str
        The UID of the transfer syntax.
    image : Image
        The frames.
    options : mapping
        The codec options, checked.

    Raises
    ------
    PlanError
        If nothing does.
    MissingExtraError
        If what does is not installed.
    """
    candidates = [codec for codec in CODECS if codec.syntax == syntax and codec.encoder]
    special = [codec for codec in candidates if any(name in options for name in codec.options)]
    if special:
        candidates = special
    elif syntax in (JPEG_LS, JPEG_LS_NEAR) and image.stored < image.form.bits and not image.is_signed:
        candidates.sort(key=lambda codec: codec.library == "imagecodecs")  # it cannot say the precision
    return _first(iter(candidates), f"encode '{UID(syntax).name}'")


def _first(candidates: Iterator[Codec], purpose: str) -> Codec:
    missing = None
    for codec in candidates:
        if codec.is_here:
            return codec
        missing = missing or codec
    if missing is None:
        raise PlanError(f"there is no library to {purpose}; streamdcm.codecs() names what can be coded")
    raise MissingExtraError(f"to {purpose}, a library is missing: pip install 'streamdcm[codecs]'")
