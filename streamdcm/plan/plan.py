"""Every decision that is made before the first byte."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BufferedIOBase
from itertools import takewhile
from operator import itemgetter
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID, MediaStorageDirectoryStorage

from streamdcm.encode._pydicom import Element, encoding_as_read, sorted_elements, view_of
from streamdcm.encode.body import sorted_body
from streamdcm.encode.bulk import check_words
from streamdcm.encode.deflate import deflate
from streamdcm.encode.file_head import file_meta, preamble
from streamdcm.encode.late import LateElement, LateValues, lossy_ratio, plan_late
from streamdcm.encode.layout import MAX_LENGTH, Context, Layout
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import NUMBER_OF_FRAMES, PIXEL_DATA, TOTAL_LENGTH
from streamdcm.encode.transfer_syntaxes import UNKNOWN_SYNTAX, TransferSyntax, transfer_syntax
from streamdcm.encode.vr import VRS
from streamdcm.errors import (
    DatasetTypeError,
    EncapsulationError,
    EncodeError,
    LayoutError,
    LengthOverflowError,
    PlanError,
    SourceError,
    element_name,
    encode_error,
)
from streamdcm.instructions import Encoder
from streamdcm.options import FrameOptions, Options, refuse_in_vain
from streamdcm.pixels.frame_plan import STALE, PixelPlan, has_number_of_frames, plan_pixels
from streamdcm.pixels.pixel_data import pixel_data
from streamdcm.pixels.table_plan import TableChoice
from streamdcm.pixels.video import bit_stream
from streamdcm.pixels.video_plan import VideoPlan, plan_video
from streamdcm.plan.file_meta import check_file_meta, complete_file_meta, copy_of_file_meta, preamble_of
from streamdcm.plan.syntaxes import decide_encoding, encoding_of
from streamdcm.sources import ByteStream, PushedSource, StreamSource, describe

_LONG_VRS = frozenset(vr for vr, row in VRS.items() if row.long_length)
_ABOUT_FRAMES = tuple(name for name in FrameOptions.__annotations__ if name != "late")
_PADDING_CREATOR = "STREAMDCM PADDING"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written and how.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    elements : list of (int, Element)
        Its elements as they were when the plan was made, in ascending order of tags.
    preamble : bytes or None
        The 128 bytes before the prefix.
    file_meta : Dataset
        The File Meta Information as it is to be written; may be empty.
    layout : Layout
        VR and byte order, kinds of lengths.
    deflated : bool
        Whether the dataset body is compressed.
    encapsulated : bool or None
        Whether Pixel Data has an undefined length; `None` if no transfer syntax says so.
    pixels : PixelPlan, VideoPlan or None
        How frames, or the bit stream of a video, are written, if there are any.
    late : tuple of LateElement
        The elements whose values become known while writing.
    """

    dataset: Dataset
    elements: list[tuple[int, Element]]
    preamble: bytes | None
    file_meta: Dataset
    layout: Layout
    deflated: bool
    encapsulated: bool | None
    pixels: PixelPlan | VideoPlan | None = None
    late: tuple[LateElement, ...] = ()


def plan_file(dataset: Dataset, options: Options, *, patchable: bool, converts_file: bool = False) -> Plan:
    """Decide how a dataset is written, or refuse it.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    options : Options
        What the caller asked for.
    patchable : bool
        Whether the sink can fill values in later.
    converts_file : bool, optional
        Whether a file is converted: the byte order of bulk values follows that of the encoding, and private sequences
        stay recognisable (see `Layout`).

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree.
    EncodeError
        If the length of a bulk value is more than can be written.
    """
    elements = _elements(dataset)
    if options.frames is None:
        refuse_in_vain(options, _ABOUT_FRAMES, "is about the frames that frames= gives, and none are given")
    meta = copy_of_file_meta(dataset)
    if options.force_encoding and options.enforce_file_format:
        raise PlanError("'force_encoding' cannot be used with 'enforce_file_format'; leave one of them out")
    syntax: UID | None = meta.get("TransferSyntaxUID", None)
    implicit_vr, little_endian = decide_encoding(dataset, syntax, options)
    if not options.force_encoding and implicit_vr and not little_endian:
        raise PlanError("Implicit VR with big endian byte order does not exist (PS3.5 §A.1); choose another encoding")
    content = preamble_of(dataset)
    if options.enforce_file_format:
        dataset = view_of(dataset)
        complete_file_meta(meta, dataset, (implicit_vr, little_endian))
        elements = sorted_elements(dataset)
        syntax = meta.get("TransferSyntaxUID", None)
        content = content or bytes(128)
    check_file_meta(meta)
    row = transfer_syntax(syntax)
    plan = Plan(
        dataset=dataset,
        elements=elements,
        preamble=content,
        file_meta=meta,
        layout=Layout(
            encoding_of(implicit_vr, little_endian),
            options.sequence_lengths,
            options.group_lengths,
            options.long_values,
            converts_file,
            options.on_vr_conflict,
        ),
        deflated=row.deflated,
        encapsulated=None if row is UNKNOWN_SYNTAX else row.encapsulated,
    )
    _check_directory(plan)
    if options.frames is not None or options.late:
        plan = _with_frames(plan, options, row, patchable and not plan.deflated)
    _check_bulk_lengths(plan)
    return plan


def late_values(plan: Plan) -> LateValues:
    """Return what takes the values that become known while a plan is carried out."""
    return LateValues(plan.late, Scope(plan.dataset, plan.layout).context)


def encode_file(
    plan: Plan, options: Options, *, patchable: bool, late: LateValues | None = None
) -> Encoder[TableChoice | None]:
    """Encode a file as planned: preamble, File Meta Information, dataset body (PS3.10 §7).

    Returns
    -------
    Encoder
        Returns the offset table that encapsulated frames were given, if there are any.
    """
    yield from preamble(plan.preamble)
    yield from file_meta(plan.file_meta)
    patchable = patchable and not plan.deflated
    body: Encoder[Any]
    if plan.pixels is None and not plan.late:
        body = sorted_body(plan.elements, Scope(plan.dataset, plan.layout), plan.encapsulated, patchable)
    else:
        body = _body_with_frames(plan, patchable, late_values(plan) if late is None else late)
    if plan.deflated:
        body = deflate(body, chunk_size=options.chunk_size, hold_limit=options.hold_limit)
    returned = yield from body
    return returned if isinstance(returned, TableChoice) else None


def _body_with_frames(plan: Plan, patchable: bool, late: LateValues) -> Encoder[TableChoice | None]:
    encoding = plan.layout.encoding
    choice = None

    def frames(pixels: PixelPlan) -> Encoder[int]:
        nonlocal choice
        length, choice = yield from pixel_data(pixels, encoding, late)
        return length

    inserted = {tag: late.reserve(tag, encoding) for tag in late.tags}
    if isinstance(plan.pixels, PixelPlan):
        inserted[plan.pixels.tag] = frames(plan.pixels)
    elif plan.pixels is not None:
        inserted[PIXEL_DATA] = bit_stream(plan.pixels)
    scope = Scope(plan.dataset, plan.layout)
    yield from sorted_body(plan.elements, scope, plan.encapsulated, patchable, inserted)
    yield from late.fills()
    return choice


def _with_frames(plan: Plan, options: Options, syntax: TransferSyntax, patchable: bool) -> Plan:
    """Reserve places for frames and late values among the elements."""
    if plan.layout.group_lengths == "write":
        raise PlanError("group_lengths='write' needs lengths that frames and late values do not have yet; leave it out")
    view = view_of(plan.dataset)
    context = Scope(view, plan.layout).context
    late = {element.tag: element for element in plan_late(options.late, view, context)}
    if options.frames is None:
        return _with_late(plan, dict(plan.elements), late, None)
    elements = {tag: element for tag, element in plan.elements if tag not in STALE}
    has_total = late.pop(TOTAL_LENGTH, None) is not None
    pixels: PixelPlan | VideoPlan
    if syntax.video:
        has_late_count = NUMBER_OF_FRAMES in late
        pixels = plan_video(options.frames, view, options, syntax, has_late_count=has_late_count, has_total=has_total)
    else:
        pixels = plan_pixels(
            options.frames,
            view,
            plan.layout.encoding,
            options,
            syntax=syntax,
            patchable=patchable,
            has_total=has_total,
        )
        late = {element.tag: element for element in _learned_at_the_end(pixels, view, syntax, context)} | late
        if pixels.table is not None and pixels.table.block:
            creator = 0x7FDF0000 | pixels.table.block
            elements[creator] = DataElement(creator, "LO", _PADDING_CREATOR)
    if pixels.count is not None and has_number_of_frames(view):
        elements[NUMBER_OF_FRAMES] = DataElement(NUMBER_OF_FRAMES, "IS", pixels.count)
    return _with_late(plan, elements, late, pixels)


def _learned_at_the_end(
    pixels: PixelPlan, view: Dataset, syntax: TransferSyntax, context: Context
) -> Iterator[LateElement]:
    """Give the elements whose values only the last frame tells, where nobody knows how many frames there will be."""
    if pixels.count is not None or not has_number_of_frames(view):
        return
    yield LateElement(NUMBER_OF_FRAMES, "IS", 12, b"1".ljust(12))
    is_live = not isinstance(pixels.source, PushedSource) or pixels.source.is_live
    ratio = lossy_ratio(view, syntax, context) if is_live else None
    if ratio is not None:
        yield ratio


def _with_late(
    plan: Plan,
    elements: dict[int, Element],
    late: dict[int, LateElement],
    pixels: PixelPlan | VideoPlan | None,
) -> Plan:
    kept = [(tag, element) for tag, element in sorted(elements.items(), key=itemgetter(0)) if tag not in late]
    return replace(plan, elements=kept, pixels=pixels, late=tuple(late.values()))


def check_dataset(dataset: Any) -> None:
    """Refuse what is no dataset.

    Raises
    ------
    DatasetTypeError
        Names its type.
    """
    if not isinstance(dataset, Dataset):
        raise DatasetTypeError(f"the dataset must be a pydicom Dataset, not {type(dataset).__name__}")


def _elements(dataset: Any) -> list[tuple[int, Element]]:
    check_dataset(dataset)
    elements = sorted_elements(dataset)
    groups = {tag >> 16 for tag, _ in takewhile(lambda pair: pair[0] < 0x00030000, elements)}
    if 0x0000 in groups:
        raise PlanError(
            "Command Set elements (0000,eeee) have no place in a file; delete them, or encode the command set by "
            "itself with streamdcm.stages.dataset_body"
        )
    if 0x0002 in groups:
        raise PlanError(
            "File Meta Information elements (0002,eeee) belong into a FileMetaDataset in the 'file_meta' attribute "
            f"of the {type(dataset).__name__}; move them there"
        )
    return elements


def _check_directory(plan: Plan) -> None:
    """Refuse what would move the directory records that a DICOMDIR's offsets point at."""
    as_read = encoding_as_read(plan.dataset)
    encoding = (plan.layout.encoding.implicit_vr, plan.layout.encoding.little_endian)
    changed = [
        name
        for name, is_changed in (
            ("sequence_lengths", plan.layout.sequence_lengths != "preserve"),
            ("group_lengths", plan.layout.group_lengths != "omit"),
            ("the transfer syntax", plan.deflated or (None not in as_read and as_read != encoding)),
        )
        if is_changed
    ]
    if changed and plan.file_meta.get("MediaStorageSOPClassUID", None) == MediaStorageDirectoryStorage:
        raise LayoutError(
            f"a DICOMDIR's offsets count bytes from the start of the file, and {' and '.join(changed)} would move "
            "what they point at; write it as it was read, or build a new one with pydicom.fileset"
        )


def _check_bulk_lengths(plan: Plan) -> None:
    bulk = [
        element for _, element in plan.elements if element.__class__ is not RawDataElement and element.VR in _LONG_VRS
    ]
    for element in bulk:
        _check_bulk_length(element, plan)


def _check_bulk_length(element: Element, plan: Plan) -> None:
    value = element.value
    encapsulated = element.is_undefined_length  # type: ignore[union-attr]
    if element.tag == PIXEL_DATA and plan.encapsulated is not None:
        encapsulated = plan.encapsulated
    if isinstance(value, (bytes, bytearray, memoryview)):
        length = memoryview(value).nbytes
    elif isinstance(value, BufferedIOBase):
        try:
            described = describe(value, "")
        except (OSError, ValueError) as error:
            raise SourceError(f"its buffer cannot be read: {error}", element_name(element.tag)) from error
        if isinstance(value, ByteStream) and encapsulated:
            raise EncapsulationError(
                "a ByteStream cannot be encapsulated Pixel Data; give the frames, or the bit stream of a video, with "
                "frames=",
                element_name(element.tag),
            )
        if isinstance(described, StreamSource):
            return
        length = described.length
        if isinstance(value, ByteStream):
            try:
                check_words(length, element.VR or "")
            except EncodeError as error:
                raise encode_error(error, element_name(element.tag)) from None
    else:
        return
    if length + length % 2 > MAX_LENGTH and not encapsulated:
        raise LengthOverflowError(
            f"{length:,} bytes do not fit a 32-bit length field; store compressed frames, or divide the instance",
            element_name(element.tag),
        )
