"""A file whose frames are decoded, encoded, or both, on their way."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.files.deferred import DeferredElement, Passing, coded_of_passing
from streamdcm.options import Options
from streamdcm.plan.coded_header import NewUid
from streamdcm.plan.syntaxes import is_compressed
from streamdcm.write.transcode import transcoded


def is_transcoded(dataset: Dataset, old: UID | None, new: UID) -> bool:
    """Whether the frames of a file have to be decoded or encoded for a transfer syntax.

    Parameters
    ----------
    dataset : Dataset
        What was read, edited already.
    old : UID or None
        The transfer syntax that it was read in.
    new : UID
        The one to write.
    """
    element = elements_of(dataset).get(PIXEL_DATA)
    if not isinstance(element, DeferredElement) or not element.is_deferred or old is None or old == new:
        return False
    return is_compressed(old) or is_compressed(new)


def transcoded_file(view: Dataset, old: UID, new: UID, options: Options, *, new_uid: NewUid | None) -> Options:
    """Let a view of what was read say what is to be written, and return the options that give its frames.

    Raises
    ------
    PlanError
        If the source only goes forwards; see `transcoded` for what else.
    """
    element = elements_of(view)[PIXEL_DATA]
    assert isinstance(element, DeferredElement)
    to_write = element.to_write()
    if isinstance(to_write.value.source, Passing):
        raise coded_of_passing(to_write.value.source.name)
    return transcoded(view, to_write, old, new, options, new_uid=new_uid)
