"""Every decision on frames that is made before the first byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final, NamedTuple

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import value_of
from streamdcm.encode.layout import MAX_LENGTH, Encoding
from streamdcm.encode.tags import (
    DOUBLE_FLOAT_PIXEL_DATA,
    EXTENDED_OFFSET_TABLE,
    EXTENDED_OFFSET_TABLE_LENGTHS,
    FLOAT_PIXEL_DATA,
    PIXEL_DATA,
    PIXEL_TAGS,
    TOTAL_LENGTH,
)
from streamdcm.encode.transfer_syntaxes import TransferSyntax
from streamdcm.errors import LengthOverflowError, PlanError
from streamdcm.errors.translation import element_name, encode_error
from streamdcm.options import PlanSettings
from streamdcm.options.checks import whole_number
from streamdcm.pixels.arrays import told_length
from streamdcm.pixels.codestream import FrameEncoder, compressed_frames
from streamdcm.pixels.frame_count import FrameCount, frame_count, warn_if_stale
from streamdcm.pixels.frame_format import FrameFormat, frame_format
from streamdcm.pixels.given_frames import apart, check_frames, check_series
from streamdcm.pixels.offset_table import OffsetTable
from streamdcm.pixels.table_plan import TablePlan, plan_table
from streamdcm.sources import AnyFrames, FrameSource, PushedSource

STALE: Final = PIXEL_TAGS | {EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS, TOTAL_LENGTH}
"""What frames take the place of."""

ENCAPSULATED_UNCOMPRESSED: Final = "1.2.840.10008.1.2.1.98"


class Fragments(NamedTuple):
    """How encapsulated frames are divided (PS3.5 §A.4): all fragments but the last of a frame have the same length.

    Attributes
    ----------
    per_frame : int
        The number of fragments of a frame.
    most : int or None
        The most bytes in a fragment.
    """

    per_frame: int = 1
    most: int | None = None

    @property
    def is_one(self) -> bool:
        """Whether each frame is one fragment."""
        return self.per_frame == 1 and self.most is None

    def size(self, length: int) -> int:
        """Return the even number of bytes in each fragment, but the last, of a frame of `length` bytes."""
        size = -(-length // self.per_frame) if self.most is None else self.most
        return max(size + size % 2, 2)

    def encoded_length(self, length: int) -> int:
        """Return what a frame of `length` bytes takes with item headers and padding."""
        return length + length % 2 + 8 * -(-length // self.size(length))


@dataclass(frozen=True, slots=True)
class PixelPlan:
    """How frames are to be written.

    Parameters
    ----------
    source : FrameSource or PushedSource
        Where they come from.
    label : str
        The name of the element, for errors.
    tag : int
        Pixel Data, Float Pixel Data or Double Float Pixel Data.
    vr : str
        The VR of that element.
    encapsulated : bool
        Whether each frame becomes items of its own.
    number : FrameCount
        How many frames there are.
    format : FrameFormat or None
        The format of native frames; `None` for compressed ones.
    encoder : FrameEncoder
        What checks frames and makes bytes of them; the format, for native ones.
    table : TablePlan or None
        The offset table; `None` for native frames.
    known : OffsetTable or None
        The complete offset table of encapsulated frames, if their lengths are known ahead.
    fragments : Fragments
        How a frame is divided.
    has_total : bool
        Whether Encapsulated Pixel Data Value Total Length is written.
    pixels_length : int
        The number of bytes that the pixels of an encapsulated frame take uncompressed; 0 if that is not known.
    is_indexed : bool
        Whether to say where each frame is.
    first : int
        The number of frames that come before these, in earlier instances of a concatenation.
    """

    source: FrameSource | PushedSource
    label: str
    tag: int
    vr: str
    encapsulated: bool
    number: FrameCount
    format: FrameFormat | None
    encoder: FrameEncoder
    table: TablePlan | None
    known: OffsetTable | None
    fragments: Fragments
    has_total: bool
    pixels_length: int
    is_indexed: bool
    first: int = 0

    @property
    def count(self) -> int | None:
        """The number of frames, if it is known."""
        return self.number.count


def plan_pixels(
    frames: AnyFrames,
    dataset: Dataset,
    encoding: Encoding,
    options: PlanSettings,
    *,
    syntax: TransferSyntax,
    patchable: bool,
    has_total: bool = False,
) -> PixelPlan:
    """Decide how frames are written, or refuse them.

    Parameters
    ----------
    frames : iterable of array or bytes-like, or PushedSource
        The frames.
    dataset : Dataset
        A view of the dataset, in which elements may be parsed.
    encoding : Encoding
        VR and byte order.
    options : PlanSettings
        `offset_table`, `number_of_frames`, `max_frames`, `fragments_per_frame`, `fragment_size`, `check_frames`.
    syntax : TransferSyntax
        The transfer syntax.
    patchable : bool
        Whether the sink can fill values in later.
    has_total : bool, optional
        Whether Encapsulated Pixel Data Value Total Length was asked for.

    Raises
    ------
    PlanError
        If the frames cannot be written as asked.
    LengthOverflowError
        If native frames would take more than a length field holds.
    EncodeError
        If compressed frames are there already, and one of them is wrong.
    """
    check_frames(frames)
    encapsulated = syntax.encapsulated
    tag, vr = _element(dataset, encoding, encapsulated)
    native = not encapsulated or syntax.native_frames
    if not encapsulated and options.offset_table in ("basic", "extended"):
        raise PlanError(f"native frames have no offset table; leave offset_table={options.offset_table!r} out")
    form = frame_format(dataset, vr if not encapsulated else "OB", encoding.little_endian) if native else None
    check_series(frames, form)
    if options.frame_index and form is not None and form.length_in_bits % 8:
        raise PlanError("frame_index= cannot tell where frames begin that do not begin at a byte; leave it out")
    number = frame_count(frames, dataset, options.number_of_frames, options.max_frames)
    count = number.count
    warn_if_stale(number, count)
    encoder = form or compressed_frames(syntax, check=options.check_frames)
    fragments = _fragments(options, syntax)
    lengths = known_lengths(frames, count, form, encoder) if encapsulated else None
    known = None if lengths is None else _known_table(lengths, fragments, options.offset_table)
    pixels_length = _pixels_length(dataset) if encapsulated else 0
    table = None
    if encapsulated:
        table = plan_table(
            options.offset_table,
            dataset,
            count=count,
            max_frames=options.max_frames,
            last_offset=None if known is None else known.last_offset,
            likely_most=2 * pixels_length or MAX_LENGTH,
            one_fragment=fragments.is_one,
            patchable=patchable,
        )
    if form is not None and not encapsulated and count is not None:
        check_native_total((form.length_in_bits * count + 7) // 8, element_name(tag))
    return PixelPlan(
        source=frames if isinstance(frames, PushedSource) else FrameSource(frames, element_name(tag)),
        label=element_name(tag),
        tag=tag,
        vr=vr,
        encapsulated=encapsulated,
        number=number,
        format=form,
        encoder=encoder,
        table=table,
        known=known,
        fragments=fragments,
        has_total=encapsulated and (has_total or TOTAL_LENGTH in dataset),
        pixels_length=pixels_length,
        is_indexed=options.frame_index,
    )


def check_native_total(length: int, label: str) -> None:
    """Refuse native pixel data that do not fit a 32-bit length field.

    Raises
    ------
    LengthOverflowError
        Names the ways out.
    """
    if length + length % 2 > MAX_LENGTH:
        raise LengthOverflowError(
            f"{length:,} bytes of native frames do not fit a 32-bit length field; use a compressed transfer syntax or "
            f"Encapsulated Uncompressed Explicit VR Little Endian ({ENCAPSULATED_UNCOMPRESSED}), or divide the frames "
            "over several instances with split=",
            label,
        )


def _element(dataset: Dataset, encoding: Encoding, encapsulated: bool) -> tuple[int, str]:
    if encapsulated:
        return PIXEL_DATA, "OB"  # PS3.5 §A.4
    if "FloatPixelData" in dataset:
        return FLOAT_PIXEL_DATA, "OF"
    if "DoubleFloatPixelData" in dataset:
        return DOUBLE_FLOAT_PIXEL_DATA, "OD"
    # PS3.5 §A.1 and §A.2
    bits = whole_number(value_of(dataset, "BitsAllocated")) or 16
    return PIXEL_DATA, "OW" if encoding.implicit_vr or bits > 8 else "OB"


def known_lengths(
    frames: Any, count: int | None, form: FrameFormat | None, encoder: FrameEncoder
) -> Iterator[int] | None:
    """Give the lengths of encapsulated frames one by one, if they are native or there already.

    Raises
    ------
    EncodeError
        When its length is asked for, if a frame that is there is wrong.
    """
    if form is not None:
        return None if count is None else repeat(form.length, count)
    if not isinstance(frames, (list, tuple)):
        return None
    return _checked_lengths(frames, encoder)


def _checked_lengths(frames: Iterable[Any], encoder: FrameEncoder) -> Iterator[int]:
    for number, given in enumerate(frames, start=1):
        try:
            frame, _ = apart(given)
            length = told_length(frame)
            yield len(encoder.encode(frame)) if length is None else length
        except Exception as error:
            raise encode_error(error, f"{element_name(PIXEL_DATA)}, frame {number:,}") from None


def _known_table(lengths: Iterable[int], fragments: Fragments, asked: str) -> OffsetTable:
    table = OffsetTable(is_kept=asked != "empty")
    for length in lengths:
        table.add(length, fragments.encoded_length(length))
    return table


def _pixels_length(dataset: Dataset) -> int:
    """Return the number of bytes that the pixels of a frame take uncompressed; 0 if the dataset does not tell."""
    try:
        form = frame_format(dataset, "OW", little_endian=True)
    except PlanError:
        return 0
    return form.rows * form.columns * form.samples * form.bits // 8


def _fragments(options: PlanSettings, syntax: TransferSyntax) -> Fragments:
    fragments = Fragments(options.fragments_per_frame, options.fragment_size)
    if fragments.is_one:
        return fragments
    if not syntax.encapsulated:
        raise PlanError("native frames have no fragments; leave fragments_per_frame and fragment_size out")
    if fragments.per_frame > 1 and fragments.most is not None:
        raise PlanError("fragments_per_frame and fragment_size exclude each other; leave one of them out")
    if syntax.one_fragment:
        raise PlanError("this transfer syntax has exactly one fragment a frame (PS3.5 §A.4); leave fragments out")
    return fragments
