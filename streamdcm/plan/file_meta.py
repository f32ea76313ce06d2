"""Preamble and File Meta Information as they are to be written (PS3.10 §7.1)."""

from collections.abc import Collection, Mapping
from importlib.metadata import version
from typing import Any, Final

from pydicom import __version_info__
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, UID, ExplicitVRBigEndian, ImplicitVRLittleEndian

from streamdcm.encode._pydicom import elements_of, view_of
from streamdcm.encode.discreet import value_of
from streamdcm.errors import DatasetTypeError, FileMetaError, PlanError
from streamdcm.errors.translation import element_name

IMPLEMENTATION_CLASS_UID: Final = UID("2.25.223491805225477285956347351433259503728")
IMPLEMENTATION_VERSION_NAME: Final = f"STREAMDCM {version('streamdcm')}"[:16]  # SH, PS3.5 §6.2

FOLLOWING: Final = {"MediaStorageSOPClassUID": "SOPClassUID", "MediaStorageSOPInstanceUID": "SOPInstanceUID"}
"""File Meta Information elements that repeat an element of the dataset."""

_REQUIRED: Final = (*FOLLOWING, "TransferSyntaxUID")

# What readers take for a TIFF file: the offsets behind it count bytes of the file (PS3.10 §7.1)
TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def preamble_of(dataset: Dataset) -> bytes | None:
    """Return the preamble of a dataset, checked, or `None` without one."""
    content = getattr(dataset, "preamble", None)
    if not content:
        return None
    if len(content) != 128:
        raise PlanError(f"the preamble has {len(content)} bytes; it must have 128 or be None (PS3.10 §7.1)")
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise DatasetTypeError(f"the preamble must be bytes, not {type(content).__name__} (PS3.10 §7.1)")
    return bytes(content)


def copy_of_file_meta(dataset: Dataset) -> Dataset:
    """Return a view of the File Meta Information of a dataset, which may be empty."""
    given = getattr(dataset, "file_meta", None)
    if isinstance(given, Dataset):
        return view_of(given) if elements_of(given) else FileMetaDataset()
    if not given:
        return FileMetaDataset()
    raise DatasetTypeError(f"file_meta must be a FileMetaDataset, not {type(given).__name__}")


def complete_file_meta(meta: Dataset, dataset: Dataset, encoding: tuple[bool, bool]) -> None:
    """Add what PS3.10 table 7.1-1 requires and the dataset or the encoding tells; both are views."""
    if "TransferSyntaxUID" not in meta:
        implied: Mapping[tuple[bool, bool], UID] = {
            (True, True): ImplicitVRLittleEndian,
            (False, False): ExplicitVRBigEndian,
        }
        if encoding in implied:
            _set(meta, "TransferSyntaxUID", implied[encoding])
    for keyword, source in FOLLOWING.items():
        stated, actual = value_of(meta, keyword), value_of(dataset, source)
        if stated is None or (actual and actual != stated):
            _set(meta, keyword, actual)
    for keyword, value in (
        ("FileMetaInformationVersion", b"\x00\x01"),
        ("ImplementationClassUID", UID(PYDICOM_IMPLEMENTATION_UID)),
    ):
        if keyword not in meta or meta[keyword].is_empty:
            _set(meta, keyword, value)
    if "ImplementationVersionName" not in meta:
        _set(meta, "ImplementationVersionName", f"PYDICOM {'.'.join(__version_info__)}")
    missing = [keyword for keyword in _REQUIRED if keyword not in meta or meta[keyword].is_empty]
    if missing:
        sources = [FOLLOWING.get(keyword, f"file_meta.{keyword}") for keyword in missing]
        raise FileMetaError(
            f"the File Meta Information lacks {', '.join(missing)}, which PS3.10 §7.1 requires; set "
            f"{', '.join(sources)} of the dataset"
        )
    if "FileMetaInformationGroupLength" not in meta:
        _set(meta, "FileMetaInformationGroupLength", 0)


def set_transfer_syntax(meta: Dataset, syntax: UID, *, anew: bool) -> None:
    """Let File Meta Information follow the transfer syntax; where there is none, only if it is made `anew`."""
    if anew or len(meta):
        _set(meta, "TransferSyntaxUID", syntax)


def rewritten_file_meta(dataset: Dataset, syntax: UID, known: Collection[str]) -> FileMetaDataset:
    """Return the File Meta Information of a file that was read, edited and is written by us.

    Parameters
    ----------
    dataset : Dataset
        The edited dataset, with the File Meta Information that it was read with.
    syntax : UID
        The transfer syntax that it is written in.
    known : collection of str
        The keywords that the dataset had before it was edited.
    """
    meta = copy_of_file_meta(dataset)
    for keyword, source in FOLLOWING.items():
        value = value_of(dataset, source)
        if value:
            _set(meta, keyword, value)
        elif source in known:
            meta.pop(keyword, None)  # it would still tell which instance this was
    _set(meta, "TransferSyntaxUID", syntax)
    _set(meta, "ImplementationClassUID", IMPLEMENTATION_CLASS_UID)
    _set(meta, "ImplementationVersionName", IMPLEMENTATION_VERSION_NAME)
    _set(meta, "FileMetaInformationVersion", b"\x00\x01")
    _set(meta, "FileMetaInformationGroupLength", 0)
    return meta if isinstance(meta, FileMetaDataset) else FileMetaDataset(meta)


def rewritten_preamble(dataset: Dataset) -> bytes:
    """Return the preamble of a file that was read and is written by us.

    That of a TIFF file is zeroed: File Meta Information is another, so that nothing is where its
    offsets point at.
    """
    content = preamble_of(dataset)
    return bytes(128) if content is None or content.startswith(TIFF) else content


def _set(meta: Dataset, keyword: str, value: Any) -> None:
    """Set an element as ``meta.keyword = value`` does, without changing the one that is there."""
    if keyword in meta:
        old = meta[keyword]
        meta[keyword] = DataElement(old.tag, old.VR, value)
    else:
        setattr(meta, keyword, value)


def check_file_meta(meta: Dataset) -> None:
    """Refuse elements of other groups."""
    for tag in elements_of(meta):
        if tag >> 16 != 0x0002:
            raise _stray(meta)


def _stray(meta: Dataset) -> PlanError:
    stray = [element_name(tag) for tag in map(int, elements_of(meta)) if tag >> 16 != 0x0002]
    return PlanError(
        f"only File Meta Information elements (0002,eeee) may be in file_meta; move {', '.join(stray)} to the dataset"
    )
