"""Where each frame of a file is, found by ranged reads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.discreet import value_of
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.engine.storage_settings import StorageSettings
from streamdcm.errors import PlanError
from streamdcm.errors.translation import element_name
from streamdcm.files.dataset import dataset_of
from streamdcm.files.deferred import DeferredElement
from streamdcm.files.remote import opened_to_look_at
from streamdcm.files.scanned import Scanned, scan_to_pixels
from streamdcm.instructions import Copy
from streamdcm.pixels.frame_format import frame_format
from streamdcm.plan.nested_pixels import is_encapsulated
from streamdcm.write.stored_frames import EncapsulatedFrames, NativeFrames
from streamdcm.write.transcode import extended_table, frame_count_of

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class FramesOfFile(NamedTuple):
    """Where the frames of a file are.

    Attributes
    ----------
    transfer_syntax : str
        The UID of its transfer syntax.
    frames : list of (int, int)
        For each frame the offset of its first byte in the file, and how many bytes there are up to the end of its last
        item: a byte that makes it even is not told from the others.
    """

    transfer_syntax: str
    frames: list[tuple[int, int]]


def index_file(
    source: Any, *, force: bool = False, storage_options: Mapping[str, Any] = _NOTHING, client: Any = None
) -> FramesOfFile:
    """Find where each frame of a file is: its elements and items are read, and no frame.

    Parameters
    ----------
    source : path, URL or binary file object
        The file; it has to seek.
    force : bool, optional
        Whether to read a file that lacks the prefix ``DICM``.
    storage_options : mapping, optional
        For URLs: keyword arguments for the library that talks to the service.
    client : object, optional
        For URLs: a client of that library, in place of `storage_options`.

    Raises
    ------
    PlanError
        If it has no pixel data, or none whose frames have a place.
    SourceError, EncodeError
        If it is damaged, or does not tell where frames begin.
    """
    with opened_to_look_at(source, StorageSettings(storage_options=storage_options, client=client)) as access:
        return _frames_of(scan_to_pixels(access, force=force))


def _frames_of(scanned: Scanned) -> FramesOfFile:
    if scanned.head.deflated:
        raise PlanError("the frames of a deflated file have no place in it; write it in another transfer syntax first")
    dataset = dataset_of(scanned)
    element = elements_of(dataset).get(PIXEL_DATA)
    syntax = str(value_of(dataset.file_meta, "TransferSyntaxUID", ""))
    if not isinstance(element, DeferredElement):
        raise PlanError(f"the file has no {element_name(PIXEL_DATA)}, or an empty one")
    copy: Copy = element.to_write().value
    count = frame_count_of(dataset)
    if is_encapsulated(element):
        places = EncapsulatedFrames(copy, syntax, count, extended_table(dataset)).places()
    else:
        form = frame_format(dataset, element.VR, little_endian=True)
        if form.length_in_bits % 8:
            raise PlanError("frames of one bit a pixel that do not begin at a byte have no offset")
        places = NativeFrames(copy, form, count).places()
    return FramesOfFile(syntax, [(copy.offset + start, length) for start, length in places])
