"""Edits of a dataset: a function, or values by keyword."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag, Tag, TagType

from streamdcm.encode import tags
from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.ambiguous import resolve_vr
from streamdcm.errors import DatasetTypeError, PlanError, element_name

Edit: TypeAlias = Callable[[Dataset], Dataset | None] | Mapping[TagType, Any]

_TAG: Final = re.compile(r"\(?([0-9A-Fa-f]{4}),([0-9A-Fa-f]{4})\)?")

# (0002,eeee) elements that follow from the dataset, the transfer syntax, and from who writes
NOT_EDITED: Final = frozenset(
    {
        tags.FILE_META_GROUP_LENGTH,
        tags.FILE_META_VERSION,
        tags.MEDIA_STORAGE_SOP_CLASS_UID,
        tags.MEDIA_STORAGE_SOP_INSTANCE_UID,
        tags.TRANSFER_SYNTAX_UID,
        tags.IMPLEMENTATION_CLASS_UID,
        tags.IMPLEMENTATION_VERSION_NAME,
    }
)


def edited(dataset: Dataset, edit: Edit | None) -> Dataset:
    """Return what an edit makes of a dataset: the dataset itself, changed, or another.

    Raises
    ------
    PlanError
        If a mapping names what is no element, or has a value that the element cannot have.
    DatasetTypeError
        If a function returns something that is neither `None` nor a dataset.
    """
    if edit is None:
        return dataset
    if isinstance(edit, Mapping):
        for name, value in edit.items():
            _set(dataset, tag_named(name), value)
        return dataset
    if not callable(edit):
        raise TypeError(f"edit must be a function of a dataset or a mapping, not {type(edit).__name__}")
    other = edit(dataset)
    if other is None:
        return dataset
    if not isinstance(other, Dataset):
        raise DatasetTypeError(f"edit must return None or a pydicom Dataset, not {type(other).__name__}")
    return other


def tag_named(name: TagType) -> int:
    """Return the tag with a keyword, or written as pydicom takes it or as ``gggg,eeee``.

    Raises
    ------
    PlanError
        If there is no such element.
    """
    match = _TAG.fullmatch(name) if isinstance(name, str) else None
    try:
        return int(Tag(match.groups() if match else name))  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        raise PlanError(f"{name!r} is neither a keyword nor a tag of DICOM; correct it") from None


def _set(dataset: Dataset, tag: int, value: Any) -> None:
    """Set the value of an element, or delete the element if the value is `None`."""
    if tag in NOT_EDITED:
        raise PlanError(
            f"{element_name(tag)} follows from the dataset and from transfer_syntax; edit those, and leave it out"
        )
    target = dataset
    if tag >> 16 == 0x0002:
        target = dataset.file_meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
    if value is None:
        target.pop(tag, None)
    else:
        target[tag] = new_element(target, tag, value)


def new_element(dataset: Dataset, tag: int, value: Any) -> DataElement:
    """Return an element with a new value, whose VR is that of the old one; of that nothing else is looked at.

    Raises
    ------
    PlanError
        If the VR is not known, or cannot take the value.
    """
    vr = _vr_of(dataset, tag)
    try:
        element = DataElement(tag, vr, value, validation_mode=RAISE)
    except Exception:  # whatever pydicom says, it may quote the value
        raise PlanError(
            f"{element_name(tag)}: the new value is not one that VR {vr} can take; correct it, or set it in a function"
        ) from None
    return resolve_vr(element, [dataset], little_endian=True) if len(vr) > 2 else element


def _vr_of(dataset: Dataset, tag: int) -> str:
    """Return the VR that an element has or, where it says none, that it has in the dictionary."""
    old = elements_of(dataset).get(BaseTag(tag))
    vr = None if old is None else old.VR
    if vr is not None and vr != "UN":
        return vr
    try:
        if old is not None and tag >> 16 & 1:
            creator = dataset.get(BaseTag(tag).private_creator)
            return private_dictionary_VR(tag, "" if creator is None else creator.value)
        return dictionary_VR(tag)
    except KeyError:
        if vr is not None:
            return vr
    raise PlanError(
        f"{element_name(tag)} is not in the dataset, and its VR not in the dictionary; use a function that "
        "calls Dataset.add_new()"
    )
