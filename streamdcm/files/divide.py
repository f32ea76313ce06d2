"""One file divided over the instances of a concatenation, frame by frame (PS3.3 §7.5.1)."""

from __future__ import annotations

from typing import Any, Unpack

from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import elements_of, encoding_as_read
from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.engine.result import WriteResult
from streamdcm.errors import PlanError
from streamdcm.files.access import accessed
from streamdcm.files.dataset import dataset_of
from streamdcm.files.deferred import DeferredElement, copy_deferred
from streamdcm.files.edits import Edit, edited
from streamdcm.files.scanned import scan_file
from streamdcm.options import DivideOptions, Options
from streamdcm.pixels.frame_format import frame_format
from streamdcm.plan.nested_pixels import is_encapsulated
from streamdcm.write.functions import dcmwrite
from streamdcm.write.stored_frames import EncapsulatedFrames, NativeFrames
from streamdcm.write.transcode import extended_table, frame_count_of


def divide(
    source: str, target: str, *, edit: Edit | None = None, force: bool = False, **options: Unpack[DivideOptions]
) -> WriteResult:
    """Divide a file over several, whose frames are copied one by one as they are.

    Parameters
    ----------
    source : str
        The path of the file.
    target : str
        The path of the instances, which get their numbers in front of its suffix.
    edit : callable or mapping, optional
        See `rewrite`.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    **options
        See `DivideOptions`; `split` says when an instance is full.

    Raises
    ------
    PlanError
        If the file has no pixel data that can be divided.
    NotDicomError, SourceError, EncodeError, OSError
        As `rewrite` and `dcmwrite` do.
    """
    with accessed(source) as access:
        dataset = edited(dataset_of(scan_file(access, force=force, hold_limit=Options().hold_limit)), edit)
    frames = _frames_of(dataset)
    copy_deferred(dataset)
    return dcmwrite(target, dataset, frames=frames, **options)


def _frames_of(dataset: Dataset) -> Any:
    """Take the pixel data out of a dataset that was scanned, and return their frames."""
    element = elements_of(dataset).pop(PIXEL_DATA, None)
    syntax = value_of(dataset.file_meta, "TransferSyntaxUID")
    if not isinstance(element, DeferredElement) or not element.is_deferred or syntax is None:
        raise PlanError("the file has no (7FE0,0010) PixelData in a transfer syntax that is known, or they were edited")
    copy, count = element.to_write().value, frame_count_of(dataset)
    if is_encapsulated(element):
        return EncapsulatedFrames(copy, syntax, count, extended_table(dataset))
    return NativeFrames(copy, frame_format(dataset, element.VR, encoding_as_read(dataset)[1] is not False), count)
