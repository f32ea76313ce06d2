"""Which encoder the options of a function ask for, and what its takers can do."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from pydicom.dataset import Dataset

from streamdcm.errors import PlanError
from streamdcm.instructions import Encoder
from streamdcm.options import Options
from streamdcm.pixels.table_plan import PixelsWritten
from streamdcm.plan.capabilities import Capabilities, Framing
from streamdcm.plan.execution import Plan
from streamdcm.plan.plan import plan_file
from streamdcm.write.array_frames import with_coded_frames
from streamdcm.write.coded_frames import encoded
from streamdcm.write.sizes import expected_size
from streamdcm.write.targets import refuse_own_source


def encoder_for(
    target: Any, dataset: Dataset, options: Options, capabilities: Capabilities
) -> tuple[Encoder[PixelsWritten | None], int | None]:
    """Plan how a dataset is written to a target, and return its encoder and, if it is wanted and known, its size."""
    plan = plan_file(*with_coded_frames(dataset, options), capabilities)
    if not options.atomic:
        refuse_own_source(target, dataset)
    return encoded(plan), expected_size(plan, options, target)


def refuse_async_frames(options: Options) -> None:
    """Refuse what only an event loop can answer, before anything is written."""
    if options.frames is not None and isinstance(options.frames, AsyncIterable):
        raise PlanError("frames is an asynchronous iterable; use the function of the same name that ends in _async")


def unknown_size(plan: Plan) -> str:
    """Say when the size of a plan is known, and what to give so that it is known before."""
    if plan.pixels is None:
        return "a ByteStream was read to its end; give the ByteStream its length"
    if plan.deflated:
        return "the frames are compressed; use a transfer syntax that is not deflated"
    return (
        "the frames have come; give their number (number_of_frames=, or NumberOfFrames in the dataset), and compressed "
        "frames in a list"
    )


def framing_of(options: Options) -> Framing:
    """Return what is put around the dataset, as the options have it."""
    if options.file_meta:
        return "file"
    if options.enforce_file_format:
        raise PlanError("enforce_file_format=True completes what file_meta=False leaves out; leave one of them out")
    return "dataset"


def chunk_capabilities(options: Options) -> Capabilities:
    """Return what they can do who take chunks in order."""
    return Capabilities(patchable=False, framing=framing_of(options))
