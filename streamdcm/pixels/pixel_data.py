"""Pixel data from frames that come one by one."""

from __future__ import annotations

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import value_of
from streamdcm.encode.late import LateValues, is_lossy
from streamdcm.encode.layout import Encoding
from streamdcm.encode.tags import CONCATENATION_UID, LOSSY_RATIO, NUMBER_OF_FRAMES
from streamdcm.encode.transfer_syntaxes import TransferSyntax
from streamdcm.instructions import Encoder
from streamdcm.pixels.counted_frames import CountedFrames
from streamdcm.pixels.encapsulated import encapsulated
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.native import native
from streamdcm.pixels.table_plan import PixelsWritten


def pixel_data(plan: PixelPlan, encoding: Encoding, late: LateValues, frames: CountedFrames) -> Encoder[PixelsWritten]:
    """Encode pixel data, asking for one frame after the other.

    Parameters
    ----------
    plan : PixelPlan
        What was decided ahead.
    encoding : Encoding
        VR and byte order.
    late : LateValues
        Is told the number of frames.
    frames : CountedFrames
        Asks for the frames.

    Returns
    -------
    Encoder
        Returns what was written.

    Raises
    ------
    EncodeError
        Names the frame that is wrong.
    """
    try:
        if plan.encapsulated:
            written, bit_stream_length = yield from encapsulated(plan, frames)
            if plan.pixels_length:
                late.set_if_nothing_else_is(LOSSY_RATIO, _ratio(plan, frames.count, bit_stream_length))
        else:
            written = yield from native(plan, encoding, frames)
    except Exception as error:
        frames.add_place(error)
        raise
    if NUMBER_OF_FRAMES in late:
        late.set(NUMBER_OF_FRAMES, frames.count)
    return written


def learns_ratio(plan: PixelPlan) -> bool:
    """Whether the last frame tells the ratio of a lossy compression, and a field for it holds nothing more back.

    An offset table that is filled in at the end holds everything back that the ratio would.
    """
    has_field = plan.table is not None and plan.table.kind != "empty" and plan.known is None
    return has_field and plan.pixels_length > 0


def known_ratio(plan: PixelPlan, dataset: Dataset, syntax: TransferSyntax) -> str | None:
    """Return the ratio of a lossy compression, if the lengths of the frames are known and the dataset lacks it."""
    known = plan.known
    if known is None or plan.count is None:
        return None
    return ratio_of(plan, dataset, syntax, plan.count, known.bit_stream_length)


def ratio_of(
    plan: PixelPlan, dataset: Dataset, syntax: TransferSyntax, count: int, bit_stream_length: int
) -> str | None:
    """Return the ratio of a lossy compression of so many frames, if the dataset says no other one."""
    if not bit_stream_length or not plan.pixels_length:
        return None
    is_shared = CONCATENATION_UID in dataset  # all instances of a concatenation have the same one
    if (
        is_shared
        or syntax.lossy == "no"
        or not is_lossy(dataset, syntax)
        or value_of(dataset, "LossyImageCompressionRatio")
    ):
        return None
    return _ratio(plan, count, bit_stream_length)


def _ratio(plan: PixelPlan, count: int, bit_stream_length: int) -> str:
    """Return the ratio of what frames would take uncompressed to what they take (PS3.3 §C.7.6.1.1.5.2)."""
    return f"{count * plan.pixels_length / bit_stream_length:.6g}"
