"""The functional groups of a frame as the bytes of an item (PS3.3 §C.7.6.16.1)."""

from __future__ import annotations

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import multiplicity_of, value_of
from streamdcm.encode.element import encode_item
from streamdcm.encode.pieces import Pieces, Section
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import DIMENSION_INDEX_VALUES, PER_FRAME_GROUPS
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
        content = value_of(item, "FrameContentSequence")
        count = multiplicity_of(content[0], "DimensionIndexValues") if content else 0
        if count != self._dimensions:
            raise InvalidValueError(
                f"has {count:,} value(s), and DimensionIndexSequence has {self._dimensions:,} item(s); make them agree",
                f"{self._path} > {element_name(DIMENSION_INDEX_VALUES)}",
            )
