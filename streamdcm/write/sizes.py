"""How many bytes a write is going to have, where that can be known ahead without encoding twice what is large."""

from __future__ import annotations

from dataclasses import replace

from streamdcm.errors import silenced
from streamdcm.options import Options
from streamdcm.pixels.frame_plan import PixelPlan
from streamdcm.pixels.native import native_size
from streamdcm.plan.plan import Plan, encode_file, late_values
from streamdcm.sinks import wants_size
from streamdcm.write.driver import measure


def expected_size(plan: Plan, options: Options, target: object) -> int | None:
    """Return the size of a file as planned, if somebody wants it: for progress events, or to tell the target."""
    return planned_size(plan, options) if wants_size(target) or options.progress is not None else None


def planned_size(plan: Plan, options: Options) -> int | None:
    """Return the size of a file as planned, where it can be known.

    Parameters
    ----------
    plan : Plan
        What was decided ahead.
    options : Options
        Those of the write.

    Returns
    -------
    int or None
        `None` where only compressing, asking for the frames or reading a stream would tell.
    """
    pixels = 0 if plan.pixels is None else _pixels_size(plan)
    if plan.deflated or pixels is None:
        return None
    late, encoding = late_values(plan), plan.layout.encoding
    with silenced():
        rest = measure(encode_file(replace(plan, pixels=None, late=()), options, patchable=True), options)
    fields = [measure(late.reserve(tag, encoding), options) or 0 for tag in late.tags]
    return None if rest is None else rest + pixels + sum(fields)


def _pixels_size(plan: Plan) -> int | None:
    return native_size(plan.pixels, plan.layout.encoding) if isinstance(plan.pixels, PixelPlan) else None
