"""The pixel data of a dataset in another transfer syntax than it is in: decoded, encoded, or both, frame by frame."""

from __future__ import annotations

from io import BufferedIOBase, BytesIO, RawIOBase
from typing import Any, Final, cast

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from streamdcm.encode._pydicom import elements_of, encoding_as_read, stored_value, view_of
from streamdcm.encode.discreet import value_of
from streamdcm.encode.layout import Layout
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import PIXEL_DATA
from streamdcm.errors import PlanError
from streamdcm.errors.translation import element_name
from streamdcm.instructions import Copy
from streamdcm.options import Options
from streamdcm.plan.coded_header import any_uid
from streamdcm.plan.conversion import own_syntax
from streamdcm.plan.file_meta import copy_of_file_meta
from streamdcm.plan.syntaxes import encoding_of, is_compressed, syntax_named
from streamdcm.sources import BufferSource, describe
from streamdcm.write.transcode import transcoded

_LABEL: Final = element_name(PIXEL_DATA)


def with_transcoded_pixels(dataset: Dataset, options: Options) -> tuple[Dataset, Options]:
    """Return what is written in the place of a dataset whose frames have to be decoded or encoded; all else as it is.

    Parameters
    ----------
    dataset : Dataset
        The dataset, which is only read.
    options : Options
        What the caller asked for.

    Raises
    ------
    PlanError
        If one of the transfer syntaxes cannot be coded, or cannot hold the frames.
    MissingExtraError
        If a library is missing.
    EncodeError
        If nothing tells where frames begin; `SourceError` if there are fewer than the header says.
    """
    syntaxes = coded_syntaxes(dataset, options)
    if syntaxes is None:
        return dataset, options
    view = view_of(dataset)
    coded = transcoded(view, _element(view), *syntaxes, options, new_uid=any_uid)
    uid, meta = value_of(view, "SOPInstanceUID"), copy_of_file_meta(dataset)
    if "MediaStorageSOPInstanceUID" in meta and uid != value_of(dataset, "SOPInstanceUID"):
        meta.MediaStorageSOPInstanceUID = uid
        view.file_meta = cast(FileMetaDataset, meta)
    return view, coded


def coded_syntaxes(dataset: Dataset, options: Options) -> tuple[UID, UID] | None:
    """Return the transfer syntax of a dataset and the one to write, if its frames have to be coded for that."""
    if options.transfer_syntax is None or options.frames is not None or not isinstance(dataset, Dataset):
        return None
    element = elements_of(dataset).get(PIXEL_DATA)
    if element is None or _is_empty(element):
        return None
    old, new = own_syntax(dataset, copy_of_file_meta(dataset)), syntax_named(options.transfer_syntax)
    if old is None or old == new or not (is_compressed(old) or is_compressed(new)):
        return None
    return old, new


def _is_empty(element: DataElement | RawDataElement) -> bool:
    if isinstance(element, RawDataElement):
        return not element.length
    return not stored_value(element)


def _element(view: Dataset) -> DataElement:
    """Return the pixel data with a `Copy` as their value, which is not read."""
    element = elements_of(view)[PIXEL_DATA]
    if isinstance(element, RawDataElement):
        implicit_vr, little_endian = encoding_as_read(view)
        layout = Layout(encoding_of(bool(implicit_vr), little_endian is not False))
        element = Scope(view, layout).parsed(element)
    made = DataElement(PIXEL_DATA, "OB", _copy(stored_value(element)), None, element.is_undefined_length, True)
    made.VR = element.VR if element.VR in ("OB", "OW") else "OW"
    return made


def _copy(value: Any) -> Copy:
    """Describe a value that is read frame by frame."""
    if isinstance(value, Copy):
        return value
    if isinstance(value, (BufferedIOBase, RawIOBase)):
        described = describe(value, _LABEL)  # type: ignore[arg-type]
        if isinstance(described, Copy) and isinstance(described.source, BufferSource):
            return described
        raise PlanError(f"{_LABEL} is a ByteStream, which is neither compressed nor decompressed; give the frames")
    return Copy(BufferSource(BytesIO(value), _LABEL), 0, len(value))
