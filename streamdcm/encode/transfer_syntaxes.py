"""The table of transfer syntaxes: one row says all that the code knows of one (PS3.5 §A, PS3.6 table A-1)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Lossy: TypeAlias = Literal["no", "maybe", "always"]
CodestreamName: TypeAlias = Literal["JPEG", "JPEG 2000", "JPEG XL", "RLE"]


class TransferSyntax(NamedTuple):
    """A public transfer syntax.

    Attributes
    ----------
    uid : str
        Its UID.
    implicit_vr : bool
        Whether elements have no VR (PS3.5 §A.1).
    little_endian : bool
        Whether the least significant byte comes first.
    encapsulated : bool
        Whether pixel data consist of fragments (PS3.5 §A.4).
    deflated : bool
        Whether the dataset is one deflated stream (PS3.5 §A.5).
    video : bool
        Whether pixel data are one bit stream, not frames (PS3.5 §8.2.5 to §8.2.11).
    one_fragment : bool
        Whether each frame is exactly one fragment (PS3.5 §8.2.2, §8.2.16, §A.4.12).
    native_frames : bool
        Whether frames are native pixels all the same (PS3.5 §A.4.11).
    lossy : {"no", "maybe", "always"}
        Whether compression loses something (PS3.5 §8.2).
    codestream : {"JPEG", "JPEG 2000", "JPEG XL", "RLE"} or None
        What a frame is, where its first bytes tell; JPEG-LS begins as JPEG, HTJ2K as JPEG 2000 does.
    keyword : str
        Its keyword, if pydicom's dictionary may be too old to have it.
    """

    uid: str
    implicit_vr: bool = False
    little_endian: bool = True
    encapsulated: bool = True
    deflated: bool = False
    video: bool = False
    one_fragment: bool = False
    native_frames: bool = False
    lossy: Lossy = "no"
    codestream: CodestreamName | None = None
    keyword: str = ""


def _row(suffix: str, **facts: Any) -> TransferSyntax:
    return TransferSyntax(f"1.2.840.10008.1.2{suffix}", **facts)


_ROWS: Final = (
    _row("", implicit_vr=True, encapsulated=False),  # Implicit VR Little Endian
    _row(".1", encapsulated=False),  # Explicit VR Little Endian
    _row(".1.98", one_fragment=True, native_frames=True),  # Encapsulated Uncompressed Explicit VR Little Endian
    _row(".1.99", encapsulated=False, deflated=True),  # Deflated Explicit VR Little Endian
    _row(".2", little_endian=False, encapsulated=False),  # Explicit VR Big Endian
    # JPEG: baseline, extended, the retired processes, lossless
    *(_row(f".4.{number}", lossy="always", codestream="JPEG") for number in range(50, 57)),
    *(_row(f".4.{number}", codestream="JPEG") for number in (57, 58)),
    *(_row(f".4.{number}", lossy="always", codestream="JPEG") for number in range(59, 65)),
    *(_row(f".4.{number}", codestream="JPEG") for number in (65, 66, 70)),
    _row(".4.80", codestream="JPEG"),  # JPEG-LS Lossless
    _row(".4.81", lossy="always", codestream="JPEG"),  # JPEG-LS Near-lossless
    _row(".4.90", codestream="JPEG 2000"),  # JPEG 2000 Lossless
    _row(".4.91", lossy="maybe", codestream="JPEG 2000"),  # JPEG 2000
    _row(".4.92", codestream="JPEG 2000"),  # JPEG 2000 Part 2 Multi-component Lossless
    _row(".4.93", lossy="maybe", codestream="JPEG 2000"),  # JPEG 2000 Part 2 Multi-component
    _row(".4.94"),  # JPIP Referenced
    _row(".4.95", deflated=True),  # JPIP Referenced Deflate
    # MPEG2, MPEG-4 AVC/H.264, HEVC/H.265, and their fragmentable forms
    *(_row(f".4.{number}{form}", video=True, lossy="always") for number in range(100, 107) for form in ("", ".1")),
    *(_row(f".4.{number}", video=True, lossy="always") for number in (107, 108)),
    _row(".4.110", codestream="JPEG XL", keyword="JPEGXLLossless"),
    _row(".4.111", lossy="maybe", codestream="JPEG XL", keyword="JPEGXLJPEGRecompression"),
    _row(".4.112", lossy="maybe", codestream="JPEG XL", keyword="JPEGXL"),
    _row(".4.201", codestream="JPEG 2000"),  # High-Throughput JPEG 2000 Lossless
    _row(".4.202", codestream="JPEG 2000"),  # High-Throughput JPEG 2000 with RPCL options, Lossless
    _row(".4.203", lossy="maybe", codestream="JPEG 2000"),  # High-Throughput JPEG 2000
    _row(".4.204"),  # JPIP HTJ2K Referenced
    _row(".4.205", deflated=True),  # JPIP HTJ2K Referenced Deflate
    _row(".5", one_fragment=True, codestream="RLE"),  # RLE Lossless
    _row(".8.1", one_fragment=True, keyword="DeflatedImageFrameCompression"),
    # of other things than datasets; pydicom takes them for compressed, and so what it writes can be written
    *(_row(suffix) for suffix in (".6.1", ".6.2", ".7.1", ".7.2", ".7.3", "0")),
)
TRANSFER_SYNTAXES: Final[Mapping[str, TransferSyntax]] = MappingProxyType({row.uid: row for row in _ROWS})
UNKNOWN_SYNTAX: Final = TransferSyntax("", encapsulated=False)
"""What stands for a private transfer syntax, or none: pixel data are as the dataset has them."""


def transfer_syntax(uid: str | None) -> TransferSyntax:
    """Return the row of a public transfer syntax, and `UNKNOWN_SYNTAX` for any other UID or none."""
    return TRANSFER_SYNTAXES.get(uid or "", UNKNOWN_SYNTAX)
