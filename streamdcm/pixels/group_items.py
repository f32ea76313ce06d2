"""The functional groups of a frame as the bytes of an item (PS3.3 §C.7.6.16.1)."""

from __future__ import annotations

from typing import Literal

from pydicom.dataset import Dataset

from streamdcm.encode.discreet import multiplicity_of, value_of
from streamdcm.encode.header import element_header, sequence_header
from streamdcm.encode.items import encode_item
from streamdcm.encode.layout import MAX_SHORT_LENGTH
from streamdcm.encode.pieces import Pieces, Section
from streamdcm.encode.scope import Scope
from streamdcm.encode.tags import DIMENSION_INDEX_VALUES, FRAME_CONTENT, PER_FRAME_GROUPS
from streamdcm.errors import InvalidValueError
from streamdcm.errors.translation import element_name
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
        encoding = scope.layout.encoding
        self._byte_order: Literal["little", "big"] = "little" if encoding.little_endian else "big"
        self._frame_content = sequence_header(FRAME_CONTENT, 0, encoding)[:-4]
        self._index_values = _index_values_header(dimensions, scope)
        self.count = count

    def encode(self, item: Dataset) -> bytes:
        """Return the bytes of the next item.

        Raises
        ------
        EncodeError
            Names the element that cannot be encoded, or does not agree with the dimensions.
        """
        pieces = Pieces()
        encode_item(item, pieces, self._scope, (PER_FRAME_GROUPS, self.count))
        if pieces.bulk and any(isinstance(piece, (Copy, Section)) for piece in pieces.parts):
            raise InvalidValueError(
                "a value in it is still to be read, from a buffer or a ByteStream; give its bytes", self._path
            )
        encoded = b"".join(pieces.parts)  # type: ignore[arg-type]
        if self._dimensions and not self._has_index_values(encoded):
            self._check_dimensions(item)
        self.count += 1
        if self._kept is not None:
            self._kept.append(encoded)
        return encoded

    @property
    def _path(self) -> str:
        return f"{element_name(PER_FRAME_GROUPS)}[{self.count}]"

    def _has_index_values(self, encoded: bytes) -> bool:
        """Whether Frame Content Sequence has Dimension Index Values of the right length, as far as a search tells."""
        content = encoded.find(self._frame_content)
        if content < 0:
            return False
        begin = content + len(self._frame_content)
        end = begin + 4 + int.from_bytes(encoded[begin : begin + 4], self._byte_order)
        return encoded.find(self._index_values, begin + 4, end) >= 0

    def _check_dimensions(self, item: Dataset) -> None:
        """Refuse an item that does not say where its frame is in each dimension (PS3.3 §C.7.6.16.2.2)."""
        count = _index_values(item)
        if count != self._dimensions:
            raise InvalidValueError(
                f"has {count:,} value(s), and DimensionIndexSequence has {self._dimensions:,} item(s); make them agree",
                f"{self._path} > {element_name(DIMENSION_INDEX_VALUES)}",
            )


def _index_values_header(count: int, scope: Scope) -> bytes:
    """Return what stands before so many Dimension Index Values, of VR UL."""
    return element_header(DIMENSION_INDEX_VALUES, b"UL", min(4 * count, MAX_SHORT_LENGTH), scope)


def _index_values(item: Dataset) -> int:
    """Return how many Dimension Index Values an item has."""
    sequence = value_of(item, "FrameContentSequence")
    return multiplicity_of(sequence[0], "DimensionIndexValues") if sequence else 0
