"""Every decision on the bit stream of a video that is made before the first byte (PS3.5 §8.2.5 to §8.2.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset

from streamdcm.encode.layout import MAX_LENGTH
from streamdcm.encode.tags import PIXEL_DATA, TOTAL_LENGTH
from streamdcm.encode.transfer_syntaxes import TRANSFER_SYNTAXES, TransferSyntax
from streamdcm.errors import LengthOverflowError, PlanError, SourceError
from streamdcm.errors.translation import element_name, reason_of
from streamdcm.instructions import Copy
from streamdcm.options import PlanSettings
from streamdcm.sources import ByteStream, PushedSource, StreamSource, describe

_FRAGMENT: Final = 16 * 1024 * 1024
"""The most bytes in a fragment of a stream of unknown length, where there may be several: a sink that cannot seek holds
back so much."""


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """How the bit stream of a video is to be written.

    Parameters
    ----------
    source : Copy, StreamSource or PushedSource
        Where it comes from; a `Copy` if its length is known.
    count : int or None
        The number of frames, if the caller gave it.
    fragment_size : int or None
        The most bytes in a fragment; `None` for one fragment.
    has_total : bool
        Whether Encapsulated Pixel Data Value Total Length is written.
    """

    source: Copy | StreamSource | PushedSource
    count: int | None
    fragment_size: int | None
    has_total: bool


def plan_video(
    stream: Any,
    dataset: Dataset,
    options: PlanSettings,
    syntax: TransferSyntax,
    *,
    has_late_count: bool,
    has_total: bool,
) -> VideoPlan:
    """Decide how a bit stream is written, or refuse it.

    Parameters
    ----------
    stream : ByteStream or PushedSource
        The bit stream.
    dataset : Dataset
        A view of the dataset.
    options : PlanSettings
        `number_of_frames`, `fragment_size`, `fragments_per_frame`, `offset_table`.
    syntax : TransferSyntax
        The transfer syntax.
    has_late_count : bool
        Whether Number of Frames is set while writing.
    has_total : bool
        Whether Encapsulated Pixel Data Value Total Length was asked for; where it is known, it is written anyway.

    Raises
    ------
    PlanError
        If the stream cannot be written as asked.
    LengthOverflowError
        If it would take more than a fragment holds, and there may be only one.
    """
    label = element_name(PIXEL_DATA)
    if not isinstance(stream, (ByteStream, PushedSource)):
        raise PlanError(
            "a video transfer syntax holds one bit stream, not frames; give it as frames=streamdcm.ByteStream(…)"
        )
    if options.number_of_frames == "count":
        raise PlanError("the frames of a bit stream are not counted; give number_of_frames as a number")
    if options.number_of_frames is None and not has_late_count and "NumberOfFrames" not in dataset:
        raise PlanError(
            "a bit stream does not tell its number of frames: set NumberOfFrames in the dataset, or give "
            "number_of_frames, or name it in late="
        )
    if options.offset_table not in ("auto", "empty"):
        raise PlanError("the bit stream of a video has no offset table (PS3.5 §A.4); leave offset_table out")
    if options.fragments_per_frame > 1:
        raise PlanError("the fragments of a video are no frames; give fragment_size instead of fragments_per_frame")
    try:
        source = describe(stream, label) if isinstance(stream, ByteStream) else stream
    except (OSError, ValueError) as error:
        raise SourceError(f"its ByteStream cannot be read: {reason_of(error)}", label) from error
    return VideoPlan(
        source,
        options.number_of_frames,
        _fragment_size(source, options.fragment_size, syntax, label),
        has_total=has_total or TOTAL_LENGTH in dataset or isinstance(source, Copy),
    )


def _fragment_size(source: Any, asked: int | None, syntax: TransferSyntax, label: str) -> int | None:
    fragmentable = syntax.uid.endswith(".1")
    other = f"{syntax.uid}.1" if f"{syntax.uid}.1" in TRANSFER_SYNTAXES else "of another codec"
    if asked is not None:
        if not fragmentable:
            raise PlanError(
                f"this transfer syntax has one fragment; leave fragment_size out, or use the fragmentable one {other}"
            )
        return asked + asked % 2
    if not isinstance(source, Copy):
        return _FRAGMENT if fragmentable else None
    if source.length <= MAX_LENGTH:
        return None
    if not fragmentable:
        raise LengthOverflowError(
            f"{source.length:,} bytes do not fit one fragment; use the fragmentable transfer syntax {other}",
            label,
        )
    return MAX_LENGTH
