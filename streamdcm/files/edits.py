"""Edits of a dataset: a function, or values by keyword."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag, TagType

from streamdcm.encode import tags
from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.ambiguous import resolve_vr
from streamdcm.encode.discreet import discreet, value_of
from streamdcm.errors import DatasetTypeError, PlanError, RecursiveDatasetError, SourceError, StreamdcmError
from streamdcm.errors.translation import element_name
from streamdcm.files.edit_paths import ItemEdits, Step, edits_by_tag

Edit: TypeAlias = Callable[[Dataset], Dataset | None] | Mapping[TagType, Any]

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
        If a mapping names something that is not an element, or has a value that the element cannot have.
    DatasetTypeError
        If a function returns something that is neither `None` nor a dataset.
    """
    if edit is None:
        return dataset
    if isinstance(edit, Mapping):
        edits = edits_by_tag(edit)
        for tag, value in edits.items():
            _set(dataset, tag, value)
        if tags.PIXEL_REPRESENTATION in edits:
            _decide_anew(dataset)
        return dataset
    if not callable(edit):
        raise TypeError(f"edit must be a function of a dataset or a mapping, not {type(edit).__name__}")
    other = edit(dataset)
    if other is None:
        return dataset
    if not isinstance(other, Dataset):
        raise DatasetTypeError(f"edit must return None or a pydicom Dataset, not {type(other).__name__}")
    return other


def _set(dataset: Dataset, tag: int, value: Any) -> None:
    """Set the value of an element, or delete the element if the value is `None`."""
    if isinstance(value, ItemEdits):
        edit_items(dataset, value)
        return
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


def _decide_anew(dataset: Dataset) -> None:
    """Let a new Pixel Representation decide the VR of the elements whose VR it decides, in items too (PS3.6)."""
    vr = "US" if value_of(dataset, "PixelRepresentation") == 0 else "SS"
    for each in (dataset, *_inheriting(dataset, tags.PIXEL_REPRESENTATION)):
        elements = elements_of(each)
        for tag in map(BaseTag, tags.US_OR_SS):
            element = elements.get(tag)
            if isinstance(element, RawDataElement) and element.VR in ("US", "SS"):
                elements[tag] = element._replace(VR=vr)


def _inheriting(dataset: Dataset, decides: int) -> Iterator[Dataset]:
    """Give the items, at any depth, in which an element of the dataset holds because they do not have it themselves."""
    for tag, raw in list(elements_of(dataset).items()):
        with _read_errors(tag):
            is_sequence = raw.VR == "SQ" or (raw.VR in (None, "UN") and dataset[tag].VR == "SQ")
            items = list(dataset[tag].value) if is_sequence else []
        for item in items:
            if decides not in item:
                yield item
                yield from _inheriting(item, decides)


@contextmanager
def _read_errors(tag: int) -> Iterator[None]:
    """Say in our own words what pydicom says of an element that it cannot parse: it may quote a value."""
    with discreet(element_name(tag)):
        try:
            yield
        except RecursionError:
            raise RecursiveDatasetError("its items are nested too deeply; take them out", element_name(tag)) from None
        except StreamdcmError:
            raise
        except Exception as error:
            raise SourceError(f"it cannot be read ({type(error).__name__})", element_name(tag)) from None


def edit_items(dataset: Dataset, edits: ItemEdits) -> None:
    """Set and delete elements in items of a sequence; what is to be deleted need not be there.

    Raises
    ------
    PlanError
        If there is no such sequence or item.
    SourceError
        If the sequence is damaged.
    """
    for steps, tag, value in edits.edits:
        for item, outer in _items(dataset, steps, [], must_be=value is not None):
            if value is None:
                item.pop(tag, None)
            else:
                item[tag] = new_element(item, tag, value, outer)


def _items(
    dataset: Dataset, steps: tuple[Step, ...], outer: list[Dataset], *, must_be: bool
) -> Iterator[tuple[Dataset, list[Dataset]]]:
    """Give the items at the end of some steps, each with the datasets around it."""
    if not steps:
        yield dataset, outer
        return
    (tag, index), *others = steps
    items = _sequence(dataset, tag)
    if index is not None and index >= len(items):
        if must_be:
            raise PlanError(f"{element_name(tag)} has {len(items)} item(s), and no [{index}]; correct the path")
        return
    for item in items if index is None else [items[index]]:
        yield from _items(item, tuple(others), [dataset, *outer], must_be=must_be)


def _sequence(dataset: Dataset, tag: int) -> list[Dataset]:
    """Return the items of a sequence; none if it is not there."""
    if BaseTag(tag) not in elements_of(dataset):
        return []
    with _read_errors(tag):
        element = dataset[tag]
    if element.VR != "SQ":
        raise PlanError(f"{element_name(tag)} has VR {element.VR} and no items; correct the path")
    return list(element.value)


def new_element(dataset: Dataset, tag: int, value: Any, outer: Sequence[Dataset] = ()) -> DataElement:
    """Return an element with a new value, whose VR is that of the old one; of that nothing else is looked at.

    Parameters
    ----------
    dataset : Dataset
        Where it is to be.
    tag : int
        Its tag.
    value : object
        Its new value.
    outer : sequence of Dataset, optional
        The datasets around, the nearest first.

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
    return resolve_vr(element, [dataset, *outer], little_endian=True) if len(vr) > 2 else element


def _vr_of(dataset: Dataset, tag: int) -> str:
    """Return the VR that an element has or, where it says none, that it has in the dictionary."""
    old = elements_of(dataset).get(BaseTag(tag))
    vr = None if old is None else old.VR
    if vr is not None and vr != "UN":
        return vr
    try:
        if old is not None and tag >> 16 & 1:
            with discreet(element_name(tag)):
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
