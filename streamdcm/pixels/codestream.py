"""Compressed frames: bytes, and such as can be what the transfer syntax says, by the first few of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final, Protocol

from streamdcm.encode.transfer_syntaxes import CodestreamName, TransferSyntax
from streamdcm.errors import InvalidValueError, ValueTypeError
from streamdcm.instructions import Chunk
from streamdcm.pixels.arrays import as_array, no_frame

_OCTETS: Final = frozenset({"B", "<B", "c", "<c"})
"""The formats of buffers whose items are bytes (`memoryview.format`)."""
_rle_header: Final = Struct("<16L").unpack_from
_RLE_HEADER_LENGTH: Final = 64
_MOST_SEGMENTS: Final = 15


class FrameEncoder(Protocol):
    """What makes the bytes to write of a frame as it was given."""

    def encode(self, frame: Any) -> Chunk:
        """Return the bytes of a frame, uncopied where they are right as they are."""


@dataclass(frozen=True, slots=True)
class AnyCodestream:
    """Compressed frames of which nothing is known but that they are bytes."""

    def encode(self, frame: Any) -> Chunk:
        """Return the bytes of a frame, uncopied.

        Raises
        ------
        ValueTypeError
            If it is not bytes-like, or an array of anything but bytes.
        """
        return frame if frame.__class__ is bytes else _octets(frame)


@dataclass(frozen=True, slots=True)
class Codestream:
    """Compressed frames that begin in one of a few ways.

    Parameters
    ----------
    name : str
        What they are, for errors.
    start : bytes
        What nearly all of them begin with.
    others : tuple of bytes
        What they may begin with as well.
    """

    name: str
    start: bytes
    others: tuple[bytes, ...] = ()
    _size: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_size", len(self.start))

    def encode(self, frame: Any) -> Chunk:
        """Return the bytes of a frame, uncopied.

        Raises
        ------
        ValueTypeError
            If it is not bytes-like, or an array of anything but bytes.
        InvalidValueError
            If it does not begin as it must.
        """
        view = frame if frame.__class__ is bytes else _octets(frame)
        if view[: self._size] != self.start:
            self._check_others(view)
        return view

    def _check_others(self, view: Chunk) -> None:
        if len(view) and not any(view[: len(start)] == start for start in self.others):
            raise _not_this(self.name)


@dataclass(frozen=True, slots=True)
class RunLengthFrames:
    """Frames that begin with the header of RLE: how many segments there are, and where each begins (PS3.5 §G.5)."""

    def encode(self, frame: Any) -> Chunk:
        """Return the bytes of a frame, uncopied.

        Raises
        ------
        ValueTypeError
            If it is not bytes-like, or an array of anything but bytes.
        InvalidValueError
            If it does not begin with a header that can be true of it.
        """
        view = frame if frame.__class__ is bytes else _octets(frame)
        if len(view) and not _has_rle_header(view):
            raise _not_this("RLE")
        return view


_CODESTREAMS: Final[Mapping[CodestreamName, FrameEncoder]] = {
    # ITU-T T.81 §B.1.1.3, T.87 §C.1: SOI, and another marker
    "JPEG": Codestream("JPEG", b"\xff\xd8\xff"),
    # ITU-T T.800 §A.4: SOC and SIZ; §I.5.1: the signature box of a JP2 file
    "JPEG 2000": Codestream("JPEG 2000", b"\xff\x4f\xff\x51", (b"\0\0\0\x0cjP  \r\n\x87\n",)),
    # ISO/IEC 18181-2: a codestream by itself; the signature box of a file
    "JPEG XL": Codestream("JPEG XL", b"\xff\x0a", (b"\0\0\0\x0cJXL \r\n\x87\n",)),
    "RLE": RunLengthFrames(),
}


def compressed_frames(syntax: TransferSyntax, *, check: bool) -> FrameEncoder:
    """Return what makes bytes of the compressed frames of a transfer syntax.

    Parameters
    ----------
    syntax : TransferSyntax
        The transfer syntax.
    check : bool
        Whether a frame that does not begin as that transfer syntax has it is refused.
    """
    if not check or syntax.codestream is None:
        return AnyCodestream()
    return _CODESTREAMS[syntax.codestream]


def _octets(frame: Any) -> Chunk:
    try:
        view = memoryview(frame)
    except (TypeError, ValueError, BufferError):
        array = as_array(frame)
        if array is None:
            raise no_frame(
                frame, "bytes: this transfer syntax takes compressed frames, so compress pixels first"
            ) from None
        view = array.data
    if view.ndim != 1 or view.format not in _OCTETS:
        raise ValueTypeError(
            f"is an array of shape {view.shape} and format {view.format!r}, and this transfer syntax takes compressed "
            "frames, which are bytes or one-dimensional arrays of uint8; compress it first, or write it in an "
            "uncompressed transfer syntax such as Explicit VR Little Endian"
        )
    if not view.contiguous:
        raise ValueTypeError("has gaps between its bytes; give contiguous ones, for example bytes(frame)")
    return view.cast("B") if view.nbytes else b""


def _has_rle_header(view: Chunk) -> bool:
    if len(view) < _RLE_HEADER_LENGTH:
        return False
    count, *offsets = _rle_header(view)
    if not 1 <= count <= _MOST_SEGMENTS or offsets[0] != _RLE_HEADER_LENGTH:
        return False
    ends = [*offsets[1:count], len(view)]
    return all(start < end for start, end in zip(offsets, ends, strict=False))


def _not_this(name: str) -> InvalidValueError:
    return InvalidValueError(
        f"does not begin as {name} does, which the transfer syntax says that it is; compress it as that, correct the "
        "Transfer Syntax UID, or write it as it is with check_frames=False"
    )
