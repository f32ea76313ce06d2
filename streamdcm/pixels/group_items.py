"""The functional groups of a frame as the bytes of an item (PS3.3 §C.7.6.16.1)."""

from __future__ import annotations

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from streamdcm.encode._pydicom import elements_of
from streamdcm.encode.discreet import multiplicity_of, value_of
from streamdcm.encode.items import encode_item
from streamdcm.encode.pieces import Pieces, Section
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import DIMENSION_INDEX_VALUES, FRAME_CONTENT, PER_FRAME_GROUPS
from streamdcm.errors import InvalidValueError, element_name
from streamdcm.instructions import Copy


class GroupItems:
    """Encodes items one by one, and counts them.

    Parameters
    ----------
    scope : Scope
        The dataset that the sequence is an element of, and how it is laid out.
    dimensions : int
        The number of items in Dimension Index Sequence, and so of Dimension Index Values in each frame.
    count : int, optional
        The number of items that come before these.
    kept : list of bytes, optional
        Is given what is encoded as well.
    """

    def __init__(self, scope: Scope, dimensions: int, count: int = 0, kept: list[bytes] | None = None) -> None:
        self._kept = kept
        self._scope = scope
        self._dimensions = dimensions
        self.count = count

    def encode(self, item: Dataset) -> bytes:
        """Return the bytes of the next item.

        Raises
        ------
        EncodeError
            Names the element that cannot be encoded, or does not agree with the dimensions.
        """
        if self._dimensions:
            self._check_dimensions(item)
        pieces = Pieces()
        encode_item(item, pieces, self._scope, (PER_FRAME_GROUPS, self.count))
        if pieces.bulk and any(isinstance(piece, (Copy, Section)) for piece in pieces.parts):
            raise InvalidValueError(
                "a value in it is still to be read, from a buffer or a ByteStream; give its bytes", self._path
            )
        self.count += 1
        encoded = b"".join(pieces.parts)  # type: ignore[arg-type]
        if self._kept is not None:
            self._kept.append(encoded)
        return encoded

    @property
    def _path(self) -> str:
        return f"{element_name(PER_FRAME_GROUPS)}[{self.count}]"

    def _check_dimensions(self, item: Dataset) -> None:
        """Refuse an item that does not say where its frame is in each dimension (PS3.3 §C.7.6.16.2.2)."""
        count = _index_values(item)
        if count != self._dimensions:
            raise InvalidValueError(
                f"has {count:,} value(s), and DimensionIndexSequence has {self._dimensions:,} item(s); make them agree",
                f"{self._path} > {element_name(DIMENSION_INDEX_VALUES)}",
            )


def _index_values(item: Dataset) -> int:
    """Return how many Dimension Index Values an item has."""
    content = elements_of(item).get(FRAME_CONTENT)
    if isinstance(content, DataElement) and content.VR == "SQ" and len(content.value) == 1:
        values = elements_of(content.value[0]).get(DIMENSION_INDEX_VALUES)
        if isinstance(values, DataElement) and not values.is_empty:  # the common case takes no parsing
            return len(values.value) if isinstance(values.value, (list, MultiValue)) else 1
    sequence = value_of(item, "FrameContentSequence")
    return multiplicity_of(sequence[0], "DimensionIndexValues") if sequence else 0
