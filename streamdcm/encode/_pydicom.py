"""The only Python code that touches what pydicom does not promise to keep: underscore attributes.

`_hot.c` reads some of them, too.
"""

from collections.abc import Callable, MutableMapping
from collections.abc import Sequence as AnySequence
from operator import attrgetter, itemgetter, pos
from struct import pack
from typing import Any, TypeAlias

from pydicom import config
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset
from pydicom.filereader import read_deferred_data_element
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, _encode_personname

from streamdcm.sources import restored_position

Element: TypeAlias = DataElement | RawDataElement


_TAG = itemgetter(0)

stored_value: Callable[[DataElement], Any] = attrgetter("_value")
"""The value of an element, without the Python call that its property costs."""


elements_of: Callable[[Dataset], MutableMapping[Any, Element]] = attrgetter("_dict")
"""The elements of a dataset by tag, as they are: raw, deferred or parsed."""


def sorted_elements(dataset: Dataset) -> list[tuple[int, Element]]:
    """Return tags and elements in ascending order of tags, as PS3.5 §7.1 wants them.

    The tags are plain integers: comparing `BaseTag` objects costs a Python call each time.
    """
    elements = dataset._dict
    return sorted(zip(map(pos, elements), elements.values(), strict=True), key=_TAG)


LISTS = frozenset({MultiValue, Sequence})
"""The classes whose components are in a list, which `list_in` returns."""

list_in: Callable[[Any], list[Any]] = attrgetter("_list")


def components(value: Any) -> Any:
    """Return the components of a multiple value, or items, as a list, whose methods are not Python calls."""
    return list_in(value) if value.__class__ in LISTS else value


encode_name_components: Callable[[AnySequence[str], AnySequence[str]], bytes] = _encode_personname
"""The component groups of a name as bytes, by the codecs of the character sets in force."""


encoding_as_read: Callable[[Dataset], tuple[bool | None, bool | None]] = attrgetter("_read_implicit", "_read_little")
"""Return (implicit VR, little endian) of a dataset that was read; `None` for one that was not."""


def encoding_as_set(dataset: Dataset) -> tuple[bool | None, bool | None]:
    """Return the deprecated (`is_implicit_VR`, `is_little_endian`) of a dataset."""
    if config._use_future:
        return None, None
    return dataset._is_implicit_VR, dataset._is_little_endian


as_read: Callable[[Dataset], tuple[bool | None, bool | None, Any, Any]] = attrgetter(
    "_read_implicit", "_read_little", "_read_charset", "_parent_encoding"
)
"""How a dataset was read, in one call, because it is asked of every item: whether in Implicit VR, and in little endian
byte order (`None` if it was not read); the codecs of the character set in force, and those that it had from outside."""


def inherited_pixel_representation(dataset: Dataset) -> int | None:
    """Return the Pixel Representation that pydicom noted from an enclosing dataset, if any."""
    noted: int | None = dataset.__dict__.get("_pixel_rep")
    return noted


def uses_future_pydicom() -> bool:
    """Whether pydicom runs with the behaviour of its next major version."""
    return config._use_future


def view_of(dataset: Dataset) -> Dataset:
    """Return a dataset with the same elements, in which elements may be parsed and replaced.

    pydicom stores what it parses in the dataset that it was asked of. In a view that leaves the
    dataset itself as it is, so that it may be written by several threads at once.
    """
    view = object.__new__(type(dataset))
    view.__dict__.update(dataset.__dict__)
    view.__dict__["_dict"] = dataset._dict.copy()  # type: ignore[attr-defined]
    return view


def parse(view: Dataset, raw: RawDataElement) -> DataElement:
    """Convert a raw element as ``dataset[tag]`` does, reading it first if it was deferred.

    The VR may still be ambiguous. The result is stored in `view` (see `view_of`).
    """
    tag = raw.tag
    raw = loaded(view, raw)
    encoding = "iso8859" if tag == 0x00080005 else codecs_as_read(view)
    element = convert_raw_data_element(raw, encoding=encoding, ds=view)
    view._dict[tag] = element
    if element.VR == "SQ":
        view._set_pixel_representation(element)
    return element


def codecs_as_read(view: Dataset) -> Any:
    """Return the codecs of the texts of a dataset that are still as they were read."""
    return view.original_character_set or view._character_set


def loaded(view: Dataset, raw: RawDataElement) -> RawDataElement:
    """Return a raw element with its bytes, which are read if they were deferred."""
    return _read_deferred(view, raw) if raw.value is None and raw.length != 0 else raw


def deferred_file(dataset: Dataset) -> str | None:
    """Return the file that deferred values of a dataset are still to be read from, if there are any."""
    filename: str | None = dataset.__dict__.get("filename")
    if filename is None:
        return None
    waiting = (e for e in dataset._dict.values() if isinstance(e, RawDataElement) and e.value is None and e.length)
    return filename if any(waiting) else None


def raw_header(raw: RawDataElement) -> bytes:
    """Return the header that a raw element was read with (PS3.5 §7.1)."""
    order = "<" if raw.is_little_endian else ">"
    group, number = raw.tag >> 16, raw.tag & 0xFFFF
    if raw.is_implicit_VR or raw.VR is None:
        return pack(f"{order}HHL", group, number, raw.length)
    if raw.VR in EXPLICIT_VR_LENGTH_32:
        return pack(f"{order}HH2s2xL", group, number, raw.VR.encode(), raw.length)
    return pack(f"{order}HH2sH", group, number, raw.VR.encode(), raw.length)


def deferred_location(dataset: Dataset) -> tuple[str, float | None] | None:
    """Return path and modification time of the file that a dataset's deferred values are in.

    `None` if they are not in a plain file, but in a buffer or behind a decompressor.
    """
    attributes = dataset.__dict__
    if attributes.get("fileobj_type") is not open or attributes.get("buffer") is not None:
        return None
    filename: str | None = attributes.get("filename")
    return None if filename is None else (filename, attributes.get("timestamp"))


def _read_deferred(view: Dataset, raw: RawDataElement) -> RawDataElement:
    attributes = view.__dict__
    filename, buffer = attributes.get("filename"), attributes.get("buffer")
    timestamp = attributes.get("timestamp")
    opener = attributes.get("fileobj_type")
    if buffer is not None and not (filename and getattr(buffer, "closed", False)):
        with restored_position(buffer):
            return read_deferred_data_element(opener, buffer, timestamp, raw)
    return read_deferred_data_element(opener, filename, timestamp, raw)  # type: ignore[arg-type]
