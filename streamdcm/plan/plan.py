"""Every decision that is made before the first byte."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import Element, sorted_elements, view_of
from streamdcm.encode.discreet import discreet, value_of
from streamdcm.encode.late import LateElement, lossy_ratio, plan_late
from streamdcm.encode.layout import Context, Layout
from streamdcm.encode.padding import PADDING_CREATOR
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import LOSSY_RATIO, NUMBER_OF_FRAMES, PADDING_GROUP, TOTAL_LENGTH
from streamdcm.encode.transfer_syntaxes import UNKNOWN_SYNTAX, TransferSyntax, transfer_syntax
from streamdcm.errors import PlanError
from streamdcm.options import DEFAULTS, CodecOptions, FrameOptions, Options, refuse_in_vain
from streamdcm.pixels.frame_count import has_number_of_frames
from streamdcm.pixels.frame_plan import STALE, PixelPlan, plan_pixels
from streamdcm.pixels.pixel_data import known_ratio, learns_ratio
from streamdcm.pixels.video_plan import VideoPlan, plan_video
from streamdcm.plan.capabilities import Capabilities
from streamdcm.plan.checks import check_bulk_lengths, check_directory, elements_to_write
from streamdcm.plan.conversion import converted
from streamdcm.plan.execution import Plan
from streamdcm.plan.file_meta import (
    check_file_meta,
    complete_file_meta,
    copy_of_file_meta,
    preamble_of,
    set_transfer_syntax,
)
from streamdcm.plan.frame_groups import plan_groups
from streamdcm.plan.syntaxes import decide_encoding, encoding_of
from streamdcm.sources import PushedSource

_ABOUT_FRAMES = (*(FrameOptions.__annotations__.keys() - {"late"}), *CodecOptions.__annotations__, "frame_index")


def plan_file(dataset: Dataset, options: Options, capabilities: Capabilities, *, converts_file: bool = False) -> Plan:
    """Decide how a dataset is written, or refuse it.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    options : Options
        What the caller asked for.
    capabilities : Capabilities
        What the target can do.
    converts_file : bool, optional
        Whether a file is converted: the byte order of bulk values follows that of the encoding, and private sequences
        stay recognisable (see `Layout`). It is converted, too, where another transfer syntax is asked for.

    Raises
    ------
    PlanError
        If arguments, File Meta Information or encoding are wrong or do not agree.
    EncodeError
        If the length of a bulk value is more than can be written.
    """
    elements = elements_to_write(dataset)
    if options.frames is None and options is not DEFAULTS:
        refuse_in_vain(options, _ABOUT_FRAMES, "is about the frames that frames= gives, and none are given")
    meta = copy_of_file_meta(dataset)
    if options.force_encoding and options.enforce_file_format:
        raise PlanError("'force_encoding' cannot be used with 'enforce_file_format'; leave one of them out")
    conversion = converted(dataset, meta, options, capabilities)
    syntax: UID | None = value_of(meta, "TransferSyntaxUID")
    if conversion is not None:
        syntax = conversion.syntax
        set_transfer_syntax(meta, syntax, anew=options.enforce_file_format)
    implicit_vr, little_endian = decide_encoding(dataset, syntax, options)
    if not options.force_encoding and implicit_vr and not little_endian:
        raise PlanError("Implicit VR with big endian byte order does not exist (PS3.5 §A.1); choose another encoding")
    content = preamble_of(dataset)
    if options.enforce_file_format:
        dataset = view_of(dataset)
        with discreet("File Meta Information"):
            complete_file_meta(meta, dataset, (implicit_vr, little_endian))
        elements = sorted_elements(dataset)
        syntax = value_of(meta, "TransferSyntaxUID")
        content = content or bytes(128)
    check_file_meta(meta)
    row = transfer_syntax(syntax)
    plan = Plan(
        dataset=dataset,
        elements=elements,
        preamble=content,
        file_meta=meta if capabilities.framing == "file" else None,
        layout=Layout(
            encoding_of(implicit_vr, little_endian),
            options.sequence_lengths,
            options.group_lengths,
            options.long_values,
            converts_file or conversion is not None,
            options.on_vr_conflict,
            None if conversion is None else conversion.bulk_little_endian,
        ),
        deflated=row.deflated,
        encapsulated=None if row is UNKNOWN_SYNTAX else row.encapsulated,
        patchable=capabilities.patchable and not row.deflated,
        settings=options,
    )
    check_directory(plan, meta)
    if options.frames is not None or options.late:
        plan = _with_frames(plan, options, row, can_grow=capabilities.can_grow)
    check_bulk_lengths(plan)
    return plan


def _with_frames(plan: Plan, options: Options, syntax: TransferSyntax, *, can_grow: bool) -> Plan:
    """Reserve places for frames and late values among the elements."""
    view = view_of(plan.dataset)
    context = Scope(view, plan.layout).context
    late = {element.tag: element for element in plan_late(options.late, view, context)}
    if options.frames is None:
        return _with_late(plan, dict(plan.elements), late, None)
    elements = {tag: element for tag, element in plan.elements if tag not in STALE}
    if options.frame_index and (plan.deflated or syntax.video):
        what = "a deflated dataset" if plan.deflated else "the bit stream of a video"
        raise PlanError(f"frame_index= cannot tell where frames are in {what}; leave it out")
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
            patchable=plan.patchable,
            has_total=has_total,
        )
        late = {element.tag: element for element in _learned_at_the_end(pixels, view, syntax, context)} | late
        if (ratio := known_ratio(pixels, view, syntax)) is not None:
            elements[LOSSY_RATIO] = DataElement(LOSSY_RATIO, "DS", ratio)
        if pixels.table is not None and pixels.table.block:
            creator = PADDING_GROUP << 16 | pixels.table.block
            elements[creator] = DataElement(creator, "LO", PADDING_CREATOR)
    if pixels.count is not None and has_number_of_frames(view):
        elements[NUMBER_OF_FRAMES] = DataElement(NUMBER_OF_FRAMES, "IS", pixels.count)
    groups = None
    if isinstance(pixels, PixelPlan):
        scope, tags = Scope(view, plan.layout), {*elements, *late}
        groups = plan_groups(pixels, options, scope, tags, patchable=plan.patchable, can_grow=can_grow)
    return _with_late(plan, elements, late, pixels)._replace(groups=groups)


def _learned_at_the_end(
    pixels: PixelPlan, view: Dataset, syntax: TransferSyntax, context: Context
) -> Iterator[LateElement]:
    """Give the elements whose values only the last frame tells."""
    is_counted = pixels.count is None
    if is_counted:
        yield LateElement(NUMBER_OF_FRAMES, "IS", 12, b"1".ljust(12))
    is_live = not isinstance(pixels.source, PushedSource) or pixels.source.is_live
    ratio = lossy_ratio(view, syntax, context) if is_live and (is_counted or learns_ratio(pixels)) else None
    if ratio is not None and (is_counted or ratio.default is None):
        yield ratio


def _with_late(
    plan: Plan,
    elements: dict[int, Element],
    late: dict[int, LateElement],
    pixels: PixelPlan | VideoPlan | None,
) -> Plan:
    kept = [(tag, element) for tag, element in sorted(elements.items(), key=itemgetter(0)) if tag not in late]
    return plan._replace(elements=kept, pixels=pixels, late=tuple(late.values()))
