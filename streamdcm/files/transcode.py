"""A file whose frames are decoded, encoded, or both, on their way."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.files.deferred import DeferredElement, Passing, coded_of_passing
from streamdcm.options import Options, refuse_in_vain
from streamdcm.pixels.codecs.choices import checked_options
from streamdcm.plan.coded_header import NewUid
from streamdcm.plan.syntaxes import is_compressed, syntax_named
from streamdcm.write.transcode import transcoded


def refuse_coding_in_vain(options: Options, transfer_syntax: str | None, *, edits_by_function: bool) -> None:
    """Refuse what is said about coding that can be for no file, whatever it has.

    Parameters
    ----------
    options : Options
        What the caller asked for.
    transfer_syntax : str or None
        The one to write.
    edits_by_function : bool
        Whether an edit may name another one.

    Raises
    ------
    PlanError
        If frames are coded in no file, or the transfer syntax takes no such codec option.
    """
    if transfer_syntax is not None:
        checked_options(syntax_named(transfer_syntax), options.codec_options)
    elif not edits_by_function:
        why = "is about frames that are coded, and no transfer_syntax= is given"
        refuse_in_vain(options, ("codec_options", "codec_workers"), why)


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
