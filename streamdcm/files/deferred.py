"""Elements whose value stays in the file that it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from streamdcm.encode._pydicom import elements_of
from streamdcm.errors import PlanError, SourceError
from streamdcm.instructions import Copy
from streamdcm.write.reading import read

_CHUNK_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """A source that only goes forwards, and has not come to the value yet that `label` names."""

    name: str
    label: str


def coded_of_passing(name: str) -> PlanError:
    """Return the error for frames that would have to be decoded or encoded while they come."""
    return PlanError(
        f"frames are decoded and encoded only of a source that can seek, and {name} cannot; give "
        "streamdcm.spooled_source() of it"
    )


class DeferredElement(DataElement):
    """An element of bytes that are read each time they are asked for, and not kept.

    To whoever edits a dataset it is an element like others. As long as its value has not been set it
    is copied, whether it was looked at or not.

    Parameters
    ----------
    tag : int
        The tag.
    vr : str
        Its VR, one of bytes.
    copy : Copy
        Where the value is.
    undefined_length : bool
        Whether the value consists of items, up to a delimiter (PS3.5 §A.4).
    """

    def __init__(self, tag: int, vr: str, copy: Copy, undefined_length: bool) -> None:
        # pydicom asks for the length of a value with VR UN, so that the VR is set afterwards
        super().__init__(tag, "OB", copy, None, undefined_length, already_converted=True)
        self.VR = vr

    @property
    def is_deferred(self) -> bool:
        """Whether the value is still the one in the file."""
        return isinstance(self._value, Copy)

    @property
    def value(self) -> Any:
        """The value, read from the file if it has not been set."""
        if isinstance(self._value, Copy):
            if isinstance(self._value.source, Passing):
                raise SourceError(
                    f"the value has not come yet, because {self._value.source.name} cannot seek; give a source that "
                    "can, such as streamdcm.spooled_source()",
                    self._value.source.label,
                )
            return b"".join(read(self._value, _CHUNK_SIZE))
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        DataElement.value.__set__(self, value)  # type: ignore[attr-defined]

    def __deepcopy__(self, memo: dict[int, Any]) -> DataElement:
        memo[id(self._value)] = self._value  # a file has no copies
        return super().__deepcopy__(memo)

    def to_write(self) -> DataElement:
        """Return an element whose value the encoder copies."""
        element = DataElement(self.tag, "OB", self._value, None, self.is_undefined_length, already_converted=True)
        element.VR = self.VR
        return element


def copy_deferred(view: Dataset) -> None:
    """Let the values of a dataset that are still in their file be copied from it."""
    elements = elements_of(view)
    for tag, element in list(elements.items()):
        if isinstance(element, DeferredElement) and element.is_deferred:
            elements[tag] = element.to_write()
